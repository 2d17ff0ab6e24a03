//! What a run cost: per cell, by what the client was told and by what the ledger billed.

use super::waste::{Bought, Class, classes, of_cell};
use super::{Amount, Card, Component, Counts, Days, Landed, Rates, Unit, landed};
use crate::history::{
    AttemptRow, CostRow, CounterRow, DisagreeRow, Evidence, FactorRow, JobId, JobKey, LandedRow, LedgerRow,
    Outcome, WasteRow,
};
use crate::scenario::{Cell, Place, Plan, Target, Terms};
use crate::units::{Currency, PricePerMtok};
use jiff::civil::Date;
use rust_decimal::Decimal;

/// Jobs that are listed one by one where client and ledger disagree.
const LISTED: usize = 10;

/// One row per cell whose target has a price and whose tokens somebody reported, in the order of [`Plan::cells`], in
/// which `counters` stand too. Linear in the evidence.
#[must_use]
pub fn run_cost(plan: &Plan, counters: &[CounterRow], evidence: &Evidence) -> Vec<CostRow> {
    let cells = plan.cells().into_iter().zip(counters);
    let mut rows: Vec<CostRow> =
        cells.filter_map(|(cell, counter)| row(plan, cell, counter, evidence)).collect();
    super::break_even::beside_the_first(plan, &mut rows);
    rows
}

/// A price as rates: both are exact.
#[must_use]
pub fn rates_of(price: &PricePerMtok) -> Rates {
    // A millionth of a currency's unit per million tokens is a whole number per token.
    let rate = |pico: i128| Decimal::try_from_i128_with_scale(pico, 6).unwrap_or(Decimal::MAX);
    Rates::default()
        .with(Component::Input, rate(price.input_pico))
        .with(Component::Output, rate(price.output_pico))
}

/// The scenario's price of a target as a card that always holds; `None` without a price.
#[must_use]
pub fn card_of(target: &Target) -> Option<Card> {
    let price = target.price?;
    Some(Card {
        provider: target.name.clone(),
        model: target.model.clone(),
        aliases: Vec::new(),
        currency: price.currency,
        unit: Unit::PerMtok,
        days: Days::default(),
        source_url: "the scenario".to_owned(),
        checked_on: Date::ZERO,
        set: "scenario".to_owned(),
        rates: rates_of(&price),
        whens: Vec::new(),
        note: None,
    })
}

fn counts(prompt: u64, completion: u64) -> Counts {
    Counts::default().with(Component::Input, prompt).with(Component::Output, completion)
}

/// What tokens cost, in one currency.
struct Till {
    rates: Rates,
    currency: Currency,
}

impl Till {
    fn cost(&self, prompt: u64, completion: u64) -> Option<Amount> {
        self.rates.cost(&counts(prompt, completion), Unit::PerMtok, self.currency).ok()
    }
}

fn row(plan: &Plan, cell: Cell, counter: &CounterRow, evidence: &Evidence) -> Option<CostRow> {
    let target = &plan.targets[cell.target];
    let price = target.price?;
    let has_ledger = matches!(target.place, Place::Mock(_));
    let (prompt, completion) = (counter.tokens.client_prompt, counter.tokens.client_completion);
    if !has_ledger && (prompt, completion) == (0, 0) {
        return None;
    }
    let till = Till { rates: rates_of(&price), currency: price.currency };
    let client = till.cost(prompt, completion)?;
    let sums = has_ledger.then(|| classes(plan, cell, evidence));
    let billed = sums.as_ref().map(|sums| {
        let of = |tokens: fn(&Bought) -> u64| sums.iter().map(tokens).fold(0, u64::saturating_add);
        (of(|sum| sum.prompt), of(|sum| sum.completion))
    });
    let (paid_prompt, paid_completion) = billed.unwrap_or((prompt, completion));
    let paid = till.cost(paid_prompt, paid_completion)?;
    let tokens = paid_prompt.saturating_add(paid_completion);
    let (disagreeing, disagree) =
        if has_ledger { disagreeing(&till, cell, evidence) } else { (0, Vec::new()) };
    let each = |sum: Amount, many: u64| sum.per(many).map(|each| each.rounded(12));
    Some(CostRow {
        target: counter.target.clone(),
        strategy: counter.strategy.clone(),
        currency: price.currency.to_string(),
        client: client.decimal(),
        billed: billed.map(|_| paid.decimal()),
        most: if has_ledger { None } else { most(plan, cell, evidence, &till).map(|most| most.decimal()) },
        per_answered_job: each(paid, counter.answered).map(trimmed),
        per_good_job: each(paid, counter.good).map(trimmed),
        per_job: each(paid, counter.jobs).map(trimmed),
        per_request: each(paid, counter.attempts).map(trimmed),
        per_mtok: per_mtok(paid, tokens).map(trimmed),
        classes: sums.iter().flat_map(|sums| rows_of(sums, &till)).collect(),
        disagreeing,
        disagree,
        landed: land(plan, cell, counter, (paid_prompt, paid_completion), &till),
    })
}

