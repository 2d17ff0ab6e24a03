//! Token sums per cell, warm-up included: it was paid for.

use crate::history::{Evidence, JobKey, Outcome};
use crate::scenario::{Place, Plan};

/// What one cell was told of, was charged and got for it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CellSums {
    /// Prompt tokens the client was told of.
    pub client_prompt: u64,
    /// Completion tokens the client was told of.
    pub client_completion: u64,
    /// Prompt and completion tokens charged by the ledger; `None` without one.
    pub billed: Option<(u64, u64)>,
    /// Jobs answered.
    pub answered: u64,
}

/// Sums of every cell, in the order of [`Plan::cells`]. Linear in the evidence.
#[must_use]
pub fn sums(plan: &Plan, evidence: &Evidence) -> Vec<CellSums> {
    let mut sums: Vec<CellSums> = plan.cells().into_iter().map(|cell| empty(plan, cell.target)).collect();
    for attempt in &evidence.attempts {
        if let Some(cell) = sums.get_mut(usize::from(attempt.job.cell)) {
            cell.client_prompt += attempt.prompt_tokens.unwrap_or(0);
            cell.client_completion += attempt.completion_tokens.unwrap_or(0);
        }
    }
    // A job's result may have been recorded twice; it was still answered once.
    let mut last_answered = None;
    for job in evidence.jobs.iter().filter(|job| job.outcome == Outcome::Ok) {
        if last_answered.replace(job.job) != Some(job.job)
            && let Some(cell) = sums.get_mut(usize::from(job.job.cell))
        {
            cell.answered += 1;
        }
    }
    for entry in &evidence.ledger {
        let JobKey::Own(job) = &entry.job else { continue };
        let cell = sums.get_mut(usize::from(job.cell));
        if let Some((prompt, completion)) = cell.and_then(|cell| cell.billed.as_mut()) {
            *prompt += entry.billed_prompt_tokens;
            *completion += entry.billed_completion_tokens;
        }
    }
    sums
}

fn empty(plan: &Plan, target: usize) -> CellSums {
    let ledger = matches!(plan.targets[target].place, Place::Mock(_));
    CellSums { billed: ledger.then_some((0, 0)), ..CellSums::default() }
}
