//! What `deadheat plan` says: counted by hand.

use crate::plans;

use deadheat::cost::{LeastMost, forecast};
use deadheat::plan::{Arrivals as Spread, BudgetPlan, Executor, Plan, RateStage, Stage};
use deadheat::prices::Price;
use deadheat::profile::blocks;
use deadheat::strategy::StrategyPlan;
use deadheat::units::{Money, PricePerMtok};
use plans::{constant_rate, open, plan_of};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

fn money(text: &str) -> Money {
    text.parse().expect(text)
}

fn price(input: &str, output: &str, currency: &str) -> Option<Price> {
    let price = PricePerMtok::parse(input, output, currency.parse().expect(currency)).expect(input);
    Some(Price::flat(price))
}

/// 1,000 jobs of 100 prompt and 50 to 200 output tokens, up to five attempts each, under two strategies.
fn priced() -> Plan {
    let mut plan = plan_of(vec![constant_rate(100.0, 10 * SECOND, Spread::Uniform)]);
    plan.strategies.push(StrategyPlan::semaphore(10));
    plan.retry.max_attempts = 5;
    plan.targets[0].price = price("2.00", "8.00", "USD");
    plan.budget = Some(BudgetPlan {
        max_cost: Some(money("18.00 USD")),
        max_requests: Some(9_999),
        max_tokens: Some(3_000_000),
    });
    plan
}

#[test]
fn the_most_it_can_cost_bills_every_attempt_with_most_tokens() {
    let forecast = forecast(&priced());
    let cell = &forecast.cells[1].volume;
    assert_eq!((cell.jobs, cell.length_ns), (Some(1000), Some(10_000_000_000)));
    assert_eq!(cell.requests, Some(LeastMost { least: 1000, most: 5000 }));
    assert_eq!(cell.prompt_tokens, Some(LeastMost { least: 100_000, most: 500_000 }));
    assert_eq!(cell.output_tokens, Some(LeastMost { least: 50_000, most: 1_000_000 }));
    assert_eq!(cell.cost_most, Some(vec![money("9.00 USD")]));
    let total = &forecast.total;
    assert_eq!((total.jobs, total.length_ns), (Some(2000), Some(20_000_000_000)));
    assert_eq!(total.cost_most, Some(vec![money("18.00 USD")]));
}

#[test]
fn a_budget_fits_up_to_its_last_digit() {
    let mut plan = priced();
    let fits = |plan: &Plan| {
        let budget = forecast(plan).budget.expect("a budget");
        (budget.cost_fits, budget.requests_fit, budget.tokens_fit)
    };
    assert_eq!(fits(&plan), (Some(true), Some(false), Some(true)));
    plan.budget = plan.budget.map(|b| BudgetPlan { max_cost: Some(money("17.999999999999 USD")), ..b });
    assert_eq!(fits(&plan).0, Some(false));
    plan.budget = plan.budget.map(|b| BudgetPlan { max_cost: Some(money("100.00 EUR")), ..b });
    assert_eq!(fits(&plan).0, None, "currencies are not compared");
    plan.targets[0].price = None;
    assert_eq!(fits(&plan).0, None, "an endpoint without a price may cost anything");
    assert_eq!(forecast(&plan).without_price, ["endpoint"]);
}

#[test]
fn what_only_the_run_will_show_is_unknown() {
    let mut plan = priced();
    plan.phases[0].executor = Executor::ConstantVus { vus: 8, duration: Some(5 * SECOND) };
    let total = forecast(&plan).total;
    assert_eq!((total.jobs, total.requests, total.cost_most), (None, None, None));
    assert_eq!(total.length_ns, Some(10_000_000_000));
    plan.phases[0].executor = Executor::Barrier { size: 4, rounds: 25 };
    let total = forecast(&plan).total;
    assert_eq!((total.jobs, total.length_ns), (Some(200), None));
}

#[test]
fn numbers_too_large_to_count_are_unknown_not_wrong() {
    let mut plan = priced();
    plan.phases[0].executor =
        Executor::SharedIterations { vus: 1, iterations: u64::MAX / 2, max_duration: None };
    plan.targets[0].price = price("999999999999999999", "999999999999999999", "USD");
    let total = forecast(&plan).total;
    assert_eq!((total.jobs, total.requests, total.cost_most), (Some(u64::MAX - 1), None, None));
}

#[test]
fn the_timeline_counts_every_arrival_once() {
    let stages = vec![
        RateStage { duration: 10 * SECOND, target_per_s: 200.0 },
        RateStage { duration: Duration::from_nanos(3_333_333_333), target_per_s: 0.0 },
    ];
    let ramp = Executor::RampingArrivalRate { start_rate_per_s: 0.0, stages, open: open(Spread::Poisson) };
    let mut plan = plan_of(vec![
        ramp,
        Executor::RampingVus { start_vus: 0, stages: vec![Stage { duration: 10 * SECOND, target: 20 }] },
    ]);
    plan.phases[1].start_time = 5 * SECOND;
    (plan.workload.jobs, plan.blocks) = (None, 7);
    let told = forecast(&plan);
    assert_eq!(told.timeline.len(), 20);
    assert!(told.timeline.windows(2).all(|w| w[0].until_ns == w[1].from_ns));
    let arrivals: u64 = told.timeline.iter().map(|bucket| bucket.arrivals).sum();
    let due = blocks(&plan).into_iter().map(|block| match &block[0].load {
        deadheat::profile::Load::Open { arrivals, .. } => arrivals.clone().count() as u64,
        other => panic!("not open: {other:?}"),
    });
    assert_eq!(arrivals, due.sum::<u64>());
    assert_eq!((told.timeline[0].workers, told.timeline[19].workers), (0, 19));
    assert_eq!(told.phases[1].workers, Some(20));
}

#[test]
fn the_forecast_is_json_with_units_in_its_names() {
    let json = serde_json::to_value(forecast(&priced())).expect("a forecast is JSON");
    assert_eq!(json["total"]["cost_most"][0], "18.00 USD");
    assert_eq!(json["phases"][0]["arrivals_per_s"], 100.0);
    assert_eq!(json["timeline"][0]["until_ns"], 500_000_000);
}
