//! Tokens times list price: exact, priced once, never a guess for a target without a price.

use super::BilledTokens;
use crate::history::{CostRow, CounterRow};
use crate::scenario::{Cell, Plan};
use crate::units::Money;

/// One row per cell whose target has a price and whose tokens somebody reported, in the order of [`Plan::cells`], in which `counters` and
/// `billed` stand too.
#[must_use]
pub fn cost(plan: &Plan, counters: &[CounterRow], billed: &[Option<BilledTokens>]) -> Vec<CostRow> {
    let cells = plan.cells().into_iter().zip(counters).zip(billed);
    cells.filter_map(|((cell, counter), billed)| row(plan, cell, counter, *billed)).collect()
}

fn row(plan: &Plan, cell: Cell, counter: &CounterRow, billed: Option<BilledTokens>) -> Option<CostRow> {
    let price = plan.targets[cell.target].price?;
    let told = (counter.tokens.client_prompt, counter.tokens.client_completion);
    if billed.is_none() && told == (0, 0) {
        return None;
    }
    let client = price.cost(counter.tokens.client_prompt, counter.tokens.client_completion);
    let billed = billed.map(|tokens| price.cost(tokens.prompt, tokens.completion));
    Some(CostRow {
        target: counter.target.clone(),
        strategy: counter.strategy.clone(),
        currency: price.currency.to_string(),
        client: client.decimal(),
        billed: billed.map(|billed| billed.decimal()),
        per_answered_job: per_job(billed.unwrap_or(client), counter.answered).map(|each| each.decimal()),
    })
}

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
