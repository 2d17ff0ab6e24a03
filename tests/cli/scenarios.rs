//! The scenarios in the house do what their first lines say.

use crate::cli;

use cli::Place;
use serde_json::Value;
use std::path::{Path, PathBuf};

fn home() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios")
}

/// Every scenario under scenarios/, at any depth.
fn scenarios() -> Vec<PathBuf> {
    let (mut found, mut folders) = (Vec::new(), vec![home()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "toml") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn scenario(name: &str) -> String {
    home().join(name).display().to_string()
}

/// The fidelity of a debug build on a busy machine says nothing about the scenario: it is set aside where
/// a test looks at the books.
const SLOW_BUILD: [&str; 6] =
    ["--set", "fidelity.ttft_error_p99=1m", "--set", "fidelity.lag_p99=1m", "--set", "fidelity.cpu=1.0"];

fn verdicts(summary: &Value, verdict: &str) -> Vec<String> {
    let rows = summary["verdicts"].as_array().expect("verdicts").iter();
    let these = rows.filter(|row| row["verdict"] == verdict);
    these.map(|row| row["invariant"].as_str().expect("a name").to_owned()).collect()
}

#[test]
fn each_loads_fits_the_published_schema_and_says_first_what_it_is() {
    let schema = std::fs::read_to_string(home().join("scenario.schema.json")).expect("committed");
    let schema = serde_json::from_str(&schema).expect("JSON");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let all = scenarios();
    assert!(all.len() >= 5, "{all:?}");
    for path in all {
        let text = std::fs::read_to_string(&path).expect("readable");
        let name = path.display();
        assert!(
            text.starts_with("# ") && text.contains("deadheat run scenarios/"),
            "{name} says how to run it"
        );
        let value: Value = toml::from_str(&text).expect("TOML");
        let faults: Vec<String> = validator.iter_errors(&value).map(|fault| fault.to_string()).collect();
        assert!(faults.is_empty(), "{name}: {faults:?}");
        let place = Place::new();
        let mut plan = place.command(&["plan"]);
        plan.arg(&path).env("ENDPOINT_URL", "http://127.0.0.1:1/v1");
        cli::Ran::from(plan.output().expect("it starts")).exits(0);
    }
}

#[test]
fn quickstart_passes_and_names_the_next_command() {
    let place = Place::new();
    let path = scenario("quickstart.toml");
    let ran = place.run(&[&["run", &path, "--out", "run"], &SLOW_BUILD[..]].concat()).exits(0);
    let last = ran.out.trim_end().lines().last().expect("a report");
    assert!(last.ends_with("deadheat run scenarios/unbounded.toml"), "{last}");
    let summary: Value = serde_json::from_str(&place.read("run/summary.json")).expect("JSON");
    assert_eq!(verdicts(&summary, "broken"), [""; 0]);
    assert_eq!(verdicts(&summary, "unknown"), ["budget-kept"], "it declares no budget");
    assert!(verdicts(&summary, "holds").len() >= 12, "{:?}", verdicts(&summary, "holds"));
    let counters = &summary["counters"][0];
    assert_eq!((&counters["planned"], &counters["answered"]), (&400.into(), &400.into()));
    assert!(
        counters["errors"]["rate-limited"].as_u64() > Some(0),
        "its limits and faults are met: {counters}"
    );
    assert!(counters["errors"]["server-error"].as_u64() > Some(0), "{counters}");
}

#[test]
fn unbounded_breaks_its_promise_and_storms() {
    let place = Place::new();
    let ran = place.run(&["run", &scenario("unbounded.toml"), "--format", "json"]).exits(6);
    let summary = ran.json();
    assert_eq!(verdicts(&summary, "broken"), ["in-flight-capped"]);
    let counters = &summary["counters"][0];
    let (jobs, attempts) = (counters["jobs"].as_u64(), counters["attempts"].as_u64());
    assert!(attempts > jobs.map(|jobs| jobs * 3 / 2), "a storm of retries: {counters}");
    assert!(counters["in_flight_max"].as_u64() > Some(48), "far beyond the 24 it promised: {counters}");
}

#[test]
fn a_thousand_at_once_lose_nothing() {
    let place = Place::new();
    let path = scenario("article/1000-concurrent.toml");
    let args = [&["run", &path, "--format", "json"], &SLOW_BUILD[..]].concat();
    let summary = place.run(&args).exits(0).json();
    nothing_lost(&summary, 1000);
}

#[test]
fn many_calls_have_exact_totals() {
    let place = Place::new();
    let path = scenario("article/100k-calls.toml");
    let args = [&["run", &path, "--format", "json", "--set", "workload.jobs=2000"], &SLOW_BUILD[..]].concat();
    let summary = place.run(&args).exits(0).json();
    nothing_lost(&summary, 2000);
}

fn nothing_lost(summary: &Value, jobs: u64) {
    assert_eq!(verdicts(summary, "broken"), [""; 0]);
    assert_eq!(verdicts(summary, "unknown"), ["budget-kept"], "it declares no budget");
    let holds = verdicts(summary, "holds");
    for boast in [
        "billed-once",
        "every-job-answered",
        "requests-counted",
        "tokens-counted",
        "content-intact",
        "in-flight-capped",
    ] {
        assert!(holds.iter().any(|name| name == boast), "{boast}: {holds:?}");
    }
    let counters = &summary["counters"][0];
    assert_eq!((&counters["answered"], &counters["attempts"]), (&jobs.into(), &jobs.into()));
    let tokens = &counters["tokens"];
    let booked = tokens["client_prompt"].as_u64().zip(tokens["client_completion"].as_u64());
    assert_eq!(booked.map(|(prompt, completion)| prompt + completion), tokens["billed"].as_u64(), "{tokens}");
}
