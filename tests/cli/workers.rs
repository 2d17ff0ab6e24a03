//! Worker processes, from outside: none outlives its run, none knows a secret that others could read.

use crate::cli;

use cli::{Place, Running, SMALL, until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::io::{Read, Write};
use std::process::Stdio;

/// A run of two processes that lasts for minutes, with answers that take `ttft`.
fn long(ttft: &str) -> String {
    SMALL
        .replace("constant = \"10ms\"", &format!("constant = \"{ttft}\""))
        .replace("jobs = 20\n", "")
        .replace("vus = 4", "vus = 4\nduration = \"5m\"\ngraceful_stop = \"5m\"")
        .replace("permits = 3", "permits = 4\nprocesses = 2")
}

/// The workers of a run, with the state of each.
fn workers(run: u32) -> Vec<(i32, char)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").expect("/proc").flatten() {
        let Ok(pid) = entry.file_name().to_string_lossy().parse::<i32>() else { continue };
        let stat = std::fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        let mut fields = stat.rsplit(") ").next().unwrap_or_default().split(' ');
        let (state, parent) = (fields.next(), fields.next());
        if parent == Some(&run.to_string()) {
            found.extend(state.and_then(|state| state.chars().next()).map(|state| (pid, state)));
        }
    }
    found
}

/// Whether a process lives that is one of these. Their numbers are not given again so soon.
fn alive(pids: &[(i32, char)]) -> bool {
    pids.iter().any(|(pid, _)| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        !stat.is_empty() && !stat.contains(") Z ")
    })
}

fn signal(pid: i32, signal: Signal) {
    kill(Pid::from_raw(pid), signal).expect("it is ours");
}

/// A run whose two workers have brought jobs home.
fn underway(place: &Place) -> (Running, Vec<(i32, char)>) {
    place.write("long.toml", &long("2ms"));
    let log = |name| std::fs::File::create(place.path(name)).expect("a file");
    let mut command = place.command(&["run", "long.toml", "--out", "run"]);
    let child = command.stdout(log("stdout")).stderr(log("stderr")).spawn().expect("it starts");
    let history = place.path(".run.partial/history.jsonl.zst");
    until("some history", || std::fs::metadata(&history).is_ok_and(|file| file.len() > 1000));
    let found = workers(child.id());
    assert_eq!(found.len(), 2, "{found:?}");
    (Running(child), found)
}

#[test]
fn no_worker_outlives_a_run_that_is_killed() {
    for paused in [false, true] {
        let place = Place::new();
        let (mut run, found) = underway(&place);
        if paused {
            signal(found[0].0, Signal::SIGSTOP);
            until("a paused worker", || workers(run.0.id()).iter().any(|(_, state)| *state == 'T'));
        }
        run.0.kill().expect("killed");
        run.0.wait().expect("waited for");
        until("no worker is left", || !alive(&found));
    }
}

#[test]
fn ctrl_c_drains_all_workers_and_a_second_one_ends_them() {
    let place = Place::new();
    let (mut run, found) = underway(&place);
    signal(i32::try_from(run.0.id()).expect("a number"), Signal::SIGINT);
    let status = run.0.wait().expect("it ends");
    assert_eq!(status.code(), Some(130), "{}", place.read("stderr"));
    assert!(place.read("stdout").contains("INTERRUPTED"), "{}", place.read("stdout"));
    assert!(!alive(&found));
    assert!(!place.read("stderr").contains("died"), "{}", place.read("stderr"));

    let place = Place::new();
    place.write("long.toml", &long("5m"));
    let mut command = place.command(&["run", "long.toml", "--out", "run"]);
    let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
    let mut run = Running(child);
    until("two workers", || workers(run.0.id()).len() == 2);
    let found = workers(run.0.id());
    let pid = i32::try_from(run.0.id()).expect("a number");
    until("its end", || {
        signal(pid, Signal::SIGINT);
        run.0.try_wait().expect("ours").is_some()
    });
    until("no worker is left", || !alive(&found));
}

#[test]
fn a_worker_that_is_killed_is_told_of_and_loses_no_job() {
    let place = Place::new();
    let (mut run, found) = underway(&place);
    signal(found[1].0, Signal::SIGKILL);
    until("another in its place", || {
        let now = workers(run.0.id());
        now.len() == 2 && now.iter().all(|(pid, state)| *pid != found[1].0 && *state != 'Z')
    });
    signal(i32::try_from(run.0.id()).expect("a number"), Signal::SIGINT);
    assert_eq!(run.0.wait().expect("it ends").code(), Some(130), "{}", place.read("stderr"));
    assert!(place.read("stderr").contains("died once"), "{}", place.read("stderr"));
    let summary: serde_json::Value = serde_json::from_str(&place.read("run/summary.json")).expect("JSON");
    assert_eq!(summary["valid"]["holds"], true, "{}", summary["valid"]);
}

#[test]
fn a_worker_is_not_for_people() {
    let place = Place::new();
    assert!(!place.line("--help").exits(0).out.contains("worker"));
    let mut command = place.command(&["worker"]);
    let mut child = command.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    child.stdin.take().expect("piped").write_all(b"{}\n").expect("written");
    let mut said = String::new();
    child.stderr.take().expect("piped").read_to_string(&mut said).expect("text");
    assert_eq!(child.wait().expect("it ends").code(), Some(2));
    assert!(said.contains("deadheat run"), "{said}");
}

#[test]
fn a_key_reaches_the_endpoint_from_a_worker_and_stands_in_no_command_line() {
    const KEY: &str = "sk-very-secret-0987654321";
    let (place, server) = (Place::new(), Place::new());
    let (_mock, url) = cli::mock(&server, &[]);
    let scenario = cli::at_url(&long("2ms").replace("processes = 2", "processes = 2\n"), &url);
    place.write("url.toml", &scenario.replace("max_requests = 1000", "max_requests = 100000"));
    let mut command = place.command(&["run", "url.toml", "--out", "run"]);
    let log = |name| std::fs::File::create(place.path(name)).expect("a file");
    command.env("DEADHEAT_TEST_KEY", KEY).stdout(log("stdout")).stderr(log("stderr"));
    let mut run = Running(command.spawn().expect("it starts"));
    let history = place.path(".run.partial/history.jsonl.zst");
    until("some history", || std::fs::metadata(&history).is_ok_and(|file| file.len() > 1000));
    let found = workers(run.0.id());
    assert_eq!(found.len(), 2);
    for (pid, _) in &found {
        let line = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).expect("it lives");
        assert!(line.ends_with("\0worker\0") && !line.contains("http") && !line.contains(KEY), "{line:?}");
    }
    signal(i32::try_from(run.0.id()).expect("a number"), Signal::SIGINT);
    assert_eq!(run.0.wait().expect("it ends").code(), Some(130), "{}", place.read("stderr"));
    for (name, bytes) in cli::contents(&place.path("run")) {
        assert!(!bytes.windows(KEY.len()).any(|window| window == KEY.as_bytes()), "{name} holds the key");
    }
}
