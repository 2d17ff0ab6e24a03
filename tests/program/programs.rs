//! Small programs as people write them, in Python's own library and in shell, and what an audit makes of
//! them.
#![allow(dead_code, reason = "each test file uses its own part of it")]

use deadheat::explore::{Subject, Trial};
use deadheat::faults::FaultKind;
use deadheat::history::JobKey;
use deadheat::program::{ProgramSubject, Settings};
use deadheat::schedule::{Hold, RequestKey, Schedule, Strike, Until};
use deadheat::summary::{Invariant, Verdict, VerdictRow};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

/// What most of them begin with: the jobs, one call, and how a claim is written.
pub(crate) const HEAD: &str = r#"
import http.client, json, os, sys, threading, urllib.parse
jobs = [json.loads(line) for line in open(os.environ["DEADHEAT_JOBS"])]
url = urllib.parse.urlsplit(os.environ["OPENAI_BASE_URL"])

def call(prompt, timeout=5, stream=False):
    wire = http.client.HTTPConnection(url.hostname, url.port, timeout=timeout)
    try:
        body = {"model": "m", "messages": [{"role": "user", "content": prompt}], "stream": stream}
        wire.request("POST", url.path + "/chat/completions", json.dumps(body),
                     {"Authorization": "Bearer " + os.environ["OPENAI_API_KEY"], "Content-Type": "application/json"})
        answer = wire.getresponse()
        text = answer.read()
        if answer.status != 200:
            raise RuntimeError(str(answer.status))
        return text.decode() if stream else json.loads(text)
    finally:
        wire.close()

def text_of(answer):
    return answer["choices"][0]["message"]["content"]

def tokens_of(answer):
    return answer["usage"]["total_tokens"]

written = threading.Lock()
def claim(x):
    with written:
        sys.stdout.write("@claim " + json.dumps(x) + "\n")
        sys.stdout.flush()

def each(work):
    threads = [threading.Thread(target=work, args=(job,)) for job in jobs]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
"#;

/// A program that lies in a folder of its own.
pub(crate) struct Lying {
    pub(crate) subject: ProgramSubject,
    _folder: TempDir,
}

/// `body` behind [`HEAD`], as a Python program with `jobs` jobs.
pub(crate) fn python(body: &str, jobs: u64, change: impl FnOnce(&mut Settings)) -> Lying {
    written("program.py", "python3", &format!("{HEAD}\n{body}"), jobs, change)
}

/// A Node script.
pub(crate) fn node(body: &str, jobs: u64, change: impl FnOnce(&mut Settings)) -> Lying {
    written("program.cjs", "node", body, jobs, change)
}

/// A shell script.
pub(crate) fn shell(body: &str, jobs: u64, change: impl FnOnce(&mut Settings)) -> Lying {
    written("program.sh", "sh", body, jobs, change)
}

fn written(name: &str, by: &str, text: &str, jobs: u64, change: impl FnOnce(&mut Settings)) -> Lying {
    let folder = tempfile::tempdir().expect("a folder");
    let path: PathBuf = folder.path().join(name);
    std::fs::write(&path, text).expect("a program");
    let mut settings = Settings::new(vec![by.to_owned(), path.display().to_string()]);
    settings.jobs = jobs;
    settings.command.timeout = Duration::from_secs(20);
    change(&mut settings);
    let subject = ProgramSubject::new(settings, Arc::default()).expect("a subject");
    Lying { subject, _folder: folder }
}

impl Lying {
    /// One run.
    pub(crate) fn run(&mut self, schedule: &Schedule) -> Trial {
        self.subject.run(schedule, None).expect("a run")
    }
}

/// Nothing is done to the program.
pub(crate) fn calm() -> Schedule {
    Schedule::default()
}

pub(crate) fn first(index: u64) -> RequestKey {
    RequestKey::new(format!("job:{index:04}").as_str(), 1)
}

/// Holds a job's first attempt.
pub(crate) fn hold(index: u64, until: Until) -> Schedule {
    Schedule { holds: vec![Hold { request: first(index), until }], ..Schedule::default() }
}

/// Strikes a job's first attempt.
pub(crate) fn strike(index: u64, kind: FaultKind) -> Schedule {
    Schedule { faults: vec![Strike { request: first(index), kind }], ..Schedule::default() }
}

/// The rules that a run broke.
pub(crate) fn broken(trial: &Trial) -> Vec<&'static str> {
    let broken = trial.verdicts.iter().filter(|row| row.verdict == Verdict::Broken);
    broken.map(|row| row.invariant.name()).collect()
}

pub(crate) fn row(trial: &Trial, invariant: Invariant) -> &VerdictRow {
    trial.verdicts.iter().find(|row| row.invariant == invariant).expect("a verdict")
}

/// What the first witness says.
pub(crate) fn witness(trial: &Trial, invariant: Invariant) -> (Vec<String>, String) {
    let witness = row(trial, invariant).witness.as_ref().expect("a witness");
    (witness.jobs.iter().map(JobKey::to_string).collect(), witness.text.clone())
}
