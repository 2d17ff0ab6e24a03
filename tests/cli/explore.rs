//! `deadheat run --explore` and `deadheat replay`: findings, their files, and what becomes of them.

use crate::cli;

use cli::{EVIDENCE, Place, Running, until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

/// Eight jobs on a provider that answers at once; CLOCK, STRATEGY and RETRY are to be filled in.
const HUNTED: &str = r#"
version = 1
name = "hunted"
clock = "CLOCK"
seed = 3
[target.mock]
api = "openai-chat"
model = "m"
bill_after_disconnect = true
[workload]
jobs = 8
stream = false
prompt_tokens = 10
output_tokens = 5
[profile.shared-iterations]
vus = 4
[strategy.STRATEGY]
permits = 4
[timeouts]
first_byte = "1s"
total = "2s"
[retry]
max_attempts = 3
transport = false
backoff = { exponential = { base = "60ms", cap = "100ms", jitter = "full" } }
RETRY
[fidelity]
ttft_error_p99 = "1m"
lag_p99 = "1m"
cpu = 1.0
achieved = 0.0
"#;
const CERTAIN: &str = "statuses = [429, 500, 503, 529]";

fn scenario(clock: &str, strategy: &str, retry: &str) -> String {
    HUNTED.replace("CLOCK", clock).replace("STRATEGY", strategy).replace("RETRY", retry)
}

fn finding<'a>(summary: &'a Value, invariant: &str) -> &'a Value {
    let all = summary["findings"].as_array().expect("findings");
    all.iter().find(|row| row["invariant"] == invariant).unwrap_or_else(|| panic!("no {invariant}: {all:#?}"))
}

/// The file of a finding, from the command that replays it.
fn file(finding: &Value) -> String {
    let replay = finding["replay"].as_str().expect("a command");
    replay.strip_prefix("deadheat replay ").expect("a command").to_owned()
}

#[test]
fn a_mixed_up_client_is_found_shrunk_and_replayed() {
    let place = Place::new();
    place.write("s.toml", &scenario("virtual", "broken-result-order", CERTAIN));
    let summary = place.line("run s.toml --explore 60 -q --format json --out run").exits(6).json();
    let found = finding(&summary, "answer-matches-job");
    assert_eq!(
        (&found["reproduced"], &found["without"]),
        (&serde_json::json!([5, 5]), &serde_json::json!([0, 5]))
    );
    assert_eq!(found["size"], serde_json::json!([1, 0]), "one hold is enough");
    assert!(found["jobs_needed"].as_u64().is_some_and(|jobs| jobs <= 4), "{found:#?}");
    let again = place.line(&format!("replay {} --format json", file(found))).exits(6).json();
    assert_eq!(again["replayed"], "still");
    let foreign = place.run(&["replay", &file(found), "--", "true"]).exits(2);
    assert!(foreign.err.contains("made from a scenario, s.toml"), "{}", foreign.err);
    let (_mock, url) = cli::mock(&place, &["--schedule", &file(found)]);
    assert!(cli::get(&url.replace("/v1", "/deadheat/schedule")).contains("[[hold]]"));
    let text = place.line("report run").out;
    for part in ["answer-matches-job", "cause:", "ledger", "replay: deadheat replay", "Explored", "no proof"]
    {
        assert!(text.contains(part), "{part} is missing:\n{text}");
    }
}

/// A finding lies beside its scenario, wherever both were put.
#[test]
fn a_finding_is_replayed_from_any_directory() {
    let place = Place::new();
    place.write("s.toml", &scenario("virtual", "broken-result-order", CERTAIN));
    let summary = place.line("run s.toml --explore 10 -q --format json --out run").exits(6).json();
    let text = place.read(&file(finding(&summary, "answer-matches-job")));
    std::fs::create_dir(place.path("kept")).expect("made");
    std::fs::rename(place.path("s.toml"), place.path("kept/s.toml")).expect("moved");
    place.write("kept/mixed-up.toml", &text);
    place.line("replay kept/mixed-up.toml --runs 1").exits(6);
    place.write("kept/bent.toml", &text.replace("[run]\n", "[run]\nset = [\"nonsense\"]\n"));
    let bent = place.line("replay kept/bent.toml").exits(2);
    assert!(bent.err.contains("[run] set: \"nonsense\""), "{}", bent.err);
}

/// A finding can be edited, and its scenario too: a fault that cannot happen would pass for one that did no
/// harm.
#[test]
fn a_schedule_whose_lock_faults_cannot_happen_is_not_replayed() {
    let place = Place::new();
    place.write("s.toml", &scenario("virtual", "broken-result-order", CERTAIN));
    let summary = place.line("run s.toml --explore 10 -q --format json --out run").exits(6).json();
    let text = place.read(&file(finding(&summary, "answer-matches-job")));
    for kind in ["kill-holder = {}", "lose-unlock = {}"] {
        place.write("bent.toml", &format!("{text}\n[[schedule.nemesis]]\nkind.{kind}\n"));
        let refused = place.line("replay bent.toml").exits(2);
        let key = format!("bent.toml, [[nemesis]] 1, kind.{}: ", kind.split(' ').next().expect("a key"));
        assert!(refused.err.contains(&key), "{}", refused.err);
        assert!(refused.err.contains("`broken-result-order` holds no lock: leave it out"), "{}", refused.err);
    }
}

