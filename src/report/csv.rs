//! One row per cell as CSV: counts, rates and percentiles in fixed columns, so that files of several runs can
//! be put under one another.

use super::focus::line;
use crate::summary::{CounterRow, MetricRow, Summary, Verdict};

/// The metrics that have columns.
const METRICS: [&str; 7] = ["ttft", "first-byte", "itl", "tpot", "service", "response", "lag"];
/// The columns of a metric, in milliseconds.
const FIGURES: [&str; 6] = ["p50", "p90", "p95", "p99", "p999", "max"];

/// The CSV, with a heading.
#[must_use]
pub fn csv(summary: &Summary) -> String {
    let mut text = line(head());
    for row in &summary.counters {
        text.push_str(&line(cell(summary, row)));
    }
    text
}

fn head() -> impl Iterator<Item = String> {
    let counts = [
        "run",
        "seed",
        "plan_hash",
        "started_utc",
        "valid",
        "target",
        "strategy",
        "rules_broken",
        "planned",
        "jobs",
        "answered",
        "failed",
        "unknown",
        "good",
        "attempts",
        "attempts_ok",
        "rate_limited",
        "tokens_delivered",
        "tokens_billed",
        "elapsed_ms",
        "throughput_per_s",
        "goodput_per_s",
        "tokens_per_s",
        "in_flight_max",
        "cost_billed",
        "currency",
    ];
    let metrics = METRICS.into_iter().flat_map(|metric| {
        FIGURES.into_iter().map(move |figure| format!("{}_{figure}_ms", metric.replace('-', "_")))
    });
    counts.into_iter().map(str::to_owned).chain(metrics)
}

fn cell(summary: &Summary, row: &CounterRow) -> impl Iterator<Item = String> {
    let here = |target: &str, strategy: &str| (target, strategy) == (&row.target, &row.strategy);
    let broken = summary
        .verdicts
        .iter()
        .filter(|v| v.verdict == Verdict::Broken && here(&v.target, &v.strategy))
        .count();
    let bill = summary.cost.iter().find(|bill| here(&bill.target, &bill.strategy));
    let maybe = |n: Option<u64>| n.map_or_else(String::new, |n| n.to_string());
    let counts = [
        summary.name.clone(),
        summary.seed.to_string(),
        summary.plan_hash.clone(),
        summary.started_utc.clone(),
        summary.valid.holds.to_string(),
        row.target.clone(),
        row.strategy.clone(),
        broken.to_string(),
        row.planned.to_string(),
        row.jobs.to_string(),
        row.answered.to_string(),
        row.failed.to_string(),
        row.unknown.to_string(),
        row.good.to_string(),
        row.attempts.to_string(),
        row.attempts_ok.to_string(),
        row.errors.get("rate-limited").copied().unwrap_or(0).to_string(),
        maybe(row.tokens.delivered),
        maybe(row.tokens.billed),
        row.elapsed_ms.to_string(),
        row.throughput_per_s.to_string(),
        row.goodput_per_s.to_string(),
        row.tokens_per_s.to_string(),
        row.in_flight_max.to_string(),
        bill.map_or_else(String::new, |bill| bill.billed.as_ref().unwrap_or(&bill.client).clone()),
        bill.map_or_else(String::new, |bill| bill.currency.clone()),
    ];
    let find = |name: &str| summary.metrics.iter().find(|m| m.metric == name && here(&m.target, &m.strategy));
    let metrics = METRICS.map(|name| figures(find(name)));
    counts.into_iter().chain(metrics.into_iter().flatten())
}

/// In the order of [`FIGURES`]; empty where there is none.
fn figures(row: Option<&MetricRow>) -> [String; FIGURES.len()] {
    let values = row
        .map_or([None; FIGURES.len()], |row| [row.p50, row.p90, row.p95, row.p99, row.p999, Some(row.max)]);
    values.map(|value| value.map_or_else(String::new, |value| value.to_string()))
}
