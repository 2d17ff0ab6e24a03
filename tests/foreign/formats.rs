//! The formats that other programs read.

use crate::cli;
use crate::summary;

use crate::junit::failed;
use crate::xml::{against_schema, valid};
use cli::Place;
use deadheat::report::{Offered, csv, hdr_log, hgrm, llmd_report, markdown, vllm_bench};
use deadheat::summary::{MetricRow, Summary, ThresholdRow, Verdict};
use quick_junit::{TestCase, TestCaseStatus};
use serde_json::Value;
use std::path::Path;

fn sample() -> Summary {
    serde_json::from_str(include_str!("../../reports/sample/summary.json")).expect("the sample")
}

/// The first metric of the sample, whose figures the formats must repeat. Taken from it and not written down
/// here, so that the sample can be made afresh.
fn ttft(summary: &Summary) -> &MetricRow {
    let row = &summary.metrics[0];
    assert_eq!(row.metric, "ttft");
    row
}

/// Rules that the sample breaks.
fn broken(summary: &Summary) -> usize {
    summary.verdicts.iter().filter(|row| row.verdict == Verdict::Broken).count()
}

fn threshold(text: &str, passed: bool, void: bool) -> ThresholdRow {
    ThresholdRow {
        against: None,
        threshold: text.to_owned(),
        target: "mock".into(),
        strategy: "unbounded".into(),
        passed,
        void,
        observed: Some("437ms".into()),
        samples: 247,
        why: None,
    }
}

/// The sample with a finding and three thresholds.
fn judged() -> Summary {
    let mut summary = sample();
    summary.findings.extend([summary::finding(), summary::finding()]);
    summary.thresholds = vec![
        threshold("ttft p(50) < 1s", true, false),
        threshold("ttft p(50) < 1ms", false, false),
        threshold("ttft p(99) < 1ms", false, true),
    ];
    summary
}

fn written(summary: &Summary) -> String {
    deadheat::report::junit(summary).expect("XML")
}

#[test]
fn junit_has_a_case_for_each_threshold_invariant_and_finding() {
    let summary = judged();
    let report = valid(&written(&summary));
    assert_eq!(report.tests, 2 + 3 + summary.verdicts.len() + 2);
    let broken = summary.verdicts.iter().filter(|row| row.verdict == Verdict::Broken).count();
    assert_eq!(
        report.failures,
        1 + broken + 2,
        "one threshold, what is broken, two findings; a void one is skipped"
    );
    let held = summary.verdicts.iter().filter(|row| row.verdict == Verdict::Holds).count();
    let passed = |case: &&TestCase| matches!(case.status, TestCaseStatus::Success { .. });
    let all = report.test_suites.iter().flat_map(|suite| &suite.test_cases);
    assert_eq!(all.filter(passed).count(), 2 + 1 + held, "valid, whole, one threshold, what holds");
}

/// The schema is one only if it can refuse.
#[test]
fn the_schema_of_junit_refuses_what_is_spoilt() {
    let text = written(&judged());
    assert_eq!(against_schema(&text), None);
    let spoilt = [
        ("<testcase name=", "<testcase title=", "an unknown attribute, and a missing one"),
        ("time=\"0.000\"", "time=\"soon\"", "a time that is no number"),
        ("time=\"0.000\"", "time=\"-1\"", "a time before the beginning"),
        (" failures=\"", " failures=\"-", "a negative count"),
        ("<failure message", "<failed message", "an unknown element"),
        ("</failure>", "</failure><skipped/>", "two ends of one case"),
        ("type=\"invariant\"", "", "a failure of no kind"),
        ("<properties>", "<system-out>x</system-out><properties>", "the wrong order"),
        ("name=\"run\"", "name=\"\"", "a suite without a name"),
        ("name=\"run\"", "name=\"thresholds\"", "two suites of one name"),
        ("finding 2", "finding 1", "two cases of one name"),
        ("</testsuites>", "", "a cut text"),
    ];
    for (from, to, what) in spoilt {
        let bad = text.replacen(from, to, 1);
        assert_ne!(bad, text, "{what}: nothing was spoilt");
        assert!(against_schema(&bad).is_some(), "{what} is accepted");
    }
    assert!(against_schema("").is_some());
}

#[test]
fn junit_and_markdown_say_what_a_threshold_was_held_against_and_why_one_is_void() {
    let mut summary = judged();
    let against = "400ms, so the bound is 420ms";
    summary.thresholds[1].against = Some(against.to_owned());
    summary.thresholds[2].why = Some("void: the evidence is not whole".to_owned());
    let text = written(&summary);
    valid(&text);
    assert!(text.contains(&format!("observed 437ms; the baseline has {against}")), "{text}");
    assert!(text.contains("<skipped message=\"void: the evidence is not whole\"/>"), "{text}");
    assert!(!text.contains("the load was invalid"), "{text}");
    let page = markdown(&summary, Path::new("reports/x"));
    assert!(page.contains(&format!("| 437ms; the baseline has {against} |")), "{page}");
}

