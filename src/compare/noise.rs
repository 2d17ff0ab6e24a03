//! How noisy a machine is: what `deadheat calibrate` stores, and what it allows to be gated.

use super::comparable::machine;
use super::family::{detectable, deviation};
use super::pairs::members;
use super::sign_flip::pairs_needed;
use super::{Measure, Pair, Terms};
use crate::summary::Host;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A measure of which not even an effect this many floors large can be found is not gated.
const FLOORS: f64 = 2.0;

/// The version of a calibration that this build writes and reads.
const VERSION: u32 = 1;

/// Numbers of pairs for which figures are stated.
const SIZES: [usize; 8] = [5, 6, 7, 8, 10, 12, 20, 30];

/// The noise of one scenario on one machine: pairs of the same program against itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(
    title = "deadheat calibration",
    description = "How much pairs of identical runs differ on a machine."
)]
pub struct Noise {
    /// Version of this file, 1.
    pub version: u32,
    /// The scenario's name.
    pub name: String,
    /// Digest of its plan at seed 0, as every pair has its own; `None` of a command, whose plan is not known
    /// here.
    pub plan_hash: Option<String>,
    /// The machine.
    pub host: Host,
    /// Pairs that it rests on.
    pub pairs: u64,
    /// One-sided error rate, of all rows together, for which `detectable` is stated.
    pub alpha: f64,
    /// Effects below this are no regression, as a share.
    pub floor: f64,
    /// A row per cell and measure.
    pub rows: Vec<NoiseRow>,
}

/// The noise of one measure in one cell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NoiseRow {
    /// Target's name.
    pub target: String,
    /// Strategy's name.
    pub strategy: String,
    /// Such as `ttft.p95`.
    pub measure: String,
    /// Standard deviation of the paired differences: of log-ratios, or of shares; `None` if they could not be
    /// measured.
    pub deviation: Option<f64>,
    /// The smallest effect that four in five comparisons call a regression, by number of pairs; `None` where
    /// so few can call nothing one.
    pub detectable: Vec<(u64, Option<f64>)>,
    /// Fewest of these pairs by which it can be gated; `None` if it is advisory with all of them.
    pub gated_from: Option<u64>,
    /// Why it could not be measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// How much one measure differs between identical runs, and among how many it is judged.
#[derive(Debug, Clone, Copy)]
struct Spread {
    deviation: f64,
    /// On the scale of the differences.
    floor: f64,
    /// Error rate of Holm's first step.
    alpha: f64,
    /// Error rate of a measure by itself.
    alone: f64,
}

impl Spread {
    /// What so many pairs can find, if they find too little; a family that so few cannot judge is looked at
    /// one by one.
    fn too_large(self, pairs: usize) -> Option<f64> {
        let found = |alpha| detectable(self.deviation, pairs, alpha, self.floor);
        let found = found(self.alpha).or_else(|| found(self.alone))?;
        (found > FLOORS * self.floor).then_some(found)
    }

    /// The row with its figures.
    fn told(self, measure: &Measure, row: NoiseRow) -> NoiseRow {
        let found = |n: usize| {
            let difference = detectable(self.deviation, n, self.alpha, self.floor);
            (n as u64, difference.map(|difference| measure.effect(difference)))
        };
        let gated = |n: &usize| *n >= pairs_needed(self.alpha) && self.too_large(*n).is_none();
        NoiseRow {
            deviation: Some(self.deviation),
            detectable: SIZES.map(found).to_vec(),
            gated_from: SIZES.into_iter().find(gated).map(|n| n as u64),
            ..row
        }
    }
}

impl Noise {
    /// From pairs of identical runs, which are `plan_hash`'s.
    #[must_use]
    pub fn of(pairs: &[Pair], terms: &Terms, plan_hash: Option<String>, host: Host) -> Self {
        let valid: Vec<&Pair> = pairs.iter().filter(|pair| pair.void().is_none()).collect();
        let members = members(&valid, terms);
        let family = members.iter().filter(|member| member.values.is_ok()).count();
        let rows = members.iter().map(|member| {
            let (target, strategy) = (member.target.to_owned(), member.strategy.to_owned());
            let row = NoiseRow {
                target,
                strategy,
                measure: member.measure.to_string(),
                deviation: None,
                detectable: Vec::new(),
                gated_from: None,
                why: None,
            };
            match &member.values {
                Err(why) => NoiseRow { why: Some(why.clone()), ..row },
                Ok(values) => {
                    let series = member.measure.series(values, terms.floor);
                    let alone = terms.alpha_of_a_look();
                    let alpha = alone / family.max(1) as f64;
                    let deviation = deviation(&series.differences);
                    let spread = Spread { deviation, floor: series.floor, alpha, alone };
                    spread.told(member.measure, row)
                }
            }
        });
        let rows = rows.collect();
        let name = valid.first().map(|pair| pair.base.name.clone()).unwrap_or_default();
        let (alpha, floor) = (terms.alpha, terms.floor);
        Self { version: VERSION, name, plan_hash, host, pairs: valid.len() as u64, alpha, floor, rows }
    }

    /// Why it says nothing about BASE on the machine `host`; empty if it does. What is not known of BASE is
    /// not asked.
    #[must_use]
    pub fn faults(&self, name: Option<&str>, plan_hash: Option<&str>, host: &Host) -> Vec<String> {
        let mut why = Vec::new();
        if self.version != VERSION {
            why.push(format!("it has version {}, and this build reads {VERSION}", self.version));
        }
        let (there, here) = (machine(&self.host), machine(host));
        if there != here {
            why.push(format!("it was made on {there}, and this is {here}"));
        }
        if let Some(name) = name.filter(|name| *name != self.name) {
            why.push(format!("it is of \"{}\", and BASE is \"{name}\"", self.name));
        }
        if let (Some(theirs), Some(ours)) = (&self.plan_hash, plan_hash)
            && theirs != ours
        {
            why.push(format!("it is of another plan: {theirs}, and BASE's is {ours}"));
        }
        why
    }

    /// The row of a measure in a cell.
    fn row(&self, target: &str, strategy: &str, measure: &Measure) -> Option<&NoiseRow> {
        let measure = measure.to_string();
        let is = |row: &&NoiseRow| row.target == target && row.strategy == strategy && row.measure == measure;
        self.rows.iter().find(is)
    }

    /// Why a measure, one of `family`, cannot be gated with `pairs` pairs on this machine; `None` if it can,
    /// or is not known.
    pub(super) fn too_noisy(
        &self,
        (target, strategy): (&str, &str),
        measure: &Measure,
        (pairs, family): (usize, usize),
        terms: &Terms,
    ) -> Option<String> {
        let deviation = self.row(target, strategy, measure)?.deviation?;
        let floor = measure.series(&[], terms.floor).floor;
        let alone = terms.alpha_of_a_look();
        let spread = Spread { deviation, floor, alpha: alone / family.max(1) as f64, alone };
        let found = spread.too_large(pairs)?;
        let shown = |difference| super::shown(measure.effect(difference), *measure == Measure::ErrorRate);
        Some(format!(
            "too noisy on this machine: {pairs} pairs find {} at the least, and only what finds {} is gated",
            shown(found),
            shown(FLOORS * floor)
        ))
    }
}
