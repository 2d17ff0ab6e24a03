//! Budgets, claims of several processes, and jobs that share the answer to one question.

use crate::evidence;

use deadheat::history::{Claim, JobEnd, Outcome};
use deadheat::plan::{BudgetPlan, Place};
use deadheat::prices::Price;
use deadheat::strategy::StrategyPlan;
use deadheat::summary::{Invariant as I, Verdict, VerdictRow};
use deadheat::units::{Money, PricePerMtok};
use evidence::{Fate, Story, World, key, plan::plan};

/// So many jobs, each answered with 7 prompt tokens and 1000 + index completion tokens.
fn jobs(n: usize) -> World {
    let story = Story { took_ms: 20, warmup: false, fates: vec![Fate::Whole] };
    World::build(plan(4, 3, 1), &[vec![story; n]], false, 0)
}

fn with(world: &mut World, set: impl Fn(&mut BudgetPlan)) -> VerdictRow {
    let mut budget = BudgetPlan { max_cost: None, max_requests: None, max_tokens: None };
    set(&mut budget);
    world.plan.budget = Some(budget);
    world.row(I::BudgetKept)
}

#[test]
fn without_a_budget_it_is_unknown_and_says_what_would_decide_it() {
    let row = jobs(2).row(I::BudgetKept);
    assert_eq!(row.verdict, Verdict::Unknown);
    assert!(row.why.unwrap().contains("[budget] max_tokens, max_requests or max_cost"));
}

#[test]
fn a_budget_may_be_passed_by_one_request_and_no_more() {
    let mut world = jobs(5);
    // 1007 + 1008 + 1009 + 1010 + 1011 billed, the largest 1011.
    let all: u64 = 5_045;
    let row = with(&mut world, |b| b.max_tokens = Some(all - 1_011));
    assert_eq!((row.verdict, row.relevant), (Verdict::Holds, 5));
    let row = with(&mut world, |b| b.max_tokens = Some(all - 1_012));
    assert_eq!((row.verdict, row.violations), (Verdict::Broken, 1));
    let witness = row.witness.unwrap();
    assert_eq!(witness.jobs, [key(4)]);
    assert!(
        witness.text.contains("came to 5045 tokens") && witness.text.contains("4033 tokens"),
        "{}",
        witness.text
    );
    assert_eq!(with(&mut world, |b| b.max_requests = Some(4)).verdict, Verdict::Holds);
    let row = with(&mut world, |b| b.max_requests = Some(2));
    assert_eq!((row.verdict, row.violations, row.relevant), (Verdict::Broken, 2, 5));
}

#[test]
fn money_is_counted_exactly_at_the_targets_price() {
    let mut world = jobs(2);
    let usd = "USD".parse().unwrap();
    world.plan.targets[0].price = Some(Price::flat(PricePerMtok::parse("2.00", "8.00", usd).unwrap()));
    // 14 × 2 + 2001 × 8 millionths of a dollar, the largest request 14 + 8008... of it.
    let (all, largest) = (16_036_000_000, 8_022_000_000);
    let most = |pico| Some(Money { pico, currency: usd });
    assert_eq!(with(&mut world, |b| b.max_cost = most(all - largest)).verdict, Verdict::Holds);
    let row = with(&mut world, |b| b.max_cost = most(all - largest - 1));
    assert_eq!(row.verdict, Verdict::Broken);
    let text = row.witness.unwrap().text;
    assert!(text.contains("came to 0.016036 USD") && text.contains("0.008013999999 USD"), "{text}");
    // A target without a price costs nothing.
    world.plan.targets[0].price = None;
    assert_eq!(with(&mut world, |b| b.max_cost = most(0)).verdict, Verdict::Holds);
}

#[test]
fn a_strategys_own_budget_comes_first_and_counts_its_cell() {
    let mut world = jobs(3);
    let budgeted = |max_tokens: u64| -> StrategyPlan {
        toml::from_str(&format!("[budgeted]\npermits = 4\nmax_tokens = {max_tokens}")).expect("a strategy")
    };
    world.plan.strategies[0] = budgeted(3_024 - 1_009);
    assert_eq!(with(&mut world, |b| b.max_tokens = Some(1)).verdict, Verdict::Holds);
    world.plan.strategies[0] = budgeted(3_024 - 1_010);
    let row = with(&mut world, |b| b.max_tokens = Some(1_000_000));
    assert_eq!(row.verdict, Verdict::Broken);
    assert!(row.witness.unwrap().text.contains("the strategy's budget"));
}

