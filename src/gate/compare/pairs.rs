//! Interleaved pairs: the same work once by each arm, within one job on one machine.

use super::comparable::cells;
use super::exact::exact;
use super::family::{Ruled, Series, detectable, deviation, mean, rule};
use super::measure::Measure;
use super::sign_flip::pairs_needed;
use super::{Design, Terms, conclude, empty};
use crate::gate::Exit;
use crate::history::{Change, Compared, ExactRow, PairRow, Summary, TimedRow, TimedVerdict};
use std::collections::BTreeSet;

/// One run of each arm, made one after the other with the same seed.
#[derive(Debug, Clone)]
pub struct Pair {
    /// From 1.
    pub number: u64,
    /// Whether BASE ran first.
    pub base_first: bool,
    /// BASE's run.
    pub base: Summary,
    /// NEW's run.
    pub new: Summary,
}

impl Pair {
    /// Why neither of its runs counts, if one of them does not: leaving out just one arm's bad runs would flatter it.
    #[must_use]
    pub fn void(&self) -> Option<String> {
        let bad = |name: &str, run: &Summary| {
            let invalid = (!run.valid.holds).then(|| run.valid.why.join("; "));
            let interrupted = run.interrupted.then(|| "it was interrupted".to_owned());
            invalid.or(interrupted).map(|why| format!("{name}: {why}"))
        };
        bad("base", &self.base).or_else(|| bad("new", &self.new))
    }
}

/// How many measured rows two such runs give: by it the pairs that are needed are known before most are made.
#[must_use]
pub fn family_size(base: &Summary, new: &Summary, terms: &Terms) -> usize {
    let pair = Pair { number: 1, base_first: true, base: base.clone(), new: new.clone() };
    members(&[&pair], terms).iter().filter(|member| member.values.is_ok()).count()
}

/// A measure in a cell, with its values pair by pair.
struct Member<'a> {
    target: &'a str,
    strategy: &'a str,
    measure: &'a Measure,
    values: Result<Vec<(f64, f64)>, String>,
}

fn members<'a>(pairs: &[&'a Pair], terms: &'a Terms) -> Vec<Member<'a>> {
    let Some(first) = pairs.first() else { return Vec::new() };
    let mut members = Vec::new();
    for (target, strategy) in cells(&first.base) {
        for measure in &terms.measures {
            let value = |run: &Summary| measure.of(run, target, strategy);
            let found: Option<Vec<_>> =
                pairs.iter().map(|pair| Some((value(&pair.base)?, value(&pair.new)?))).collect();
            // Where no run has anything of the kind there is nothing to compare.
            let Some(found) = found else { continue };
            let values = found.into_iter().map(|(base, new)| Ok((base?, new?))).collect();
            members.push(Member { target, strategy, measure, values });
        }
    }
    members
}

/// Judges pairs. `require` makes what could not be shown an exit code of its own.
///
/// # Errors
/// What is not comparable.
pub fn paired(pairs: &[Pair], terms: &Terms, design: Design, require: bool) -> Result<Compared, String> {
    for pair in pairs {
        if cells(&pair.base) != cells(&pair.new) {
            return Err(different_cells(&pair.base, &pair.new));
        }
    }
    let valid: Vec<&Pair> = pairs.iter().filter(|pair| pair.void().is_none()).collect();
    let mut comparison = empty(terms, design);
    comparison.pairs = pairs.iter().map(pair_row).collect();
    comparison.exact = constant(&valid);
    let members = members(&valid, terms);
    let (rows, size) = timed(&members, valid.len(), terms);
    comparison.timed = rows;
    let mut reasons = Vec::new();
    let needed = pairs_needed(terms.alpha / size.max(1) as f64);
    if valid.len() < needed {
        let void = pairs.len() - valid.len();
        let text = format!(
            "{} of {} pairs count ({void} void), and {size} measured values need {needed}",
            valid.len(),
            pairs.len()
        );
        reasons.push((Exit::LoadInvalid, text));
        for row in comparison.timed.iter_mut().filter(|row| row.verdict == TimedVerdict::Regressed) {
            row.verdict = TimedVerdict::Inconclusive;
        }
    }
    Ok(conclude(comparison, require, reasons))
}

fn different_cells(base: &Summary, new: &Summary) -> String {
    let names = |these: BTreeSet<(&str, &str)>| {
        these.iter().map(|(target, strategy)| format!("{target}/{strategy}")).collect::<Vec<_>>().join(", ")
    };
    format!(
        "the arms have different cells: BASE has {}, NEW has {}; name targets and strategies alike",
        names(cells(base)),
        names(cells(new))
    )
}

fn pair_row(pair: &Pair) -> PairRow {
    let first = if pair.base_first { "base" } else { "new" };
    PairRow { number: pair.number, first: first.to_owned(), void: pair.void() }
}

