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

/// Writes a run with these lines.
fn write_run(parent: &Path, events: &[Event], entries: &[LedgerEntry]) -> PathBuf {
    let run = RunDir::create(parent, "a run", 0, 42).unwrap();
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
    run.write_claims(&[Claim { cell: 1, requests: 9, ..Claim::default() }]).unwrap();
    run.finish().unwrap()
}

fn read(dir: &Path) -> Result<Loaded, HistoryError> {
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
        let run = write_run(dir.path(), &events, &entries);
        let (mut client, mut ledger) = (Vec::new(), Vec::new());
        let loaded = Evidence::read(
            &run,
            &targets(),
            &mut |g| client.push((g.attempt.clone(), g.warmup, g.gaps_us.to_vec())),
            &mut |g| ledger.push((g.entry.clone(), g.gaps_us.to_vec())),
        );
        let Loaded { evidence, warnings } = loaded.unwrap();
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
        let shown: Vec<_> = shown.map(|e| (e.row(&targets()).expect("a known target"), e.gaps_us.clone())).collect();
        prop_assert_eq!(ledger, shown);
    }
}

/// A run of plain jobs, all alike.
fn plain_run(parent: &Path, jobs: u64) -> PathBuf {
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
    write_run(parent, &events.collect::<Vec<_>>(), &[])
}

#[test]
fn a_history_cut_at_any_byte_gives_what_came_before_and_a_warning() {
    let dir = tempfile::tempdir().unwrap();
    let run = plain_run(dir.path(), 40);
    let whole = read(&run).unwrap();
    let path = run.join("history.jsonl.zst");
    let bytes = fs::read(&path).unwrap();
    for length in 0..bytes.len() {
        fs::write(&path, &bytes[..length]).unwrap();
        let cut = read(&run).unwrap();
        let rows = cut.evidence.jobs.len();
        assert_eq!(cut.evidence.jobs, whole.evidence.jobs[..rows], "at byte {length}");
        let complete = cut.evidence.meta == whole.evidence.meta;
        assert_eq!(cut.warnings.is_empty(), complete, "at byte {length}");
        assert!(!complete || rows == 40);
    }
}

#[test]
fn a_run_that_was_killed_keeps_what_had_reached_the_disk() {
    let dir = tempfile::tempdir().unwrap();
    let run = plain_run(dir.path(), 20_000);
    let path = run.join("history.jsonl.zst");
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() - bytes.len() / 4]).unwrap();
    let cut = read(&run).unwrap();
    assert!(cut.evidence.jobs.len() > 10_000, "{}", cut.evidence.jobs.len());
    assert!(cut.warnings[0].contains("history.jsonl.zst was cut after"), "{:?}", cut.warnings);
}

/// What reading says of a run whose file holds this text instead.
fn error_of(file: &str, text: &str) -> String {
    let dir = tempfile::tempdir().unwrap();
    let run = plain_run(dir.path(), 1);
    fs::write(run.join(file), zstd::encode_all(text.as_bytes(), 1).unwrap()).unwrap();
    read(&run).unwrap_err().to_string()
}

