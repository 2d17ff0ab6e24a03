//! Where a run is written, and who may write there.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use deadheat::history::{HistoryError, RunDir};
use std::fs;
use std::path::Path;
use std::sync::Barrier;

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
    assert!(matches!(RunDir::create_at(&place), Err(HistoryError::Busy { .. })));
    second.finish().unwrap();
    assert_eq!(fs::read_to_string(left.join("plan.toml")).unwrap(), "first");
    assert!(matches!(RunDir::create_at(&place), Err(HistoryError::Occupied(_))));
    assert_eq!(fs::read_to_string(place.join("plan.toml")).unwrap(), "second");
    assert!(RunDir::create_at(Path::new("/")).is_err());
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

#[test]
fn a_place_that_is_taken_while_a_run_is_written_leaves_the_run_where_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().join("run");
    let run = RunDir::create_at(&place).unwrap();
    run.write("plan.toml", "mine").unwrap();
    fs::create_dir(&place).unwrap();
    fs::write(place.join("taken"), "").unwrap();
    let error = run.finish().unwrap_err().to_string();
    assert!(error.contains(".run.partial") && error.contains("--out"), "{error}");
    assert_eq!(fs::read_to_string(dir.path().join(".run.partial/plan.toml")).unwrap(), "mine");
}

/// Of many threads, and so of many processes, exactly one gets the place; the others are told where it is
/// written.
#[cfg(unix)]
#[test]
fn a_place_belongs_to_one_run_at_a_time() {
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().join("run");
    // A run that was killed does not hold the place.
    fs::create_dir(dir.path().join(".run.partial")).unwrap();
    fs::write(dir.path().join(".run.partial/plan.toml"), "killed").unwrap();
    for _ in 0..50 {
        let (begin, tried) = (Barrier::new(8), Barrier::new(8));
        let attempt = || {
            begin.wait();
            let claimed = RunDir::create_at(&place);
            tried.wait();
            claimed.map(|_| ()).map_err(|error| error.to_string())
        };
        let results: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(attempt)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1, "{results:?}");
        let told = |error: &String| error.contains("is being written in") && error.contains(".run.partial-2");
        assert!(results.iter().filter_map(|result| result.as_ref().err()).all(told), "{results:?}");
    }
    assert_eq!(fs::read_to_string(dir.path().join(".run.partial/plan.toml")).unwrap(), "killed");
}

#[cfg(unix)]
#[test]
fn a_link_stands_for_its_directory_and_one_that_leads_nowhere_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    fs::create_dir_all(at("elsewhere/real")).unwrap();
    std::os::unix::fs::symlink(at("elsewhere/real"), at("link")).unwrap();
    std::os::unix::fs::symlink(at("nowhere"), at("dangling")).unwrap();
    assert!(matches!(RunDir::create_at(&at("dangling")), Err(HistoryError::Link(_))));
    let run = RunDir::create_at(&at("link")).unwrap();
    run.write("plan.toml", "linked").unwrap();
    assert_eq!(RunDir::left_over(&at("link")).unwrap().file_name().unwrap(), ".real.partial");
    run.finish().unwrap();
    assert_eq!(fs::read_to_string(at("link/plan.toml")).unwrap(), "linked");
    assert!(at("link").is_symlink());
}