/// The exact rows over all pairs. A count that is the same in every run of an arm is exact; one that varies is no evidence
/// by itself, and is shown as its range. An invariant is as its worst run.
fn constant(pairs: &[&Pair]) -> Vec<ExactRow> {
    let all: Vec<Vec<ExactRow>> = pairs.iter().map(|pair| exact(&pair.base, &pair.new, 0.0)).collect();
    let Some((first, others)) = all.split_first() else { return Vec::new() };
    let same = |row: &ExactRow, other: &ExactRow| {
        row.target == other.target && row.strategy == other.strategy && row.what == other.what
    };
    first
        .iter()
        .map(|row| {
            let others = others.iter().filter_map(|rows| rows.iter().find(|other| same(row, other)));
            let rows: Vec<&ExactRow> = std::iter::once(row).chain(others).collect();
            let base: BTreeSet<&str> = rows.iter().map(|row| row.base.as_str()).collect();
            let new: BTreeSet<&str> = rows.iter().map(|row| row.new.as_str()).collect();
            // Each pair has its own seed, and so its own work: what is the same in every pair has not changed.
            let unchanged = rows.iter().all(|row| row.change == Change::Same);
            if unchanged || (base.len() == 1 && new.len() == 1) {
                return row.clone();
            }
            if row.what.starts_with("invariant ") {
                return worst(row, &base, &new);
            }
            let range = |values: &BTreeSet<&str>| values.iter().copied().collect::<Vec<_>>().join(", ");
            ExactRow { base: range(&base), new: range(&new), change: Change::Differs, ..row.clone() }
        })
        .collect()
}

/// A rule that broke in any run of an arm is broken in it.
fn worst(row: &ExactRow, base: &BTreeSet<&str>, new: &BTreeSet<&str>) -> ExactRow {
    let of = |seen: &BTreeSet<&str>| {
        let order = ["broken", "unknown", "holds", "not-applicable"];
        order.into_iter().find(|verdict| seen.contains(verdict)).unwrap_or("unknown")
    };
    let (old, now) = (of(base), of(new));
    let change = match (old, now) {
        (old, now) if old == now => Change::Same,
        ("broken", _) => Change::Better,
        (_, "broken") => Change::Worse,
        _ => Change::Differs,
    };
    ExactRow { base: old.to_owned(), new: now.to_owned(), change, ..row.clone() }
}

/// The measured rows, and how many of them are the family.
fn timed(members: &[Member<'_>], pairs: usize, terms: &Terms) -> (Vec<TimedRow>, usize) {
    let mut gated: Vec<(&Member<'_>, Series)> = Vec::new();
    let mut rows = Vec::new();
    for member in members {
        match &member.values {
            Err(why) => rows.push(row(member, &[], None, Some(why.clone()))),
            Ok(values) => {
                let series = member.measure.series(values, terms.floor);
                let cell = (member.target, member.strategy);
                let noisy = terms.noise.as_ref();
                let noisy =
                    noisy.and_then(|noise| noise.too_noisy(cell, member.measure, pairs, series.floor));
                match noisy {
                    Some(why) => rows.push(row(member, values, Some((&series, None, terms)), Some(why))),
                    None => gated.push((member, series)),
                }
            }
        }
    }
    let family: Vec<Series> = gated.iter().map(|(_, series)| series.clone()).collect();
    let ruled = rule(&family, terms.alpha, terms.seed);
    let judged = gated.iter().zip(&ruled);
    let judged = judged.map(|((member, series), ruled)| {
        let values = member.values.as_deref().unwrap_or_default();
        row(member, values, Some((series, Some(ruled), terms)), None)
    });
    let mut judged: Vec<TimedRow> = judged.collect();
    judged.append(&mut rows);
    (judged, family.len())
}

fn row(
    member: &Member<'_>,
    values: &[(f64, f64)],
    seen: Option<(&Series, Option<&Ruled>, &Terms)>,
    why: Option<String>,
) -> TimedRow {
    let arm = |pick: fn(&(f64, f64)) -> f64| mean(&values.iter().map(pick).collect::<Vec<_>>());
    let effect = |difference: f64| member.measure.effect(difference);
    let finite = |difference: f64| difference.is_finite().then(|| effect(difference));
    let ruled = seen.and_then(|(_, ruled, _)| ruled);
    let found = seen.and_then(|(series, _, terms)| {
        detectable(deviation(&series.differences), series.differences.len(), terms.alpha)
    });
    TimedRow {
        target: member.target.to_owned(),
        strategy: member.strategy.to_owned(),
        measure: member.measure.to_string(),
        unit: member.measure.unit().to_owned(),
        base: arm(|(base, _)| *base),
        new: arm(|(_, new)| *new),
        effect: seen.map_or(0.0, |(series, ..)| effect(mean(&series.differences))),
        lower: ruled.and_then(|ruled| finite(ruled.lower)),
        upper: ruled.and_then(|ruled| finite(ruled.upper)),
        pairs: values.len() as u64,
        p: ruled.map(|ruled| ruled.p),
        p_adjusted: ruled.map(|ruled| ruled.p_adjusted),
        detectable: found.map(effect),
        verdict: ruled.map_or(TimedVerdict::Advisory, |ruled| ruled.verdict),
        why,
    }
}
