//! What a run cost: per cell, by what the client was told and by what the ledger billed.

use super::disagree::disagreeing;
use super::till::{PicoSum, Till, moment};
use super::waste::{Bought, Class, of_cell, sorted};
use crate::history::{AttemptRow, Evidence, Outcome};
use crate::plan::{Cell, ClockKind, CostPlan, Place, Plan};
use crate::prices::{Amount, Component, PaymentTerms, Price, day_of, price_text};
use crate::summary::{CardRow, CostRow, CounterRow, FactorRow, LandedRow, WasteRow};

/// One row per cell whose target has a price and whose tokens were reported, in the order of [`Plan::cells`],
/// in which `counters` stand too. Linear in the evidence.
#[must_use]
pub fn run_cost(plan: &Plan, counters: &[CounterRow], evidence: &Evidence) -> Vec<CostRow> {
    let cells = plan.cells().into_iter().zip(counters);
    let mut rows: Vec<CostRow> =
        cells.filter_map(|(cell, counter)| row(plan, cell, counter, evidence)).collect();
    super::break_even::beside_the_first(plan, &mut rows);
    rows
}

/// What one class, or a whole cell, was charged.
#[derive(Debug, Clone, Copy, Default)]
struct ClassSum {
    bought: Bought,
    list: PicoSum,
    landed: PicoSum,
}

impl ClassSum {
    fn add(&mut self, other: &Self) {
        self.bought.attempts += other.bought.attempts;
        self.bought.prompt = self.bought.prompt.saturating_add(other.bought.prompt);
        self.bought.completion = self.bought.completion.saturating_add(other.bought.completion);
        self.list.add(other.list);
        self.landed.add(other.landed);
    }

    fn tokens(&self) -> u64 {
        self.bought.prompt.saturating_add(self.bought.completion)
    }
}

fn row(plan: &Plan, cell: Cell, counter: &CounterRow, evidence: &Evidence) -> Option<CostRow> {
    let target = &plan.targets[cell.target];
    let price = target.price.as_ref()?;
    let has_ledger = matches!(target.place, Place::Mock(_));
    let mut till = Till::new(price, &plan.cost, evidence.meta.started_utc_s);
    let client = told(cell, evidence, &mut till);
    if !has_ledger && client.tokens() == 0 {
        return None;
    }
    let sums = has_ledger.then(|| {
        let mut sums = [ClassSum::default(); 6];
        sorted(plan, cell, evidence, &mut |class, row| {
            let (prompt, completion) = (row.billed_prompt_tokens, row.billed_completion_tokens);
            let [list, landed] = till.both(prompt, completion, row.arrived_ns);
            let mut bought = Bought::default();
            bought.add(row);
            sums[class as usize].add(&ClassSum { bought, list, landed });
        });
        sums
    });
    let paid = sums.as_ref().map_or(client, |sums| {
        let mut all = ClassSum::default();
        sums.iter().for_each(|sum| all.add(sum));
        all
    });
    // Beyond what can be counted is no figure.
    if [client.list, paid.list, paid.landed].iter().any(|sum| sum.whole() == i128::MAX) {
        return None;
    }
    let (disagreeing, disagree) =
        if has_ledger { disagreeing(&mut till, cell, evidence) } else { (0, Vec::new()) };
    let most = if has_ledger { None } else { Some(most(plan, cell, evidence, &mut till)) };
    let bill = till.list_amount(paid.list.whole());
    let lands = lands(plan, price);
    let each = |many: u64| bill.per(many).map(|each| trimmed(each.rounded(12)));
    Some(CostRow {
        target: counter.target.clone(),
        strategy: counter.strategy.clone(),
        currency: bill.currency.to_string(),
        client: till.list_amount(client.list.whole()).decimal(),
        billed: sums.as_ref().map(|_| bill.decimal()),
        most: most.map(|most| most.decimal()),
        per_answered_job: each(counter.answered),
        per_good_job: each(counter.good),
        per_job: each(counter.jobs),
        per_request: each(counter.attempts),
        per_mtok: per_mtok(bill, paid.tokens()),
        classes: sums
            .iter()
            .flatten()
            .zip(Class::ALL)
            .filter_map(|(sum, class)| waste(class, sum, &till, lands))
            .collect(),
        disagreeing,
        disagree,
        card: card(plan, price, evidence),
        landed: lands.then(|| land(plan, price, counter, &paid, &till)),
    })
}

/// What the client was told of.
fn told(cell: Cell, evidence: &Evidence, till: &mut Till<'_>) -> ClassSum {
    let mut all = ClassSum::default();
    for row in of_cell(&evidence.attempts, |row: &AttemptRow| Some(row.job), cell.index) {
        let (prompt, completion) = (row.prompt_tokens.unwrap_or(0), row.completion_tokens.unwrap_or(0));
        let [list, landed] = till.both(prompt, completion, moment(row));
        all.add(&ClassSum { bought: Bought { attempts: 1, prompt, completion }, list, landed });
    }
    all
}

