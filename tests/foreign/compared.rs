//! Comparisons as Markdown and JUnit, and in which files they stand.

use crate::cli;

use crate::junit::failed;
use crate::xml::valid;
use cli::{Place, SMALL};
use deadheat::report::{compared_junit, compared_markdown};
use deadheat::summary::Compared;
use quick_junit::{TestCase, TestCaseStatus};
use serde_json::{Value, json};

fn timed(measure: &str, verdict: &str) -> Value {
    json!({
        "target": "mock", "strategy": "semaphore", "measure": measure, "unit": "ms", "base": 100.0,
            "new": 112.5,
        "effect": 0.125, "lower": 0.08, "upper": null, "pairs": 7, "p": 0.0078, "p_adjusted": 0.0156,
        "detectable": 0.031, "verdict": verdict,
        "why": if verdict == "advisory" { json!("too noisy here") } else { Value::Null },
    })
}

fn exact(what: &str, change: &str) -> Value {
    json!({
        "target": "mock", "strategy": "semaphore", "what": what, "base": "200", "new": "201",
            "change": change,
    })
}

/// A comparison with a row of every kind.
fn comparison() -> Value {
    json!({
        "version": 1, "deadheat": "0.1.0", "base": "load.toml", "new": "load.toml --set a=1",
        "order": "random",
        "seed": 11, "planned": 8,
        "pairs": [
            { "number": 1, "first": "base", "void": null },
            { "number": 2, "first": "new", "void": "the load was invalid" },
        ],
        "alpha": 0.05, "floor": 0.05,
        "exact": [
            exact("attempts", "worse"), exact("errors", "within-floor"), exact("tokens", "better"),
            exact("chunks", "differs"), exact("jobs", "same"),
        ],
        "timed": [
            timed("ttft.p50", "pass"), timed("response.p50", "regressed"), timed("response.p95",
                "inconclusive"),
            timed("ttft.p95", "advisory"),
        ],
        "exit_code": 3, "exit_reasons": ["response.p50 is 12.5 % slower"], "notes": ["one pair is void"],
        "host": { "os": "linux", "arch": "x86_64", "cpus": 2, "kernel": null, "pacer": "timerfd",
            "threads": 1 },
    })
}

fn read(value: Value) -> Compared {
    serde_json::from_value(value).expect("a comparison")
}

#[test]
fn junit_is_red_where_new_is_worse_and_whenever_the_comparison_fails() {
    let text = compared_junit(&read(comparison())).expect("XML");
    let report = valid(&text);
    let cases = || report.test_suites.iter().flat_map(|suite| &suite.test_cases);
    let red: Vec<&str> = cases().filter(|case| failed(case)).skip(1).map(|case| case.name.as_str()).collect();
    assert_eq!(red, ["attempts", "response.p50"], "after the conclusion");
    let skipped = |case: &&TestCase| matches!(case.status, TestCaseStatus::Skipped { .. });
    let open: Vec<&str> = cases().filter(skipped).map(|case| case.name.as_str()).collect();
    assert_eq!(open, ["response.p95", "ttft.p95"], "what could not be shown is not green");
    for said in ["200 in BASE, 201 in NEW", "100.00 ms in BASE, 112.50 ms in NEW: +12.5%", "pair 2 is void"] {
        assert!(text.contains(said), "{said} in {text}");
    }
    for code in [3, 4, 6, 7, 8] {
        let mut failing = comparison();
        (failing["exit_code"], failing["exact"], failing["timed"]) = (json!(code), json!([]), json!([]));
        assert_eq!(valid(&compared_junit(&read(failing)).expect("XML")).failures, 1, "exit code {code}");
    }
    let mut fine = comparison();
    (fine["exit_code"], fine["exact"], fine["timed"]) = (json!(0), json!([]), json!([]));
    assert_eq!(valid(&compared_junit(&read(fine)).expect("XML")).failures, 0);
}

#[test]
fn markdown_has_the_conclusion_first_and_the_worst_rows_above() {
    let text = compared_markdown(&read(comparison()));
    assert!(
        text.starts_with("## ❌ REGRESSION: NEW against BASE\n\n- response.p50 is 12.5 % slower\n"),
        "{text}"
    );
    let at = |part: &str| text.find(part).unwrap_or_else(|| panic!("{part} in {text}"));
    assert!(at("| ❌ regressed | response.p50 |") < at("| ❔ inconclusive | response.p95 |"));
    assert!(at("| ❌ worse | attempts |") < at("| ✅ better | tokens |"));
    assert!(at("4 of 5 values changed") > 0 && at("pair 2 is void: the load was invalid") > 0);
    assert!(at("too noisy here") > 0 && at("> one pair is void") > 0 && at("`load.toml --set a=1`") > 0);
    assert!(!text.contains("| jobs |"), "what is the same is only counted");
    for table in text.split("\n\n").filter(|part| part.starts_with('|')) {
        let wide: Vec<usize> = table.lines().map(|line| line.matches('|').count()).collect();
        assert!(wide.iter().all(|n| *n == wide[0]), "{table}");
    }
}

