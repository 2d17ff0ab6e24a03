//! Ctrl-C once, twice, and SIGTERM.

use crate::cli;

use cli::{EVIDENCE, Place, Ran, Running, SMALL, until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::process::Stdio;

/// A run in the middle of its load.
struct Underway {
    place: Place,
    run: Running,
}

/// A scenario of many minutes whose answers take `ttft`.
fn long(ttft: &str) -> String {
    SMALL
        .replace("constant = \"10ms\"", &format!("constant = \"{ttft}\""))
        .replace("jobs = 20\n", "")
        .replace("vus = 4", "vus = 4\nduration = \"5m\"\ngraceful_stop = \"5m\"")
}

impl Underway {
    fn start(place: Place, scenario: &str) -> Self {
        place.write("long.toml", scenario);
        let log = |name| std::fs::File::create(place.path(name)).expect("a file");
        let child = place
            .command(&["run", "long.toml", "--out", "run"])
            .env("DEADHEAT_TEST_KEY", "key")
            .stdout(log("stdout"))
            .stderr(log("stderr"))
            .spawn()
            .expect("it starts");
        Self { place, run: Running(child) }
    }

    /// Hundreds of jobs have been answered, as their history is on the disk; others are in flight.
    fn with_answers() -> Self {
        let run = Self::start(Place::new(), &long("2ms"));
        let history = run.place.path(".run.partial/history.jsonl.zst");
        until("some history", || std::fs::metadata(&history).is_ok_and(|file| file.len() > 1000));
        run
    }

    /// Requests are in flight, and none will be answered for five minutes.
    fn with_requests_in_flight() -> (Running, Self) {
        let place = Place::new();
        place.write("slow.toml", &long("5m"));
        let (mock, url) = cli::mock(&place, &["--config", "slow.toml"]);
        let run = Self::start(place, &cli::at_url(&long("5m"), &url));
        let stats = url.replace("/v1", "/deadheat/stats");
        until("three requests", || cli::get(&stats).contains("\"received\":3"));
        (mock, run)
    }
}

impl Underway {
    fn send(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.run.0.id()).expect("fits"));
        kill(pid, signal).expect("sent");
    }

    fn says(&self, text: &str) {
        until(text, || self.place.read("stderr").contains(text));
    }

    fn ended(mut self) -> (Place, Ran) {
        let code = self.run.0.wait().expect("ended").code();
        let ran = Ran { code, out: self.place.read("stdout"), err: self.place.read("stderr") };
        (self.place, ran)
    }
}

/// A complete report and whole evidence, though the run was stopped.
fn is_complete(place: &Place, ran: Ran) {
    let ran = ran.exits(130);
    assert!(ran.out.starts_with("INTERRUPTED  small  exit 130"), "{}", ran.out);
    assert!(ran.out.contains("Judge again  deadheat check run"), "{}", ran.out);
    assert_eq!(place.names("run"), EVIDENCE);
    assert!(!place.path(".run.partial").exists());
    let summary: serde_json::Value = serde_json::from_str(&place.read("run/summary.json")).expect("JSON");
    assert_eq!((&summary["exit_code"], &summary["valid"]["holds"]), (&130.into(), &true.into()));
    let jobs = &summary["counters"][0];
    assert!(jobs["jobs"].as_u64() > Some(100), "{jobs}");
    // Three permits, four workers: only the one that still waited for a permit may go without an answer.
    let given_up = jobs["jobs"].as_u64().unwrap_or(0) - jobs["answered"].as_u64().unwrap_or(0);
    assert!(given_up <= 1 && jobs["unknown"] == 0, "what was in flight was waited for: {jobs}");
    let broken = summary["verdicts"].as_array().expect("verdicts").iter().find(|v| v["verdict"] == "broken");
    assert_eq!(broken, None, "a stop breaks no promise");
}

#[test]
fn ctrl_c_once_ends_with_a_report_and_130() {
    let run = Underway::with_answers();
    run.send(Signal::SIGINT);
    run.says("stopping");
    let (place, ran) = run.ended();
    is_complete(&place, ran);
    assert_eq!(place.line("check run").code, Some(130), "the evidence knows that it was interrupted");
}

#[test]
fn sigterm_is_ctrl_c() {
    let run = Underway::with_answers();
    run.send(Signal::SIGTERM);
    let (place, ran) = run.ended();
    is_complete(&place, ran);
}

#[test]
fn ctrl_c_twice_ends_at_once_and_leaves_what_was_written() {
    let (_mock, mut run) = Underway::with_requests_in_flight();
    run.send(Signal::SIGINT);
    run.says("stopping");
    assert_eq!(run.run.0.try_wait().expect("asked"), None, "once waits for what is in flight");
    run.send(Signal::SIGINT);
    until("the end", || run.run.0.try_wait().expect("asked").is_some());
    let (place, ran) = run.ended();
    let ran = ran.exits(130);
    assert_eq!(ran.out, "");
    assert!(!place.path("run").exists(), "half a run never looks like a whole one");
    assert!(place.path(".run.partial/plan.toml").exists());
}

#[test]
fn an_interrupted_mock_leaves_at_once() {
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let place = Place::new();
        let (mut mock, url) = cli::mock(&place, &[]);
        assert!(url.starts_with("http://127.0.0.1:"), "{url}");
        kill(Pid::from_raw(i32::try_from(mock.0.id()).expect("fits")), signal).expect("sent");
        assert_eq!(mock.0.wait().expect("ended").code(), Some(0), "{signal}");
    }
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let place = Place::new();
    let mut child = place.command(&["run", "small.toml"]).stdout(Stdio::piped()).spawn().expect("it starts");
    // The reader's end is closed before anything is printed, as `| head -0` would.
    drop(child.stdout.take());
    assert_eq!(child.wait().expect("ended").code(), Some(0));
}

