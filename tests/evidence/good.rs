//! What counts for an answer where jobs share it, what is waste, and whose losses are no mistake of the
//! engine.

use crate::small::{evidence, plan};
use deadheat::history::*;
use deadheat::metrics::*;
use deadheat::plan::Plan;
use deadheat::strategy::StrategyPlan;
use std::time::Duration;

/// Two jobs a question, of which only the first of each made a call and the other took its answer.
fn shared() -> (Plan, Evidence) {
    let mut plan = plan();
    plan.workload.repeats = 2;
    plan.strategies = vec![toml::from_str("[single-flight]\npermits = 4").expect("a strategy")];
    let mut evidence = evidence(10);
    evidence.attempts.retain(|row| row.job.cell == 1 || row.job.index % 2 == 0);
    evidence.ledger.retain(|row| (0..5).any(|n| row.job == JobKey::Own(JobId { cell: 0, index: 2 * n })));
    for index in (1..10).step_by(2) {
        evidence.jobs[index].answer = evidence.jobs[index - 1].answer;
    }
    (plan, evidence)
}

#[test]
fn a_job_that_took_the_answer_to_its_question_is_as_good_as_the_one_that_asked() {
    let (mut plan, mut evidence) = shared();
    plan.slo.ttft = Some(Duration::from_millis(3));
    let good = |plan: &Plan, evidence: &Evidence| fold(plan, evidence, &Gaps::new(plan)).counters[0].good;
    assert_eq!(good(&plan, &evidence), 10);
    evidence.attempts[0].first_content_ns = None;
    assert_eq!(good(&plan, &evidence), 8);
    plan.strategies = vec![StrategyPlan::unbounded(1)];
    assert_eq!(good(&plan, &evidence), 4, "without sharing, a job without an attempt has no first token");
}

#[test]
fn waste_is_what_was_billed_beyond_one_answer_to_each() {
    let waste = |plan: &Plan, evidence: &Evidence| {
        fold(plan, evidence, &Gaps::new(plan)).counters.iter().map(|row| row.waste_tokens).collect::<Vec<_>>()
    };
    let bill = |row: &mut LedgerRow| {
        (row.billed_prompt_tokens, row.billed_completion_tokens) = (row.prompt_tokens, row.delivered_tokens);
        row.prompt_tokens + row.delivered_tokens
    };
    let mut one = evidence(10);
    let each = one.ledger.iter_mut().map(bill).max().unwrap();
    assert_eq!(waste(&plan(), &one), [Some(0), None], "only a ledger knows");
    // One more bill for job 3, and job 5 was answered for nothing.
    let again = LedgerRow { attempt: 2, end: LedgerEnd::Reset, ..one.ledger[3].clone() };
    one.ledger.insert(4, again);
    one.jobs[5].outcome = Outcome::Failed;
    assert_eq!(waste(&plan(), &one)[0], Some(2 * each));
    // An answer from memory is whole, and costs nothing.
    one.ledger[3].end = LedgerEnd::Cut;
    (one.ledger[4].end, one.ledger[4].replayed) = (LedgerEnd::Whole, true);
    (one.ledger[4].billed_prompt_tokens, one.ledger[4].billed_completion_tokens) = (0, 0);
    assert_eq!(waste(&plan(), &one)[0], Some(each));
    let (plan, mut evidence) = shared();
    evidence.ledger.iter_mut().for_each(|row| _ = bill(row));
    assert_eq!(waste(&plan, &evidence)[0], Some(0));
    let second = JobKey::Own(JobId { cell: 0, index: 1 });
    evidence.ledger.insert(1, LedgerRow { job: second, ..evidence.ledger[0].clone() });
    assert_eq!(waste(&plan, &evidence)[0], Some(each), "one question was paid for twice");
}

#[test]
fn a_strategy_that_is_broken_on_purpose_may_lose_results_and_no_other() {
    let mut plan = plan();
    let mut evidence = evidence(10);
    evidence.jobs.remove(0);
    assert_eq!(conservation(&plan, &evidence).len(), 1);
    plan.strategies = vec![toml::from_str("[broken-abort-on-error]\npermits = 4").expect("a strategy")];
    assert_eq!(conservation(&plan, &evidence), Vec::<String>::new());
    // Results of jobs that were not issued are the engine's own mistake.
    evidence.cells[0].issued = 8;
    assert_eq!(conservation(&plan, &evidence).len(), 2);
}
