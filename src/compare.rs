//! Is NEW slower, wronger or dearer than BASE? Exact values are compared exactly; times that differ from run
//! to run are judged over interleaved pairs, with a bounded chance of a false alarm.

mod comparable;
mod constant;
mod exact;
mod family;
mod measure;
mod noise;
mod pairs;
mod sign_flip;

pub use comparable::{Facts, incomparable};
pub use family::{Ruled, Series, detectable, holm, rule};
pub use measure::{Measure, POINTS, Point};
pub use noise::{Noise, NoiseRow};
pub use pairs::{Pair, family_size, ground, interrupted, paired};
pub use sign_flip::{TypicalValues, pairs_needed};

use crate::summary::Exit;
use crate::summary::{COMPARISON_VERSION, Change, Compared, ExactRow, Host, Summary, TimedRow, TimedVerdict};
use crate::units::shown::percent_change;

/// What was agreed on before anything was measured.
#[derive(Debug, Clone)]
pub struct Terms {
    /// One-sided error rate of the whole family over all looks, 0 to 1.
    pub alpha: f64,
    /// After how many pairs it is looked, ascending; empty or one is once, at the end.
    pub looks: Vec<u64>,
    /// Effects below this share are no regression.
    pub floor: f64,
    /// The declared family, crossed with the cells.
    pub measures: Vec<Measure>,
    /// Whether the user asked for these, and they are not the usual ones: each must then be accounted for.
    pub declared: bool,
    /// Seed of the order, and of what the test draws.
    pub seed: u64,
    /// What a calibration of this machine found, if there is one.
    pub noise: Option<Noise>,
}

impl Terms {
    /// What one look may spend: an equal part, so that all of them together err no more often than was
    /// agreed, however they are spaced (Bonferroni).
    #[must_use]
    pub fn alpha_of_a_look(&self) -> f64 {
        self.alpha / self.looks.len().max(1) as f64
    }
}

/// The names of the arms, and how the pairs were made.
#[derive(Debug, Clone)]
pub struct Design {
    /// BASE, as it was named.
    pub base: String,
    /// NEW.
    pub new: String,
    /// `stored`, `random` or `abba`.
    pub order: String,
    /// Pairs asked for.
    pub planned: u64,
    /// This machine.
    pub host: Host,
}

/// Compares two stored runs. Only what is exact can be gated: one run against one says nothing about times.
#[must_use]
pub fn stored(base: &Summary, new: &Summary, terms: &Terms, design: Design) -> Compared {
    let rows = exact::exact(base, new, terms.floor);
    let timed = if base.clock == "virtual" { Vec::new() } else { advisory(base, new, terms) };
    let mut comparison = empty(terms, design);
    for (name, run) in [("BASE", base), ("NEW", new)].into_iter().filter(|(_, run)| !run.valid.holds) {
        comparison.notes.push(format!(
            "{name}'s load was invalid, so its times say nothing: {}",
            run.valid.why.join("; ")
        ));
    }
    (comparison.exact, comparison.timed) = (rows, timed);
    conclude(comparison, false, Vec::new())
}

/// The times of two stored runs side by side, with no verdict.
fn advisory(base: &Summary, new: &Summary, terms: &Terms) -> Vec<TimedRow> {
    let why = "one run against one: identical programs differ by 10 % in up to one of four such comparisons; \
               compare in pairs (--base, --new, --pairs)";
    let mut rows = Vec::new();
    for cell in &base.counters {
        for measure in &terms.measures {
            let value = |run| measure.of(run, &cell.target, &cell.strategy)?.ok();
            let (Some(old), Some(new)) = (value(base), value(new)) else { continue };
            let effect = measure.effect(measure.series(&[(old, new)], terms.floor).differences[0]);
            rows.push(TimedRow {
                target: cell.target.clone(),
                strategy: cell.strategy.clone(),
                measure: measure.to_string(),
                unit: measure.unit(base, &cell.target, &cell.strategy),
                base: old,
                new,
                effect,
                lower: None,
                upper: None,
                pairs: 1,
                p: None,
                p_adjusted: None,
                detectable: None,
                verdict: TimedVerdict::Advisory,
                why: Some(why.to_owned()),
            });
        }
    }
    rows
}

fn empty(terms: &Terms, design: Design) -> Compared {
    Compared {
        version: COMPARISON_VERSION,
        deadheat: env!("CARGO_PKG_VERSION").to_owned(),
        base: design.base,
        new: design.new,
        order: design.order,
        seed: terms.seed,
        planned: design.planned,
        pairs: Vec::new(),
        alpha: terms.alpha,
        looks: if terms.looks.len() > 1 { terms.looks.clone() } else { Vec::new() },
        floor: terms.floor,
        exact: Vec::new(),
        timed: Vec::new(),
        exit_code: 0,
        exit_reasons: Vec::new(),
        notes: Vec::new(),
        host: design.host,
    }
}

/// The exit code, and every reason for it. `require` makes it 8 where nothing could be shown.
fn conclude(mut comparison: Compared, require: bool, mut reasons: Vec<(Exit, String)>) -> Compared {
    let cell = |target: &str, strategy: &str| format!("{target}/{strategy}");
    let worse = |row: &ExactRow| {
        let exit = if row.new == "broken" { Exit::Invariant } else { Exit::Regression };
        let cell = cell(&row.target, &row.strategy);
        (exit, format!("{cell}: {} went from {} to {}", row.what, row.base, row.new))
    };
    reasons.extend(comparison.exact.iter().filter(|row| row.change == Change::Worse).map(worse));
    for row in &comparison.timed {
        let (cell, measure) = (cell(&row.target, &row.strategy), &row.measure);
        match row.verdict {
            TimedVerdict::Regressed => {
                let effect = shown(row.effect, row.unit == "share");
                reasons.push((Exit::Regression, format!("{cell}: {measure} regressed by {effect}")));
            }
            TimedVerdict::Inconclusive if require => {
                let why = row.why.as_ref().map_or_else(String::new, |why| format!(": {why}"));
                reasons.push((Exit::Inconclusive, format!("{cell}: {measure} is inconclusive{why}")));
            }
            _ => {}
        }
    }
    reasons.sort_by_key(|(exit, _)| exit.rank());
    comparison.exit_code = reasons.first().map_or(Exit::Pass, |(exit, _)| *exit).code();
    comparison.exit_reasons = reasons.into_iter().map(|(_, text)| text).collect();
    comparison
}

/// An effect as people read it.
fn shown(effect: f64, in_points: bool) -> String {
    if in_points { format!("{:+.2} points", effect * 100.0) } else { percent_change(effect) }
}
