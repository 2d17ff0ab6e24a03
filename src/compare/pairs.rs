//! Interleaved pairs: the same work once by each arm, within one job on one machine.

use super::comparable::{Facts, cells, other_ground};
use super::constant::constant;
use super::family::{Ruled, Series, deviation, mean, rule};
use super::measure::Measure;
use super::sign_flip::pairs_needed;
use super::{Design, Terms, conclude, detectable, empty};
use crate::summary::Exit;
use crate::summary::{Compared, PairRow, Summary, TimedRow, TimedVerdict};
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
    /// Why neither of its runs counts, if one of them does not: leaving out just one arm's bad runs would
    /// flatter it.
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

/// How many measured values two such runs give that will be judged over `planned` pairs: by it the pairs that
/// are needed are known before most are made.
#[must_use]
pub fn family_size(pair: &Pair, terms: &Terms, planned: u64) -> usize {
    let pairs = [pair];
    let members = members(&pairs, terms);
    let family = measured(&members);
    let gated =
        |member: &&Member<'_>| member.values.is_ok() && member.noisy(terms, planned, family).is_none();
    members.iter().filter(gated).count()
}

/// A measure in a cell, with its values pair by pair.
pub(super) struct Member<'a> {
    pub(super) target: &'a str,
    pub(super) strategy: &'a str,
    pub(super) measure: &'a Measure,
    unit: String,
    pub(super) values: Result<Vec<(f64, f64)>, String>,
}

impl Member<'_> {
    /// Why it is not judged on this machine.
    fn noisy(&self, terms: &Terms, planned: u64, family: usize) -> Option<String> {
        let planned = usize::try_from(planned).unwrap_or(usize::MAX);
        let noise = terms.noise.as_ref()?;
        noise.too_noisy((self.target, self.strategy), self.measure, (planned, family), terms)
    }
}

/// How many could be judged, were no machine noisy.
fn measured(members: &[Member<'_>]) -> usize {
    members.iter().filter(|member| member.values.is_ok()).count()
}

/// What is to be judged. Of the usual measures those are left out that neither arm has anything of; one that
/// was asked for stays, to be accounted for.
pub(super) fn members<'a>(pairs: &[&'a Pair], terms: &'a Terms) -> Vec<Member<'a>> {
    let Some(first) = pairs.first() else { return Vec::new() };
    let mut members = Vec::new();
    for (target, strategy) in cells(&first.base) {
        for measure in &terms.measures {
            let spared = |pair: &&Pair| {
                measure.is_spared(&pair.base, target, strategy)
                    && measure.is_spared(&pair.new, target, strategy)
            };
            if !terms.declared && pairs.iter().all(spared) {
                continue;
            }
            let value = |run: &Summary| measure.of(run, target, strategy);
            let found: Vec<_> = pairs.iter().map(|pair| (value(&pair.base), value(&pair.new))).collect();
            let nothing = found.iter().all(|(base, new)| base.is_none() && new.is_none());
            if nothing && !terms.declared {
                continue;
            }
            let unit = |run: &Summary| measure.unit(run, target, strategy);
            let units: BTreeSet<String> =
                pairs.iter().flat_map(|pair| [unit(&pair.base), unit(&pair.new)]).collect();
            let values = values(found).and_then(|values| match units.len() {
                1 => Ok(values),
                _ => {
                    Err(format!("counted in {}", units.iter().cloned().collect::<Vec<_>>().join(" and in ")))
                }
            });
            members.push(Member { target, strategy, measure, unit: unit(&first.base), values });
        }
    }
    members
}

type Value = Option<Result<f64, String>>;