fn per_mtok(paid: Amount, tokens: u64) -> Option<String> {
    let scaled = Amount { yocto: paid.yocto.checked_mul(1_000_000)?, ..paid };
    scaled.per(tokens).map(|each| each.rounded(12))
}

/// Without zeros at the end beyond the second place.
fn trimmed(text: String) -> String {
    let Some((whole, fraction)) = text.split_once('.') else { return text };
    let kept = fraction.trim_end_matches('0').len().max(2);
    format!("{whole}.{}", &fraction[..kept])
}

fn rows_of(sums: &[Bought; 6], till: &Till) -> Vec<WasteRow> {
    let row = |class: Class| {
        let sum = sums[class as usize];
        let (prompt, completion) = (till.cost(sum.prompt, 0)?, till.cost(0, sum.completion)?);
        Some(WasteRow {
            class: class.name().to_owned(),
            attempts: sum.attempts,
            prompt_tokens: sum.prompt,
            completion_tokens: sum.completion,
            prompt_cost: prompt.decimal(),
            completion_cost: completion.decimal(),
            cost: prompt.plus(completion)?.decimal(),
        })
    };
    Class::ALL.into_iter().filter_map(row).filter(|row| row.attempts > 0).collect()
}

/// The most that a provider without a ledger may have billed: what it reported, and the worst case of what it
/// reported nothing of.
fn most(plan: &Plan, cell: Cell, evidence: &Evidence, till: &Till) -> Option<Amount> {
    let workload = &plan.workload;
    let worst = (u64::from(workload.prompt_tokens.max), u64::from(workload.output_tokens.max));
    let attempts = of_cell(&evidence.attempts, |row: &AttemptRow| Some(row.job), cell.index);
    let mut sum = (0u64, 0u64);
    for row in attempts {
        let certain = row.sent_ns.is_none() || row.outcome == Outcome::Failed;
        let unsaid = if certain { (0, 0) } else { worst };
        sum.0 = sum.0.checked_add(row.prompt_tokens.unwrap_or(unsaid.0))?;
        sum.1 = sum.1.checked_add(row.completion_tokens.unwrap_or(unsaid.1))?;
    }
    till.cost(sum.0, sum.1)
}

/// How many jobs the client believes to have cost something else than the ledger billed, and the dearest of them.
fn disagreeing(till: &Till, cell: Cell, evidence: &Evidence) -> (u64, Vec<DisagreeRow>) {
    let attempts = of_cell(&evidence.attempts, |row: &AttemptRow| Some(row.job), cell.index);
    let own = |row: &LedgerRow| match row.job {
        JobKey::Own(job) => Some(job),
        JobKey::Other(_) => None,
    };
    let ledger = of_cell(&evidence.ledger, own, cell.index);
    let theirs = attempts.chunk_by(|a, b| a.job == b.job).map(|group| {
        let sum =
            |of: fn(&AttemptRow) -> Option<u64>| group.iter().filter_map(of).fold(0, u64::saturating_add);
        (group[0].job, (sum(|row| row.prompt_tokens), sum(|row| row.completion_tokens)))
    });
    let billed = ledger.chunk_by(|a, b| a.job == b.job).filter_map(|group| {
        let sum = |of: fn(&LedgerRow) -> u64| group.iter().map(of).fold(0, u64::saturating_add);
        Some((
            own(&group[0])?,
            (sum(|row| row.billed_prompt_tokens), sum(|row| row.billed_completion_tokens)),
        ))
    });
    let mut jobs: Vec<(JobId, Tokens, Tokens)> = Vec::new();
    let mut many = 0;
    for (job, client, billed) in joined(theirs, billed) {
        if client != billed {
            many += 1;
            jobs.push((job, client, billed));
            if jobs.len() > 64 * LISTED {
                dearest(till, &mut jobs);
            }
        }
    }
    dearest(till, &mut jobs);
    let row = |(job, client, billed): (JobId, Tokens, Tokens)| {
        Some(DisagreeRow {
            job: job.to_string(),
            client: till.cost(client.0, client.1)?.decimal(),
            billed: till.cost(billed.0, billed.1)?.decimal(),
        })
    };
    (many, jobs.into_iter().filter_map(row).collect())
}