/// What no threshold and no invariant shows is red all the same.
#[test]
fn junit_is_red_whenever_the_run_is() {
    for code in [1, 2, 4, 8, 9, 10, 130] {
        let mut summary = sample();
        summary.verdicts.clear();
        (summary.exit_code, summary.exit_reasons) = (code, vec!["why".to_owned()]);
        assert_eq!(valid(&written(&summary)).failures, 1, "exit code {code}");
    }
    let mut summary = sample();
    summary.verdicts.clear();
    (summary.exit_code, summary.exit_reasons) = (0, Vec::new());
    assert!(!valid(&written(&summary)).test_suites.iter().flat_map(|suite| &suite.test_cases).any(failed));
}

/// What programs may say, at its worst.
const HOSTILE: &str =
    "]]></failure><script>&\u{1b}[31m\u{0}|`@team` #1 <!-- ![x](http://e.vil) </details>\n```\n::error::x";

#[test]
fn what_a_program_says_cannot_break_out() {
    let mut summary = judged();
    for row in summary.verdicts.iter_mut().filter(|row| row.verdict == Verdict::Broken) {
        row.witness.as_mut().expect("a witness").text = HOSTILE.to_owned();
        row.strategy = HOSTILE.to_owned();
    }
    summary.findings[0].cause = HOSTILE.to_owned();
    summary.findings[0].replay = HOSTILE.to_owned();
    summary.findings[0].table.push(format!("````{HOSTILE}"));
    summary.name = HOSTILE.to_owned();
    valid(&written(&summary));
    let text = markdown(&summary, Path::new(HOSTILE));
    let outside = text.split("`````").step_by(2).collect::<String>();
    let outside: String =
        outside.lines().filter(|line| !line.starts_with('`')).map(|line| format!("{line}\n")).collect();
    let outside = outside.replace("\\]", "");
    for bad in ["<script", "<!--", "@team", "](", "\u{1b}", "\u{0}", "\n::error"] {
        assert!(!outside.contains(bad), "{bad:?} in {outside}");
    }
    assert_eq!(outside.matches("</details>").count(), outside.matches("<details>").count());
    assert_eq!(csv(&summary).matches("\r\n").count(), 2, "a line feed stays inside its quotes");
}

#[test]
fn markdown_says_first_how_it_ended_and_fits_into_a_comment() {
    let mut summary = judged();
    let text = markdown(&summary, Path::new("reports/x"));
    assert!(text.starts_with("## ❌ BROKEN: unbounded\n\n- in-flight-capped is broken"), "{text}");
    for part in [
        "| ✅ | `ttft p(50) < 1s` |",
        "| ❌ | `ttft p(50) < 1ms` |",
        "| ❔ void |",
        "reproduced 5 of 5",
        "437ms",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    let columns = |line: &str| line.replace("\\|", "").matches('|').count();
    for table in text.split("\n\n").filter(|part| part.starts_with('|')) {
        let wide: Vec<usize> = table.lines().take_while(|line| line.starts_with('|')).map(columns).collect();
        assert!(wide.iter().all(|n| *n == wide[0]), "{table}");
    }
    summary.findings = (0..10).map(|_| summary::finding()).collect();
    summary.findings.iter_mut().for_each(|finding| finding.table = vec!["x".repeat(990); 40]);
    let long = markdown(&summary, Path::new("reports/x"));
    assert!(long.chars().count() <= 60_000 && long.contains("Cut here"), "{}", long.len());
    assert_eq!(long.matches("\n```").count() % 2, 0, "no fence is left open");
    // A text with ticks stands in a longer fence, which only a line of as many ticks ends.
    summary.findings.iter_mut().for_each(|finding| finding.table[0] = "`````".to_owned());
    let long = markdown(&summary, Path::new("reports/x"));
    assert!(long.contains("Cut here"));
    assert_eq!(long.lines().filter(|line| *line == "``````").count(), long.matches("\n``````text").count());
}

#[test]
fn csv_has_a_row_per_cell_under_its_heading() {
    let text = csv(&sample());
    let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split(',').collect()).collect();
    assert_eq!((lines.len(), lines[0].len()), (2, lines[1].len()));
    let field = |name: &str| lines[1][lines[0].iter().position(|head| *head == name).expect("a column")];
    let (summary, rules_broken) = (sample(), broken(&sample()).to_string());
    let counters = &summary.counters[0];
    assert_eq!(field("answered"), counters.answered.to_string());
    assert_eq!(field("rate_limited"), counters.errors["rate-limited"].to_string());
    assert_eq!(field("rules_broken"), rules_broken);
    let ttft = ttft(&summary);
    assert_eq!(field("ttft_p50_ms").parse().ok(), ttft.p50);
    assert_eq!((field("ttft_p99_ms"), ttft.p99), ("", None), "too few answers for a p99");
}

