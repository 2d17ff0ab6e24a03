//! Side by side: strategies, cells, errors.

use super::ShownLimits;
use crate::report::text::figures::{NONE, count, many, maybe_ms, percent, rate, rounded};
use crate::summary::{CounterRow, MetricRow, StrategyRow, Summary, Verdict};
use maud::{Markup, html};

pub(super) fn section(summary: &Summary, room: ShownLimits) -> Markup {
    html! {
        @if !summary.counters.is_empty() {
            section #compare {
                h2 { @if summary.counters.len() > 1 { "Comparison" } @else { "Load" } }
                @if let Some(advice) = &summary.advice { p.advice { (advice) } }
                @if summary.strategies.len() > 1 { (strategies(summary, room)) }
                (cells(summary, room))
                (errors(summary, room))
            }
        }
    }
}

fn strategies(summary: &Summary, room: ShownLimits) -> Markup {
    let score = match summary.optimise.as_str() {
        "p99" => "Score: p99",
        "cost" => "Score: cost",
        _ => "Score: good/s",
    };
    html! {
        div.scroll {
            table.sortable {
                caption { "Strategies, over all targets" }
                thead { tr {
                    th.n scope="col" { "Rank" } th scope="col" { "Strategy" } th scope="col" { "Breaks" }
                        th.n scope="col" { (score) }
                    th.n scope="col" { "Good/s" } th.n scope="col" { "Response p50" } th.n scope="col" {
                        "p99" }
                    th.n scope="col" { "In flight" } th.n scope="col" { "Attempts/job" } th.n scope="col" {
                        "Waste" }
                    th.n scope="col" { "Per good job" } th scope="col" { "Wrong when" }
                } }
                tbody { @for row in summary.strategies.iter().take(room.rows) { (strategy(row)) } }
            }
        }
    }
}

fn strategy(row: &StrategyRow) -> Markup {
    let breaks: Vec<&str> = row.breaks.iter().map(|rule| rule.name()).collect();
    html! {
        tr.best[row.recommended] {
            td.n data-s=(row.rank.unwrap_or(u32::MAX)) { (row.rank.map_or_else(|| NONE.to_owned(),
                |rank| rank.to_string())) }
            td { strong { (row.strategy) } @if row.recommended { " " span.badge.good { "take this" } }
                @if let Some(bug) = &row.broken_on_purpose { br; span.dim { "broken on purpose: " (bug) } } }
            td { @if breaks.is_empty() { span.v.good { "✓ none" } } @else { span.v.bad {
                "✗ " (breaks.join(", ")) } } }
            td.n data-s=(number(row.score)) { (row.score.map_or_else(|| NONE.to_owned(), rate)) }
            td.n data-s=(row.goodput_per_s) { (rate(row.goodput_per_s)) }
            td.n data-s=(number(row.response_p50_ms)) { (maybe_ms(row.response_p50_ms)) }
            td.n data-s=(number(row.response_p99_ms)) { (maybe_ms(row.response_p99_ms)) }
            td.n data-s=(row.in_flight_max) { (count(row.in_flight_max)) }
            td.n data-s=(number(row.attempts_per_job)) { (row.attempts_per_job.map_or_else(|| NONE.to_owned(),
                rate)) }
            td.n data-s=(number(row.waste)) { (row.waste.map_or_else(|| NONE.to_owned(), percent)) }
            td.n data-s=(amount(row.cost_per_good_job.as_deref())) {
                (row.cost_per_good_job.as_deref().map_or_else(|| NONE.to_owned(), cost)) }
            td.wide { (row.wrong_when) }
        }
    }
}

/// `0.000557894737 USD`, rounded.
fn cost(text: &str) -> String {
    let (amount, currency) = text.split_once(' ').unwrap_or((text, ""));
    format!("{} {currency}", rounded(amount))
}

/// The number of `0.0005 USD`, for sorting.
pub(super) fn amount(text: Option<&str>) -> &str {
    text.and_then(|text| text.split(' ').next()).unwrap_or_default()
}

/// For sorting; what there is not sorts as empty.
fn number(value: Option<f64>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}

/// The distribution of a metric in a cell.
pub(super) fn metric<'a>(summary: &'a Summary, row: &CounterRow, name: &str) -> Option<&'a MetricRow> {
    summary.metrics.iter().find(|m| m.metric == name && m.target == row.target && m.strategy == row.strategy)
}

