//! The files of a run: what is written is what is read, and what was cut or damaged says so.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use crate::random;

use deadheat::history::*;
use proptest::prelude::*;
use random::{entry, event, targets};
use std::fs;
use std::path::{Path, PathBuf};

fn meta() -> Meta {
    Meta {
        started_utc_s: 1_700_000_000,
        elapsed_ns: 5,
        interrupted: true,
        pacer: "timerfd".into(),
        ..Meta::default()
    }
}

/// The directory of a finished run with these lines.
pub(crate) fn finished(parent: &Path, events: &[Event], entries: &[LedgerEntry]) -> PathBuf {
    written(parent, events, entries).finish().unwrap()
}

/// The directory of a run with these lines that was killed before it was finished.
pub(crate) fn killed(parent: &Path, events: &[Event], entries: &[LedgerEntry]) -> PathBuf {
    written(parent, events, entries).path().to_owned()
}

fn written(parent: &Path, events: &[Event], entries: &[LedgerEntry]) -> RunDir {
    let run = RunDir::create(parent, "a run", 0, 42).unwrap();
    run.write("plan.toml", "name = \"a run\"\n").unwrap();
    let history = run.history_writer().unwrap();
    let sender = history.sender();
    for chunk in events.chunks(300) {
        assert!(sender.send(chunk.to_vec()));
    }
    assert_eq!(history.finish(&meta()).unwrap(), events.len() as u64);
    let ledger = run.ledger_writer().unwrap();
    let sender = ledger.sender();
    for entry in entries {
        assert!(sender.send(entry.clone()));
    }
    assert_eq!(ledger.finish().unwrap(), entries.len() as u64);
    run.write_claims(&[1, 2].map(|cell| Claim { cell, requests: 9, ..Claim::default() })).unwrap();
    run
}

pub(crate) fn read(dir: &Path) -> Result<Loaded, HistoryError> {
    Evidence::read(dir, &targets(), &mut |_| {}, &mut |_| {})
}

/// Rows whatever their order.
fn set<T: std::fmt::Debug>(rows: impl IntoIterator<Item = T>) -> Vec<String> {
    let mut texts: Vec<String> = rows.into_iter().map(|row| format!("{row:?}")).collect();
    texts.sort();
    texts
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn what_is_written_is_what_is_read(
        events in proptest::collection::vec(event(), 0..30),
        entries in proptest::collection::vec(entry(), 0..30),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let run = finished(dir.path(), &events, &entries);
        let (mut client, mut ledger) = (Vec::new(), Vec::new());
        let loaded = Evidence::read(
            &run,
            &targets(),
            &mut |g| client.push((g.attempt.clone(), g.warmup, g.gaps_us.to_vec())),
            &mut |g| ledger.push((g.entry.clone(), g.gaps_us.to_vec())),
        );
        let Loaded { evidence, warnings, .. } = loaded.unwrap();
        prop_assert_eq!(warnings, Vec::<String>::new());
        prop_assert_eq!(&evidence.meta, &meta());
        prop_assert_eq!(evidence.claims[0].requests, 9);
        // Two ways to the same rows: through the text of the files, and straight from what was written.
        let claims = evidence.claims.clone();
        let kept = Evidence::in_memory(&events, &entries, claims, meta(), &targets());
        prop_assert_eq!(set(&evidence.attempts), set(&kept.attempts));
        prop_assert_eq!(set(&evidence.jobs), set(&kept.jobs));
        prop_assert_eq!(set(&evidence.cells), set(&kept.cells));
        prop_assert_eq!(set(&evidence.ledger), set(&kept.ledger));
        let attempts: Vec<&Attempt> =
            events.iter().filter_map(|e| if let Event::Attempt(a) = e { Some(&**a) } else { None }).collect();
        prop_assert_eq!(kept.attempts.len(), attempts.len());
        prop_assert_eq!(kept.ledger.len(), entries.len());
        prop_assert!(evidence.attempts.is_sorted_by_key(|a| (a.job, a.n, a.done_ns)));
        prop_assert!(evidence.jobs.is_sorted_by_key(|j| (j.job, j.done_ns)));
        let key = |row: &LedgerRow| (row.job.clone(), row.attempt, row.arrived_ns);
        prop_assert!(evidence.ledger.is_sorted_by_key(key));
        let shown = attempts.iter().filter(|a| !a.gaps_us.is_empty());
        let shown: Vec<_> = shown.map(|a| (AttemptRow::from(*a), a.warmup, a.gaps_us.clone())).collect();
        prop_assert_eq!(client, shown);
        let shown = entries.iter().filter(|e| !e.gaps_us.is_empty());
        let shown: Vec<_> = shown.map(|e| (e.row(&targets()).expect("a known target"),
            e.gaps_us.clone())).collect();
        prop_assert_eq!(ledger, shown);
    }
}

