//! The shapes of other tools' results, held against those tools' own words: llm-d's published models of its
//! benchmark report, and what `vllm bench serve` says of its load.

use crate::cli;

use cli::{Place, SMALL};
use deadheat::report::{Offered, hgrm, llmd_report, vllm_bench};
use deadheat::summary::Summary;
use serde_json::{Value, json};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A Python that has llm-d's models: named by DEADHEAT_LLMD_PYTHON, else where scripts/test installs it.
fn python() -> PathBuf {
    let python = std::env::var_os("DEADHEAT_LLMD_PYTHON").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join(".cache/llmd-benchmark-report/bin/python"),
        PathBuf::from,
    );
    assert!(python.exists(), "llmd-benchmark-report is needed: `scripts/test foreign` installs it");
    python
}

/// Reads each document as YAML, as llm-d's own tools do, and prints how many there are.
const VALIDATE: &str = "
import sys, yaml
from llmd_benchmark_report import BenchmarkReportV021
reports = [BenchmarkReportV021(**document) for document in yaml.safe_load_all(sys.stdin)]
assert all(report.version == '0.2.1' for report in reports)
print(len(reports))
";

/// How many reports there are by llm-d's models, or what they say is wrong.
fn validated(text: &str) -> Result<usize, String> {
    let mut child = Command::new(python())
        .args(["-c", VALIDATE])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("a Python with llmd-benchmark-report: scripts/test installs it");
    child.stdin.take().expect("a pipe").write_all(text.as_bytes()).expect("it reads");
    let output = child.wait_with_output().expect("ended");
    let (said, error) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(!error.contains("ModuleNotFoundError"), "{error}");
    if output.status.success() { Ok(said.trim().parse().expect("a number")) } else { Err(error.into_owned()) }
}

fn sample() -> Summary {
    serde_json::from_str(include_str!("../../reports/sample/summary.json")).expect("the sample")
}

#[test]
fn llm_d_s_own_models_take_the_report_and_refuse_a_spoilt_one() {
    let place = Place::new();
    let two = SMALL.replacen("[strategy.semaphore]", "[strategy.unbounded]\n[strategy.semaphore]", 1);
    place.write("two.toml", &two.replacen("seed = 7", "seed = 7\nclock = \"virtual\"", 1));
    place.line("run two.toml --quiet --out run").exits(0);
    let text = place.line("report run --format llmd-report").exits(0).out;
    assert_eq!(validated(&text), Ok(2), "{text}");
    let sample = llmd_report(&sample());
    assert_eq!(validated(&sample), Ok(1));

    let whole: Value = serde_json::from_str(&sample).expect("JSON");
    let at = |path: &str, value: Value| {
        let mut spoilt = whole.clone();
        let (parent, name) = path.rsplit_once('/').expect("a path");
        spoilt.pointer_mut(parent).expect("it is there")[name] = value;
        spoilt.to_string()
    };
    let latency = "/results/request_performance/aggregate/latency/time_to_first_token";
    for (what, spoilt) in [
        ("units", at(&format!("{latency}/units"), json!("tokens/s"))),
        ("mean", at(&format!("{latency}/mean"), json!(null))),
        ("surprise", at("/run/surprise", json!(1))),
        ("total", at("/results/request_performance/aggregate/requests/total", json!(-1))),
        ("start", at("/run/time/start", json!("yesterday"))),
    ] {
        let refused = validated(&spoilt).expect_err(what);
        assert!(refused.contains("ValidationError") && refused.contains(what), "{what}: {refused}");
    }
}

#[test]
fn vllm_s_words_for_the_load_are_the_plan_s_or_are_not_there() {
    let unsaid: Value = serde_json::from_str(&vllm_bench(&sample(), &Offered::default())).expect("a line");
    for name in ["model_id", "request_rate", "burstiness", "max_concurrency"] {
        assert!(unsaid.get(name).is_none(), "{name}: {unsaid}");
    }
    let place = Place::new();
    let exported = |profile: &str| {
        let scenario = SMALL.replacen("[profile.constant-vus]\nvus = 4", profile, 1);
        place.write("load.toml", &scenario.replacen("seed = 7", "seed = 7\nclock = \"virtual\"", 1));
        let _ = std::fs::remove_dir_all(place.path("run"));
        place.line("run load.toml --quiet --out run").exits(0);
        place.line("report run --format vllm-bench").exits(0).json()
    };
    let open = exported(
        "[profile.constant-arrival-rate]\nrate = 100\nduration = \"1s\"\narrivals = { gamma = { cv = 2.0 } \
         }\nmax_in_flight = 9",
    );
    assert_eq!((&open["request_rate"], &open["burstiness"]), (&json!(100.0), &json!(0.25)), "{open}");
    assert_eq!((&open["max_concurrency"], &open["model_id"]), (&json!(9), &json!("m")), "{open}");
    let even =
        exported("[profile.constant-arrival-rate]\nrate = 50\nduration = \"1s\"\narrivals = \"uniform\"");
    assert_eq!((&even["request_rate"], even.get("burstiness")), (&json!(50.0), None), "{even}");
    assert_eq!(even.get("max_concurrency"), None, "{even}");
    let closed = exported("[profile.constant-vus]\nvus = 4");
    assert_eq!((&closed["request_rate"], &closed["max_concurrency"]), (&json!("inf"), &json!(4)), "{closed}");
    // A summary alone does not say what was offered.
    std::fs::remove_file(place.path("run/plan.toml")).expect("removed");
    let alone = place.line("report run --format vllm-bench").exits(0).json();
    assert_eq!((alone.get("request_rate"), alone.get("model_id")), (None, None), "{alone}");
}

#[test]
fn the_percentile_tables_can_be_split_into_one_file_for_each_plot() {
    let summary = sample();
    let text = hgrm(&summary);
    let dir = tempfile::tempdir().expect("a directory");
    std::fs::write(dir.path().join("all.hgrm"), &text).expect("written");
    // As docs/report.md says.
    let split = Command::new("csplit")
        .args(["-s", "-z", "-b", "%d.hgrm", "all.hgrm", "/^# /", "{*}"])
        .current_dir(dir.path())
        .status();
    assert!(split.expect("csplit of coreutils").success());
    for (n, row) in summary.metrics.iter().enumerate() {
        let part = std::fs::read_to_string(dir.path().join(format!("xx{n}.hgrm"))).expect("a part for each");
        assert!(part.starts_with(&format!("# {}/{} {} ", row.target, row.strategy, row.metric)), "{part}");
        assert_eq!((part.matches("Percentile").count(), part.matches("#[Mean").count()), (2, 1), "{part}");
    }
}
