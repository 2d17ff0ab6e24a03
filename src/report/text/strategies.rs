//! Strategies side by side: rank, broken rules, figures; then which to take, and when each is wrong.

use super::figures::{NONE, count, maybe_ms, percent, rate};
use super::layout::{Column, Field, Page, Tone, field, plain, toned};
use crate::summary::{StrategyRow, Summary};

pub(super) fn write(page: &mut Page, summary: &Summary) {
    let rows = &summary.strategies;
    if rows.len() < 2 {
        return;
    }
    page.section(&format!("Strategies, by {}", plain(&summary.optimise)));
    let tail = rows.iter().any(|row| row.response_p99_ms.is_some());
    let right = |head, most| Column { head, most, wraps: false };
    let left = |head, most| Column { head, most, wraps: true };
    // A hundred columns in all.
    let columns = [
        right("#", 2),
        left("", 26),
        left("breaks", 23),
        right("good/s", 6),
        right(if tail { "p99" } else { "p50" }, 6),
        right("at once", 8),
        right("per job", 7),
        right("waste", 6),
    ];
    let mut ordered: Vec<&StrategyRow> = rows.iter().collect();
    // Stable: without a rank the plan's order stays.
    ordered.sort_by_key(|row| row.rank.unwrap_or(u32::MAX));
    page.grid(2, &columns, &ordered.iter().map(|row| fields(row, tail)).collect::<Vec<_>>());
    if !tail {
        page.line(&format!("  {}", Tone::Dim.paint("p50: too few samples for a p99")));
    }
    if let Some(advice) = &summary.advice {
        page.gap();
        page.wrapped("→", 2, advice, Tone::Bold);
    }
    page.gap();
    // What is wrong with a twin stands in its verdict.
    for row in rows.iter().filter(|row| row.broken_on_purpose.is_none()) {
        page.wrapped("·", 2, &format!("{}: {}", row.strategy, row.wrong_when), Tone::Dim);
    }
}

fn fields(row: &StrategyRow, tail: bool) -> Vec<Field> {
    let name = plain(&row.strategy);
    let breaks: Vec<&str> = row.breaks.iter().map(|invariant| invariant.name()).collect();
    let (name, tone) = match (&row.broken_on_purpose, row.recommended) {
        (Some(_), _) => (format!("{name}\n✗ broken on purpose"), Tone::Dim),
        (None, true) => (name, Tone::Good),
        (None, false) if breaks.is_empty() => (name, Tone::Plain),
        (None, false) => (name, Tone::Bad),
    };
    vec![
        field(row.rank.map_or_else(|| NONE.to_owned(), |rank| rank.to_string())),
        toned(name, tone),
        if breaks.is_empty() { field(NONE) } else { toned(breaks.join(", "), Tone::Bad) },
        field(rate(row.goodput_per_s)),
        field(maybe_ms(if tail { row.response_p99_ms } else { row.response_p50_ms })),
        field(format!("≤ {}", count(row.in_flight_max))),
        field(row.attempts_per_job.map_or_else(|| NONE.to_owned(), rate)),
        field(row.waste.map_or_else(|| NONE.to_owned(), percent)),
    ]
}