/// Plain jobs, all alike.
pub(crate) fn jobs(jobs: u64) -> Vec<Event> {
    let events = (0..jobs).map(|index| {
        Event::Job(Job {
            deliveries: 1,
            job: JobId { cell: 0, index },
            due_ns: index,
            begun_ns: index,
            done_ns: index + 1,
            outcome: Outcome::Ok,
            end: JobEnd::Answered,
            attempts: 1,
            id: Some(format!("chatcmpl-R-{:016x}", index.wrapping_mul(0x9E37_79B9_7F4A_7C15))),
            text_hash: None,
            warmup: false,
        })
    });
    events.collect()
}

/// The last line that is whole tells where a file of a killed run was cut.
#[test]
fn each_line_file_cut_at_any_byte_gives_what_came_before_and_a_warning() {
    let dir = tempfile::tempdir().unwrap();
    let run = killed(dir.path(), &jobs(40), &(0..40).map(plain_entry).collect::<Vec<_>>());
    let whole = read(&run).unwrap();
    assert_eq!(whole.warnings, Vec::<String>::new());
    for file in ["history.jsonl.zst", "ledger.jsonl.zst", "claims.jsonl"] {
        let path = run.join(file);
        let bytes = fs::read(&path).unwrap();
        for length in 0..bytes.len() {
            fs::write(&path, &bytes[..length]).unwrap();
            let cut = read(&run).unwrap_or_else(|error| panic!("{file} at byte {length}: {error}"));
            let (seen, all) = (&cut.evidence, &whole.evidence);
            assert!(all.jobs.starts_with(&seen.jobs), "{file} at byte {length}");
            assert!(all.ledger.starts_with(&seen.ledger), "{file} at byte {length}");
            assert!(all.claims.starts_with(&seen.claims), "{file} at byte {length}");
            // Without its last bytes a compressed file may still hold its end mark.
            let told =
                matches!(&cut.warnings[..], [warning] if warning.contains(&format!("{file} was cut after")));
            assert!(told || cut.evidence == whole.evidence, "{file} at byte {length}: {:?}", cut.warnings);
        }
        fs::write(&path, bytes).unwrap();
    }
}

fn plain_entry(index: u64) -> LedgerEntry {
    let mut line = serde_json::json!({
        "target": "mock", "attempt": 1, "request_id": "x", "arrived_ns": 0, "ended_ns": 1, "end": "whole",
        "prompt_tokens": 1, "delivered_tokens": 1, "billed_prompt_tokens": 1, "billed_completion_tokens": 1,
        "body_hash": "0000000000000000" });
    (line["seq"], line["job"]) = (index.into(), format!("job:{index:04}").into());
    serde_json::from_value(line).unwrap()
}

#[test]
fn a_run_that_was_killed_keeps_what_had_reached_the_disk() {
    let dir = tempfile::tempdir().unwrap();
    let run = killed(dir.path(), &jobs(20_000), &[]);
    let path = run.join("history.jsonl.zst");
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() - bytes.len() / 4]).unwrap();
    let cut = read(&run).unwrap();
    assert!(cut.evidence.jobs.len() > 10_000, "{}", cut.evidence.jobs.len());
    assert!(cut.warnings[0].contains("history.jsonl.zst was cut after"), "{:?}", cut.warnings);
}

