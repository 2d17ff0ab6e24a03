//! What it cost: sums, what they bought, where client and ledger disagree, and what it comes to where it is
//! paid.

use super::figures::{count, many, rounded};
use super::layout::{Page, Tone, cell, field, plain};
use crate::summary::{BudgetRow, CardRow, CostRow, LandedRow, Summary};
use crate::units::shown::percent;

/// What it cost, if there was a price.
pub(super) fn cost(page: &mut Page, summary: &Summary) {
    if summary.cost.is_empty() && summary.budget.is_empty() {
        return;
    }
    page.section("Cost");
    for row in &summary.budget {
        page.wrapped("", 2, &budget(row), if row.overshoot_is_nothing() { Tone::Plain } else { Tone::Bad });
    }
    let several = summary.counters.len() > 1;
    for row in &summary.cost {
        page.wrapped("", 2, &spent(row, several), Tone::Plain);
        if row.per_request.is_some() {
            page.wrapped("", 4, &each(row), Tone::Dim);
        }
        if row.classes.iter().any(|class| class.class != "useful" && class.cost != "0.00") {
            page.wrapped("", 4, &bought(row), Tone::Warn);
        }
        if row.disagreeing > 0 {
            page.wrapped("≠", 4, &disagreeing(row), Tone::Warn);
        }
        if let Some(landed) = &row.landed {
            page.wrapped("", 4, &paid(landed), Tone::Dim);
        }
        if let Some(card) = &row.card {
            page.wrapped("", 4, &by(card), Tone::Dim);
        }
    }
}

/// `0.04912 of 0.05 USD spent of the budget, overshoot 0`.
fn budget(row: &BudgetRow) -> String {
    let unit = row.currency.as_deref().unwrap_or(&row.kind);
    let (spent, most, beyond) = (plain(&row.spent), plain(&row.most), plain(&row.overshoot));
    format!("budget: {spent} of {most} {} spent, overshoot {beyond}", plain(unit))
}

/// What one of each came to.
fn each(row: &CostRow) -> String {
    let parts = [
        ("request", &row.per_request),
        ("job", &row.per_job),
        ("good job", &row.per_good_job),
        ("million tokens", &row.per_mtok),
    ];
    let said = parts.iter().filter_map(|(what, sum)| Some(format!("{} per {what}", plain(sum.as_ref()?))));
    said.collect::<Vec<_>>().join(" · ")
}

/// The rate card, and its age.
fn by(card: &CardRow) -> String {
    let age = match card.age_days {
        Some(days) if days >= 0 => format!(", {} before the run", many(days.unsigned_abs(), "day")),
        _ => String::new(),
    };
    let note = card.note.as_ref().map_or_else(String::new, |note| format!("; {}", plain(note)));
    let (name, url, day) = (plain(&card.card), plain(&card.source_url), plain(&card.checked_on));
    format!("by {name} of {}: {url}, checked {day}{age}{note}", plain(&card.set))
}

fn spent(row: &CostRow, several: bool) -> String {
    let at = if several { format!("{}: ", cell(&row.target, &row.strategy)) } else { String::new() };
    let currency = &row.currency;
    let sums = match (&row.billed, &row.most) {
        (Some(billed), _) if *billed == row.client => {
            format!("{billed} {currency} billed, as the client counted")
        }
        (Some(billed), _) => {
            format!("{billed} {currency} billed, {} {currency} by what the client was told", row.client)
        }
        (None, Some(most)) if *most != row.client => {
            format!("{} {currency} by what the client was told, {most} {currency} at the most", row.client)
        }
        (None, _) => format!("{} {currency} by what the client was told", row.client),
    };
    let each = row.per_answered_job.as_ref();
    let each = each.map_or_else(String::new, |each| format!(" · {each} {currency} per answered job"));
    format!("{at}{sums}{each}")
}