#[test]
fn damage_is_named_with_file_line_and_what_to_do() {
    let head = "{\"file\":\"history\",\"version\":1}\n";
    let cases = [
        (
            "{\"file\":\"ledger\",\"version\":1}\n".to_owned(),
            ":1: not a history file of deadheat: it is a \"ledger\"",
        ),
        (
            "{\"file\":\"history\",\"version\":2}\n".to_owned(),
            ":1: version 2, but this build reads version 1: use",
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
    let run = plain_run(dir.path(), 40);
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
    let entry = r#"{"target":"elsewhere","seq":1,"job":"job:0000","attempt":1,"request_id":"x","arrived_ns":0,"ended_ns":1,"end":"whole","prompt_tokens":1,"delivered_tokens":1,"billed_prompt_tokens":1,"billed_completion_tokens":1,"body_hash":"0000000000000000"}"#;
    let text = format!("{{\"file\":\"ledger\",\"version\":1}}\n{entry}\n");
    let error = error_of("ledger.jsonl.zst", &text);
    assert!(error.contains("ledger.jsonl.zst:2: target \"elsewhere\" is not in the plan"), "{error}");
    let run = plain_run(dir.path(), 1);
    let known = zstd::encode_all(text.replace("elsewhere", "mock").as_bytes(), 1).unwrap();
    fs::write(run.join("ledger.jsonl.zst"), known).unwrap();
    let row = &read(&run).unwrap().evidence.ledger[0];
    assert!(
        row.lock.is_none() && !row.fenced && !row.replayed,
        "a ledger from before there were locks: {row:?}"
    );
    let run = plain_run(dir.path(), 1);
    fs::remove_file(run.join("ledger.jsonl.zst")).unwrap();
    assert!(read(&run).unwrap().warnings[0].contains("ledger.jsonl.zst is missing"));
    fs::remove_file(run.join("history.jsonl.zst")).unwrap();
    assert!(read(&run).unwrap_err().to_string().contains("history.jsonl.zst"));
}

#[test]
fn a_run_appears_whole_or_not_at_all() {
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().join("deep/er/run");
    let run = RunDir::create_at(&place).unwrap();
    run.write("plan.toml", "version = 1\n").unwrap();
    assert!(!place.exists());
    assert_eq!(run.path().file_name().unwrap(), ".run.partial");
    assert_eq!(run.finish().unwrap(), place);
    assert_eq!(fs::read_to_string(place.join("plan.toml")).unwrap(), "version = 1\n");
    assert!(!dir.path().join("deep/er/.run.partial").exists());
}

#[test]
fn evidence_is_never_overwritten_nor_deleted() {
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().join("run");
    let broken_off = RunDir::create_at(&place).unwrap();
    broken_off.write("plan.toml", "first").unwrap();
    let left = broken_off.path().to_owned();
    drop(broken_off);
    // An empty directory, such as one made by hand for --out, may be used.
    fs::create_dir(&place).unwrap();
    let second = RunDir::create_at(&place).unwrap();
    second.write("plan.toml", "second").unwrap();
    // A second run into the same place is refused before it makes any load.
    assert!(matches!(RunDir::create_at(&place), Err(HistoryError::Busy(_))));
    second.finish().unwrap();
    assert_eq!(fs::read_to_string(left.join("plan.toml")).unwrap(), "first");
    assert!(matches!(RunDir::create_at(&place), Err(HistoryError::Occupied(_))));
    assert_eq!(fs::read_to_string(place.join("plan.toml")).unwrap(), "second");
    assert!(RunDir::create_at(Path::new("/")).is_err());
}

#[test]
fn a_place_that_is_a_link_is_refused_before_anything_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let (empty, link, dangling) =
        (dir.path().join("empty"), dir.path().join("link"), dir.path().join("gone"));
    fs::create_dir(&empty).unwrap();
    std::os::unix::fs::symlink(&empty, &link).unwrap();
    std::os::unix::fs::symlink(dir.path().join("nowhere"), &dangling).unwrap();
    for place in [&link, &dangling] {
        assert!(matches!(RunDir::create_at(place), Err(HistoryError::Link(_))), "{}", place.display());
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 3);
}

#[test]
fn of_many_runs_into_one_place_one_is_begun() {
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().join("run");
    for _ in 0..20 {
        let begun: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| RunDir::create_at(&place).ok())).collect();
            threads.into_iter().filter_map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(begun.len(), 1);
        drop(begun);
        assert_eq!(
            fs::read_dir(dir.path()).unwrap().count(),
            0,
            "nothing is left of a run that wrote nothing"
        );
    }
}

#[test]
fn runs_are_named_by_name_time_and_seed() {
    let dir = tempfile::tempdir().unwrap();
    let run = RunDir::create(dir.path(), "Three Ways / one", 1_735_689_599, 42).unwrap();
    assert_eq!(run.final_path(), dir.path().join("three-ways-one-20241231T235959Z-42"));
    // Runs of the same second neither wait for each other nor end in each other's place.
    let second = RunDir::create(dir.path(), "Three Ways / one", 1_735_689_599, 42).unwrap();
    assert_eq!(second.final_path(), dir.path().join("three-ways-one-20241231T235959Z-42-2"));
    run.finish().unwrap();
    second.finish().unwrap();
    let third = RunDir::create(dir.path(), "Three Ways / one", 1_735_689_599, 42).unwrap();
    assert_eq!(third.final_path(), dir.path().join("three-ways-one-20241231T235959Z-42-3"));
}
