//! The latency table: one block per cell, one row per distribution.

use super::figures::{NONE, count, maybe_ms, ms};
use super::layout::{Field, Page, Tone, cell, field, plain, toned};
use super::spark::spark;
use crate::summary::{CounterRow, MetricRow, Summary};

/// The order of rows; anything else follows.
const ORDER: [&str; 7] = ["ttft", "itl", "tpot", "first-byte", "response", "service", "lag"];

const HEAD: [&str; 9] = ["", "min to max, log", "p50", "p90", "p95", "p99", "p99.9", "max", "n"];

pub(super) fn write(page: &mut Page, summary: &Summary) {
    page.section("Latency");
    if summary.metrics.is_empty() {
        page.line("  none: no attempt gave a sample");
        return;
    }
    for counters in &summary.counters {
        let mut rows = of_cell(summary, counters);
        rows.sort_by_key(|row| ORDER.iter().position(|name| *name == row.metric).unwrap_or(ORDER.len()));
        if summary.counters.len() > 1 {
            page.wrapped("", 2, &cell(&counters.target, &counters.strategy), Tone::Plain);
        }
        page.table(2, &HEAD, rows.into_iter().map(fields).collect());
    }
    let few = |row: &MetricRow| row.count > 0 && (row.p99.is_none() || row.p999.is_none());
    if summary.metrics.iter().any(few) {
        page.line(&format!("  {}", Tone::Dim.paint("— too few samples for this percentile")));
    }
}

fn of_cell<'a>(summary: &'a Summary, counters: &CounterRow) -> Vec<&'a MetricRow> {
    let same = |row: &&MetricRow| row.target == counters.target && row.strategy == counters.strategy;
    summary.metrics.iter().filter(same).collect()
}

fn fields(row: &MetricRow) -> Vec<Field> {
    let mut fields = vec![field(plain(&row.metric)), toned(spark(&row.hdr), Tone::Dim)];
    fields.extend([row.p50, row.p90, row.p95, row.p99, row.p999].map(|p| field(maybe_ms(p))));
    fields.push(field(if row.count == 0 { NONE.to_owned() } else { ms(row.max) }));
    fields.push(field(count(row.count)));
    fields
}

/// One percentile of one metric of one cell, for other tables.
pub(super) fn find<'a>(summary: &'a Summary, counters: &CounterRow, metric: &str) -> Option<&'a MetricRow> {
    of_cell(summary, counters).into_iter().find(|row| row.metric == metric)
}
