//! Tokens times list price: exact, priced once, never a guess for a target without a price.

use super::CellSums;
use crate::history::CostRow;
use crate::scenario::{Cell, Plan};
use crate::units::Money;

/// One row per cell whose target has a price, in the order of [`Plan::cells`].
///
/// `sums` stand in the same order.
#[must_use]
pub fn cost(plan: &Plan, sums: &[CellSums]) -> Vec<CostRow> {
    plan.cells().into_iter().zip(sums).filter_map(|(cell, sums)| row(plan, cell, sums)).collect()
}

fn row(plan: &Plan, cell: Cell, sums: &CellSums) -> Option<CostRow> {
    let target = &plan.targets[cell.target];
    let price = target.price?;
    let client = price.cost(sums.client_prompt, sums.client_completion);
    let billed = sums.billed.map(|(prompt, completion)| price.cost(prompt, completion));
    Some(CostRow {
        target: target.name.clone(),
        strategy: plan.strategies[cell.strategy].name().to_owned(),
        currency: price.currency.to_string(),
        client: client.decimal(),
        billed: billed.map(|billed| billed.decimal()),
        per_answered_job: per_job(billed.unwrap_or(client), sums.answered),
    })
}

/// Rounded half up at the twelfth place; `None` if there was no job.
fn per_job(spent: Money, answered: u64) -> Option<String> {
    let answered = i128::from(answered);
    if answered == 0 {
        return None;
    }
    let pico = (spent.pico + answered / 2) / answered;
    Some(Money { pico, currency: spent.currency }.decimal())
}

/// What a cell cost: what the ledger charged, else what the client was told of. `None` without a price
/// or without a single token: a provider that reports no usage is not a free one.
pub(super) fn spent(plan: &Plan, cell: Cell, sums: &CellSums) -> Option<Money> {
    let price = plan.targets[cell.target].price?;
    let (prompt, completion) = sums.billed.unwrap_or((sums.client_prompt, sums.client_completion));
    (prompt + completion > 0).then(|| price.cost(prompt, completion))
}
