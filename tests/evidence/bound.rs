//! The files of a run are bound together: one that is edited, cut or another run's is refused by name.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use crate::files::{finished, identity, jobs, killed, read};

use deadheat::history::verify;
use std::fs;
use std::path::Path;

const BOUND: [&str; 4] = ["plan.toml", "history.jsonl.zst", "ledger.jsonl.zst", "claims.jsonl"];

/// What reading and verifying say of the run; both say the same.
fn refusal(run: &Path) -> String {
    let (read, verified) = (read(run).unwrap_err().to_string(), verify(run).unwrap_err().to_string());
    assert_eq!(read, verified);
    read
}

#[test]
fn a_finished_run_refuses_each_file_that_was_cut_or_changed_at_any_byte() {
    let parent = tempfile::tempdir().unwrap();
    let run = finished(parent.path(), &jobs(3), &[]);
    assert!(read(&run).is_ok() && verify(&run).is_ok());
    for file in BOUND {
        let path = run.join(file);
        let bytes = fs::read(&path).unwrap();
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 0x01;
            for text in [&bytes[..at], &changed] {
                fs::write(&path, text).unwrap();
                let refusal = refusal(&run);
                assert!(refusal.contains(file), "{file} at byte {at}: {refusal}");
            }
        }
        fs::write(&path, bytes).unwrap();
    }
    assert!(read(&run).is_ok());
}

#[test]
fn a_file_of_another_run_is_refused_whether_the_run_was_finished_or_killed() {
    let parent = tempfile::tempdir().unwrap();
    for begin in [finished, killed] {
        let (run, other) = (begin(parent.path(), &jobs(3), &[]), begin(parent.path(), &jobs(3), &[]));
        assert_ne!(identity(&run), identity(&other));
        for file in &BOUND[1..] {
            let own = fs::read(run.join(file)).unwrap();
            fs::copy(other.join(file), run.join(file)).unwrap();
            let refusal = read(&run).unwrap_err().to_string();
            let told = format!("{file} belongs to run {}", identity(&other));
            assert!(refusal.contains(&told), "{told}: {refusal}");
            fs::write(run.join(file), own).unwrap();
        }
        assert!(read(&run).is_ok());
    }
}

#[test]
fn a_killed_run_refuses_a_plan_that_was_edited() {
    let parent = tempfile::tempdir().unwrap();
    let run = killed(parent.path(), &jobs(3), &[]);
    fs::write(run.join("plan.toml"), "name = \"another\"\n").unwrap();
    let refusal = refusal(&run);
    assert!(refusal.contains("plan.toml is not the file that the run wrote"), "{refusal}");
    assert!(refusal.contains("deadheat check --set"), "{refusal}");
}

#[test]
fn files_without_a_manifest_are_refused_and_a_summary_alone_needs_none() {
    let parent = tempfile::tempdir().unwrap();
    let run = finished(parent.path(), &jobs(3), &[]);
    fs::remove_file(run.join("manifest.json")).unwrap();
    assert!(refusal(&run).contains("manifest.json is missing"));
    for file in BOUND {
        fs::remove_file(run.join(file)).unwrap();
    }
    fs::write(run.join("summary.json"), "{}").unwrap();
    assert!(verify(&run).is_ok());
}

/// Reports are renderings of the summary, which may be made anew; and a file of the user's own is none of the
/// run's.
#[test]
fn a_report_that_is_made_anew_and_a_file_beside_the_run_are_no_change() {
    let parent = tempfile::tempdir().unwrap();
    let run = finished(parent.path(), &jobs(3), &[]);
    for file in ["report.html", "report.md", "junit.xml", "notes.txt"] {
        fs::write(run.join(file), "anew").unwrap();
    }
    assert!(read(&run).is_ok() && verify(&run).is_ok());
}
