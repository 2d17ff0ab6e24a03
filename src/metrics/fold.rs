//! The whole fold: from evidence to everything a summary counts and measures.

use super::conservation::conservation;
use super::counters::{counters, measured};
use super::fidelity::fidelity;
use super::histogram::merged;
use super::latency::{TimeHistograms, histograms, rows};
use super::{Gaps, Metric};
use crate::history::Evidence;
use crate::plan::Plan;
use crate::summary::{CounterRow, Fidelity, MetricRow};
use hdrhistogram::Histogram;

/// Evidence, folded.
#[derive(Debug, Clone)]
pub struct Folded {
    /// One row per cell, in the order of [`Plan::cells`].
    pub counters: Vec<CounterRow>,
    /// The same without warm-ups, for thresholds.
    pub measured: Vec<CounterRow>,
    /// One row per cell and metric that has samples, in the order of cells and [`Metric::ALL`].
    pub metrics: Vec<MetricRow>,
    /// How true the measurement is.
    pub fidelity: Fidelity,
    /// What does not add up: see [`conservation`].
    pub conservation: Vec<String>,
    histograms: Vec<TimeHistograms>,
}

impl Folded {
    /// The histogram in nanoseconds of one cell; empty if nothing was measured, `None` if the plan has no
    /// such cell.
    #[must_use]
    pub fn histogram(&self, cell: u16, metric: Metric) -> Option<&Histogram<u64>> {
        self.histograms.get(usize::from(cell)).map(|cell| cell.of(metric))
    }

    /// The histogram in nanoseconds over several cells.
    #[must_use]
    pub fn merged(&self, cells: &[u16], metric: Metric) -> Histogram<u64> {
        merged(cells.iter().filter_map(|cell| self.histogram(*cell, metric)))
    }
}

/// Folds the evidence of a run. Warm-ups are left out of distributions and fidelity; counters are there with
/// and without them.
/// `gaps` are those that were folded while `evidence` was read: [`Gaps::read`].
#[must_use]
pub fn fold(plan: &Plan, evidence: &Evidence, gaps: &Gaps) -> Folded {
    let cells = plan.cells();
    let histograms = histograms(cells.len(), evidence, gaps);
    let metrics = cells.iter().zip(&histograms).flat_map(|(cell, histograms)| {
        rows(&plan.targets[cell.target].name, plan.strategies[cell.strategy].name(), histograms)
    });
    let whole: Vec<CounterRow> = cells.iter().map(|cell| counters(plan, *cell, evidence)).collect();
    let pairs = cells.iter().zip(&whole);
    Folded {
        measured: pairs.map(|(cell, whole)| measured(plan, *cell, evidence, whole)).collect(),
        counters: whole,
        metrics: metrics.collect(),
        fidelity: fidelity(plan, evidence, gaps),
        conservation: conservation(plan, evidence),
        histograms,
    }
}