/// Prompt and completion tokens.
type Tokens = (u64, u64);

/// Those that differ most in cost, the most first; among equals the first job.
fn dearest(till: &Till, jobs: &mut Vec<(JobId, Tokens, Tokens)>) {
    let yocto = |tokens: Tokens| till.cost(tokens.0, tokens.1).map_or(i128::MAX, |sum| sum.yocto);
    jobs.sort_by_key(|(job, client, billed)| {
        (std::cmp::Reverse(yocto(*client).saturating_sub(yocto(*billed)).abs()), *job)
    });
    jobs.truncate(LISTED);
}

/// Two lists in order of job as one; what stands in one only is nothing in the other.
fn joined(
    ours: impl Iterator<Item = (JobId, Tokens)>,
    theirs: impl Iterator<Item = (JobId, Tokens)>,
) -> impl Iterator<Item = (JobId, Tokens, Tokens)> {
    let (mut ours, mut theirs) = (ours.peekable(), theirs.peekable());
    std::iter::from_fn(move || {
        let first = match (ours.peek(), theirs.peek()) {
            (Some(a), Some(b)) => a.0.min(b.0),
            (Some(a), None) => a.0,
            (None, Some(b)) => b.0,
            (None, None) => return None,
        };
        let client = ours.next_if(|(job, _)| *job == first).map_or((0, 0), |(_, tokens)| tokens);
        let billed = theirs.next_if(|(job, _)| *job == first).map_or((0, 0), |(_, tokens)| tokens);
        Some((first, client, billed))
    })
}

/// What it cost where it is paid; `None` if nothing stands between the list price and the bill.
fn land(plan: &Plan, cell: Cell, counter: &CounterRow, paid: Tokens, list: &Till) -> Option<LandedRow> {
    let blank = Terms::default();
    let terms = plan.cost.terms.get(&counter.target).unwrap_or(&blank);
    if plan.cost == Default::default() {
        return None;
    }
    let price = plan.targets[cell.target].price?;
    let landed: Landed = landed(price.currency, &plan.cost, terms).ok()?;
    let rate = |component| landed.price(list.rates.get(component)?);
    let (input, output) = (rate(Component::Input)?, rate(Component::Output)?);
    let rates = Rates::default().with(Component::Input, input).with(Component::Output, output);
    let till = Till { rates, currency: landed.currency };
    let sum = till.cost(paid.0, paid.1)?;
    let month = plan.cost.jobs_per_month.and_then(|jobs| {
        let used = Amount { yocto: sum.yocto.checked_mul(i128::from(jobs))?, ..sum }.per(counter.jobs)?;
        let fixed = super::component::whole(terms.fixed_per_month, Unit::PerImage)?;
        used.plus(Amount { yocto: fixed, ..sum })
    });
    let factors = landed.factors.iter().map(|factor| FactorRow {
        name: factor.name.to_owned(),
        times: factor.times.normalize().to_string(),
        note: factor.note.clone(),
    });
    Some(LandedRow {
        currency: landed.currency.to_string(),
        factors: factors.collect(),
        input_per_mtok: input.to_string(),
        output_per_mtok: output.to_string(),
        cost: sum.decimal(),
        per_mtok: per_mtok(sum, paid.0.saturating_add(paid.1)).map(trimmed),
        per_job: sum.per(counter.jobs).map(|each| trimmed(each.rounded(12))),
        per_good_job: sum.per(counter.good).map(|each| trimmed(each.rounded(12))),
        fixed_per_month: (!terms.fixed_per_month.is_zero()).then(|| terms.fixed_per_month.to_string()),
        jobs_per_month: plan.cost.jobs_per_month,
        month: month.map(|month| trimmed(month.rounded(12))),
        break_even: None,
    })
}
