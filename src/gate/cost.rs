//! What thresholds and the ranking are asked of: tokens times list price. What a run cost in full is `cost::run_cost`.

use super::BilledTokens;
use crate::history::CounterRow;
use crate::scenario::{Cell, Plan};
use crate::units::Money;

/// Rounded half up at the twelfth place; `None` if there was no job.
pub(super) fn per_job(spent: Money, jobs: u64) -> Option<Money> {
    let jobs = i128::from(jobs);
    (jobs > 0).then(|| Money { pico: (spent.pico + jobs / 2) / jobs, currency: spent.currency })
}

/// What a cell cost: what the ledger charged, else what the client was told of. `None` without a price
/// or without a single token: a provider that reports no usage is not a free one.
pub(super) fn spent(
    plan: &Plan,
    cell: Cell,
    counter: &CounterRow,
    billed: Option<BilledTokens>,
) -> Option<Money> {
    let price = plan.targets[cell.target].price?;
    let told =
        BilledTokens { prompt: counter.tokens.client_prompt, completion: counter.tokens.client_completion };
    let tokens = billed.unwrap_or(told);
    (tokens.prompt > 0 || tokens.completion > 0).then(|| price.cost(tokens.prompt, tokens.completion))
}
