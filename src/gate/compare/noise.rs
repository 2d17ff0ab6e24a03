//! How noisy a machine is: what `deadheat calibrate` stores, and what it allows to be gated.

use super::family::{detectable, deviation};
use super::{Measure, Pair};
use crate::history::Host;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A measure of which not even an effect this many floors large can be found is not gated.
const FLOORS: f64 = 2.0;

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
    /// The machine.
    pub host: Host,
    /// Pairs that it rests on.
    pub pairs: u64,
    /// One-sided error rate for which `detectable` is stated.
    pub alpha: f64,
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
    /// Standard deviation of the paired differences: of log-ratios, or of shares.
    pub deviation: f64,
    /// The smallest effect that four in five comparisons find, by number of pairs.
    pub detectable: Vec<(u64, f64)>,
}

impl Noise {
    /// From pairs of identical runs.
    #[must_use]
    pub fn of(pairs: &[Pair], measures: &[Measure], alpha: f64, host: Host) -> Self {
        let mut rows = Vec::new();
        let valid: Vec<&Pair> = pairs.iter().filter(|pair| pair.void().is_none()).collect();
        let first = valid.first();
        for cell in first.iter().flat_map(|pair| &pair.base.counters) {
            for measure in measures {
                let value = |run| measure.of(run, &cell.target, &cell.strategy)?.ok();
                let values: Option<Vec<(f64, f64)>> =
                    valid.iter().map(|pair| Some((value(&pair.base)?, value(&pair.new)?))).collect();
                let Some(values) = values else { continue };
                let deviation = deviation(&measure.series(&values, 0.0).differences);
                let found = |n: usize| {
                    let difference = detectable(deviation, n, alpha).unwrap_or(f64::INFINITY);
                    (n as u64, measure.effect(difference))
                };
                rows.push(NoiseRow {
                    target: cell.target.clone(),
                    strategy: cell.strategy.clone(),
                    measure: measure.to_string(),
                    deviation,
                    detectable: [5, 6, 8, 10, 12, 20, 30].map(found).to_vec(),
                });
            }
        }
        let name = first.map(|pair| pair.base.name.clone()).unwrap_or_default();
        Self { version: 1, name, host, pairs: valid.len() as u64, alpha, rows }
    }

    /// The row of a measure in a cell.
    fn row(&self, target: &str, strategy: &str, measure: &Measure) -> Option<&NoiseRow> {
        let measure = measure.to_string();
        let is = |row: &&NoiseRow| row.target == target && row.strategy == strategy && row.measure == measure;
        self.rows.iter().find(is)
    }

    /// Why a measure cannot be gated with `pairs` pairs on this machine; `None` if it can, or is not known. `floor` is on the
    /// scale of its differences.
    pub(super) fn too_noisy(
        &self,
        (target, strategy): (&str, &str),
        measure: &Measure,
        pairs: usize,
        floor: f64,
    ) -> Option<String> {
        let row = self.row(target, strategy, measure)?;
        let found = detectable(row.deviation, pairs, self.alpha)?;
        let (effect, limit) = (measure.effect(found), measure.effect(FLOORS * floor));
        (found > FLOORS * floor).then(|| {
            let shown = |effect| super::shown(effect, measure.unit());
            format!(
                "too noisy on this machine: {pairs} pairs find {} at the least, and only what finds {} is gated",
                shown(effect),
                shown(limit)
            )
        })
    }
}
