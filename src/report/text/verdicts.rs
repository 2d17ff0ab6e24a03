//! Verdicts: broken ones with their witness, the others in as few lines as they need.

use super::figures::{count, ms};
use super::layout::{Page, Tone, cell, plain};
use crate::history::{Summary, Verdict, VerdictRow};
use std::collections::BTreeMap;

pub(super) fn write(page: &mut Page, summary: &Summary) {
    page.section("Verdicts");
    if summary.verdicts.is_empty() {
        page.line("  none: nothing was judged");
        return;
    }
    for row in summary.verdicts.iter().filter(|row| row.verdict == Verdict::Broken) {
        broken(page, row, summary.counters.len() > 1);
    }
    for group in groups(summary, Verdict::Holds) {
        group.write(page, "✓", "hold", "holds", Tone::Good);
    }
    for group in groups(summary, Verdict::Unknown) {
        group.write(page, "?", "unknown", "unknown", Tone::Warn);
    }
    for group in groups(summary, Verdict::NotApplicable) {
        group.write(page, "–", "not applicable", "not applicable", Tone::Dim);
    }
}

fn broken(page: &mut Page, row: &VerdictRow, several: bool) {
    let at = if several { format!(" at {}", cell(&row.target, &row.strategy)) } else { String::new() };
    let (broke, of) = (count(row.violations), count(row.relevant));
    let text = format!("{} is broken{at}: {broke} of {of}", row.invariant.name());
    page.wrapped("✗", 2, &text, Tone::Bad);
    if let Some(witness) = &row.witness {
        let mut jobs: Vec<String> = witness.jobs.iter().take(3).map(|job| plain(&job.to_string())).collect();
        if witness.jobs.len() > 3 {
            jobs.push(format!("{} more", witness.jobs.len() - 3));
        }
        let at = ms(witness.at_ns as f64 / 1e6);
        let of = if jobs.is_empty() { String::new() } else { format!("; {}", jobs.join(", ")) };
        page.wrapped("", 6, &format!("{} (at {at}{of})", witness.text), Tone::Plain);
    }
}

/// Invariants that came to the same verdict for the same reason in the same cells.
struct Group<'a> {
    invariants: Vec<&'a str>,
    why: Option<&'a str>,
    /// Empty if it is all cells.
    cells: Vec<String>,
}

fn groups(summary: &Summary, verdict: Verdict) -> Vec<Group<'_>> {
    let mut by_invariant: BTreeMap<_, Vec<String>> = BTreeMap::new();
    for row in summary.verdicts.iter().filter(|row| row.verdict == verdict) {
        let cells = by_invariant.entry((row.invariant, row.why.as_deref())).or_default();
        cells.push(cell(&row.target, &row.strategy));
    }
    let mut groups: Vec<Group<'_>> = Vec::new();
    for ((invariant, why), mut cells) in by_invariant {
        if cells.len() == summary.counters.len() {
            cells.clear();
        }
        match groups.iter_mut().find(|group| group.why == why && group.cells == cells) {
            Some(group) => group.invariants.push(invariant.name()),
            None => groups.push(Group { invariants: vec![invariant.name()], why, cells }),
        }
    }
    groups
}

impl Group<'_> {
    fn write(&self, page: &mut Page, mark: &str, many: &str, one: &str, tone: Tone) {
        let n = self.invariants.len();
        let verb = if n == 1 { one } else { many };
        let at = match &self.cells[..] {
            [] => String::new(),
            cells => format!(" at {}", cells.join(", ")),
        };
        let names = self.invariants.join(", ");
        let why = self.why.map_or_else(String::new, |why| format!(" ({why})"));
        page.wrapped(mark, 2, &format!("{n} {verb}{at}: {names}{why}"), tone);
    }
}
