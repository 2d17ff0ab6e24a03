//! What a run cost: two columns, classes that add up to the bill, an interval where there is no ledger.

use crate::evidence;

use deadheat::cost::{
    Class, JobUse, LEAST_JOBS, PriceContext, ProjectError, classes, job_uses, project, run_cost,
};
use deadheat::history::{LedgerEnd, Outcome};
use deadheat::metrics::{Gaps, fold};
use deadheat::plan::{Place, Plan, TokenRange};
use deadheat::prices::{Card, Circumstances, Component, Counts, Fx, PaymentTerms, Price};
use deadheat::summary::CostRow;
use deadheat::units::PricePerMtok;
use evidence::{Fate, Story, World, plan};
use proptest::prelude::*;
use rust_decimal::Decimal;

fn priced(mut plan: Plan) -> Plan {
    let usd = "USD".parse().expect("a currency");
    for target in &mut plan.targets {
        target.price = Some(Price::flat(PricePerMtok::parse("2.00", "8.00", usd).expect("a price")));
    }
    plan
}

fn list(plan: &Plan) -> Card {
    plan.targets[0].price.as_ref().expect("a price").list.clone()
}

fn cost(world: &World) -> Vec<CostRow> {
    let folded = fold(&world.plan, &world.evidence, &Gaps::new(&world.plan));
    run_cost(&world.plan, &folded.counters, &world.evidence)
}

fn decimal(text: &str) -> Decimal {
    Decimal::from_str_exact(text).expect(text)
}

fn sum<'a>(texts: impl Iterator<Item = &'a String>) -> Decimal {
    texts.map(|text| decimal(text)).sum()
}

fn stories(fates: &[&[Fate]]) -> Vec<Story> {
    fates.iter().map(|fates| Story { took_ms: 20, warmup: false, fates: fates.to_vec() }).collect()
}

/// Three jobs, the last of which is cut in the middle.
fn three() -> World {
    let stories = stories(&[&[Fate::Whole], &[Fate::ServerError, Fate::Whole], &[Fate::Cut]]);
    World::build(priced(plan::plan(4, 3, 1)), &[stories], true, 0)
}

fn class(row: &CostRow, name: &str) -> Option<u64> {
    row.classes.iter().find(|class| class.class == name).map(|class| class.attempts)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_classes_are_the_bill_to_the_last_digit(mut world in evidence::world()) {
        world.plan = priced(world.plan);
        for row in cost(&world) {
            let billed = decimal(row.billed.as_ref().expect("a ledger"));
            prop_assert_eq!(sum(row.classes.iter().map(|class| &class.cost)), billed);
            let parts = row.classes.iter().flat_map(|class| [&class.prompt_cost, &class.completion_cost]);
            prop_assert_eq!(sum(parts), billed);
            let folded = fold(&world.plan, &world.evidence, &Gaps::new(&world.plan));
            let counter = folded.counters.iter().find(|c| c.strategy == row.strategy).expect("a cell");
            let attempts: u64 = row.classes.iter().map(|class| class.attempts).sum();
            prop_assert!(attempts <= counter.attempts);
            prop_assert_eq!(class(&row, "useful").unwrap_or(0), counter.answered);
        }
    }

    #[test]
    fn without_a_fault_the_client_believes_what_the_ledger_billed(
        jobs in 1..40usize, permanent in proptest::collection::vec(any::<bool>(), 40)
    ) {
        let fates = (0..jobs).map(|nth| if permanent[nth] { Fate::Permanent } else { Fate::Whole });
        let stories = fates.map(|fate| Story { took_ms: 20, warmup: false, fates: vec![fate] }).collect();
        let row = cost(&World::build(priced(plan::plan(4, 1, 1)), &[stories], true, 0)).remove(0);
        prop_assert_eq!(row.billed.as_ref(), Some(&row.client));
        prop_assert_eq!(row.disagreeing, 0);
    }

    #[test]
    fn without_a_ledger_the_interval_holds_what_the_ledger_would_have_said(mut world in evidence::world()) {
        world.plan = priced(world.plan);
        let most = world.evidence.ledger.iter().map(|row| row.billed_prompt_tokens).max().unwrap_or(1);
        world.plan.workload.prompt_tokens = TokenRange { min: 1, max: u32::try_from(most).expect("small") };
        let truth: Vec<Decimal> =
            cost(&world).iter().map(|row| decimal(row.billed.as_ref().expect("a ledger"))).collect();
        for target in &mut world.plan.targets {
            target.place = Place::Url { url: "https://x.example/v1".into(), api_key_env: None };
        }
        for (row, truth) in cost(&world).iter().zip(truth) {
            let (least, most) = (decimal(&row.client), decimal(row.most.as_ref().expect("an interval")));
            prop_assert!(row.billed.is_none() && row.classes.is_empty());
            prop_assert!(least <= truth && truth <= most, "{least} {truth} {most}");
        }
    }
}

