//! What a run cost: per cell, by what the client was told and by what the ledger billed.

use super::component::whole;
use super::disagree::{Tokens, disagreeing};
use super::waste::{Bought, Class, classes, of_cell};
use super::{Amount, Card, Component, Counts, Days, Landed, Rates, Unit, landed, price_text};
use crate::history::{AttemptRow, CostRow, CounterRow, Evidence, FactorRow, LandedRow, Outcome, WasteRow};
use crate::scenario::{Cell, CostPlan, Place, Plan, Target, Terms};
use crate::units::{Currency, PricePerMtok};
use jiff::civil::Date;
use rust_decimal::Decimal;

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
pub(super) struct Till {
    rates: Rates,
    currency: Currency,
}

impl Till {
    pub(super) fn cost(&self, prompt: u64, completion: u64) -> Option<Amount> {
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
    let there = landed_till(plan, cell, &till);
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
        classes: sums
            .iter()
            .flat_map(|sums| rows_of(sums, &till, there.as_ref().map(|(_, till)| till)))
            .collect(),
        disagreeing,
        disagree,
        landed: there.and_then(|there| land(plan, counter, (paid_prompt, paid_completion), there)),
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

fn rows_of(sums: &[Bought; 6], till: &Till, landed: Option<&Till>) -> Vec<WasteRow> {
    let row = |class: Class| {
        let sum = sums[class as usize];
        let (prompt, completion) = (till.cost(sum.prompt, 0)?, till.cost(0, sum.completion)?);
        let landed = |prompt, completion| landed.and_then(|till| till.cost(prompt, completion));
        Some(WasteRow {
            class: class.name().to_owned(),
            attempts: sum.attempts,
            prompt_tokens: sum.prompt,
            completion_tokens: sum.completion,
            prompt_cost: prompt.decimal(),
            completion_cost: completion.decimal(),
            cost: prompt.plus(completion)?.decimal(),
            landed_prompt_cost: landed(sum.prompt, 0).map(|sum| sum.decimal()),
            landed_completion_cost: landed(0, sum.completion).map(|sum| sum.decimal()),
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

/// How the target's price lands, and the landed prices; `None` if nothing stands between the list price and the bill.
fn landed_till(plan: &Plan, cell: Cell, list: &Till) -> Option<(Landed, Till)> {
    if plan.cost == CostPlan::default() {
        return None;
    }
    let blank = Terms::default();
    let terms = plan.cost.terms.get(&plan.targets[cell.target].name).unwrap_or(&blank);
    let landed = landed(list.currency, &plan.cost, terms).ok()?;
    let rate = |component| landed.price(list.rates.get(component)?);
    let rates = Rates::default()
        .with(Component::Input, rate(Component::Input)?)
        .with(Component::Output, rate(Component::Output)?);
    let till = Till { rates, currency: landed.currency };
    Some((landed, till))
}

/// What it cost where it is paid.
fn land(
    plan: &Plan,
    counter: &CounterRow,
    paid: Tokens,
    (landed, till): (Landed, Till),
) -> Option<LandedRow> {
    let fixed = plan.cost.terms.get(&counter.target).map_or(Decimal::ZERO, |terms| terms.fixed_per_month);
    let sum = till.cost(paid.0, paid.1)?;
    let month = plan.cost.jobs_per_month.and_then(|jobs| {
        let used = Amount { yocto: sum.yocto.checked_mul(i128::from(jobs))?, ..sum }.per(counter.jobs)?;
        used.plus(Amount { yocto: whole(fixed, Unit::PerImage)?, ..sum })
    });
    let factors = landed.factors.iter().map(|factor| FactorRow {
        name: factor.name.to_owned(),
        times: factor.times.normalize().to_string(),
        note: factor.note.clone(),
    });
    Some(LandedRow {
        currency: landed.currency.to_string(),
        factors: factors.collect(),
        input_per_mtok: price_text(till.rates.get(Component::Input)?),
        output_per_mtok: price_text(till.rates.get(Component::Output)?),
        cost: sum.decimal(),
        per_mtok: per_mtok(sum, paid.0.saturating_add(paid.1)).map(trimmed),
        per_job: sum.per(counter.jobs).map(|each| trimmed(each.rounded(12))),
        per_good_job: sum.per(counter.good).map(|each| trimmed(each.rounded(12))),
        fixed_per_month: (!fixed.is_zero()).then(|| fixed.to_string()),
        jobs_per_month: plan.cost.jobs_per_month,
        month: month.map(|month| trimmed(month.rounded(12))),
        break_even: None,
    })
}
