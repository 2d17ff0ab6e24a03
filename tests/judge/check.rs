//! `deadheat check` on stored evidence: the same verdict again, other thresholds, other prices.

use assert_cmd::Command;
use deadheat::history::*;
use deadheat::plan::Source;
use deadheat::scenario::load_stored;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const MS: u64 = 1_000_000;
const JOBS: u64 = 3;

fn scenario(thresholds: &str) -> String {
    format!(
        r#"
version = 1
name = "stored"
seed = 42
[target.mock]
api = "openai-chat"
model = "gpt-4.1"
price = {{ input = "2.00", output = "8.00" }}
[workload]
jobs = {JOBS}
prompt_tokens = 100
output_tokens = 50
[profile.constant-vus]
vus = 1
[strategy.semaphore]
permits = 1
[thresholds]
{thresholds}
"#
    )
}

fn events(twice: bool) -> Vec<Event> {
    let one = |index: u64| {
        let job = JobId { cell: 0, index };
        let start = index * 100 * MS;
        let (id, text_hash) = (Some(format!("chatcmpl-R-{index:016x}")), Some(format!("{:016x}", 7 + index)));
        let attempt = Attempt {
            job,
            n: 1,
            due_ns: start,
            sent_ns: Some(start),
            first_byte_ns: Some(start + 20 * MS),
            first_content_ns: Some(start + 20 * MS),
            done_ns: start + 60 * MS,
            gaps_us: vec![10_000; 4],
            status: Some(200),
            outcome: Outcome::Ok,
            error: None,
            message: None,
            id: id.clone(),
            prompt_tokens: Some(100),
            completion_tokens: Some(50),
            text_hash: text_hash.clone(),
            retry_after_ms: None,
            warmup: false,
        };
        let result = Job {
            deliveries: 1,
            job,
            due_ns: start,
            begun_ns: start,
            done_ns: start + 60 * MS,
            outcome: Outcome::Ok,
            end: JobEnd::Answered,
            attempts: 1,
            id,
            text_hash,
            warmup: false,
        };
        [Event::Attempt(Box::new(attempt)), Event::Job(result)]
    };
    let end = CellEnd {
        cell: 0,
        planned: JOBS,
        issued: JOBS,
        not_issued: BTreeMap::new(),
        elapsed_ns: 300 * MS,
        offered_per_1000_s: None,
        cpu_busiest_ppm: 1000,
        cpu_ns: MS,
        stuck_since_ns: None,
    };
    let again = one(1).into_iter().take(usize::from(twice)).map(|event| match event {
        Event::Attempt(attempt) => Event::Attempt(Box::new(Attempt { n: 2, ..*attempt })),
        other => other,
    });
    (0..JOBS).flat_map(one).chain(again).chain([Event::CellEnd(end)]).collect()
}

fn entry(index: u64) -> LedgerEntry {
    let start = index * 100 * MS;
    LedgerEntry {
        target: "mock".into(),
        seq: index + 1,
        job: JobKey::Own(JobId { cell: 0, index }),
        attempt: 1,
        request_id: format!("req-{index}"),
        nonce: Some(format!("R-{index:016x}")),
        arrived_ns: start + MS / 10,
        first_byte_ns: Some(start + 20 * MS),
        first_content_ns: Some(start + 20 * MS),
        ended_ns: start + 60 * MS,
        gaps_us: vec![10_000; 4],
        status: Some(200),
        end: LedgerEnd::Whole,
        fault: None,
        permanent: false,
        retry_after_ms: None,
        prompt_tokens: 100,
        delivered_tokens: 50,
        billed_prompt_tokens: 100,
        billed_completion_tokens: 50,
        text_hash: Some(format!("{:016x}", 7 + index)),
        body_hash: format!("{:016x}", 70 + index),
        idempotency_key: None,
        sdk_retry: None,
        lock: None,
        lock_token: None,
        fenced: false,
        replayed: false,
    }
}

