//! Cost and waste: what was billed, what it bought, where client and ledger disagree, and what is paid in the
//! end.

use super::ShownLimits;
use super::compare::amount;
use crate::report::text::figures::{NONE, count, many, percent, rounded};
use crate::summary::{CostRow, LandedRow, Summary, WasteRow};
use maud::{Markup, html};

/// Cells whose disagreements are listed.
const LISTED: usize = 6;

pub(super) fn section<'a>(summary: &'a Summary, room: ShownLimits) -> Markup {
    let landed = |row: &'a CostRow| Some((row, row.landed.as_ref()?));
    let paid_rows = summary.cost.iter().take(room.rows).filter_map(landed);
    html! {
        @if !summary.cost.is_empty() {
            section #cost {
                h2 { "Cost and waste" }
                (bought(summary, room))
                (table(summary, room))
                @for row in summary.cost.iter().filter(|row| row.disagreeing > 0).take(LISTED) {
                    (disagree(row)) }
                @for (row, landed) in paid_rows { (paid(row, landed)) }
            }
        }
    }
}

/// An exact decimal as a share of another, for the length of a bar only.
fn share(part: &str, whole: &str) -> f64 {
    let (part, whole) = (part.parse::<f64>().unwrap_or(0.0), whole.parse::<f64>().unwrap_or(0.0));
    if whole > 0.0 { (part / whole).clamp(0.0, 1.0) } else { 0.0 }
}

/// A bar for each cell, cut by what the money bought.
fn bought(summary: &Summary, room: ShownLimits) -> Markup {
    let rows: Vec<&CostRow> =
        summary.cost.iter().filter(|row| !row.classes.is_empty()).take(room.rows).collect();
    html! {
        @if !rows.is_empty() {
            figure.wide-chart {
                figcaption { "What the bill bought" }
                div.waste {
                    @for row in &rows {
                        span { (row.target) "/" (row.strategy) }
                        div { (waste_bar(row)) span.dim.parts { (parts(row)) } }
                        span.n { (rounded(row.billed.as_ref().unwrap_or(&row.client))) " " (row.currency) }
                    }
                }
                ul.legend {
                    @for class in ["useful", "duplicate", "abandoned", "superseded", "partial", "rejected"] {
                        @if rows.iter().any(|row| row.classes.iter().any(|c| c.class == class)) {
                            li { span.{ "swatch w-" (class) } aria-hidden="true" {} (class) }
                        }
                    }
                }
            }
        }
    }
}

/// The same in words: a bar alone would say it by colour.
fn parts(row: &CostRow) -> String {
    let whole = row.billed.as_ref().unwrap_or(&row.client);
    let of = |class: &WasteRow| (class.class.clone(), share(&class.cost, whole));
    let some = row.classes.iter().map(of).filter(|(_, share)| *share > 0.0);
    some.map(|(class, share)| format!("{class} {}", percent(share))).collect::<Vec<_>>().join(" · ")
}

fn waste_bar(row: &CostRow) -> Markup {
    let whole = row.billed.as_ref().unwrap_or(&row.client);
    let mut from = 0.0;
    let parts: Vec<(&WasteRow, f64, f64)> = row
        .classes
        .iter()
        .map(|class| {
            let wide = share(&class.cost, whole) * 600.0;
            let part = (class, from, wide);
            from += wide;
            part
        })
        .collect();
    let says: Vec<String> =
        row.classes.iter().map(|class| format!("{} {}", class.class, class.cost)).collect();
    html! {
        svg viewBox="0 0 600 16" preserveAspectRatio="none" role="img" aria-label=(says.join(", ")) {
            @for (class, x, wide) in parts {
                rect.{ "w-" (known(&class.class)) } x=(format!("{x:.2}")) y="0" width=(format!("{wide:.2}"))
                    height="16" {
                    title { (class.class) ": " (class.cost) " " (row.currency) ", " (many(class.attempts,
                        "attempt")) }
                }
            }
        }
    }
}

/// The class as part of a class name: one of ours, whatever the file says.
fn known(class: &str) -> &'static str {
    let all = ["useful", "duplicate", "abandoned", "superseded", "partial", "rejected"];
    all.into_iter().find(|known| *known == class).unwrap_or("other")
}

fn table(summary: &Summary, room: ShownLimits) -> Markup {
    let maybe = |text: &Option<String>| text.as_deref().map_or_else(|| NONE.to_owned(), rounded);
    html! {
        div.scroll {
            table.sortable {
                caption { "At the scenario's prices" }
                thead { tr {
                    th scope="col" { "Target" } th scope="col" { "Strategy" } th.n scope="col" { "Billed" }
                        th.n scope="col" { "Client counted" }
                    th.n scope="col" { "Wasted" } th.n scope="col" { "Per answered job" } th.n scope="col" {
                        "Per good job" }
                    th.n scope="col" { "Per MTok" } th scope="col" { "Currency" }
                } }
                tbody {
                    @for row in summary.cost.iter().take(room.rows) {
                        @let useful = row.classes.iter().find(|class| class.class == "useful");
                        @let whole = row.billed.as_ref().unwrap_or(&row.client);
                        @let wasted = useful.map(|class| 1.0 - share(&class.cost,
                            whole)).filter(|_| row.billed.is_some());
                        tr {
                            td { (row.target) } td { (row.strategy) }
                            td.n data-s=(row.billed.as_deref().unwrap_or_default()) {
                                (row.billed.as_deref().unwrap_or(NONE)) }
                            td.n data-s=(row.client) { (row.client) }
                            td.n data-s=(wasted.map_or_else(String::new, |share| share.to_string())) {
                                (wasted.map_or_else(|| NONE.to_owned(), percent)) }
                            @for each in [&row.per_answered_job, &row.per_good_job, &row.per_mtok] {
                                td.n data-s=(amount(each.as_deref())) { (maybe(each)) }
                            }
                            td { (row.currency) }
                        }
                    }
                }
            }
        }
    }
}

fn disagree(row: &CostRow) -> Markup {
    html! {
        details {
            summary { "≠ Client and ledger disagree on " (many(row.disagreeing, "job")) " at " (row.target)
                "/" (row.strategy) }
            div.scroll {
                table.sortable {
                    thead { tr { th scope="col" { "Job" } th.n scope="col" { "Client was told" }
                        th.n scope="col" { "Ledger billed" } } }
                    tbody { @for job in &row.disagree { tr { td { code { (job.job) } }
                        td.n data-s=(amount(Some(&job.client))) { (job.client) }
                        td.n data-s=(amount(Some(&job.billed))) { (job.billed) } } } }
                }
            }
        }
    }
}

fn paid(row: &CostRow, landed: &LandedRow) -> Markup {
    html! {
        details {
            summary { "Paid at " (row.target) "/" (row.strategy) ": " (rounded(&landed.cost)) " "
                (landed.currency)
                @if let Some(month) = &landed.month { " · a month " (rounded(month)) " " (landed.currency)
                    @if let Some(jobs) = landed.jobs_per_month { " at " (count(jobs)) " jobs" } } }
            ul.plain {
                @for factor in &landed.factors { li { (factor.name) " × " (factor.times) " " span.dim {
                    (factor.note) } } }
                li { "a million prompt tokens " (landed.input_per_mtok) ", completion "
                    (landed.output_per_mtok) " " (landed.currency) }
                @if let Some(said) = &landed.break_even { li { (said) } }
            }
        }
    }
}
