//! What was judged: thresholds, and the rules in a table of cells.

use super::ShownLimits;
use crate::report::text::figures::{NONE, count, many};
use crate::summary::{Invariant, Summary, ThresholdRow, Verdict, VerdictRow};
use crate::units::parse_duration;
use maud::{Markup, html};
use std::collections::BTreeMap;

pub(super) fn section(summary: &Summary, room: ShownLimits) -> Markup {
    html! {
        section #verdicts {
            h2 { "Verdicts" }
            (thresholds(summary, room))
            (invariants(summary))
        }
    }
}

fn thresholds(summary: &Summary, room: ShownLimits) -> Markup {
    let against = summary.thresholds.iter().any(|row| row.against.is_some());
    html! {
        @if !summary.thresholds.is_empty() {
            div.scroll {
                table.sortable {
                    caption { "Thresholds" }
                    thead { tr {
                        th scope="col" { "" } th scope="col" { "Threshold" } th scope="col" { "Where" }
                        th.n scope="col" { "Observed" } @if against { th scope="col" { "The baseline has" } }
                        th.n scope="col" { "Samples" }
                    } }
                    tbody {
                        @for row in summary.thresholds.iter().take(room.rows) {
                            @let (class, mark, word) = match (row.void, row.passed) {
                                (true, _) => ("warn", "?", "void"),
                                (_, true) => ("good", "✓", "kept"),
                                (_, false) => ("bad", "✗", "missed"),
                            };
                            tr {
                                td { span.{ "v " (class) } { (mark) " " (word) } }
                                td { code { (row.threshold) } }
                                td { @if row.target.is_empty() { "whole run" } @else {
                                    (row.target) "/" (row.strategy) } }
                                td.n data-s=(row.observed.as_deref().map_or_else(String::new, size)) {
                                    (observed(row)) }
                                @if against { td { (row.against.as_deref().unwrap_or(NONE)) } }
                                td.n data-s=(row.samples) { (count(row.samples)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn observed(row: &ThresholdRow) -> Markup {
    html! {
        @if let Some(observed) = &row.observed { (observed) }
        @if let Some(why) = &row.why { @if row.observed.is_some() { br; } span.dim.why { (why) } }
        @if row.observed.is_none() && row.why.is_none() { (NONE) }
    }
}

/// What an observed value is sorted by: a time in milliseconds, else the number that it begins with.
fn size(observed: &str) -> String {
    if let Ok(time) = parse_duration(observed) {
        return (time.as_secs_f64() * 1e3).to_string();
    }
    let end = observed.find(|c: char| !(c.is_ascii_digit() || "+-.".contains(c))).unwrap_or(observed.len());
    observed[..end].to_owned()
}

/// Most cells of the table.
const COLUMNS: usize = 48;

/// How a verdict looks, and what it is called.
fn look(verdict: Verdict) -> (&'static str, &'static str, &'static str) {
    match verdict {
        Verdict::Holds => ("good", "✓", "holds"),
        Verdict::Broken => ("bad", "✗", "broken"),
        Verdict::Unknown => ("warn", "?", "unknown"),
        Verdict::NotApplicable => ("dim", "–", "not applicable"),
    }
}

fn cells(summary: &Summary) -> Vec<(&str, &str)> {
    let mut cells: Vec<(&str, &str)> = Vec::new();
    for row in &summary.verdicts {
        if !cells.contains(&(&row.target, &row.strategy)) {
            cells.push((&row.target, &row.strategy));
        }
    }
    cells
}

fn invariants(summary: &Summary) -> Markup {
    let cells = cells(summary);
    if cells.is_empty() {
        return html! {};
    }
    let seen = |invariant: &&Invariant| summary.verdicts.iter().any(|row| row.invariant == **invariant);
    let rules: Vec<&Invariant> = Invariant::ALL.iter().filter(seen).collect();
    html! {
        @if let [(target, strategy)] = cells.as_slice() {
            (one(summary, &rules, target, strategy))
        } @else {
            (matrix(summary, &rules, &cells))
        }
        (reasons(summary))
    }
}

fn find<'a>(summary: &'a Summary, rule: Invariant, cell: (&str, &str)) -> Option<&'a VerdictRow> {
    summary
        .verdicts
        .iter()
        .find(|row| row.invariant == rule && (row.target.as_str(), row.strategy.as_str()) == cell)
}

/// One cell: a chip for each rule.
fn one(summary: &Summary, rules: &[&Invariant], target: &str, strategy: &str) -> Markup {
    html! {
        h3 { "Invariants " span.dim { "at " (target) "/" (strategy) } }
        ul.chips {
            @for row in rules.iter().filter_map(|rule| find(summary, **rule, (target, strategy))) {
                @let (class, mark, word) = look(row.verdict);
                li.{ "chip " (class) } {
                    span.mark aria-hidden="true" { (mark) } " " (row.invariant.name())
                    span.dim { " " @match row.verdict {
                        Verdict::Broken => { (count(row.violations)) " of " (count(row.relevant)) }
                        Verdict::Holds => { "on " (count(row.relevant)) }
                        _ => (word),
                    } }
                }
            }
        }
    }
}

fn matrix(summary: &Summary, rules: &[&Invariant], cells: &[(&str, &str)]) -> Markup {
    let left_out = cells.len().saturating_sub(COLUMNS);
    let cells = &cells[..cells.len() - left_out];
    let one_target = cells.iter().all(|cell| cell.0 == cells[0].0);
    let one_strategy = cells.iter().all(|cell| cell.1 == cells[0].1);
    html! {
        div.scroll {
            table.matrix {
                caption { "Invariants, a column for each cell" @if left_out > 0 {
                    "; " (left_out) " more cells in summary.json" } }
                thead { tr {
                    th scope="col" { "Invariant" }
                    @for (target, strategy) in cells {
                        th.turned scope="col" { span { @if !one_target { (target) } @if !(one_target
                            || one_strategy) { "/" } @if !one_strategy { (strategy) } } }
                    }
                } }
                tbody {
                    @for rule in rules {
                        tr {
                            th scope="row" { (rule.name()) }
                            @for cell in cells {
                                @match find(summary, **rule, *cell) {
                                    Some(row) => {
                                        @let (class, mark, word) = look(row.verdict);
                                        td title=(says(row, word)) { span.{ "v " (class) }
                                            aria-label=(word) role="img" { (mark) } }
                                    }
                                    None => td {},
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn says(row: &VerdictRow, word: &str) -> String {
    let much = match row.verdict {
        Verdict::Broken => format!(": {} of {}", count(row.violations), count(row.relevant)),
        Verdict::Holds => format!(" on {}", count(row.relevant)),
        _ => row.why.as_deref().map_or_else(String::new, |why| format!(": {why}")),
    };
    format!("{} {word}{much}", row.invariant.name())
}

/// Why some could not be judged, each reason once.
fn reasons(summary: &Summary) -> Markup {
    let mut reasons: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for row in summary.verdicts.iter().filter(|row| row.verdict == Verdict::Unknown) {
        *reasons.entry((row.invariant.name(), row.why.as_deref().unwrap_or_default())).or_default() += 1;
    }
    html! {
        @if !reasons.is_empty() {
            details {
                summary { (many(reasons.len() as u64, "rule")) " could not be judged, and what would decide \
                    it" }
                ul.plain {
                    @for ((rule, why), n) in &reasons {
                        li { strong { (rule) } ": " (why) @if summary.counters.len() > 1 { span.dim {
                            " (" (many(*n, "cell")) ")" } } }
                    }
                }
            }
        }
    }
}