/// The values of both arms, or why there are none for every pair.
fn values(found: Vec<(Value, Value)>) -> Result<Vec<(f64, f64)>, String> {
    let of = found.len();
    let missing = |arm: &dyn Fn(&(Value, Value)) -> bool| found.iter().filter(|pair| arm(pair)).count();
    let lacks = [("BASE", missing(&|(base, _)| base.is_none())), ("NEW", missing(&|(_, new)| new.is_none()))];
    match lacks {
        [(_, 0), (_, 0)] => {}
        [(_, base), (_, new)] if base == of && new == of => return Err("no run has any of it".to_owned()),
        lacks => {
            let lacks = lacks.into_iter().filter(|(_, many)| *many > 0);
            let lacks: Vec<String> =
                lacks.map(|(arm, many)| format!("{arm} has none of it in {many} of {of} pairs")).collect();
            return Err(lacks.join(", "));
        }
    }
    let both = found.into_iter().filter_map(|(base, new)| Some((base?, new?)));
    both.map(|(base, new)| Ok((base?, new?))).collect()
}

/// Judges pairs. `require` makes what could not be shown an exit code of its own.
///
/// # Errors
/// What is not comparable.
pub fn paired(pairs: &[Pair], terms: &Terms, design: Design, require: bool) -> Result<Compared, String> {
    let (comparison, reasons) = judged(pairs, terms, design)?;
    Ok(conclude(comparison, require, reasons))
}

/// Reports the pairs that were made before an interruption. What is exact is judged; a measured value has a
/// verdict only if a look after so many pairs was agreed on, since every other look would raise the chance of
/// a false alarm.
///
/// # Errors
/// What is not comparable.
pub fn interrupted(pairs: &[Pair], terms: &Terms, design: Design) -> Result<Compared, String> {
    let (made, planned) = (pairs.len() as u64, design.planned);
    let (mut comparison, mut reasons) = judged(pairs, terms, design)?;
    if !terms.looks.contains(&made) {
        // What is missing for a verdict is the same for every row, and is said as the reason of the exit
        // code.
        reasons.clear();
        for row in comparison.timed.iter_mut().filter(|row| row.verdict != TimedVerdict::Advisory) {
            row.verdict = TimedVerdict::Inconclusive;
            row.why.get_or_insert_with(|| format!("interrupted: no look was planned after pair {made}"));
        }
    }
    reasons.push((Exit::Interrupted, format!("interrupted after {made} of {planned} pairs")));
    Ok(conclude(comparison, false, reasons))
}

/// A comparison with its rows, and the reasons for an exit code that do not lie in one row.
fn judged(pairs: &[Pair], terms: &Terms, design: Design) -> Result<(Compared, Vec<(Exit, String)>), String> {
    ground(pairs)?;
    let valid: Vec<&Pair> = pairs.iter().filter(|pair| pair.void().is_none()).collect();
    let planned = design.planned;
    let mut comparison = empty(terms, design);
    comparison.pairs = pairs.iter().map(pair_row).collect();
    comparison.exact = constant(pairs, &valid);
    let members = members(&valid, terms);
    let (rows, size) = timed(&members, planned, terms);
    comparison.timed = rows;
    let mut reasons = Vec::new();
    let needed = pairs_needed(terms.alpha_of_a_look() / size.max(1) as f64);
    if valid.len() < needed {
        let void = pairs.len() - valid.len();
        let what = match size {
            0 => "a comparison needs".to_owned(),
            1 => "one measured value needs".to_owned(),
            size => format!("{size} measured values need"),
        };
        let text =
            format!("{} of {} pairs count ({void} void), and {what} {needed}", valid.len(), pairs.len());
        reasons.push((Exit::LoadInvalid, text));
        for row in comparison.timed.iter_mut().filter(|row| row.verdict != TimedVerdict::Advisory) {
            row.verdict = TimedVerdict::Inconclusive;
        }
    } else if size == 0 {
        let text = "none of the measured values could be judged, so nothing was shown".to_owned();
        reasons.push((Exit::NothingMeasured, text));
    }
    Ok((comparison, reasons))
}

