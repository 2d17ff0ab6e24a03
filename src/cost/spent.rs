//! What one cell cost where it is paid, and what that is for each job.

use super::BilledTokens;
use crate::summary::{CostRow, CounterRow};
use crate::units::Money;

/// Rounded half up at the twelfth place; `None` if there was no job.
pub(crate) fn per_job(spent: Money, jobs: u64) -> Option<Money> {
    let jobs = i128::from(jobs);
    (jobs > 0).then(|| Money { pico: (spent.pico + jobs / 2) / jobs, currency: spent.currency })
}

/// What a cell cost where it is paid: what the ledger charged, else what the client was told of. `None`
/// without a price or without a single token: a provider that reports no usage is not a free one.
pub(crate) fn spent(rows: &[CostRow], counter: &CounterRow, billed: Option<BilledTokens>) -> Option<Money> {
    let told =
        BilledTokens { prompt: counter.tokens.client_prompt, completion: counter.tokens.client_completion };
    let tokens = billed.unwrap_or(told);
    if tokens.prompt == 0 && tokens.completion == 0 {
        return None;
    }
    let row = rows.iter().find(|row| row.target == counter.target && row.strategy == counter.strategy)?;
    row.paid()
}