#[test]
fn a_run_without_a_fault_costs_what_the_client_believes() {
    let world = World::build(
        priced(plan::plan(4, 1, 1)),
        &[stories(&[&[Fate::Whole], &[Fate::Whole], &[Fate::Permanent]])],
        true,
        0,
    );
    let row = cost(&world).remove(0);
    assert_eq!(row.billed.as_ref(), Some(&row.client));
    assert_eq!((row.disagreeing, row.disagree.len()), (0, 0));
    assert_eq!((class(&row, "useful"), class(&row, "rejected")), (Some(2), Some(1)));
}

#[test]
fn an_answer_that_was_cut_is_billed_and_the_job_is_named() {
    let world = three();
    let row = cost(&world).remove(0);
    assert_eq!(class(&row, "useful"), Some(2));
    assert_eq!(class(&row, "partial"), Some(1));
    assert_eq!(row.disagreeing, 1, "{row:?}");
    assert!(row.disagree[0].job.contains('2'), "{:?}", row.disagree);
    assert_ne!(row.disagree[0].client, row.disagree[0].billed);
}

#[test]
fn each_planted_waste_lands_in_its_class() {
    let planted = |change: &dyn Fn(&mut World)| {
        let mut world = three();
        change(&mut world);
        world.sort();
        let cell = world.plan.cells()[0];
        let sums = classes(&world.plan, cell, &world.evidence);
        Class::ALL.map(|class| sums[class as usize].attempts)
    };
    // useful, duplicate, abandoned, superseded, partial, rejected
    assert_eq!(planted(&|_| ()), [2, 0, 0, 0, 1, 1]);
    let twice = |world: &mut World| {
        let mut again = world.ledger(0, 1).clone();
        (again.attempt, again.answer) = (2, Some(99));
        world.evidence.ledger.push(again);
    };
    assert_eq!(planted(&twice), [2, 1, 0, 0, 1, 1]);
    let hedged = |world: &mut World| {
        twice(world);
        let hedged = toml::from_str("[hedged]\npermits = 4\nafter = \"5ms\"");
        world.plan.strategies[0] = hedged.expect("a strategy");
    };
    assert_eq!(planted(&hedged), [2, 0, 0, 1, 1, 1]);
    let gone = |world: &mut World| world.ledger(2, 1).end = LedgerEnd::ClientClosed;
    assert_eq!(planted(&gone), [2, 0, 1, 0, 0, 1]);
    let lost = |world: &mut World| {
        let job = world.job(0);
        (job.outcome, job.answer) = (Outcome::Failed, None);
    };
    assert_eq!(planted(&lost), [1, 0, 1, 0, 1, 1]);
    let charged = |world: &mut World| world.ledger(1, 1).billed_prompt_tokens = 7;
    assert_eq!(planted(&charged), [2, 0, 0, 0, 1, 1], "a refusal that is billed stays a refusal");
}

#[test]
fn no_usage_is_no_price_of_nothing() {
    let mut world = three();
    world.plan.targets[0].place = Place::Url { url: "https://x.example/v1".into(), api_key_env: None };
    for row in &mut world.evidence.attempts {
        (row.prompt_tokens, row.completion_tokens) = (None, None);
    }
    assert!(cost(&world).is_empty());
    let mut unpriced = three();
    unpriced.plan.targets[0].price = None;
    assert!(cost(&unpriced).is_empty());
}

