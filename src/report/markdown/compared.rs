//! A comparison as Markdown: the conclusion, what changed exactly, and what was measured.

use super::{CHARS_MAX, ROWS, code, ended, plain, shortened};
use crate::report::text::{Shown, design};
use crate::summary::{Change, Compared, ExactRow, TimedRow, TimedVerdict};
use std::fmt::Write;

/// The text.
#[must_use]
pub fn compared_markdown(comparison: &Compared) -> String {
    let mut text = String::new();
    ended(&mut text, comparison.exit_code, "NEW against BASE", &comparison.exit_reasons);
    let (base, new) = (code(&comparison.base), code(&comparison.new));
    let _ = writeln!(text, "\nBASE {base}<br>\nNEW {new}<br>\n{}", plain(&design(comparison)));
    let voids = comparison.pairs.iter().filter_map(|pair| Some((pair.number, pair.void.as_ref()?)));
    let voids: Vec<String> = voids.map(|(n, why)| format!("- pair {n} is void: {}", plain(why))).collect();
    if !voids.is_empty() {
        let _ = writeln!(text, "\n{}", voids.join("\n"));
    }
    timed(&mut text, &comparison.timed);
    exact(&mut text, &comparison.exact);
    for note in &comparison.notes {
        let _ = writeln!(text, "\n> {}", plain(note));
    }
    let tail = format!("\n<sub>deadheat {} · seed {}</sub>\n", plain(&comparison.deadheat), comparison.seed);
    shortened(text, CHARS_MAX - tail.chars().count()) + &tail
}

fn place(target: &str, strategy: &str) -> String {
    plain(&format!("{target}/{strategy}"))
}

fn timed(text: &mut String, rows: &[TimedRow]) {
    if rows.is_empty() {
        return;
    }
    let _ = writeln!(
        text,
        "\n### Measured\n\n| | measure | where | BASE | NEW | effect | interval | p (Holm) | can find \
         |\n|---|---|---|---:|---:|---:|---:|---:|---:|"
    );
    let mut rows: Vec<&TimedRow> = rows.iter().collect();
    rows.sort_by_key(|row| match row.verdict {
        TimedVerdict::Regressed => 0,
        TimedVerdict::Inconclusive => 1,
        TimedVerdict::Pass => 2,
        TimedVerdict::Advisory => 3,
    });
    for row in rows.iter().take(ROWS) {
        let mark = match row.verdict {
            TimedVerdict::Regressed => "❌ regressed",
            TimedVerdict::Inconclusive => "❔ inconclusive",
            TimedVerdict::Pass => "✅ pass",
            TimedVerdict::Advisory => "advisory",
        };
        let Shown { base, new, effect, interval, detectable } = Shown::of(row);
        let p = row.p_adjusted.map_or_else(|| "—".to_owned(), |p| format!("{p:.4}"));
        let (measure, place) = (plain(&row.measure), place(&row.target, &row.strategy));
        let _ = writeln!(
            text,
            "| {mark} | {measure} | {place} | {base} | {new} | {effect} | {interval} | {p} | {detectable} |"
        );
    }
    more(text, rows.len());
    let mut whys: Vec<&str> = rows.iter().filter_map(|row| row.why.as_deref()).collect();
    whys.dedup();
    if !whys.is_empty() {
        let whys: Vec<String> = whys.into_iter().take(ROWS).map(|why| format!("- {}", plain(why))).collect();
        let _ = writeln!(text, "\n{}", whys.join("\n"));
    }
}

fn more(text: &mut String, all: usize) {
    if all > ROWS {
        let _ = writeln!(text, "\nand {} more in the comparison's JSON", all - ROWS);
    }
}

fn exact(text: &mut String, rows: &[ExactRow]) {
    let mut changed: Vec<&ExactRow> = rows.iter().filter(|row| row.change != Change::Same).collect();
    if rows.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n### Exact\n\n{} of {} values changed", changed.len(), rows.len());
    if changed.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n| | value | where | BASE | NEW |\n|---|---|---|---:|---:|");
    let worse_first = |row: &&ExactRow| match row.change {
        Change::Worse => 0,
        Change::WithinFloor => 1,
        Change::Differs => 2,
        Change::Better => 3,
        Change::Same => 4,
    };
    changed.sort_by_key(worse_first);
    for row in changed.iter().take(ROWS) {
        let mark = match row.change {
            Change::Worse => "❌ worse",
            Change::WithinFloor => "worse, below the floor",
            Change::Better => "✅ better",
            Change::Differs | Change::Same => "differs",
        };
        let (what, place) = (plain(&row.what), place(&row.target, &row.strategy));
        let _ = writeln!(text, "| {mark} | {what} | {place} | {} | {} |", plain(&row.base), plain(&row.new));
    }
    more(text, changed.len());
}
