//! Time and memory to judge a large run: `cargo bench --bench judge [-- ATTEMPTS [CHUNKS]]`.
//!
//! Writes a run of so many attempts (default 1,000,000, each of 8 chunks) as an engine and a ledger would,
//! then times judging it as `deadheat check` does, in a process that did not write it, so that the peak of
//! memory is that of the judge; and once more step by step.
#![cfg(not(loom))]
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

#[path = "../tests/evidence/small.rs"]
#[allow(dead_code, reason = "shared with the tests, which use all of it")]
mod small;

use deadheat::clock::Clock;
use deadheat::history::*;
use deadheat::metrics::{Gaps, fold};
use deadheat::plan::Plan;
use deadheat::summary::*;
use deadheat::{invariants, judge};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

const MS: u64 = 1_000_000;
const BATCH: u64 = 500;

fn main() {
    // `cargo bench` adds `--bench`.
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    match args.as_slice() {
        [flag, dir] if flag == "--judge" => return judge(Path::new(dir)),
        [flag, dir] if flag == "--steps" => return steps(Path::new(dir)),
        _ => {}
    }
    let number =
        |at: usize, default| args.get(at).map_or(default, |arg: &String| arg.parse().unwrap_or(default));
    let (attempts, chunks) = (number(0, 1_000_000), number(1, 8));
    let parent = tempfile::tempdir().expect("a temporary directory");
    let clock = Clock::start();
    let dir = generate(parent.path(), attempts, chunks).expect("room for a run");
    println!("wrote {attempts} attempts of {chunks} chunks in {:.2} s", clock.now().as_secs_f64());
    for file in ["history.jsonl.zst", "ledger.jsonl.zst"] {
        let bytes = std::fs::metadata(dir.join(file)).map_or(0, |m| m.len());
        println!("  {file}: {:.1} MB", bytes as f64 / 1e6);
    }
    let me = std::env::current_exe().expect("this program");
    for flag in ["--judge", "--judge", "--judge", "--steps"] {
        let status = Command::new(&me).arg(flag).arg(&dir).status().expect("to start the judge");
        assert!(status.success());
    }
}

/// A plan under which every invariant has something to look at.
fn plan() -> Plan {
    let mut plan = small::plan();
    plan.targets.truncate(1);
    plan.declared.concurrency = Some(10_000);
    plan
}

/// Judges the run in `dir` whole, from its files to the summary, and prints what it took.
fn judge(dir: &Path) {
    let plan = plan();
    let clock = Clock::start();
    let summary = judge::judge(&plan, dir, None).expect("a whole run");
    let all = clock.now();
    assert_eq!(summary.valid.why, Vec::<String>::new());
    assert_eq!(summary.fidelity.joined, summary.counters[0].attempts);
    let holds = summary.verdicts.iter().filter(|row| row.verdict == Verdict::Holds).count();
    println!(
        "judged in {:.2} s, {:.2} CPU-s; {holds} of {} verdicts hold; peak {}",
        all.as_secs_f64(),
        cpu_s(),
        summary.verdicts.len(),
        peak_memory(),
    );
}

/// The same step by step.
fn steps(dir: &Path) {
    let plan = plan();
    let clock = Clock::start();
    let (loaded, gaps) = Gaps::read(dir, &plan).expect("a whole run");
    let read = (clock.now(), cpu_s());
    let folded = fold(&plan, &loaded.evidence, &gaps);
    let fold = (clock.now(), cpu_s());
    let verdicts = invariants::judge(&plan, &loaded.evidence);
    let judged = (clock.now(), cpu_s());
    assert_eq!((folded.counters.len(), verdicts.len()), (plan.cells().len(), plan.cells().len() * 13));
    let steps =
        [("read", (Default::default(), 0.0), read), ("fold", read, fold), ("invariants", fold, judged)];
    for (step, from, until) in steps {
        println!("  {step} {:.2} s, {:.2} CPU-s", (until.0 - from.0).as_secs_f64(), until.1 - from.1);
    }
}

/// CPU time of all threads, which other programs on the machine disturb less than wall time.
fn cpu_s() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks = after_name.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<u32>().ok());
    f64::from(ticks.sum::<u32>()) / 100.0
}

fn peak_memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    line.map_or("unknown".to_owned(), |line| line.trim_start_matches("VmHWM:").trim().to_owned())
}