/// A run of three jobs, each answered by its one attempt.
fn stored(parent: &Path, billed_twice: bool) -> PathBuf {
    let text = scenario("ttft = [\"max < 50ms\"]\ncost = [\"total < 0.002 USD\"]");
    let plan = load_stored(&Source { path: "s.toml".into(), text }).expect("a sound scenario");
    let run = RunDir::create(parent, "stored", 0, 42).expect("a place");
    run.write("plan.toml", &plan.toml).expect("a plan");
    let history = run.history_writer().expect("a history");
    assert!(history.sender().send(events(billed_twice)));
    let meta = Meta { elapsed_ns: 300 * MS, pacer: "tokio".into(), threads: 1, ..Meta::default() };
    history.finish(&meta).expect("a whole history");
    let ledger = run.ledger_writer().expect("a ledger");
    let sender = ledger.sender();
    let again = billed_twice.then(|| LedgerEntry { seq: 9, attempt: 2, ..entry(1) });
    for entry in (0..JOBS).map(entry).chain(again) {
        assert!(sender.send(entry));
    }
    ledger.finish().expect("a whole ledger");
    let (requests, prompt_tokens, completion_tokens) = (JOBS, JOBS * 100, JOBS * 50);
    let total_tokens = prompt_tokens + completion_tokens;
    run.write_claims(&[Claim {
        cell: 0,
        process: None,
        requests,
        prompt_tokens,
        completion_tokens,
        total_tokens,
    }])
    .expect("claims");
    run.finish().expect("a whole run")
}

fn check(dir: &Path, more: &[&str]) -> (i32, Value) {
    let mut command = Command::cargo_bin("deadheat").expect("the binary");
    let command = command.arg("check").arg(dir).args(["--format", "json"]).args(more);
    let output = command.output().expect("it runs");
    let json = serde_json::from_slice(&output.stdout).expect("JSON on standard output");
    (output.status.code().expect("an exit code"), json)
}

#[test]
fn a_good_run_passes_again_and_other_thresholds_and_prices_do_not_touch_the_evidence() {
    let parent = tempfile::tempdir().unwrap();
    let dir = stored(parent.path(), false);
    let (code, summary) = check(&dir, &[]);
    assert_eq!(code, 0, "{:#}", summary["exit_reasons"]);
    assert_eq!(summary["cost"][0]["billed"], "0.0018");
    assert_eq!(summary["exit_code"], 0);

    let (code, dearer) = check(&dir, &["--set", "target.mock.price.output=\"80.00\""]);
    assert_eq!(
        (code, &dearer["cost"][0]["billed"]),
        (5, &Value::from("0.0126")),
        "{}",
        dearer["exit_reasons"]
    );

    let strict = parent.path().join("strict.toml");
    std::fs::write(&strict, scenario("ttft = [\"max < 5ms\"]")).unwrap();
    let (code, stricter) = check(&dir, &["--thresholds", strict.to_str().unwrap()]);
    assert_eq!(
        (code, stricter["thresholds"].as_array().unwrap().len()),
        (5, 1),
        "{:#}",
        stricter["thresholds"]
    );
    assert_eq!(check(&dir, &[]), (0, summary), "the evidence is as it was");
}

#[test]
fn a_second_billing_in_the_ledger_breaks_the_run() {
    let parent = tempfile::tempdir().unwrap();
    let (code, summary) = check(&stored(parent.path(), true), &[]);
    assert_eq!(code, 6, "{}", summary["exit_reasons"]);
    assert!(summary["exit_reasons"][0].as_str().unwrap().contains("billed-once"));
}

#[test]
fn a_lost_or_foreign_file_is_named_and_never_judged() {
    let parent = tempfile::tempdir().unwrap();
    for file in ["history.jsonl.zst", "plan.toml"] {
        let dir = stored(parent.path(), false);
        for text in [Some("not what it was"), None] {
            match text {
                Some(text) => std::fs::write(dir.join(file), text).unwrap(),
                None => std::fs::remove_file(dir.join(file)).unwrap(),
            }
            let (code, error) = check(&dir, &[]);
            let message = error["error"]["message"]
                .as_str()
                .unwrap_or_else(|| panic!("{file} {text:?}: {:#}", error["exit_reasons"]));
            assert_eq!(code, 2, "{message}");
            assert!(message.contains(file), "{message}");
        }
        std::fs::remove_dir_all(dir).unwrap();
    }
}

#[test]
fn without_its_ledger_a_run_is_neither_sound_nor_guilty() {
    let parent = tempfile::tempdir().unwrap();
    let dir = stored(parent.path(), false);
    std::fs::remove_file(dir.join("ledger.jsonl.zst")).unwrap();
    let (code, summary) = check(&dir, &[]);
    assert_eq!(code, 7, "{:#}", summary["exit_reasons"]);
    let verdicts = summary["verdicts"].as_array().unwrap();
    assert!(verdicts.iter().all(|row| row["verdict"] == "unknown"), "{verdicts:#?}");
    assert!(summary["exit_reasons"][0].as_str().unwrap().contains("ledger.jsonl.zst"));
}
