//! Verdicts: broken ones with their witness, the others in as few lines as they need.

use super::figures::{count, ms};
use super::layout::{Page, Tone, cell, plain};
use crate::summary::{Invariant, StrategyRow, Summary, Verdict, VerdictRow, Witness};
use std::collections::BTreeMap;

pub(super) fn write(page: &mut Page, summary: &Summary) {
    page.section("Verdicts");
    if summary.verdicts.is_empty() {
        page.line("  none: nothing was judged");
        return;
    }
    let several = summary.counters.len() > 1;
    let broken_rows = || summary.verdicts.iter().filter(|row| row.verdict == Verdict::Broken);
    for row in broken_rows().filter(|row| bug(summary, row).is_none()) {
        broken(page, row, several);
    }
    for twin in summary.strategies.iter().filter(|row| row.broken_on_purpose.is_some()) {
        let own = |row: &&VerdictRow| row.strategy == twin.strategy;
        broken_on_purpose(page, twin, &broken_rows().filter(own).collect::<Vec<_>>());
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
        page.wrapped("", 6, &seen(witness), Tone::Plain);
    }
}

/// What is broken about the row's strategy on purpose.
fn bug<'a>(summary: &'a Summary, row: &VerdictRow) -> Option<&'a str> {
    let own = |strategy: &&StrategyRow| strategy.strategy == row.strategy;
    summary.strategies.iter().find(own)?.broken_on_purpose.as_deref()
}

/// A twin has a line for all that it broke at all targets, and its first witness: more of them would drown
/// what is not expected.
fn broken_on_purpose(page: &mut Page, twin: &StrategyRow, rows: &[&VerdictRow]) {
    let bug = twin.broken_on_purpose.as_deref().unwrap_or_default();
    if rows.is_empty() {
        let text = format!("{}, broken on purpose ({bug}), broke nothing here", twin.strategy);
        page.wrapped("–", 2, &text, Tone::Dim);
        return;
    }
    let mut sums: BTreeMap<Invariant, (u64, u64)> = BTreeMap::new();
    for row in rows {
        let (broke, of) = sums.entry(row.invariant).or_default();
        *broke = broke.saturating_add(row.violations);
        *of = of.saturating_add(row.relevant);
    }
    let part = |(invariant, (broke, of)): (&Invariant, &(u64, u64))| {
        format!("{} {} of {}", invariant.name(), count(*broke), count(*of))
    };
    let parts: Vec<String> = sums.iter().map(part).collect();
    let text = format!("{}, broken on purpose ({bug}): {}", twin.strategy, parts.join(", "));
    page.wrapped("✗", 2, &text, Tone::Bad);
    if let Some(witness) = rows.iter().find_map(|row| row.witness.as_ref()) {
        page.wrapped("", 6, &seen(witness), Tone::Plain);
    }
}

fn seen(witness: &Witness) -> String {
    let mut jobs: Vec<String> = witness.jobs.iter().take(3).map(|job| plain(&job.to_string())).collect();
    if witness.jobs.len() > 3 {
        jobs.push(format!("{} more", witness.jobs.len() - 3));
    }
    let at = ms(witness.at_ns as f64 / 1e6);
    let of = if jobs.is_empty() { String::new() } else { format!("; {}", jobs.join(", ")) };
    format!("{} (at {at}{of})", witness.text)
}

/// Invariants that came to the same verdict for the same reason in the same cells.
struct Group<'a> {
    invariants: Vec<&'a str>,
    why: Option<&'a str>,
    /// Where: ` at …`, or nothing if it is all cells.
    at: String,
}

/// Most cells that are named one by one; of more, those that are left out are named, or all are counted.
const NAMED: usize = 6;

/// Where these cells are, in few words.
fn place(cells: &[String], summary: &Summary) -> String {
    let all = summary.counters.iter().map(|row| cell(&row.target, &row.strategy));
    let rest: Vec<String> = all.filter(|name| !cells.contains(name)).collect();
    match (cells.len(), rest.len()) {
        (_, 0) => String::new(),
        (n, _) if n <= NAMED => format!(" at {}", cells.join(", ")),
        (_, n) if n <= NAMED => format!(" at all but {}", rest.join(", ")),
        (n, m) => format!(" at {n} of {} cells", n + m),
    }
}

fn groups(summary: &Summary, verdict: Verdict) -> Vec<Group<'_>> {
    let mut by_invariant: BTreeMap<_, Vec<String>> = BTreeMap::new();
    for row in summary.verdicts.iter().filter(|row| row.verdict == verdict) {
        let cells = by_invariant.entry((row.invariant, row.why.as_deref())).or_default();
        cells.push(cell(&row.target, &row.strategy));
    }
    let mut groups: Vec<Group<'_>> = Vec::new();
    for ((invariant, why), cells) in by_invariant {
        let at = place(&cells, summary);
        match groups.iter_mut().find(|group| group.why == why && group.at == at) {
            Some(group) => group.invariants.push(invariant.name()),
            None => groups.push(Group { invariants: vec![invariant.name()], why, at }),
        }
    }
    groups
}

impl Group<'_> {
    fn write(&self, page: &mut Page, mark: &str, many: &str, one: &str, tone: Tone) {
        let n = self.invariants.len();
        let verb = if n == 1 { one } else { many };
        let at = &self.at;
        let names = self.invariants.join(", ");
        let why = self.why.map_or_else(String::new, |why| format!(" ({why})"));
        page.wrapped(mark, 2, &format!("{n} {verb}{at}: {names}{why}"), tone);
    }
}
