//! What goes wrong around a lock in Redis: with real processes, a real server and real signals the right
//! client keeps every rule, and the one without renewal and fencing does not.

use crate::cli;

use cli::Place;
use serde_json::Value;

/// Two processes are given every question twice; the answer to the first takes longer than a lock lasts.
const SCENARIO: &str = r#"
version = 1
name = "nemesis"
blocks = 1
[target.mock]
api = "openai-chat"
latency = { ttft = { uniform = ["10ms", "30ms"] }, itl = { constant = "1ms" } }
idempotency = true
bill_after_disconnect = true
[workload]
jobs = 24
repeats = 4
prompt_tokens = 20
output_tokens = 8
[profile.shared-iterations]
vus = 12
[retry]
max_attempts = 3
transport = false
[[fault]]
kind.slow = { by = "1200ms" }
when = { jobs = [0, 1, 2, 3] }
[declared]
progress = "5s"
[fidelity]
ttft_error_p99 = "1m"
lag_p99 = "1m"
cpu = 1.0
"#;

/// The run's summary, and what it said besides.
fn run(strategy: &str, nemesis: &str, exit: i32) -> (Value, String) {
    let place = Place::new();
    let lock = format!("[strategy.{strategy}]\nprocesses = 2\npermits = 8\nttl = \"500ms\"\n");
    place.write("s.toml", &format!("{SCENARIO}{lock}{nemesis}"));
    let ran = place.run(&["run", "s.toml", "--quiet", "--format", "json"]).exits(exit);
    (ran.json(), ran.err.clone())
}

fn broken(summary: &Value) -> Vec<String> {
    let rows = summary["verdicts"].as_array().expect("verdicts").iter();
    let broken = rows.filter(|row| row["verdict"] == "broken");
    broken.map(|row| row["invariant"].as_str().expect("a name").to_owned()).collect()
}

/// Every job has an answer, each question was asked and billed once, and the lock's rules were looked at.
fn keeps_all(nemesis: &str) -> String {
    let (summary, said) = run("redis-lock", nemesis, 0);
    assert_eq!(broken(&summary), [""; 0]);
    let counters = &summary["counters"][0];
    assert_eq!((&counters["answered"], &counters["jobs"]), (&24.into(), &24.into()), "{counters}");
    for rule in ["billed-once", "lock-exclusive", "fencing-monotonic", "one-result-per-job"] {
        let rows = summary["verdicts"].as_array().expect("verdicts").iter();
        let said: Vec<&Value> =
            rows.filter(|row| row["invariant"] == rule).map(|row| &row["verdict"]).collect();
        assert_eq!(said, ["holds"], "{rule}: {summary:#}");
    }
    said
}

#[test]
fn a_holder_that_is_stopped_past_its_time_uses_its_lock_no_more() {
    // The first of all: the whole process stands still, and with it what is in the middle of a call.
    keeps_all("[[nemesis]]\nkind.pause-holder = { for = \"1s\" }\nacquisition = 1\n");
}

#[test]
fn a_holder_that_is_killed_leaves_its_jobs_to_others() {
    let said = keeps_all("[[nemesis]]\nkind.kill-holder = {}\nacquisition = 2\n");
    assert!(said.contains("died once"), "{said}");
}

#[test]
fn a_redis_that_comes_back_empty_lets_no_client_in_twice() {
    // At the first: a call that is under way by then, nothing can undo.
    keeps_all("[[nemesis]]\nkind.restart-redis = {}\nacquisition = 1\n");
}

#[test]
fn an_unlock_without_an_answer_ends_with_the_locks_time() {
    keeps_all("[[nemesis]]\nkind.lose-unlock = {}\nacquisition = 2\n");
}

#[test]
fn an_answer_slower_than_the_lock_is_waited_for_by_renewal() {
    keeps_all("");
}

#[test]
fn without_renewal_and_fencing_the_same_answer_is_paid_twice() {
    let (summary, _) = run("broken-lock-unfenced", "", 6);
    assert_eq!(broken(&summary), ["billed-once", "lock-exclusive"]);
    let pause = "[[nemesis]]\nkind.pause-holder = { for = \"1s\" }\nacquisition = 2\n";
    let (summary, _) = run("broken-lock-unfenced", pause, 6);
    assert!(broken(&summary).contains(&"fencing-monotonic".to_owned()), "{:?}", broken(&summary));
}

#[test]
fn a_redis_that_is_restarted_around_one_strategy_keeps_what_the_others_have_there() {
    let place = Place::new();
    // The counter is done with when the lock's Redis dies, and read after that.
    let counter = "[strategy.redis-counter]\nprocesses = 2\npermits = 8\n";
    let lock = "[strategy.redis-lock]\nprocesses = 2\npermits = 8\nttl = \"300ms\"\n";
    let nemesis = "[[nemesis]]\nkind.restart-redis = {}\nacquisition = 1\n";
    place.write("s.toml", &format!("{SCENARIO}{counter}{lock}{nemesis}"));
    let summary = place.run(&["run", "s.toml", "--quiet", "--format", "json"]).exits(0).json();
    assert_eq!(broken(&summary), [""; 0], "{summary:#}");
}
