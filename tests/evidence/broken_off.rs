//! What a run leaves that was killed, and what `check` and `report` say of files that are cut or too new.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use assert_cmd::cargo::CommandCargoExt;
use deadheat::clock::Clock;
use deadheat::history::{Event, Job, JobEnd, JobId, Outcome, RunDir};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Slow on purpose: five jobs a second, so that no buffer fills for a minute.
const SCENARIO: &str = r#"
version = 1
name = "killed"
[target.mock]
api = "openai-chat"
model = "m"
latency = { ttft = { constant = "2ms" }, itl = { constant = "0ms" } }
[workload]
jobs = 100000
prompt_tokens = 5
output_tokens = 4
[profile.constant-arrival-rate]
rate = 5
duration = "10m"
[strategy.semaphore]
permits = 4
"#;

fn deadheat(args: &[&str], dir: &Path) -> (i32, String, String) {
    let mut command = Command::cargo_bin("deadheat").expect("it starts");
    let output = command.arg(args[0]).arg(dir).args(&args[1..]).output().expect("it starts");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("it starts");
    (output.status.code().expect("it starts"), text(output.stdout), text(output.stderr))
}

/// Kills its process when dropped: no test leaves one behind.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // SIGKILL: the process can do nothing about it.
        self.0.kill().expect("it starts");
        self.0.wait().expect("it starts");
    }
}

/// What `check` finds in a directory, if it can be judged already.
fn checked(dir: &Path) -> Option<Value> {
    let (code, out, _) = deadheat(&["check", "--format", "json"], dir);
    (code != 2).then(|| serde_json::from_str(&out).expect("it starts"))
}

fn answered(summary: &Value) -> u64 {
    summary["counters"][0]["answered"].as_u64().expect("it starts")
}

/// Starts a run and kills it once as many jobs can be read from its files.
fn killed_after(jobs: u64, parent: &Path) -> PathBuf {
    let scenario = parent.join("killed.toml");
    fs::write(&scenario, SCENARIO).expect("it starts");
    let mut command = Command::cargo_bin("deadheat").expect("it starts");
    command.arg("run").arg(&scenario).arg("--quiet").arg("--out").arg(parent.join("run"));
    let mut running =
        Running(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts"));
    let left = parent.join(".run.partial");
    // Far longer than it takes, far shorter than a buffer needs to fill; the condition ends it.
    let clock = Clock::start();
    while clock.now() < Duration::from_secs(30) {
        assert!(running.0.try_wait().expect("it starts").is_none(), "the run ended by itself");
        if left.is_dir() && checked(&left).is_some_and(|summary| answered(&summary) >= jobs) {
            return left;
        }
        std::thread::yield_now();
    }
    panic!("a slow run handed nothing to its files");
}

#[test]
fn a_killed_run_leaves_all_but_its_last_moments_and_says_so() {
    let parent = tempfile::tempdir().expect("it starts");
    let left = killed_after(5, parent.path());
    let summary = checked(&left).expect("it starts");
    assert!(answered(&summary) >= 5);
    assert_eq!((&summary["exit_code"], &summary["started_utc"]), (&7.into(), &"unknown".into()));
    let row = &summary["counters"][0];
    assert_eq!(row["planned"], row["jobs"], "a plan that was not written down is not made up");
    assert!(
        summary["elapsed_ms"].as_u64().expect("it starts") > 0,
        "the last stamp tells how long it went on"
    );
    assert!(row["throughput_per_s"].as_f64().expect("it starts") > 1.0, "{row:#}");
    let reasons = summary["exit_reasons"].to_string();
    for file in
        ["history.jsonl.zst was cut after", "ledger.jsonl.zst was cut after", "claims.jsonl is missing"]
    {
        assert!(reasons.contains(file), "{file}: {reasons}");
    }
    let verdicts = summary["verdicts"].as_array().expect("it starts");
    assert!(verdicts.iter().all(|row| row["verdict"] == "unknown"), "half a record breaks no rule");
    let (_, text, _) = deadheat(&["check"], &left);
    assert!(text.contains("start unknown") && !text.contains("0 engine threads"), "{text}");

    for verb in ["check", "report"] {
        let (code, _, err) = deadheat(&[verb], &parent.path().join("run"));
        assert_eq!(code, 2, "{err}");
        assert!(err.contains("deadheat check") && err.contains(".run.partial"), "{verb}: {err}");
    }
    let (code, _, err) = deadheat(&["report"], &left);
    assert!(code == 2 && err.contains("broken off") && err.contains("deadheat check"), "{err}");
}

/// A small run that ended well, except that it was never judged.
fn small(parent: &Path) -> PathBuf {
    let run = RunDir::create_at(&parent.join("run")).expect("it starts");
    run.write("plan.toml", SCENARIO).expect("it starts");
    let history = run.history_writer().expect("it starts");
    let job = JobId { cell: 0, index: 0 };
    let (outcome, end) = (Outcome::Failed, JobEnd::Cancelled);
    let (id, text_hash) = (None, None);
    let event = Job {
        deliveries: 1,
        job,
        due_ns: 0,
        begun_ns: 0,
        done_ns: 1,
        outcome,
        end,
        attempts: 0,
        id,
        text_hash,
        warmup: false,
    };
    history.sender().send(vec![Event::Job(event)]);
    history.finish(&Default::default()).expect("it starts");
    run.ledger_writer().expect("it starts").finish().expect("it ends");
    run.write_claims(&[]).expect("it starts");
    run.finish().expect("it starts")
}

#[test]
fn each_file_that_is_cut_lost_or_changed_is_named_with_what_to_do() {
    let (changed, plan) = ("restore it, or run again", |text: &str| Some(text.as_bytes().to_vec()));
    let cases: [(&str, Option<Vec<u8>>, &str); 7] = [
        ("history.jsonl.zst", None, "restore it, or run again"),
        ("history.jsonl.zst", plan("torn"), changed),
        ("ledger.jsonl.zst", plan("torn"), changed),
        ("claims.jsonl", plan("{\"file\":\"claims\",\"version\":1}\n{\"cell\":0,\"requ"), changed),
        ("claims.jsonl", Some(Vec::new()), changed),
        ("plan.toml", plan(&SCENARIO[..60]), changed),
        ("manifest.json", None, "older deadheat"),
    ];
    for (file, bytes, says) in cases {
        let parent = tempfile::tempdir().expect("it starts");
        let run = small(parent.path());
        match &bytes {
            Some(bytes) => fs::write(run.join(file), bytes).expect("it starts"),
            None => fs::remove_file(run.join(file)).expect("it starts"),
        }
        let (code, out, err) = deadheat(&["check"], &run);
        assert_eq!((code, out.as_str()), (2, ""), "{file}: {err}");
        assert!(err.contains(file) && err.contains(says), "{file} should say \"{says}\": {err}");
    }
}

#[test]
fn a_cut_summary_is_judged_again() {
    let parent = tempfile::tempdir().expect("it starts");
    let run = small(parent.path());
    for torn in ["", "{\"version\": 1, \"na"] {
        fs::write(run.join("summary.json"), torn).expect("it starts");
        let (code, _, err) = deadheat(&["report"], &run);
        assert!(code == 2 && err.contains("summary.json") && err.contains("deadheat check"), "{err}");
        assert!(checked(&run).is_some(), "check does without the summary");
    }
}