/// Whether anything was said of what stands between list and bill.
fn lands(plan: &Plan, price: &Price) -> bool {
    let CostPlan { currency, fx, jobs_per_month, start_utc_s: _ } = &plan.cost;
    let said = currency.is_some() || !fx.is_empty() || jobs_per_month.is_some();
    let others = || plan.targets.iter().filter_map(|target| target.price.as_ref());
    said || price.way.changes() || others().any(|other| other.terms != PaymentTerms::default())
}

fn per_mtok(paid: Amount, tokens: u64) -> Option<String> {
    let scaled = Amount { yocto: paid.yocto.checked_mul(1_000_000)?, ..paid };
    scaled.per(tokens).map(|each| trimmed(each.rounded(12)))
}

/// Without zeros at the end beyond the second place.
fn trimmed(text: String) -> String {
    let Some((whole, fraction)) = text.split_once('.') else { return text };
    let kept = fraction.trim_end_matches('0').len().max(2);
    format!("{whole}.{}", &fraction[..kept])
}

fn waste(class: Class, sum: &ClassSum, till: &Till<'_>, lands: bool) -> Option<WasteRow> {
    let landed = |yocto| lands.then(|| till.landed_amount(yocto).decimal());
    (sum.bought.attempts > 0).then(|| WasteRow {
        class: class.name().to_owned(),
        attempts: sum.bought.attempts,
        prompt_tokens: sum.bought.prompt,
        completion_tokens: sum.bought.completion,
        prompt_cost: till.list_amount(sum.list.prompt).decimal(),
        completion_cost: till.list_amount(sum.list.completion).decimal(),
        cost: till.list_amount(sum.list.whole()).decimal(),
        landed_prompt_cost: landed(sum.landed.prompt),
        landed_completion_cost: landed(sum.landed.completion),
    })
}

/// The most that a provider without a ledger may have billed: what it reported, and the worst case of what it
/// reported nothing of.
fn most(plan: &Plan, cell: Cell, evidence: &Evidence, till: &mut Till<'_>) -> Amount {
    let workload = &plan.workload;
    let worst = (u64::from(workload.prompt_tokens.max), u64::from(workload.output_tokens.max));
    let mut sum = PicoSum::default();
    for row in of_cell(&evidence.attempts, |row: &AttemptRow| Some(row.job), cell.index) {
        let certain = row.sent_ns.is_none() || row.outcome == Outcome::Failed;
        let unsaid = if certain { (0, 0) } else { worst };
        let tokens = (row.prompt_tokens.unwrap_or(unsaid.0), row.completion_tokens.unwrap_or(unsaid.1));
        sum.add(till.both(tokens.0, tokens.1, moment(row))[0]);
    }
    till.list_amount(sum.whole())
}

/// Which card it was priced by, and how old that was; `None` for two figures in the scenario.
fn card(plan: &Plan, price: &Price, evidence: &Evidence) -> Option<CardRow> {
    let list = &price.list;
    let began = plan.clock == ClockKind::Real && evidence.meta.started_utc_s > 0;
    let dated = began || plan.cost.start_utc_s.is_some();
    let day = day_of(plan.cost.at(evidence.meta.started_utc_s, 0)).filter(|_| dated);
    price.is_listed().then(|| CardRow {
        card: list.name(),
        set: list.set.clone(),
        source_url: list.source_url.clone(),
        checked_on: list.checked_on.to_string(),
        age_days: day.map(|day| i64::from((day - list.checked_on).get_days())),
        note: list.note.clone(),
    })
}

/// What it cost where it is paid.
fn land(plan: &Plan, price: &Price, counter: &CounterRow, paid: &ClassSum, till: &Till<'_>) -> LandedRow {
    let sum = till.landed_amount(paid.landed.whole());
    let (fixed, prepaid) = (price.terms.fixed_per_month, price.terms.prepaid_per_month);
    let money = |units| Amount::of(units, sum.currency);
    let month = plan.cost.jobs_per_month.and_then(|jobs| {
        let used = Amount { yocto: sum.yocto.checked_mul(i128::from(jobs))?, ..sum }.per(counter.jobs)?;
        let used = Amount { yocto: used.yocto.max(money(prepaid)?.yocto), ..used };
        used.plus(money(fixed)?)
    });
    let factors = price.way.factors.iter().map(|factor| FactorRow {
        name: factor.name.to_owned(),
        times: factor.times.normalize().to_string(),
        note: factor.note.clone(),
    });
    let rate = |component| price.landed.rates.get(component).map(price_text).unwrap_or_default();
    let each = |many: u64| sum.per(many).map(|each| trimmed(each.rounded(12)));
    LandedRow {
        currency: sum.currency.to_string(),
        factors: factors.collect(),
        input_per_mtok: rate(Component::Input),
        output_per_mtok: rate(Component::Output),
        cost: sum.decimal(),
        per_mtok: per_mtok(sum, paid.tokens()),
        per_job: each(counter.jobs),
        per_good_job: each(counter.good),
        fixed_per_month: (!fixed.is_zero()).then(|| fixed.to_string()),
        prepaid_per_month: (!prepaid.is_zero()).then(|| prepaid.to_string()),
        jobs_per_month: plan.cost.jobs_per_month,
        month: month.map(|month| trimmed(month.rounded(12))),
        break_even: None,
    }
}
