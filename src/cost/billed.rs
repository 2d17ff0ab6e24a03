//! Charged tokens per cell, prompt and completion apart, because their prices differ.

use crate::history::{Evidence, JobKey};
use crate::plan::{Place, Plan};

/// What the ledger charged for one cell, warm-up included: it was paid for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BilledTokens {
    /// Prompt tokens.
    pub prompt: u64,
    /// Completion tokens.
    pub completion: u64,
}

/// The charged tokens of every cell, in the order of [`Plan::cells`]; `None` where the target has no
/// ledger. Linear in the evidence.
#[must_use]
pub fn billed(plan: &Plan, evidence: &Evidence) -> Vec<Option<BilledTokens>> {
    let has_ledger = |target: usize| matches!(plan.targets[target].place, Place::Mock(_));
    let empty = |target| has_ledger(target).then(BilledTokens::default);
    let mut billed: Vec<_> = plan.cells().into_iter().map(|cell| empty(cell.target)).collect();
    for entry in &evidence.ledger {
        let JobKey::Own(job) = &entry.job else { continue };
        if let Some(Some(cell)) = billed.get_mut(usize::from(job.cell)) {
            cell.prompt = cell.prompt.saturating_add(entry.billed_prompt_tokens);
            cell.completion = cell.completion.saturating_add(entry.billed_completion_tokens);
        }
    }
    billed
}