#[test]
fn a_cell_answers_for_its_own_requests_beyond_the_budget_of_the_run() {
    let story = Story { took_ms: 20, warmup: false, fates: vec![Fate::Whole] };
    let mut world = World::build(plan(4, 3, 2), &[vec![story.clone(); 3], vec![story; 3]], false, 0);
    world.plan.budget = Some(BudgetPlan { max_cost: None, max_requests: Some(3), max_tokens: None });
    let rows = [world.cell(0), world.cell(1)]
        .map(|rows| rows.into_iter().find(|r| r.invariant == I::BudgetKept).unwrap());
    assert_eq!(rows[0].verdict, Verdict::Holds);
    assert_eq!((rows[1].verdict, rows[1].violations), (Verdict::Broken, 2));
}

#[test]
fn damaged_sums_overflow_nothing() {
    let mut world = jobs(3);
    world.plan.targets[0].price =
        Some(Price::flat(PricePerMtok::parse("900000.00", "900000.00", "USD".parse().unwrap()).unwrap()));
    for row in &mut world.evidence.ledger {
        (row.billed_prompt_tokens, row.billed_completion_tokens) = (u64::MAX, u64::MAX);
    }
    let most = Money { pico: 1, currency: "USD".parse().unwrap() };
    let row = with(&mut world, |b| (b.max_cost, b.max_tokens) = (Some(most), Some(1)));
    assert_eq!(row.verdict, Verdict::Broken);
}

#[test]
fn at_a_real_endpoint_what_the_client_was_told_of_counts() {
    let mut world = jobs(3);
    world.plan.targets[0].place = Place::Url { url: "http://llm.example.com/v1".into(), api_key_env: None };
    world.evidence.ledger.clear();
    assert_eq!(with(&mut world, |b| b.max_tokens = Some(2_014)).verdict, Verdict::Broken);
    assert_eq!(with(&mut world, |b| b.max_tokens = Some(3_000)).verdict, Verdict::Unknown);
}

fn spread(processes: u32) -> StrategyPlan {
    toml::from_str(&format!("[semaphore]\npermits = 4\nprocesses = {processes}")).expect("a strategy")
}

fn single_flight() -> StrategyPlan {
    toml::from_str("[single-flight]\npermits = 4").expect("a strategy")
}

/// Five jobs over three processes, which claim 2, 2 and 1 of them.
fn processes() -> World {
    let mut world = jobs(5);
    world.plan.strategies[0] = spread(3);
    let whole = world.evidence.claims.remove(0);
    let share = |process: u16, requests: u64, prompt_tokens: u64, completion_tokens: u64| Claim {
        cell: 0,
        process: Some(process),
        requests,
        prompt_tokens,
        completion_tokens,
        total_tokens: prompt_tokens + completion_tokens,
    };
    world.evidence.claims = vec![share(0, 2, 14, 2_001), share(1, 2, 14, 2_005), share(2, 1, 7, 1_004)];
    assert_eq!(whole.total_tokens, world.evidence.claims.iter().map(|c| c.total_tokens).sum::<u64>());
    world
}

#[test]
fn the_sum_over_processes_is_the_ledger_and_the_claim() {
    let mut world = processes();
    assert_eq!(world.row(I::ProcessesAgree).verdict, Verdict::Holds);
    assert_eq!(world.row(I::RequestsCounted).verdict, Verdict::Holds);
    world.plan.strategies[0] = spread(1);
    assert_eq!(world.row(I::ProcessesAgree).verdict, Verdict::NotApplicable);
}

#[test]
fn one_process_taken_for_the_whole_is_found_by_all_three() {
    let mut world = processes();
    let local = Claim { process: None, ..world.evidence.claims[0].clone() };
    world.evidence.claims.push(local);
    let row = world.breaks(&[I::RequestsCounted, I::TokensCounted, I::ProcessesAgree]);
    assert!(row.witness.unwrap().text.contains("2 requests, 3 fewer than the 5"));
    let text = world.row(I::ProcessesAgree).witness.unwrap().text;
    assert!(
        text.contains("claims 2 requests") && text.contains("3 processes together have 5 requests"),
        "{text}"
    );
    assert!(text.contains("process 0 has 2, process 1 has 2, process 2 has 1"), "{text}");
}

#[test]
fn a_process_that_counts_wrong_is_found_though_the_claim_is_right() {
    let mut world = processes();
    let whole = Claim {
        cell: 0,
        process: None,
        requests: 5,
        prompt_tokens: 35,
        completion_tokens: 5_010,
        total_tokens: 5_045,
    };
    world.evidence.claims.push(whole);
    assert_eq!(world.row(I::ProcessesAgree).verdict, Verdict::Holds);
    world.evidence.claims[2].requests = 0;
    assert!(
        world.breaks(&[I::ProcessesAgree]).witness.unwrap().text.contains("4 requests, 1 fewer than the 5")
    );
    world.evidence.claims[2].requests = 1;
    world.evidence.claims[2].completion_tokens -= 1;
    world.breaks(&[I::ProcessesAgree]);
}