#[test]
fn hdr_histogram_texts_are_those_of_its_own_tools() {
    let summary = sample();
    let text = hgrm(&summary);
    assert_eq!(text.matches("#[Mean ").count(), summary.metrics.len());
    let first: Vec<&str> = text.split("\n# ").next().expect("a table").lines().collect();
    assert_eq!(first[0], "# mock/unbounded ttft in milliseconds");
    assert_eq!(
        first[2].split_whitespace().collect::<Vec<_>>(),
        ["Value", "Percentile", "TotalCount", "1/(1-Percentile)"]
    );
    let number = |line: &str, at: usize| line.split_whitespace().nth(at).and_then(|n| n.parse::<f64>().ok());
    let rows: Vec<&&str> = first[4..].iter().filter(|line| number(line, 1).is_some()).collect();
    let column = |at| rows.iter().filter_map(|line| number(line, at)).collect::<Vec<f64>>();
    assert!(rows.len() > 10 && column(0).is_sorted() && column(2).is_sorted(), "{text}");
    let ttft = ttft(&summary);
    assert_eq!(column(2).last(), Some(&(ttft.count as f64)), "the last row counts all");
    assert!((column(0).last().expect("a value") - ttft.max).abs() < 1.0);

    let log = hdr_log(&summary);
    let started: jiff::Timestamp = summary.started_utc.parse().expect("a time");
    assert!(log.contains(&format!("\n#[StartTime: {}.000 ", started.as_second())), "{log}");
    let tagged: Vec<&str> = log.lines().filter(|line| line.starts_with("Tag=")).collect();
    assert_eq!(tagged.len(), summary.metrics.len());
    assert!(tagged[0].starts_with("Tag=mock/unbounded:ttft,0"), "{}", tagged[0]);
    assert_eq!(tagged[0].split(',').count(), 5);
    assert!(tagged[0].contains(",HISTFAAA"), "V2, deflated: {}", tagged[0]);
}

#[test]
fn other_tools_shapes_hold_the_same_figures() {
    let summary = sample();
    let vllm: Value =
        serde_json::from_str(&vllm_bench(&summary, &Offered::default())).expect("one line for one cell");
    let (counters, metric) = (&summary.counters[0], ttft(&summary));
    let median_ms = metric.p50.expect("a median");
    assert_eq!(vllm["completed"].as_u64(), Some(counters.answered));
    assert_eq!(vllm["failed"].as_u64(), Some(counters.jobs - counters.answered));
    let started: jiff::Timestamp = summary.started_utc.parse().expect("a time");
    assert_eq!(vllm["date"], started.strftime("%Y%m%d-%H%M%S").to_string());
    let close = |value: &Value, ms: f64| (value.as_f64().expect("a number") - ms).abs() < ms * 0.002;
    assert!(close(&vllm["median_ttft_ms"], median_ms), "{vllm}");
    assert!(close(&vllm["mean_ttft_ms"], metric.mean), "{vllm}");
    for name in
        ["p99_ttft_ms", "mean_tpot_ms", "median_itl_ms", "std_itl_ms", "p99_e2el_ms", "output_throughput"]
    {
        assert!(vllm[name].is_number(), "{name} in {vllm}");
    }
    let llmd: Value = serde_json::from_str(&llmd_report(&summary)).expect("one document for one cell");
    let performance = &llmd["results"]["request_performance"]["aggregate"];
    assert_eq!(
        (llmd["version"].as_str(), performance["requests"]["total"].as_u64()),
        (Some("0.2.1"), Some(counters.attempts))
    );
    let ttft = &performance["latency"]["time_to_first_token"];
    assert!(
        ttft["units"] == "s" && close(&ttft["p50"], median_ms / 1e3) && ttft["p99p9"].is_number(),
        "{ttft}"
    );
    assert_eq!(performance["throughput"]["request_rate"]["units"], "queries/s");
}

#[test]
fn every_format_comes_out_of_a_stored_run_and_jobs_have_both_books() {
    let place = Place::new();
    place.line("run small.toml --quiet --out run").exits(0);
    let formats = "text json html md junit csv focus-csv hgrm hdr-log jsonl vllm-bench llmd-report";
    for format in formats.split(' ') {
        let out = place.line(&format!("report run --format {format}")).exits(0).out;
        assert!(out.len() > 100 || format == "focus-csv", "{format}: {out}");
    }
    assert_eq!(place.line("report run --format md").out, place.read("run/report.md"));
    assert_eq!(place.line("report run --format junit").out, place.read("run/junit.xml"));
    valid(&place.read("run/junit.xml"));
    let jobs = place.line("report run --format jsonl").out;
    let jobs: Vec<Value> = jobs.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(jobs.len(), 20);
    for job in &jobs {
        assert_eq!(
            (job["attempts"].as_u64(), job["ledger"]["attempts"].as_u64()),
            (Some(1), Some(1)),
            "{job}"
        );
        assert_eq!(job["completion_tokens"], job["ledger"]["delivered_tokens"], "{job}");
        assert!(job["response_ms"].as_f64() >= job["ttft_ms"].as_f64(), "{job}");
    }
    place.line("report nowhere --format jsonl").exits(2);
    std::fs::remove_file(place.path("run/history.jsonl.zst")).expect("removed");
    place.line("report run --format html").exits(0);
}
