//! A machine that does not give what a strategy needs: no verdict, and the reason.

use crate::cli;

use cli::{Place, Ran};
use std::process::Command;

/// Runs a pool of so many threads under a limit of the shell's.
fn pool(limit: &str, workers: u32, processes: u32) -> Ran {
    let place = Place::new();
    let pool = format!("thread-pool]\nworkers = {workers}\nprocesses = {processes}");
    let scenario = cli::SMALL.replace("semaphore]\npermits = 3", &pool);
    assert!(scenario.contains("thread-pool"), "{scenario}");
    let jobs = scenario.replace("jobs = 20", "jobs = 200").replace("vus = 4", "vus = 100");
    place.write("pool.toml", &jobs);
    let mut command = Command::new("sh");
    let line = format!("ulimit {limit}; exec \"$0\" run pool.toml --quiet");
    command.args(["-c", &line, env!("CARGO_BIN_EXE_deadheat")]).current_dir(place.dir.path());
    command.output().expect("it starts").into()
}

#[test]
fn threads_that_the_system_refuses_are_a_set_up_that_failed_and_not_jobs_that_were_cancelled() {
    for processes in [1, 2] {
        // Where the last page goes to the signal stack of a thread that has begun, the runtime ends the
        // process by itself: somewhat more memory ends elsewhere.
        let limits = [3_000_000, 3_001_000, 3_002_000].map(|limit| format!("-v {limit}"));
        let mut ends = limits.iter().map(|limit| pool(limit, 4000, processes));
        let ran = ends.find(|ran| !ran.err.contains("alternative stack")).expect("another end").exits(9);
        assert!(ran.err.contains("threads: ") && ran.err.contains("ask for fewer `workers`"), "{}", ran.err);
    }
}

#[test]
fn a_thread_without_a_client_is_a_set_up_that_failed() {
    let ran = pool("-n 90", 100, 1).exits(9);
    assert!(ran.err.contains("a thread of the pool has no client"), "{}", ran.err);
}