#[test]
fn where_it_is_paid_every_factor_is_said() {
    let mut world = three();
    let cny = "CNY".parse().expect("a currency");
    world.plan.cost.currency = Some(cny);
    world.plan.cost.fx.insert(cny, Fx { rate: decimal("7.30"), date: "2026-11-20".into() });
    let terms = PaymentTerms { top_up: decimal("7.30"), ..PaymentTerms::default() };
    let list = list(&world.plan);
    world.plan.targets[0].price = Some(Price::new(list, cny, &world.plan.cost.fx, terms).expect("a rate"));
    world.plan.cost.jobs_per_month = Some(3000);
    let row = cost(&world).remove(0);
    let landed = row.landed.expect("landed");
    assert_eq!((landed.currency.as_str(), landed.output_per_mtok.as_str()), ("CNY", "8.00"));
    assert_eq!(Some(landed.cost), row.billed, "7.3 ÷ 7.3");
    assert_eq!(landed.factors.len(), 5);
    assert!(landed.factors[1].note.contains("2026-11-20"));
    let month = decimal(&landed.month.expect("a month"));
    assert_eq!(month, decimal(row.billed.as_ref().expect("billed")) * Decimal::from(1000));
    let parts =
        row.classes.iter().flat_map(|class| [&class.landed_prompt_cost, &class.landed_completion_cost]);
    assert_eq!(sum(parts.flatten()), decimal(row.billed.as_ref().expect("billed")));
}

#[test]
fn a_month_is_the_mean_and_its_interval_holds_it() {
    let fates: Vec<Vec<Fate>> = (0..LEAST_JOBS)
        .map(|nth| if nth % 5 == 0 { vec![Fate::ServerError, Fate::Whole] } else { vec![Fate::Whole] })
        .collect();
    let fates: Vec<&[Fate]> = fates.iter().map(Vec::as_slice).collect();
    let world = World::build(priced(plan::plan(8, 3, 1)), &[stories(&fates)], true, 0);
    let card = list(&world.plan);
    let uses = job_uses(&world.plan, world.plan.cells()[0], &world.evidence, &card, 0).expect("uses");
    let terms = PaymentTerms::default();
    let around = PriceContext { terms: &terms, fx: false };
    let month = project(&uses, &card, 100_000, 7, &around).expect("a month");
    let billed = decimal(cost(&world)[0].billed.as_ref().expect("billed"));
    assert_eq!(decimal(&month.month.decimal()), billed * Decimal::from(1000));
    assert!(month.low.yocto < month.month.yocto && month.month.yocto < month.high.yocto);
    let again = project(&uses, &card, 100_000, 7, &around);
    assert_eq!(again, Ok(month.clone()), "the same seed, the same interval");
    let few = project(&uses[1..], &card, 1, 7, &around);
    assert_eq!(few, Err(ProjectError::TooFew(LEAST_JOBS - 1)));
    // The first, refused attempt was not billed, so further ones have a part in the cost.
    let without = month.if_else.iter().find(|(what, _)| what == "no retries").expect("varied");
    assert!(without.1.yocto < month.month.yocto);
    assert!(month.unknown.iter().any(|why| why.contains("cached reads")), "{:?}", month.unknown);
}

#[test]
fn jobs_that_all_cost_the_same_have_no_spread() {
    let usd = "USD".parse().expect("a currency");
    let card = list(&priced(plan::plan(1, 1, 1)));
    let each = JobUse { first: 1_000, later: 0, cached: 0 };
    let terms = PaymentTerms::default();
    let abroad = PriceContext { terms: &terms, fx: true };
    let month = project(&vec![each; 150], &card, 10, 1, &abroad).expect("a month");
    assert_eq!((month.low, month.high), (month.month, month.month));
    assert_eq!((month.month.yocto, month.month.currency), (10_000, usd));
    let higher = month.if_else.iter().find(|(what, _)| what.contains("higher")).expect("a rate has a part");
    assert_eq!(higher.1.yocto, 11_000);
    let counts = Counts::default().with(Component::Input, 1);
    assert!(card.cost(&counts, &Circumstances::default()).is_ok(), "the scenario's price always holds");
}
