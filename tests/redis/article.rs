//! The article's five errors, as scenarios: the broken ways break what their first lines say, the right ones
//! nothing.

use crate::cli;

use cli::Place;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

const PATIENT: [&str; 6] =
    ["--set", "fidelity.ttft_error_p99=1m", "--set", "fidelity.lag_p99=1m", "--set", "fidelity.cpu=1.0"];

fn run(name: &str, exit: i32) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/article").join(name);
    let place = Place::new();
    let words = ["run", &path.display().to_string(), "--quiet", "--format", "json"];
    place.run(&[&words[..], &PATIENT[..]].concat()).exits(exit).json()
}

/// What each strategy broke.
fn broken(summary: &Value) -> BTreeMap<&str, Vec<&str>> {
    let mut all: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for row in summary["verdicts"].as_array().expect("verdicts") {
        let rules = all.entry(row["strategy"].as_str().expect("a name")).or_default();
        if row["verdict"] == "broken" {
            rules.push(row["invariant"].as_str().expect("a name"));
        }
    }
    all
}

fn breaks(name: &str, expected: &[(&str, &[&str])]) {
    let summary = run(name, 6);
    let expected: BTreeMap<&str, Vec<&str>> =
        expected.iter().map(|(strategy, rules)| (*strategy, rules.to_vec())).collect();
    assert_eq!(broken(&summary), expected, "{name}");
}

#[test]
fn error_1_a_wrong_address_is_told_before_anything_is_sent() {
    let said = run("error-1.toml", 9)["error"]["message"].as_str().expect("a message").to_owned();
    assert!(said.contains("wrong-address") && said.contains("127.0.0.1 port 9"), "{said}");
}

#[test]
fn error_2_retries_that_come_back_together_or_too_early() {
    breaks(
        "error-2.toml",
        &[
            ("semaphore", &[]),
            ("broken-no-backoff", &["retries-spread"]),
            ("broken-no-jitter", &["retries-spread"]),
            ("broken-ignores-retry-after", &["retry-after-respected"]),
        ],
    );
}

#[test]
fn error_3_totals_that_lose_what_they_count() {
    let wrong: &[&str] = &["requests-counted", "tokens-counted"];
    let right: &[&str] = &[];
    breaks(
        "error-3.toml",
        &[("thread-pool", right), ("semaphore", right), ("broken-totals", wrong), ("broken-counter", wrong)],
    );
}

#[test]
fn error_4_a_batch_that_the_first_error_ends() {
    let lost: &[&str] = &["every-job-answered", "one-result-per-job"];
    breaks("error-4.toml", &[("semaphore", &[]), ("broken-abort-on-error", lost)]);
}

#[test]
fn error_5_processes_that_do_not_agree() {
    let wrong: &[&str] = &["requests-counted", "tokens-counted", "processes-agree"];
    breaks(
        "error-5.toml",
        &[
            ("semaphore", &[]),
            ("redis-counter", &[]),
            ("broken-local-counters", wrong),
            ("broken-local-limit", &["in-flight-capped"]),
        ],
    );
}