fn generate(parent: &Path, attempts: u64, chunks: u64) -> Result<PathBuf, HistoryError> {
    let run = RunDir::create(parent, "judge", 0, 1)?;
    let (history, ledger) = (run.history_writer()?, run.ledger_writer()?);
    let (events, entries) = (history.sender(), ledger.sender());
    for start in (0..attempts).step_by(BATCH as usize) {
        // Answers end in another order than jobs begin.
        let mut ended: Vec<u64> = (start..attempts.min(start + BATCH)).collect();
        ended.sort_unstable_by_key(|index| nonce(*index));
        let mut batch = Vec::with_capacity(2 * BATCH as usize);
        for index in ended {
            let gaps_us: Vec<u32> =
                (1..chunks).map(|c| (20_000 + (index * 31 + c * 7) % 999) as u32).collect();
            batch.push(Event::Attempt(Box::new(attempt(index, gaps_us.clone()))));
            batch.push(Event::Job(job(index)));
            entries.send(entry(index, gaps_us));
        }
        events.send(batch);
    }
    events.send(vec![Event::CellEnd(CellEnd {
        cell: 0,
        planned: attempts,
        issued: attempts,
        not_issued: BTreeMap::new(),
        elapsed_ns: attempts * MS / 10,
        offered_per_1000_s: Some(10_000_000),
        cpu_busiest_ppm: 500_000,
        cpu_ns: attempts * MS / 20,
        stuck_since_ns: None,
    })]);
    history.finish(&Meta::default())?;
    ledger.finish()?;
    let completion_tokens = (0..attempts).map(completion).sum();
    run.write_claims(&[Claim {
        process: None,
        cell: 0,
        requests: attempts,
        prompt_tokens: attempts * 120,
        completion_tokens,
        total_tokens: attempts * 120 + completion_tokens,
    }])?;
    run.finish()
}

fn nonce(index: u64) -> u64 {
    index.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(23)
}

fn completion(index: u64) -> u64 {
    50 + index % 150
}

fn attempt(index: u64, gaps_us: Vec<u32>) -> Attempt {
    let due_ns = index * 100_000;
    let sent_ns = due_ns + 40_000 + index % 977;
    Attempt {
        job: JobId { cell: 0, index },
        n: 1,
        due_ns,
        sent_ns: Some(sent_ns),
        first_byte_ns: Some(sent_ns + 300 * MS),
        first_content_ns: Some(sent_ns + 301 * MS + index % 99_991),
        done_ns: sent_ns + 500 * MS + nonce(index) % (100 * MS),
        gaps_us,
        status: Some(200),
        outcome: Outcome::Ok,
        error: None,
        message: None,
        id: Some(format!("chatcmpl-R-{:016x}", nonce(index))),
        prompt_tokens: Some(120),
        completion_tokens: Some(completion(index)),
        text_hash: Some(format!("{:016x}", nonce(index + 1))),
        retry_after_ms: None,
        warmup: false,
    }
}

fn job(index: u64) -> Job {
    Job {
        deliveries: 1,
        job: JobId { cell: 0, index },
        due_ns: index * 100_000,
        begun_ns: index * 100_000,
        done_ns: index * 100_000 + 650 * MS,
        outcome: Outcome::Ok,
        end: JobEnd::Answered,
        attempts: 1,
        id: Some(format!("chatcmpl-R-{:016x}", nonce(index))),
        text_hash: Some(format!("{:016x}", nonce(index + 1))),
        warmup: false,
    }
}

fn entry(index: u64, gaps_us: Vec<u32>) -> LedgerEntry {
    let arrived_ns = index * 100_000 + 60_000;
    LedgerEntry {
        target: "mock".into(),
        seq: index + 1,
        job: JobKey::Own(JobId { cell: 0, index }),
        attempt: 1,
        request_id: format!("req_{:016x}", nonce(index + 2)),
        nonce: Some(format!("R-{:016x}", nonce(index))),
        arrived_ns,
        first_byte_ns: Some(arrived_ns + 299 * MS),
        first_content_ns: Some(arrived_ns + 300 * MS),
        ended_ns: arrived_ns + 499 * MS + nonce(index) % (100 * MS),
        gaps_us,
        status: Some(200),
        end: LedgerEnd::Whole,
        fault: None,
        permanent: false,
        retry_after_ms: None,
        prompt_tokens: 120,
        delivered_tokens: completion(index),
        billed_prompt_tokens: 120,
        billed_completion_tokens: completion(index),
        text_hash: Some(format!("{:016x}", nonce(index + 1))),
        body_hash: format!("{:016x}", nonce(index + 3)),
        idempotency_key: None,
        sdk_retry: None,
        lock: None,
        lock_token: None,
        fenced: false,
        replayed: false,
    }
}