/// What reading says of a killed run whose file holds this text instead; `RUN` stands for its identity.
fn error_of(file: &str, text: &str) -> String {
    let dir = tempfile::tempdir().unwrap();
    let run = killed(dir.path(), &jobs(1), &[]);
    let text = text.replace("RUN", &identity(&run));
    fs::write(run.join(file), zstd::encode_all(text.as_bytes(), 1).unwrap()).unwrap();
    read(&run).unwrap_err().to_string()
}

/// The identity of a run, as its manifest has it.
pub(crate) fn identity(run: &Path) -> String {
    let text = fs::read_to_string(run.join("manifest.json")).unwrap();
    serde_json::from_str::<serde_json::Value>(&text).unwrap()["run"].as_str().unwrap().to_owned()
}

#[test]
fn damage_is_named_with_file_line_and_what_to_do() {
    let head = "{\"file\":\"history\",\"version\":2,\"run\":\"RUN\"}\n";
    let cases = [
        (
            "{\"file\":\"ledger\",\"version\":2,\"run\":\"RUN\"}\n".to_owned(),
            ":1: not a history file of deadheat: it is a \"ledger\"",
        ),
        (
            "{\"file\":\"history\",\"version\":1}\n".to_owned(),
            ":1: version 1, but this build reads version 2: use",
        ),
        (
            "{\"file\":\"history\",\"version\":2}\n".to_owned(),
            ":1: not a history file of deadheat: its header names",
        ),
        ("nonsense\n".to_owned(), ":1: not a history file"),
        (format!("{head}{{\"job\":{{}}}}\n"), ":2: missing field `job`"),
        (format!("{head}{{\"job\":tor\n{{}}\n"), ":2: expected"),
        (format!("{head}{{\"end-of-file\":{{\"lines\":3}}}}\n"), "counts 3 lines, but there are 0"),
        (
            format!("{head}{{\"end-of-file\":{{\"lines\":0}}}}\n{{}}\n"),
            ":3: there is a line after the end mark",
        ),
    ];
    for (text, expected) in cases {
        let error = error_of("history.jsonl.zst", &text);
        assert!(error.contains("history.jsonl.zst:") && error.contains(expected), "{expected}: {error}");
    }
}

#[test]
fn a_flipped_bit_never_panics_and_never_passes_unseen() {
    let dir = tempfile::tempdir().unwrap();
    let run = killed(dir.path(), &jobs(40), &[]);
    let whole = read(&run).unwrap();
    let path = run.join("history.jsonl.zst");
    let bytes = fs::read(&path).unwrap();
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x10;
        fs::write(&path, &damaged).unwrap();
        let seen = read(&run).map_or(true, |loaded| !loaded.warnings.is_empty() || loaded == whole);
        assert!(seen, "byte {at}");
    }
}

#[test]
fn a_ledger_of_an_unknown_target_is_refused_and_a_lost_one_missed() {
    let dir = tempfile::tempdir().unwrap();
    let entry = serde_json::to_string(&LedgerEntry { target: "elsewhere".into(), ..plain_entry(1) }).unwrap();
    let text = format!("{{\"file\":\"ledger\",\"version\":2,\"run\":\"RUN\"}}\n{entry}\n");
    let error = error_of("ledger.jsonl.zst", &text);
    assert!(error.contains("ledger.jsonl.zst:2: target \"elsewhere\" is not in the plan"), "{error}");
    let run = finished(dir.path(), &jobs(1), &[plain_entry(1)]);
    let row = &read(&run).unwrap().evidence.ledger[0];
    assert!(
        row.lock.is_none() && !row.fenced && !row.replayed,
        "a ledger from before there were locks: {row:?}"
    );
    fs::remove_file(run.join("ledger.jsonl.zst")).unwrap();
    assert!(read(&run).unwrap().warnings[0].contains("ledger.jsonl.zst is missing"));
    fs::remove_file(run.join("history.jsonl.zst")).unwrap();
    assert!(read(&run).unwrap_err().to_string().contains("history.jsonl.zst"));
}
