//! A stored run that thresholds may name: `p(95) <= baseline + 10%`.

use super::{Observed, here};
use crate::compare::{Facts, incomparable};
use crate::history::{HistoryError, Meta};
use crate::metrics::hdr_read;
use crate::plan::{Cell, Plan};
use crate::summary::{CounterRow, Summary};
use crate::units::Money;
use hdrhistogram::Histogram;
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;

/// The file in a run's directory that keeps what its thresholds were held against.
pub const BASELINE: &str = "baseline.json";

/// A stored run, as thresholds look at it.
#[derive(Debug)]
pub struct Baseline {
    /// By cell and metric.
    times: BTreeMap<(u16, String), Histogram<u64>>,
    /// By cell.
    counters: BTreeMap<u16, CounterRow>,
    costs: BTreeMap<u16, Money>,
}

impl Baseline {
    /// The run of `summary`, by the cells of `plan`. A cell or a figure that it lacks is no data.
    #[must_use]
    pub fn of(plan: &Plan, summary: &Summary) -> Self {
        let mut baseline = Self { times: BTreeMap::new(), counters: BTreeMap::new(), costs: BTreeMap::new() };
        for cell in plan.cells() {
            let (target, strategy) = (&plan.targets[cell.target].name, plan.strategies[cell.strategy].name());
            let is = |a: &str, b: &str| a == target && b == strategy;
            for row in summary.metrics.iter().filter(|row| is(&row.target, &row.strategy)) {
                if let Ok(histogram) = hdr_read(&row.hdr) {
                    baseline.times.insert((cell.index, row.metric.clone()), histogram);
                }
            }
            if let Some(row) = summary.counters.iter().find(|row| is(&row.target, &row.strategy)) {
                baseline.counters.insert(cell.index, row.clone());
            }
            if let Some(row) = summary.cost.iter().find(|row| is(&row.target, &row.strategy)) {
                baseline.costs.extend(row.paid().map(|paid| (cell.index, paid)));
            }
        }
        baseline
    }

    /// The baseline that was kept beside the evidence in `dir`, if there was one.
    ///
    /// # Errors
    /// If it is there and cannot be read.
    pub(super) fn kept(plan: &Plan, dir: &Path) -> Result<Option<Self>, HistoryError> {
        let path = dir.join(BASELINE);
        let unread = |source| HistoryError::Io { doing: "read", path: path.clone(), source };
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unread(error)),
        };
        let summary: Summary = serde_json::from_slice(&text).map_err(|error| unread(error.into()))?;
        Ok(Some(Self::of(plan, &summary)))
    }
}

/// Why `plan` on this machine cannot be held against `baseline`; empty if it can.
#[must_use]
pub fn baseline_faults(plan: &Plan, baseline: &Summary) -> Vec<String> {
    let host = here(&Meta::default());
    let mut why = incomparable(&Facts::of(baseline), &Facts::of_plan(plan, &host));
    if !baseline.valid.holds {
        why.push(format!("its own load was invalid: {}", baseline.valid.why.join("; ")));
    }
    why
}

impl Observed for Baseline {
    fn histogram(&self, cell: Cell, metric: &str) -> Option<&Histogram<u64>> {
        self.times.get(&(cell.index, metric.to_owned()))
    }

    fn counter(&self, cell: Cell) -> Option<&CounterRow> {
        self.counters.get(&cell.index)
    }

    fn cost(&self, cell: Cell) -> Option<Money> {
        self.costs.get(&cell.index).copied()
    }
}
