//! From a run's directory to its summary.

use super::{Baseline, Hunted, Parts, assemble, host};
use crate::cost;
use crate::history::{HistoryError, Loaded};
use crate::invariants;
use crate::metrics::{Gaps, Metric, course, fold, writers_behind};
use crate::plan::Plan;
use crate::summary::{Course, Fidelity, Host, Summary};
use std::path::Path;

/// Reads the evidence in `dir` and judges it by `plan`, which may ask other thresholds and prices than the
/// run had. Thresholds that name a baseline are held against `baseline`, else against the one that is kept
/// beside the evidence. Writes nothing.
///
/// # Errors
/// If the evidence cannot be read; names the file and the line.
pub fn judge(plan: &Plan, dir: &Path, baseline: Option<&Summary>) -> Result<Summary, HistoryError> {
    judge_and_draw(plan, dir, baseline).map(|(summary, _)| summary)
}

/// The same, and what happened over time, for reports that draw it.
///
/// # Errors
/// As [`judge`].
pub fn judge_and_draw(
    plan: &Plan,
    dir: &Path,
    baseline: Option<&Summary>,
) -> Result<(Summary, Course), HistoryError> {
    let (loaded, gaps) = Gaps::read(dir, plan)?;
    let host = host(dir, &loaded.evidence.meta);
    let baseline = match baseline {
        Some(summary) => Some(Baseline::of(plan, summary)),
        None => Baseline::kept(plan, dir)?,
    };
    let mut summary = summarised(plan, &loaded, &gaps, host, baseline);
    let course = course(plan, &loaded.evidence, &summary.verdicts);
    Hunted::earlier(dir).add_to(&mut summary);
    Ok((summary, course))
}

/// Judges evidence that is in memory.
#[must_use]
pub fn summarise(plan: &Plan, loaded: &Loaded, gaps: &Gaps, host: Host) -> Summary {
    summarised(plan, loaded, gaps, host, None)
}

fn summarised(plan: &Plan, loaded: &Loaded, gaps: &Gaps, host: Host, baseline: Option<Baseline>) -> Summary {
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
        fidelity: Fidelity { behind: writers_behind(plan, &loaded.backlogs), ..folded.fidelity.clone() },
        conservation: folded.conservation.clone(),
        gaps: loaded.warnings.clone(),
        verdicts,
        billed: cost::billed(plan, evidence),
        cost: cost::run_cost(plan, &folded.counters, evidence),
        budget: cost::budget_rows(plan, evidence),
        baseline,
    })
}