#[test]
fn what_is_mended_passes_and_what_cannot_happen_is_said() {
    let place = Place::new();
    // By default a gateway's 504 is tried again, although the provider may have billed.
    place.write("s.toml", &scenario("virtual", "semaphore", ""));
    let summary = place.line("run s.toml --explore 400 -q --format json --out run").exits(6).json();
    let file = file(finding(&summary, "billed-once"));
    place.line(&format!("replay {file}")).exits(6);
    place.write("s.toml", &scenario("virtual", "semaphore", CERTAIN));
    let mended = place.line(&format!("replay {file}")).exits(0);
    assert!(mended.out.starts_with("mended: "), "{}", mended.out);
    let text = place.read(&file).replace("job:0000#1", "job:0777#1");
    place.write("never.toml", &text);
    let never = place.line("replay never.toml").exits(7);
    assert!(
        never.out.starts_with("unreproduced: ") && never.out.contains("job:0777#1 never came"),
        "{}",
        never.out
    );
}

#[test]
fn a_right_client_passes_and_is_told_what_that_is_worth() {
    let place = Place::new();
    place.write("s.toml", &scenario("virtual", "semaphore", CERTAIN));
    let ran = place.line("run s.toml --explore 200 -q --out run").exits(0);
    for part in ["Findings\n  none", "hold-one", "pair", "rule of three", "not covered", "no proof"] {
        assert!(ran.out.contains(part), "{part} is missing:\n{}", ran.out);
    }
}

/// A fifth of the usual latency, for a hunt whose every run takes real time.
const QUICK: &str = r#"model = "m"
latency = { ttft = { lognormal = { p50 = "60ms", p99 = "200ms" } }, itl = { constant = "0ms" } }"#;

#[test]
fn the_same_hunt_over_sockets() {
    let place = Place::new();
    let quick = scenario("real", "broken-result-order", CERTAIN)
        .replace("model = \"m\"", QUICK)
        .replace("\"1s\"", "\"400ms\"")
        .replace("\"2s\"", "\"800ms\"");
    place.write("s.toml", &quick);
    // A busy machine may turn answers round by itself; then it cannot be said how often it will.
    let mut hunts = (0..4).map(|n| {
        place.line(&format!("run s.toml --explore 6 -q --format json --out run{n}")).exits(6).json()
    });
    let held = |summary: &Value| finding(summary, "answer-matches-job")["family"] != "calm";
    let summary = hunts.find(held).expect("a hunt on a calm machine");
    let found = finding(&summary, "answer-matches-job");
    assert!(found["reproduced"][0].as_u64().is_some_and(|times| times >= 4), "{found:#?}");
    place.line(&format!("replay {} --runs 2", file(found))).exits(6);
}

/// Judged again, a run that was hunted is still broken: no evidence file holds the findings but its summary.
#[test]
fn findings_outlive_a_second_judgement() {
    let place = Place::new();
    place.write("s.toml", &scenario("virtual", "semaphore", ""));
    let first = place.line("run s.toml --explore 400 -q --format json --out run").exits(6).json();
    let again = place.line("check run --format json").exits(6).json();
    assert_eq!((&first["findings"], &first["exit_reasons"]), (&again["findings"], &again["exit_reasons"]));
}

#[test]
fn ctrl_c_ends_a_hunt_with_a_whole_report() {
    let place = Place::new();
    place.write("s.toml", &format!("{}[strategy.unbounded]\n", scenario("virtual", "semaphore", CERTAIN)));
    let log = |name| std::fs::File::create(place.path(name)).expect("a file");
    let mut child = place
        .command(&["run", "s.toml", "--explore", "100000000", "--out", "run"])
        .stdout(log("stdout"))
        .stderr(log("stderr"))
        .spawn()
        .map(Running)
        .expect("it starts");
    until("a hunt", || place.read("stderr").contains("hunting mock/semaphore"));
    let pid = Pid::from_raw(i32::try_from(child.0.id()).expect("fits"));
    kill(pid, Signal::SIGINT).expect("sent");
    assert_eq!(child.0.wait().expect("ended").code(), Some(130));
    let text = place.read("stdout");
    assert!(text.contains("the hunt was interrupted"), "{text}");
    assert!(text.contains("mock/unbounded: not hunted: it was stopped"), "{text}");
    assert_eq!(place.names("run"), EVIDENCE);
}

#[test]
fn what_cannot_be_hunted_is_refused() {
    let place = Place::new();
    place.write(
        "s.toml",
        &scenario("real", "semaphore", CERTAIN).replace("permits = 4", "permits = 4\nprocesses = 2"),
    );
    let refused = place.line("run s.toml --explore 6 -q").exits(2);
    assert!(refused.err.contains("--set clock=virtual"), "{}", refused.err);
    let few = place.line("run s.toml --explore 3 -q --set clock=virtual").exits(2);
    assert!(few.err.contains("3 is not in 4.."), "{}", few.err);
    let none = place.line("run s.toml --time 0s -q --set clock=virtual").exits(2);
    assert!(none.err.contains("in no time"), "{}", none.err);
    let lost = place.line("replay nowhere.toml").exits(2);
    assert!(lost.err.contains("cannot read nowhere.toml"), "{}", lost.err);
    place.write("wrong.toml", "version = 1\n");
    let wrong = place.line("replay wrong.toml").exits(2);
    assert!(wrong.err.contains("wrong.toml"), "{}", wrong.err);
}