#[test]
fn what_an_arm_is_called_cannot_break_out() {
    let hostile = "]]></failure><script>`|@team\u{1b}[31m\n::error::x <!--";
    let mut value = comparison();
    for place in
        ["/base", "/exact/0/what", "/exact/0/new", "/timed/1/measure", "/exit_reasons/0", "/pairs/1/void"]
    {
        *value.pointer_mut(place).expect("a place") = json!(hostile);
    }
    let hostile = read(value);
    valid(&compared_junit(&hostile).expect("XML"));
    let text = compared_markdown(&hostile);
    let outside: Vec<&str> = text.lines().filter(|line| !line.starts_with("BASE `")).collect();
    for bad in ["<script", "<!--", "@team", "\u{1b}"] {
        assert!(!outside.iter().any(|line| line.contains(bad)), "{bad:?} in {text}");
    }
    assert!(!text.contains("\n::error"), "{text}");
}

/// Pairs leave the formats beside their comparison, and a stored comparison is rendered as it was.
#[test]
fn a_comparison_stands_in_files_and_is_reported_from_them() {
    let place = Place::new();
    place.write("s.toml", &SMALL.replace("seed = 7", "seed = 7\nclock = \"virtual\""));
    let arms =
        ["compare", "--base", "s.toml", "--new", "s.toml --set target.mock.latency.ttft.constant=12ms"];
    let rest = ["--pairs", "7", "--measure", "response.p50", "--quiet", "--out", "pairs", "--format", "md"];
    let made = place.run(&[&arms[..], &rest[..]].concat()).exits(3);
    assert!(made.out.starts_with("## ❌ REGRESSION"), "{}", made.out);
    assert_eq!(made.out, place.read("pairs/report.md"));
    valid(&place.read("pairs/junit.xml"));
    for (form, file) in [("json", "comparison.json"), ("md", "report.md"), ("junit", "junit.xml")] {
        let shown = place.line(&format!("report pairs --format {form}")).exits(0).out;
        assert_eq!(shown, place.read(&format!("pairs/{file}")), "{form}");
    }
    assert!(place.line("report pairs").exits(0).out.starts_with("REGRESSION"));
    let refused = place.line("report pairs --format csv").exits(2);
    assert!(refused.err.contains("text, json, md and junit"), "{}", refused.err);
    place.write("pairs/comparison.json", "{\"version\": 99}");
    assert!(place.line("report pairs").exits(2).err.contains("version 99"));
}

#[test]
fn stored_runs_are_compared_in_every_format() {
    let place = Place::new();
    place.write("s.toml", &SMALL.replace("seed = 7", "seed = 7\nclock = \"virtual\""));
    place.line("run s.toml -q --out base").exits(0);
    place.line("run s.toml -q --out new").exits(0);
    assert!(place.line("compare base new --format md").exits(0).out.starts_with("## ✅ PASS"));
    assert_eq!(valid(&place.line("compare base new --format junit").exits(0).out).failures, 0);
    valid(&place.line("report base --format junit").exits(0).out);
}

/// `deadheat schema` has every file that programs read, and what is written keeps to it.
#[test]
fn comparisons_and_calibrations_keep_to_their_schemas() {
    let place = Place::new();
    place.write("s.toml", &SMALL.replace("seed = 7", "seed = 7\nclock = \"virtual\""));
    let line =
        "compare --base s.toml --new s.toml --pairs 7 --measure response.p50 -q --format json --out pairs";
    let comparison = place.line(line).exits(0).json();
    place.line("calibrate s.toml --pairs 5 -q --out noise").exits(0);
    let calibration: Value = serde_json::from_str(&place.read("noise/calibration.json")).expect("JSON");
    for (which, mut value) in [("comparison", comparison), ("calibration", calibration)] {
        let schema = place.line(&format!("schema {which}")).exits(0).json();
        assert_eq!(schema["title"], format!("deadheat {which}"));
        let validator = jsonschema::validator_for(&schema).expect("a schema");
        let faults: Vec<String> = validator.iter_errors(&value).map(|fault| fault.to_string()).collect();
        assert_eq!(faults, Vec::<String>::new(), "{which}");
        value["alpha"] = json!("five");
        assert!(!validator.is_valid(&value), "{which}: the schema refuses what is none");
    }
}