fn cells(summary: &Summary, room: ShownLimits) -> Markup {
    html! {
        div.scroll {
            table.sortable {
                caption { "Cells: targets crossed with strategies" }
                thead { tr {
                    th scope="col" { "Target" } th scope="col" { "Strategy" } th scope="col" { "Rules" }
                        th.n scope="col" { "Answered" }
                    th.n scope="col" { "Failed" } th.n scope="col" { "Attempts" } th.n scope="col" {
                        "Jobs/s" } th.n scope="col" { "Good/s" }
                    th.n scope="col" { "TTFT p50" } th.n scope="col" { "TTFT p99" } th.n scope="col" {
                        "Response p99" }
                    th.n scope="col" { "In flight" } th.n scope="col" { "Tokens/s" } th.n scope="col" {
                        "Cost" }
                } }
                tbody { @for row in summary.counters.iter().take(room.rows) { (cell(summary, row)) } }
            }
        }
    }
}

fn cell(summary: &Summary, row: &CounterRow) -> Markup {
    let here = |target: &str, strategy: &str| target == row.target && strategy == row.strategy;
    let broken = summary
        .verdicts
        .iter()
        .filter(|v| v.verdict == Verdict::Broken && here(&v.target, &v.strategy))
        .count();
    let at = |name: &str, of: fn(&MetricRow) -> Option<f64>| metric(summary, row, name).and_then(of);
    let bill = summary.cost.iter().find(|cost| here(&cost.target, &cost.strategy));
    html! {
        tr {
            td { (row.target) } td { (row.strategy) }
            td data-s=(broken) { @if broken == 0 { span.v.good { "✓" } } @else { span.v.bad { "✗ " (broken) }
                } }
            td.n data-s=(row.answered) { (count(row.answered)) "/" (count(row.jobs)) }
            td.n data-s=(row.failed + row.unknown) { (count(row.failed + row.unknown)) }
            td.n data-s=(row.attempts) { (count(row.attempts)) }
            td.n data-s=(row.throughput_per_s) { (rate(row.throughput_per_s)) }
            td.n data-s=(row.goodput_per_s) { (rate(row.goodput_per_s)) }
            @for value in [at("ttft", |m| m.p50), at("ttft", |m| m.p99), at("response", |m| m.p99)] {
                td.n data-s=(number(value)) { (maybe_ms(value)) }
            }
            td.n data-s=(row.in_flight_max) { (count(row.in_flight_max)) }
            td.n data-s=(row.tokens_per_s) { (rate(row.tokens_per_s)) }
            td.n data-s=(amount(bill.map(|bill| bill.billed.as_deref().unwrap_or(&bill.client)))) {
                @match bill { Some(bill) => { (rounded(bill.billed.as_ref().unwrap_or(&bill.client))) " "
                (bill.currency) } None => (NONE) } }
        }
    }
}

fn errors(summary: &Summary, room: ShownLimits) -> Markup {
    let rows = summary.counters.iter().flat_map(|row| {
        let failed =
            row.errors.iter().map(move |(class, n)| (row, class.as_str(), "attempts", *n, row.attempts));
        let left =
            row.not_issued.iter().map(move |(why, n)| (row, why.as_str(), "jobs not begun", *n, row.planned));
        failed.chain(left)
    });
    let rows: Vec<_> = rows.filter(|(.., n, _)| *n > 0).take(room.rows).collect();
    html! {
        h3 { "Errors" }
        @if rows.is_empty() { p.good-note { "✓ Every attempt ended well, and every job was begun." } } @else {
            div.scroll {
                table.sortable {
                    thead { tr {
                        th scope="col" { "Class" } th scope="col" { "Target" } th scope="col" { "Strategy" }
                        th.n scope="col" { "Count" } th.n scope="col" { "Share" } th scope="col" { "Of" }
                    } }
                    tbody {
                        @for (row, class, of, n, all) in rows {
                            tr {
                                td { code { (class) } } td { (row.target) } td { (row.strategy) }
                                    td.n data-s=(n) { (count(n)) }
                                td.n data-s=(n as f64 / all.max(1) as f64) { (percent(n as f64 / all.max(1) as
                                    f64)) }
                                td { (many(all, "attempt").split(' ').next().unwrap_or_default()) " " (of) }
                            }
                        }
                    }
                }
            }
        }
    }
}