/// Whether all runs have the same cells, and stand on the same ground: one clock, one machine, prices of one
/// day; and each pair its own work, since a run that is counted twice is still one run.
///
/// # Errors
/// What differs, and where.
pub fn ground(pairs: &[Pair]) -> Result<(), String> {
    let Some(first) = pairs.first() else { return Ok(()) };
    let mut seeds = BTreeSet::new();
    for pair in pairs {
        for run in [&pair.base, &pair.new] {
            if cells(&first.base) != cells(run) {
                return Err(different_cells(&first.base, run));
            }
        }
        let number = pair.number;
        let (base, new) = (pair.base.seed, pair.new.seed);
        if base != new {
            return Err(format!(
                "pair {number} has two seeds, {base} and {new}: its runs did different work"
            ));
        }
        if !seeds.insert(base) {
            return Err(format!(
                "pair {number} has the seed of an earlier one, {base}: it is the same work again"
            ));
        }
        let names = [("BASE", &pair.base), ("NEW", &pair.new)];
        for (name, run) in names {
            let name = format!("{name} of pair {number}");
            let why = other_ground(
                [&Facts::of(&first.base), &Facts::of(run)],
                [&format!("BASE of pair {}", first.number), &name],
            );
            if !why.is_empty() {
                return Err(format!("the runs cannot be compared:\n  {}", why.join("\n  ")));
            }
        }
    }
    Ok(())
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

/// The measured rows, and how many of them are the family.
fn timed(members: &[Member<'_>], planned: u64, terms: &Terms) -> (Vec<TimedRow>, usize) {
    let measured = measured(members);
    let mut gated: Vec<(&Member<'_>, Series)> = Vec::new();
    let mut rows = Vec::new();
    for member in members {
        match &member.values {
            Err(why) => {
                let verdict = TimedVerdict::Inconclusive;
                rows.push(TimedRow { verdict, why: Some(why.clone()), ..row(member, &[], None, terms) });
            }
            Ok(values) => match member.noisy(terms, planned, measured) {
                Some(why) => rows.push(TimedRow { why: Some(why), ..row(member, values, None, terms) }),
                None => gated.push((member, member.measure.series(values, terms.floor))),
            },
        }
    }
    let family: Vec<Series> = gated.iter().map(|(_, series)| series.clone()).collect();
    let ruled = rule(&family, terms.alpha_of_a_look(), terms.seed);
    let judged = gated.iter().zip(&ruled);
    let judged = judged.map(|((member, _), ruled)| {
        let values = member.values.as_deref().unwrap_or_default();
        row(member, values, Some(ruled), terms)
    });
    let mut judged: Vec<TimedRow> = judged.collect();
    judged.append(&mut rows);
    (judged, family.len())
}

/// A row: of a measure that was judged, or else an advisory one.
fn row(member: &Member<'_>, values: &[(f64, f64)], ruled: Option<&Ruled>, terms: &Terms) -> TimedRow {
    let arm = |pick: fn(&(f64, f64)) -> f64| match values {
        [] => 0.0,
        values => mean(&values.iter().map(pick).collect::<Vec<_>>()),
    };
    let effect = |difference: f64| member.measure.effect(difference);
    let finite = |difference: f64| difference.is_finite().then(|| effect(difference));
    let Series { differences, floor } = member.measure.series(values, terms.floor);
    let found = match ruled {
        Some(ruled) => ruled.detectable,
        None => detectable(deviation(&differences), differences.len(), terms.alpha_of_a_look(), floor),
    };
    TimedRow {
        target: member.target.to_owned(),
        strategy: member.strategy.to_owned(),
        measure: member.measure.to_string(),
        unit: member.unit.clone(),
        base: arm(|(base, _)| *base),
        new: arm(|(_, new)| *new),
        effect: if values.is_empty() { 0.0 } else { effect(mean(&differences)) },
        lower: ruled.and_then(|ruled| finite(ruled.lower)),
        upper: ruled.and_then(|ruled| finite(ruled.upper)),
        pairs: values.len() as u64,
        p: ruled.map(|ruled| ruled.p),
        p_adjusted: ruled.map(|ruled| ruled.p_adjusted),
        detectable: found.map(effect),
        verdict: ruled.map_or(TimedVerdict::Advisory, |ruled| ruled.verdict),
        why: None,
    }
}
