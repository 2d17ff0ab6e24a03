//! Counts: cells side by side, errors by class, what the load was.

use super::figures::{NONE, count, many, maybe_ms, rate, rounded};
use super::latency::find;
use super::layout::{Field, Page, Tone, cell, field, plain, toned};
use crate::summary::{CounterRow, Summary, Verdict};
use std::collections::BTreeMap;

/// One row per cell, if there are several: what a reader who chooses between them looks at.
pub(super) fn comparison(page: &mut Page, summary: &Summary) {
    if summary.counters.len() < 2 {
        return;
    }
    page.section("Cells");
    let head = ["", "", "answered", "jobs/s", "good/s", "ttft p50", "ttft p99", "response p99", "cost"];
    page.table(2, &head, summary.counters.iter().map(|row| compared(summary, row)).collect());
}

fn compared(summary: &Summary, row: &CounterRow) -> Vec<Field> {
    let here = |target: &str, strategy: &str| target == row.target && strategy == row.strategy;
    let broken =
        summary.verdicts.iter().any(|v| v.verdict == Verdict::Broken && here(&v.target, &v.strategy));
    let ttft = find(summary, row, "ttft");
    let response = find(summary, row, "response");
    let cost = summary.cost.iter().find(|cost| here(&cost.target, &cost.strategy));
    let cost = cost.map(|c| format!("{} {}", rounded(c.billed.as_ref().unwrap_or(&c.client)), c.currency));
    vec![
        field(cell(&row.target, &row.strategy)),
        if broken { toned("✗", Tone::Bad) } else { toned("✓", Tone::Good) },
        field(answered(row)),
        field(rate(row.throughput_per_s)),
        field(rate(row.goodput_per_s)),
        field(maybe_ms(ttft.and_then(|row| row.p50))),
        field(maybe_ms(ttft.and_then(|row| row.p99))),
        field(maybe_ms(response.and_then(|row| row.p99))),
        field(cost.map_or_else(|| NONE.to_owned(), |cost| plain(&cost))),
    ]
}

fn answered(row: &CounterRow) -> String {
    format!("{}/{}", count(row.answered), count(row.jobs))
}

/// What did not end well, and what was not begun.
pub(super) fn errors(page: &mut Page, summary: &Summary) {
    page.section("Errors");
    let mut none = true;
    for row in &summary.counters {
        let errors: u64 = row.errors.values().sum();
        let not_issued: u64 = row.not_issued.values().sum();
        let at = if summary.counters.len() > 1 {
            format!("{}: ", cell(&row.target, &row.strategy))
        } else {
            String::new()
        };
        if errors > 0 {
            let text =
                format!("{at}{} of {}: {}", count(errors), many(row.attempts, "attempt"), list(&row.errors));
            page.wrapped("", 2, &text, Tone::Plain);
            none = false;
        }
        if not_issued > 0 {
            let text = format!("{at}{} not begun: {}", many(not_issued, "job"), list(&row.not_issued));
            page.wrapped("", 2, &text, Tone::Warn);
            none = false;
        }
    }
    if none {
        page.line("  none");
    }
}

/// The same for so many cells that only their sum can be read.
pub(super) fn errors_in_all(page: &mut Page, summary: &Summary) {
    page.section("Errors");
    let sum = |of: fn(&CounterRow) -> &BTreeMap<String, u64>| {
        let mut sum: BTreeMap<String, u64> = BTreeMap::new();
        for (class, n) in summary.counters.iter().flat_map(of) {
            let so_far = sum.entry(class.clone()).or_default();
            *so_far = so_far.saturating_add(*n);
        }
        sum
    };
    let (errors, not_issued) = (sum(|row| &row.errors), sum(|row| &row.not_issued));
    let (failed, left): (u64, u64) = (errors.values().sum(), not_issued.values().sum());
    let attempts: u64 = summary.counters.iter().map(|row| row.attempts).sum();
    let cells = summary.counters.len();
    let text = format!("{} of {} in {cells} cells", count(failed), many(attempts, "attempt"));
    let classes = if failed == 0 { String::new() } else { format!(": {}", list(&errors)) };
    page.wrapped("", 2, &(text + &classes), Tone::Plain);
    if left > 0 {
        let text = format!("{} not begun: {}", many(left, "job"), list(&not_issued));
        page.wrapped("", 2, &text, Tone::Warn);
    }
    page.wrapped("", 2, "each cell's errors, distributions and cost: summary.json", Tone::Dim);
}

/// `rate-limited 12 · reset 3`, most first.
fn list(classes: &BTreeMap<String, u64>) -> String {
    let mut classes: Vec<(&String, &u64)> = classes.iter().filter(|(_, n)| **n > 0).collect();
    classes.sort_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
    let texts: Vec<String> = classes.into_iter().map(|(class, n)| format!("{class} {}", count(*n))).collect();
    texts.join(" · ")
}

/// What went over the wire, and how fast; the rates of several cells stand in the comparison.
pub(super) fn load(page: &mut Page, summary: &Summary) {
    page.section("Load");
    let several = summary.counters.len() > 1;
    let mut head = vec!["", "answered", "failed", "unknown", "attempts", "per job", "in flight", "tokens/s"];
    if !several {
        head.extend(["jobs/s", "good/s"]);
    }
    page.table(2, &head, summary.counters.iter().map(|row| loaded(row, several)).collect());
}

fn loaded(row: &CounterRow, several: bool) -> Vec<Field> {
    let doubtful = |n: u64| toned(count(n), if n == 0 { Tone::Plain } else { Tone::Warn });
    let per_job = if row.jobs == 0 { f64::NAN } else { row.attempts as f64 / row.jobs as f64 };
    let mut fields = vec![
        field(if several { cell(&row.target, &row.strategy) } else { String::new() }),
        field(answered(row)),
        doubtful(row.failed),
        doubtful(row.unknown),
        field(count(row.attempts)),
        field(rate(per_job)),
        field(format!("≤ {}", count(row.in_flight_max))),
        field(rate(row.tokens_per_s)),
    ];
    if !several {
        fields.extend([row.throughput_per_s, row.goodput_per_s].map(|rate_per_s| field(rate(rate_per_s))));
    }
    fields
}
