//! `budget-kept`: what was billed, against what might be spent.

use super::books::never_arrived;
use super::tally::{Ruling, Tally};
use super::view::{CellView, own};
use crate::history::{AttemptRow, JobId, JobKey, LedgerRow};
use crate::plan::{Place, Plan, Target};
use crate::prices::{Amount, Meter};
use crate::units::Money;

/// One request that counts towards a budget.
#[derive(Debug, Clone, Copy)]
struct Spending {
    at_ns: u64,
    seq: u64,
    job: JobId,
    /// In tokens, requests or 10⁻²⁴ of a currency, as the budget is.
    amount: i128,
}

/// A budget, and what counts towards it.
#[derive(Debug, Clone, Copy)]
enum Cap {
    /// The strategy's own, for its cell.
    Strategy(u64),
    /// The scenario's, over the whole run.
    Tokens(u64),
    Requests(u64),
    Cost(Money),
}

impl Cap {
    fn most(self) -> i128 {
        match self {
            Self::Strategy(most) | Self::Tokens(most) | Self::Requests(most) => i128::from(most),
            Self::Cost(money) => Amount::from(money).yocto,
        }
    }

    /// What a request of so many tokens counts for; of money, what it costs where it is paid.
    fn amount(self, meter: Option<&mut Meter<'_>>, prompt: u64, completion: u64, at_utc_s: i64) -> i128 {
        match self {
            Self::Strategy(_) | Self::Tokens(_) => i128::from(prompt) + i128::from(completion),
            Self::Requests(_) => 1,
            // Damaged evidence must not overflow.
            Self::Cost(most) => meter.filter(|meter| meter.currency() == most.currency).map_or(0, |meter| {
                meter.request(prompt, completion, at_utc_s).map_or(i128::MAX, |cost| cost.yocto)
            }),
        }
    }

    fn words(self, amount: i128) -> String {
        match self {
            Self::Strategy(_) | Self::Tokens(_) => format!("{amount} tokens"),
            Self::Requests(_) => format!("{amount} requests"),
            Self::Cost(most) => Amount { yocto: amount, currency: most.currency }.to_string(),
        }
    }
}

/// What is billed never passes a budget by more than the largest single request: the one that was under way
/// when the budget was reached.
///
/// A strategy's own budget is judged over its cell; without one, each of the scenario's over the whole run,
/// in the order of arrival, and a cell answers for its own requests beyond it. A real endpoint's requests
/// count with the tokens that the client was told of.
pub(super) fn budget_kept(view: &CellView<'_>) -> Ruling {
    let caps = caps(view);
    if caps.is_empty() {
        let why = "nothing declares a budget: declare [budget] max_tokens, max_requests or max_cost";
        return Ruling::unknown(why);
    }
    let mut tally = Tally::new();
    let mut relevant = 0;
    for cap in caps {
        let spent = spent(view, cap);
        relevant = relevant.max(spent.iter().filter(|s| s.job.cell == view.cell).count() as u64);
        let largest = spent.iter().map(|s| s.amount).max().unwrap_or(0);
        let all = spent.iter().fold(0i128, |sum, s| sum.saturating_add(s.amount));
        let mut sum = 0i128;
        for request in spent {
            sum = sum.saturating_add(request.amount);
            let beyond = sum > cap.most().saturating_add(largest) && request.amount > 0;
            if beyond && request.job.cell == view.cell {
                tally.relevant += 1;
                tally.violation(request.at_ns, (cap, request.job, sum, largest, all));
            }
        }
    }
    tally.relevant = tally.relevant.max(relevant);
    let words = |(cap, job, sum, largest, all): (Cap, JobId, i128, i128, i128)| {
        let whose = if matches!(cap, Cap::Strategy(_)) { "the strategy's budget" } else { "the budget" };
        let text = format!(
            "with {job} what is billed came to {}, and to {} in the end; {whose} is {}, which may be passed \
             by one \
             request, the largest of {}",
            cap.words(sum),
            cap.words(all),
            cap.words(cap.most()),
            cap.words(largest),
        );
        (vec![JobKey::Own(job)], text)
    };
    tally.ruling(words, || Ruling::not_applicable("nothing was sent that counts towards the budget"))
}

fn caps(view: &CellView<'_>) -> Vec<Cap> {
    if let Some(most) = view.strategy.max_tokens() {
        return vec![Cap::Strategy(most)];
    }
    let Some(budget) = view.plan.budget else { return Vec::new() };
    let caps = [
        budget.max_tokens.map(Cap::Tokens),
        budget.max_requests.map(Cap::Requests),
        budget.max_cost.map(Cap::Cost),
    ];
    caps.into_iter().flatten().collect()
}

/// The requests that count, in the order of arrival.
fn spent(view: &CellView<'_>, cap: Cap) -> Vec<Spending> {
    let Plan { targets, cost, .. } = view.plan;
    let at = |after_ns| cost.at(view.evidence.meta.started_utc_s, after_ns);
    let mut meters = meters_of(targets);
    let billed = |row: &LedgerRow| {
        let meter = meters.get_mut(usize::from(row.target)).and_then(Option::as_mut);
        let (prompt, completion) = (row.billed_prompt_tokens, row.billed_completion_tokens);
        let amount = cap.amount(meter, prompt, completion, at(row.arrived_ns));
        Some(Spending { at_ns: row.arrived_ns, seq: row.seq, job: own(&row.job)?, amount })
    };
    // Cells at real endpoints, which keep their own books.
    let cells = view.plan.cells();
    let mut told_meters = meters_of(targets);
    let told = |a: &AttemptRow| {
        let nth = cells.get(usize::from(a.job.cell))?.target;
        let target = &targets[nth];
        if matches!(target.place, Place::Mock(_)) || never_arrived(a) {
            return None;
        }
        let (prompt, completion) = (a.prompt_tokens.unwrap_or(0), a.completion_tokens.unwrap_or(0));
        let sent_ns = a.sent_ns?;
        let amount = cap.amount(told_meters[nth].as_mut(), prompt, completion, at(sent_ns));
        Some(Spending { at_ns: sent_ns, seq: 0, job: a.job, amount })
    };
    let own_budget = matches!(cap, Cap::Strategy(_));
    let ledger = view.evidence.ledger.iter().filter_map(billed);
    let all = ledger.chain(view.evidence.attempts.iter().filter_map(told));
    let mut spent: Vec<Spending> = all.filter(|s| !own_budget || s.job.cell == view.cell).collect();
    spent.sort_unstable_by_key(|s| (s.at_ns, s.seq, s.job));
    spent
}

fn meters_of(targets: &[Target]) -> Vec<Option<Meter<'_>>> {
    targets.iter().map(|target| target.price.as_ref().map(|price| Meter::new(&price.landed))).collect()
}
