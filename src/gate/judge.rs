//! From a run's directory to its summary.

use super::{Hunted, Parts, assemble, billed, host};
use crate::cost;
use crate::history::{Course, HistoryError, Host, Loaded, Summary};
use crate::invariants;
use crate::metrics::{Gaps, Metric, course, fold};
use crate::scenario::Plan;
use std::path::Path;

/// Reads the evidence in `dir` and judges it by `plan`, which may ask other thresholds and prices than the
/// run had. Writes nothing.
///
/// # Errors
/// If the evidence cannot be read; names the file and the line.
pub fn judge(plan: &Plan, dir: &Path) -> Result<Summary, HistoryError> {
    judge_and_draw(plan, dir).map(|(summary, _)| summary)
}

/// The same, and what happened over time, for reports that draw it.
///
/// # Errors
/// As [`judge`].
pub fn judge_and_draw(plan: &Plan, dir: &Path) -> Result<(Summary, Course), HistoryError> {
    let (loaded, gaps) = Gaps::read(dir, plan)?;
    let host = host(dir, &loaded.evidence.meta);
    let mut summary = summarise(plan, &loaded, &gaps, host);
    let course = course(plan, &loaded.evidence, &summary.verdicts);
    Hunted::earlier(dir).add_to(&mut summary);
    Ok((summary, course))
}

/// Judges evidence that is in memory.
#[must_use]
pub fn summarise(plan: &Plan, loaded: &Loaded, gaps: &Gaps, host: Host) -> Summary {
    let evidence = &loaded.evidence;
    let (folded, verdicts) = std::thread::scope(|scope| {
        let folded = scope.spawn(|| fold(plan, evidence, gaps));
        let verdicts = invariants::judge(plan, evidence);
        (folded.join(), verdicts)
    });
    let folded = folded.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    assemble(Parts {
        plan,
        meta: &evidence.meta,
        host,
        counters: folded.counters.clone(),
        measured: folded.measured.clone(),
        metrics: folded.metrics.clone(),
        histogram: Box::new(|cell, name| folded.histogram(cell.index, Metric::from_name(name)?)),
        fidelity: folded.fidelity.clone(),
        conservation: folded.conservation.clone(),
        gaps: loaded.warnings.clone(),
        verdicts,
        billed: billed(plan, evidence),
        cost: cost::run_cost(plan, &folded.counters, evidence),
    })
}
