//! When each strategy is the wrong choice: a sentence each, with what was seen in this run.

use crate::history::ErrorClass;
use crate::plan::{Place, Plan};
use crate::strategy::{Seen, SemaphoreResult, StrategyPlan};
use crate::summary::{CounterRow, Invariant, StrategyRow};

/// What the sentence on a strategy rests on.
pub(super) struct AdviceInput<'a> {
    pub(super) plan: &'a Plan,
    pub(super) strategy: &'a StrategyPlan,
    /// Counts over all targets, warm-ups included.
    pub(super) counts: &'a CounterRow,
    /// Its figures.
    pub(super) row: &'a StrategyRow,
    /// Those of a semaphore, if one ran beside it.
    pub(super) semaphore: Option<&'a StrategyRow>,
}

/// When the strategy is the wrong choice. Figures are left out where nothing was attempted.
pub(super) fn wrong_when(grounds: &AdviceInput<'_>) -> String {
    if let Some(bug) = grounds.strategy.twin() {
        return always(bug, &grounds.row.breaks);
    }
    let advice = grounds.strategy.wrong_when(&seen(grounds));
    match advice.here.filter(|_| grounds.counts.attempts > 0) {
        Some(here) => format!("{}: {here}", advice.rule),
        None => advice.rule,
    }
}

fn always(bug: &str, breaks: &[Invariant]) -> String {
    let names: Vec<&str> = breaks.iter().map(|invariant| invariant.name()).collect();
    match names[..] {
        [] => format!("always wrong: {bug}; this run did not provoke it"),
        _ => format!("always wrong: {bug}; here it broke {}", names.join(", ")),
    }
}

fn seen<'a>(grounds: &AdviceInput<'a>) -> Seen<'a> {
    let AdviceInput { plan, counts, row, .. } = *grounds;
    let ignores_keys = |place: &Place| match place {
        Place::Mock(mock) => !mock.idempotency,
        Place::Url { .. } => false,
    };
    let ignoring = plan.targets.iter().filter(|target| ignores_keys(&target.place));
    Seen {
        planned: counts.planned.max(counts.jobs),
        jobs: counts.jobs,
        answered: counts.answered,
        attempts: counts.attempts,
        refused: counts.errors.get(ErrorClass::RateLimited.name()).copied().unwrap_or(0),
        billed: counts.tokens.billed,
        in_flight: row.in_flight_max,
        waste: row.waste,
        response_p50_ms: row.response_p50_ms,
        semaphore: grounds
            .semaphore
            .map(|row| SemaphoreResult { waste: row.waste, response_p50_ms: row.response_p50_ms }),
        repeats: plan.workload.repeats,
        ignores_keys: ignoring.map(|target| target.name.as_str()).collect(),
    }
}