#[test]
fn one_account_of_all_processes_is_their_sum() {
    let mut world = processes();
    world.evidence.claims = vec![Claim {
        process: None,
        requests: 5,
        prompt_tokens: 35,
        completion_tokens: 5_010,
        total_tokens: 5_045,
        cell: 0,
    }];
    assert_eq!(world.row(I::ProcessesAgree).verdict, Verdict::Holds);
    world.evidence.claims[0].requests = 4;
    let text = world.row(I::ProcessesAgree).witness.unwrap().text;
    assert!(text.starts_with("the one account of all processes has 4 requests"), "{text}");
    world.evidence.claims.clear();
    assert_eq!(world.row(I::ProcessesAgree).verdict, Verdict::Unknown);
}

/// Six jobs that ask two questions; jobs 0 and 3 made the only calls, the others took their answers.
fn questions() -> World {
    let mut world = jobs(6);
    world.plan.workload.repeats = 3;
    world.plan.strategies[0] = single_flight();
    world.evidence.attempts.retain(|row| row.job.index % 3 == 0);
    world.evidence.ledger.retain(|row| [key(0), key(3)].contains(&row.job));
    for (leader, index) in [(0, 1), (0, 2), (3, 4), (3, 5)] {
        let answer = world.job(leader).clone();
        let job = world.job(index);
        (job.answer, job.text_hash, job.attempts) = (answer.answer, answer.text_hash, 0);
    }
    let claim = &mut world.evidence.claims[0];
    (claim.requests, claim.prompt_tokens, claim.completion_tokens, claim.total_tokens) =
        (2, 14, 2_003, 2_017);
    world
}

fn broken(world: &World) -> Vec<I> {
    world.judge().into_iter().filter(|row| row.verdict == Verdict::Broken).map(|row| row.invariant).collect()
}

#[test]
fn jobs_of_one_question_share_its_answer() {
    let mut world = questions();
    assert_eq!(broken(&world), []);
    assert_eq!(world.row(I::BilledOnce).relevant, 2);
    assert_eq!(world.row(I::AnswerMatchesJob).relevant, 6);
    // A strategy that does not share has no such excuse.
    world.plan.strategies[0] = StrategyPlan::semaphore(4);
    assert_eq!(broken(&world), [I::EveryJobAnswered, I::AnswerMatchesJob, I::StatusHonest]);
}

#[test]
fn the_answer_to_another_question_is_still_another_jobs() {
    let mut world = questions();
    (world.job(1).answer, world.job(1).text_hash) = (world.job(3).answer, world.job(3).text_hash);
    let witness = world.breaks(&[I::AnswerMatchesJob]).witness.unwrap();
    assert_eq!(witness.jobs, [key(1), key(3)]);
    let mut world = questions();
    world.job(2).text_hash = Some(1);
    assert_eq!(world.breaks(&[I::ContentIntact]).witness.unwrap().jobs, [key(2)]);
}

#[test]
fn a_question_that_two_jobs_paid_for_is_found() {
    let mut world = jobs(6);
    for row in &mut world.evidence.ledger {
        row.body_hash = if row.job < key(3) { 1 } else { 2 };
    }
    world.plan.workload.repeats = 3;
    assert_eq!(broken(&world), [], "without sharing each job has its own bill");
    world.plan.strategies[0] = single_flight();
    let row = world.breaks(&[I::BilledOnce]);
    assert_eq!((row.violations, row.relevant), (4, 4));
    let witness = row.witness.unwrap();
    assert_eq!(witness.jobs, [key(0), key(1)]);
    assert!(witness.text.contains("ask one question, and both were billed"), "{}", witness.text);
    // Two questions of one number of repeats are not one.
    world.plan.workload.repeats = 1;
    assert_eq!(broken(&world), []);
}

#[test]
fn a_question_given_up_is_given_up_honestly_by_all_that_asked_it() {
    let story = |fate| Story { took_ms: 20, warmup: false, fates: vec![fate] };
    let stories = vec![story(Fate::Permanent), story(Fate::ServerError)];
    let mut world = World::build(plan(4, 1, 1), &[stories], false, 0);
    (world.plan.workload.repeats, world.plan.retry.max_attempts) = (2, 3);
    world.job(1).end = JobEnd::Permanent;
    assert_eq!(broken(&world), [I::EveryJobAnswered], "its own answer was one to retry");
    world.plan.strategies[0] = single_flight();
    assert_eq!(broken(&world), [], "that of its question was not");
    let job = world.job(1);
    (job.outcome, job.end) = (Outcome::Ok, JobEnd::Answered);
    assert_eq!(broken(&world), [I::EveryJobAnswered, I::StatusHonest]);
}
