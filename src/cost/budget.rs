//! What a run spent of its budget, and by how much it passed it.

use super::till::{Till, moment};
use crate::history::{AttemptRow, Evidence, JobKey, LedgerRow};
use crate::plan::{Place, Plan};
use crate::prices::Amount;
use crate::summary::BudgetRow;

/// Requests, tokens, and money in 10⁻²⁴.
#[derive(Debug, Clone, Copy, Default)]
struct BudgetUse {
    requests: u64,
    tokens: u64,
    yocto: i128,
}

impl BudgetUse {
    fn add(&mut self, till: Option<&mut Till<'_>>, prompt: u64, completion: u64, after_ns: u64) {
        self.requests = self.requests.saturating_add(1);
        self.tokens = self.tokens.saturating_add(prompt).saturating_add(completion);
        let cost = till.map_or(0, |till| till.both(prompt, completion, after_ns)[1].whole());
        self.yocto = self.yocto.saturating_add(cost);
    }
}

/// One row for each cap of the scenario's `[budget]`. A real endpoint's requests count with the tokens that
/// the client was told of.
#[must_use]
pub fn budget_rows(plan: &Plan, evidence: &Evidence) -> Vec<BudgetRow> {
    let Some(budget) = plan.budget else { return Vec::new() };
    let spent = spent(plan, evidence);
    let count = |kind: &str, most: u64, spent: u64| BudgetRow {
        kind: kind.to_owned(),
        most: most.to_string(),
        spent: spent.to_string(),
        overshoot: spent.saturating_sub(most).to_string(),
        currency: None,
    };
    let mut rows = Vec::new();
    rows.extend(budget.max_cost.map(|most| {
        let most = Amount::from(most);
        let text = |yocto| Amount { yocto, ..most }.decimal();
        BudgetRow {
            kind: "cost".to_owned(),
            most: text(most.yocto),
            spent: text(spent.yocto),
            overshoot: text(spent.yocto.saturating_sub(most.yocto).max(0)),
            currency: Some(most.currency.to_string()),
        }
    }));
    rows.extend(budget.max_tokens.map(|most| count("tokens", most, spent.tokens)));
    rows.extend(budget.max_requests.map(|most| count("requests", most, spent.requests)));
    rows
}

fn spent(plan: &Plan, evidence: &Evidence) -> BudgetUse {
    let started = evidence.meta.started_utc_s;
    let prices = plan.targets.iter().map(|target| target.price.as_ref());
    let mut tills: Vec<_> =
        prices.map(|price| price.map(|price| Till::new(price, &plan.cost, started))).collect();
    let mut sum = BudgetUse::default();
    let own = |row: &&LedgerRow| matches!(row.job, JobKey::Own(_));
    for row in evidence.ledger.iter().filter(own) {
        let till = tills.get_mut(usize::from(row.target)).and_then(Option::as_mut);
        sum.add(till, row.billed_prompt_tokens, row.billed_completion_tokens, row.arrived_ns);
    }
    let cells = plan.cells();
    for row in evidence.attempts.iter().filter(|row: &&AttemptRow| row.sent_ns.is_some()) {
        let Some(cell) = cells.get(usize::from(row.job.cell)) else { continue };
        if matches!(plan.targets[cell.target].place, Place::Url { .. }) {
            let (prompt, completion) = (row.prompt_tokens.unwrap_or(0), row.completion_tokens.unwrap_or(0));
            sum.add(tills[cell.target].as_mut(), prompt, completion, moment(row));
        }
    }
    sum
}