/// An arm that ends in the pairs before this one, and in it does something else.
fn stuck_in_pair(does: &str, number: &str) -> String {
    let binary = env!("CARGO_BIN_EXE_deadheat");
    let flags = "-q --format json --seed $DEADHEAT_SEED --out $DEADHEAT_OUT";
    format!("case $DEADHEAT_OUT in *pair-{number}*) {does};; esac; exec {binary} run small.toml {flags}")
}

/// Interrupts `words` as soon as `file` holds something.
fn interrupted_at(place: Place, words: &[&str], file: &str) -> (Place, Ran) {
    let log = |name| std::fs::File::create(place.path(name)).expect("a file");
    let mut command = place.command(words);
    let child = command.stdout(log("stdout")).stderr(log("stderr")).spawn().expect("it starts");
    let run = Underway { place, run: Running(child) };
    let file = run.place.path(file);
    until("the third pair", || std::fs::metadata(&file).is_ok_and(|file| file.len() > 0));
    run.send(Signal::SIGINT);
    run.ended()
}

/// Five pairs by this arm, interrupted in the third; reads what stands in `c`.
fn compare_interrupted(does: &str, file: &str) -> serde_json::Value {
    let place = Place::new();
    place.write("long.toml", &long("2ms"));
    let arm = stuck_in_pair(does, "03");
    let words = ["compare", "--base", &arm, "--new", &arm, "--pairs", "5", "--order", "abba"];
    let words = [&words[..], &["--measure", "response.p50", "--out", "c"]].concat();
    let (place, ran) = interrupted_at(place, &words, file);
    let ran = ran.exits(130);
    assert!(ran.out.starts_with("INTERRUPTED  exit 130"), "{}", ran.out);
    assert!(ran.out.contains("interrupted after 2 of 5 pairs"), "{}", ran.out);
    assert!(!place.path(".c.partial").exists(), "the finished pairs are not hidden");
    for run in ["pair-01-base", "pair-01-new", "pair-02-base", "pair-02-new"] {
        assert!(place.path(&format!("c/{run}/summary.json")).exists(), "{run}");
    }
    assert!(!place.path("c/pair-03-new").exists(), "no run is begun after the interruption");
    for file in ["report.md", "junit.xml"] {
        assert!(place.path(&format!("c/{file}")).exists(), "{file}");
    }
    serde_json::from_str(&place.read("c/comparison.json")).expect("JSON")
}

#[test]
fn an_interrupted_comparison_reports_the_finished_pairs() {
    let history = ".c.partial/.pair-03-base.partial/history.jsonl.zst";
    let binary = env!("CARGO_BIN_EXE_deadheat");
    let flags = "-q --format json --seed $DEADHEAT_SEED --out $DEADHEAT_OUT";
    let comparison = compare_interrupted(&format!("exec {binary} run long.toml {flags}"), history);
    assert_eq!((&comparison["exit_code"], &comparison["planned"]), (&130.into(), &5.into()));
    assert_eq!(comparison["pairs"].as_array().expect("pairs").len(), 2, "{comparison}");
    assert_eq!(comparison["exit_reasons"], serde_json::json!(["interrupted after 2 of 5 pairs"]));
    assert!(comparison["exact"].as_array().is_some_and(|rows| !rows.is_empty()), "{comparison}");
    let timed = &comparison["timed"][0];
    assert_eq!((&timed["verdict"], &timed["pairs"]), (&"inconclusive".into(), &2.into()));
}

/// A command that a signal ends prints no summary.
#[test]
fn an_interrupted_command_is_no_failure_of_the_arm() {
    let comparison = compare_interrupted("echo $$ > waits; exec sleep 600", "waits");
    assert_eq!(comparison["exit_code"], 130);
}

#[test]
fn nothing_is_reported_where_no_pair_was_finished() {
    let place = Place::new();
    let arm = "echo $$ > waits; exec sleep 600";
    let words = ["compare", "--base", arm, "--new", arm, "--pairs", "7", "--out", "c"];
    let (place, ran) = interrupted_at(place, &words, "waits");
    let ran = ran.exits(130);
    assert!(ran.err.contains("interrupted in pair 1 of 7"), "{}", ran.err);
    assert!(!place.path("c").exists());
}

#[test]
fn an_interrupted_calibration_is_one_of_its_finished_pairs() {
    for (pair, has_figures) in [("03", false), ("06", true)] {
        let place = Place::new();
        let arm = stuck_in_pair("echo $$ > waits; exec sleep 600", pair);
        let (place, ran) = interrupted_at(place, &["calibrate", &arm, "--out", "k"], "waits");
        let ran = ran.exits(130);
        assert!(!place.path(".k.partial").exists(), "the finished pairs are not hidden");
        assert!(place.path("k/pair-02-new/summary.json").exists());
        assert_eq!(place.path("k/calibration.json").exists(), has_figures, "{}", ran.err);
        let made =
            if has_figures { "interrupted after 5 of 20 pairs" } else { "interrupted after 2 of 20 pairs" };
        assert!(ran.err.contains(made), "{}", ran.err);
        assert_eq!(ran.out.is_empty(), !has_figures, "{}", ran.out);
    }
}