/// `useful 0.60 · duplicate 0.02 (3 attempts)`: together the bill.
fn bought(row: &CostRow) -> String {
    let each = row.classes.iter().filter(|class| class.cost != "0.00").map(|class| {
        let attempts = match class.class.as_str() {
            "useful" => String::new(),
            _ => format!(" ({})", many(class.attempts, "attempt")),
        };
        format!("{} {}{attempts}", plain(&class.class), plain(&class.cost))
    });
    format!("of which {}", each.collect::<Vec<_>>().join(" · "))
}

fn disagreeing(row: &CostRow) -> String {
    let each =
        row.disagree.iter().take(3).map(|job| {
            format!("{} {} told, {} billed", plain(&job.job), plain(&job.client), plain(&job.billed))
        });
    let more = if row.disagreeing > 3 { "; …" } else { "" };
    let what = many(row.disagreeing, "job");
    format!("client and ledger disagree on {what}: {}{more}", each.collect::<Vec<_>>().join("; "))
}

fn paid(landed: &LandedRow) -> String {
    let factors = landed.factors.iter().map(|factor| {
        format!("{} × {} ({})", plain(&factor.name), plain(&factor.times), plain(&factor.note))
    });
    let currency = plain(&landed.currency);
    format!("paid {} {currency}: list price, {}", plain(&landed.cost), factors.collect::<Vec<_>>().join(", "))
}

/// Suppliers side by side, where costs were landed: times in milliseconds, as p50/p95/p99.
pub(super) fn suppliers(page: &mut Page, summary: &Summary) {
    let rows: Vec<(&CostRow, &LandedRow)> =
        summary.cost.iter().filter_map(|row| Some((row, row.landed.as_ref()?))).collect();
    if rows.len() < 2 {
        return;
    }
    page.section("Suppliers");
    let one = summary.counters.iter().all(|row| row.strategy == summary.counters[0].strategy);
    let fields = rows.iter().map(|(row, landed)| {
        let counter = summary.counters.iter().find(|c| c.target == row.target && c.strategy == row.strategy);
        let errors: u64 = counter.map_or(0, |counter| counter.errors.values().sum());
        let limited = counter.and_then(|counter| counter.errors.get("rate-limited")).copied().unwrap_or(0);
        let attempts = counter.map_or(0, |counter| counter.attempts);
        let money = |text: &Option<String>| text.as_deref().map_or_else(|| "—".to_owned(), rounded);
        vec![
            field(if one { plain(&row.target) } else { cell(&row.target, &row.strategy) }),
            field(times(summary, row, "ttft")),
            field(times(summary, row, "response")),
            field(share(errors, attempts)),
            field(share(limited, attempts)),
            field(counter.map_or_else(|| "—".to_owned(), |c| super::figures::rate(c.goodput_per_s))),
            field(money(&landed.per_mtok)),
            field(money(&landed.per_good_job)),
            field(money(&landed.month)),
        ]
    });
    let head = ["", "ttft ms", "response ms", "errors", "429", "good/s", "per MTok", "per good job", "month"];
    page.table(2, &head, fields.collect());
    let currency = plain(&rows[0].1.currency);
    let volume = rows[0]
        .1
        .jobs_per_month
        .map_or_else(String::new, |jobs| format!("; a month is {} jobs", count(jobs)));
    page.wrapped("", 2, &format!("p50/p95/p99; money in {currency}, where it is paid{volume}"), Tone::Dim);
    for (_, landed) in &rows {
        if let Some(said) = &landed.break_even {
            page.wrapped("→", 2, said, Tone::Plain);
        }
    }
}

fn times(summary: &Summary, row: &CostRow, metric: &str) -> String {
    let same = |m: &&crate::summary::MetricRow| {
        m.metric == metric && m.target == row.target && m.strategy == row.strategy
    };
    let Some(found) = summary.metrics.iter().find(same) else { return "—".to_owned() };
    let each = [found.p50, found.p95, found.p99]
        .map(|ms| ms.map_or_else(|| "—".to_owned(), |ms| format!("{ms:.0}")));
    each.join("/")
}

fn share(some: u64, all: u64) -> String {
    if all == 0 { "—".to_owned() } else { percent(some as f64 / all as f64) }
}
