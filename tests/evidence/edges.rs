//! What judges say where they can see little: real endpoints, empty books, nothing declared; and what
//! must not be mistaken for a violation.

use crate::evidence;

use deadheat::history::{ErrorClass, Evidence, JobEnd, LedgerEnd, NotIssued, Outcome};
use deadheat::plan::{Executor, Place};
use deadheat::strategy::{BreakerPlan, StrategyPlan};
use deadheat::summary::{Invariant as I, Verdict};
use evidence::{Fate, RULES, Story, World, key, plan::plan, world};
use proptest::prelude::*;
use std::time::Duration;

/// One permit, up to three attempts, and these fates of the jobs, 20 ms an attempt.
fn small(fates: &[&[Fate]]) -> World {
    let story = |fates: &&[Fate]| Story { took_ms: 20, warmup: false, fates: fates.to_vec() };
    let stories: Vec<Story> = fates.iter().map(story).collect();
    World::build(plan(1, 3, 1), &[stories], false, 0)
}

/// The same run as the client of a real endpoint has it.
fn at_url(world: &mut World) {
    world.plan.targets[0].place = Place::Url { url: "http://llm.example.com/v1".into(), api_key_env: None };
    world.evidence.ledger.clear();
}

proptest! {
    #[test]
    fn nothing_holds_at_a_real_endpoint(mut world in world()) {
        at_url(&mut world);
        for claim in &mut world.evidence.claims {
            let own = world.evidence.attempts.iter().filter(|row| row.job.cell == claim.cell);
            let (prompt, completion) = own.fold((0, 0), |(prompt, completion), row| {
                (prompt + row.prompt_tokens.unwrap_or(0), completion + row.completion_tokens.unwrap_or(0))
            });
            (claim.prompt_tokens, claim.completion_tokens) = (prompt, completion);
            claim.total_tokens = prompt + completion;
        }
        for row in world.judge() {
            prop_assert_eq!(row.verdict, Verdict::Unknown, "{:?}", row);
            prop_assert!(row.why.unwrap().starts_with("no ledger: a real endpoint keeps its own books"));
        }
    }
}

#[test]
fn a_real_endpoints_client_is_convicted_by_its_own_history() {
    let mut world = small(&[&[Fate::RateLimited { wait_ms: 300 }, Fate::Whole], &[Fate::Permanent]]);
    at_url(&mut world);
    world.attempt(0, 1).retry_after_ms = Some(9_000);
    let row = world.row(I::RetryAfterRespected);
    assert_eq!(row.verdict, Verdict::Broken);
    let witness = row.witness.unwrap();
    assert_eq!(witness.jobs, [key(0)]);
    assert!(witness.text.starts_with("by the client's own history: "), "{}", witness.text);
}

#[test]
fn empty_books_decide_nothing_but_that_nothing_was_sent() {
    let mut world = small(&[&[Fate::Whole], &[Fate::Whole]]);
    let cells = std::mem::take(&mut world.evidence.cells);
    world.evidence = Evidence { cells, ..Evidence::default() };
    for row in world.judge() {
        assert_ne!(row.verdict, Verdict::Holds, "{row:?}");
        assert!(row.why.is_some() || row.witness.is_some(), "{row:?}");
    }
    let row = world.row(I::EveryJobAnswered);
    assert_eq!((row.verdict, row.violations), (Verdict::Broken, 2));
    // Unless the run was stopped before the cell's turn came.
    let end = &mut world.evidence.cells[0];
    (end.issued, end.not_issued) = (0, [(NotIssued::Interrupted, 2)].into());
    assert_eq!(world.row(I::EveryJobAnswered).verdict, Verdict::Unknown);
}

#[test]
fn no_evidence_at_all_holds_nothing() {
    let world = World { plan: plan(1, 1, 2), evidence: Evidence::default() };
    let rows = world.judge();
    assert_eq!(rows.len(), 2 * RULES);
    let silent = |verdict| matches!(verdict, Verdict::Unknown | Verdict::NotApplicable);
    assert!(rows.iter().all(|row| silent(row.verdict) && row.why.is_some()), "{rows:#?}");
    assert_eq!((rows[RULES].strategy.as_str(), rows[RULES].invariant), ("unbounded", I::BilledOnce));
}

#[test]
fn what_the_run_did_not_provoke_is_not_applicable() {
    let world = small(&[&[Fate::Whole], &[Fate::ServerError, Fate::Whole]]);
    assert_eq!(world.answered(), [0, 1]);
    assert_eq!(world.row(I::RetryAfterRespected).verdict, Verdict::NotApplicable);
    assert_eq!(world.row(I::NoRetryWhenPermanent).verdict, Verdict::NotApplicable);
}

#[test]
fn an_undeclared_cap_is_unknown_and_permits_are_a_declaration() {
    let mut world = small(&[&[Fate::Whole], &[Fate::Whole]]);
    world.plan.declared.concurrency = None;
    assert_eq!(world.row(I::InFlightCapped).verdict, Verdict::Holds);
    world.plan.strategies[0] = StrategyPlan::unbounded(1);
    let row = world.row(I::InFlightCapped);
    assert_eq!(row.verdict, Verdict::Unknown);
    assert!(row.why.unwrap().contains("declare [declared] concurrency = N"));
}

/// Job 0's first attempt was billed in full but reset; a second one was answered whole.
fn billed_twice() -> World {
    let mut world = small(&[&[Fate::RateLimited { wait_ms: 300 }, Fate::Whole]]);
    let row = world.ledger(0, 1);
    (row.end, row.status, row.retry_after_ms) = (LedgerEnd::Reset, None, None);
    (row.billed_prompt_tokens, row.billed_completion_tokens) = (7, 1_000);
    let seen = world.attempt(0, 1);
    (seen.status, seen.retry_after_ms) = (None, None);
    (seen.outcome, seen.error) = (Outcome::Unknown, Some(ErrorClass::Reset));
    world
}

#[test]
fn hedging_within_the_cap_is_waste_and_a_retry_is_a_finding() {
    let mut world = billed_twice();
    assert_eq!(world.row(I::BilledOnce).verdict, Verdict::Broken);
    // Now the first attempt still runs when the second is sent.
    let overlap_ns = world.attempt(0, 2).done_ns;
    world.attempt(0, 1).done_ns = overlap_ns;
    assert_eq!(world.row(I::BilledOnce).verdict, Verdict::Holds);
    // The ledger's end of the first is no excuse, and neither is an overlap of two equal attempts.
    world.ledger(0, 2).attempt = 1;
    world.attempt(0, 2).n = 1;
    assert_eq!(world.row(I::BilledOnce).verdict, Verdict::Broken);
    let mut world = billed_twice();
    world.attempt(0, 1).done_ns = overlap_ns;
    world.plan.retry.max_attempts = 1;
    assert_eq!(world.row(I::BilledOnce).verdict, Verdict::Broken);
}

#[test]
fn a_key_that_is_not_honoured_does_not_excuse_a_second_bill() {
    let mut world = billed_twice();
    for n in [1, 2] {
        world.ledger(0, n).idempotency_key = Some(77);
    }
    let row = world.row(I::BilledOnce);
    assert_eq!(row.verdict, Verdict::Broken);
    assert!(row.witness.unwrap().text.contains("does not honour"));
}

#[test]
fn a_bill_in_the_warm_up_is_still_a_bill() {
    let mut world = billed_twice();
    world.job(0).warmup = true;
    assert_eq!(world.row(I::BilledOnce).verdict, Verdict::Broken);
}

#[test]
fn a_client_that_left_is_not_in_flight_until_the_provider_notices() {
    let mut world = small(&[&[Fate::Cancelled], &[Fate::Whole]]);
    // The provider notices a second late that the client has gone.
    world.ledger(0, 1).ended_ns += 1_000_000_000;
    assert_eq!(world.row(I::InFlightCapped).verdict, Verdict::Holds);
    world.evidence.attempts.remove(0);
    assert_eq!(world.row(I::InFlightCapped).verdict, Verdict::Broken);
}

#[test]
fn a_wait_that_was_asked_for_is_no_stall_and_coming_late_after_it_is() {
    let mut world = small(&[&[Fate::RateLimited { wait_ms: 120_000 }, Fate::Whole]]);
    world.plan.declared.progress = Duration::from_secs(10);
    assert_eq!(world.row(I::Progress).verdict, Verdict::Holds);
    // It should have come back 11 s before it did.
    world.attempt(0, 2).due_ns -= 11_000_000_000;
    let row = world.row(I::Progress);
    assert_eq!((row.verdict, row.violations), (Verdict::Broken, 1));
    let witness = row.witness.unwrap();
    assert_eq!((witness.jobs, witness.at_ns), (vec![key(0)], world.attempt(0, 2).due_ns));
}

#[test]
fn a_long_stream_whose_chunks_keep_coming_is_no_stall() {
    let mut world = small(&[&[Fate::Whole]]);
    let late_ns = 60_000_000_000;
    world.attempt(0, 1).done_ns += late_ns;
    world.ledger(0, 1).ended_ns += late_ns;
    world.job(0).done_ns += late_ns;
    world.attempt(0, 1).chunks = 1_000;
    assert_eq!(world.row(I::Progress).verdict, Verdict::Holds);
    world.attempt(0, 1).chunks = 2;
    assert_eq!(world.row(I::Progress).verdict, Verdict::Broken);
}

#[test]
fn arrivals_of_an_open_profile_do_not_keep_a_dead_client_alive() {
    let mut world = small(&[&[Fate::Whole], &[Fate::Whole]]);
    // Both jobs are sent 40 s after the first was due; the second came due in the middle of the silence.
    let due_ns = world.attempt(0, 1).due_ns;
    let late_ns = 40_000_000_000;
    for (job, due_ns) in [(0, due_ns), (1, due_ns + late_ns / 2)] {
        let row = world.attempt(job, 1);
        row.due_ns = due_ns;
        row.sent_ns = row.sent_ns.map(|ns| ns + late_ns);
        row.first_byte_ns = None;
        row.first_content_ns = None;
        row.done_ns += late_ns;
        let row = world.ledger(job, 1);
        (row.arrived_ns, row.ended_ns) = (row.arrived_ns + late_ns, row.ended_ns + late_ns);
        (row.first_byte_ns, row.first_content_ns) = (None, None);
        world.job(job).done_ns += late_ns;
    }
    let row = world.row(I::Progress);
    assert_eq!((row.verdict, row.violations), (Verdict::Broken, 1));
    assert_eq!(row.witness.unwrap().at_ns, due_ns);
}

#[test]
fn a_dropped_arrival_leaves_its_number_and_is_not_a_lost_job() {
    let mut world = small(&[&[Fate::Whole], &[Fate::Whole], &[Fate::Whole]]);
    world.evidence.attempts.retain(|row| row.job.index != 1);
    world.evidence.jobs.retain(|row| row.job.index != 1);
    world.evidence.ledger.retain(|row| row.job != key(1));
    assert_eq!(world.row(I::OneResultPerJob).witness.unwrap().jobs, [key(1)]);
    let end = &mut world.evidence.cells[0];
    (end.issued, end.not_issued) = (2, [(NotIssued::Dropped, 1)].into());
    assert_eq!(world.row(I::OneResultPerJob).verdict, Verdict::Holds);
    assert_eq!(world.row(I::EveryJobAnswered).verdict, Verdict::Holds);
}

#[test]
fn a_lost_job_is_not_named_by_a_number_that_was_perhaps_never_issued() {
    let mut world = small(&[&[Fate::Whole], &[Fate::Whole], &[Fate::Whole]]);
    // Two workers of two iterations each: time was up after numbers 0 and 2, and 2 was lost.
    for lost in [1, 2] {
        world.evidence.attempts.retain(|row| row.job.index != lost);
        world.evidence.jobs.retain(|row| row.job.index != lost);
        world.evidence.ledger.retain(|row| row.job != key(lost));
    }
    let end = &mut world.evidence.cells[0];
    (end.planned, end.issued, end.not_issued) = (4, 2, [(NotIssued::TimeUp, 2)].into());
    for invariant in [I::OneResultPerJob, I::EveryJobAnswered] {
        let row = world.row(invariant);
        assert_eq!((row.verdict, row.violations), (Verdict::Broken, 1));
        assert_eq!(row.witness.unwrap().jobs, [], "nothing tells whether it was 1, 2 or 3");
        // Where all take the next number of one counter, it was 1.
        let kept = world.plan.phases[0].executor.clone();
        world.plan.phases[0].executor =
            Executor::SharedIterations { vus: 2, iterations: 4, max_duration: None };
        assert_eq!(world.row(invariant).witness.unwrap().jobs, [key(1)]);
        world.plan.blocks = 2;
        assert_eq!(world.row(invariant).witness.unwrap().jobs, [], "the second block begins at 2");
        (world.plan.phases[0].executor, world.plan.blocks) = (kept, 1);
    }
}

#[test]
fn an_answer_of_no_job_is_named_as_such() {
    let mut world = small(&[&[Fate::Whole]]);
    world.job(0).answer = Some(0xfeed);
    let witness = world.breaks(&[I::AnswerMatchesJob]).witness.unwrap();
    assert_eq!(witness.jobs, [key(0)]);
    assert!(witness.text.contains("R-000000000000feed"), "{}", witness.text);
}

#[test]
fn coming_back_a_blink_early_is_forgiven_and_more_is_not() {
    let mut world = small(&[&[Fate::RateLimited { wait_ms: 300 }, Fate::Whole]]);
    let free_ns = world.ledger(0, 1).ended_ns + 300_000_000;
    world.ledger(0, 2).arrived_ns = free_ns - 5_000_000;
    assert_eq!(world.row(I::RetryAfterRespected).verdict, Verdict::Holds);
    world.ledger(0, 2).arrived_ns -= 1;
    assert_eq!(world.row(I::RetryAfterRespected).verdict, Verdict::Broken);
    // An answer that never reached the client asked it for nothing.
    world.attempt(0, 1).status = None;
    assert_eq!(world.row(I::RetryAfterRespected).verdict, Verdict::NotApplicable);
}

#[test]
fn an_attempt_under_way_when_a_permanent_refusal_came_is_not_blamed() {
    let mut world = small(&[&[Fate::ServerError, Fate::Whole]]);
    world.ledger(0, 1).permanent = true;
    assert_eq!(world.row(I::NoRetryWhenPermanent).verdict, Verdict::Broken);
    world.attempt(0, 1).done_ns = world.attempt(0, 2).done_ns;
    assert_eq!(world.row(I::NoRetryWhenPermanent).verdict, Verdict::Holds);
}

#[test]
fn a_stale_token_is_refused_for_good_and_its_job_is_not() {
    let mut world = small(&[&[Fate::ServerError, Fate::Whole]]);
    let refused = world.ledger(0, 1);
    (refused.permanent, refused.fenced, refused.lock_token) = (true, true, Some(5));
    for (token, verdict) in [(None, Verdict::Broken), (Some(5), Verdict::Broken), (Some(6), Verdict::Holds)] {
        world.ledger(0, 2).lock_token = token;
        assert_eq!(world.row(I::NoRetryWhenPermanent).verdict, verdict, "{token:?}");
    }
    world.ledger(0, 1).fenced = false;
    assert_eq!(world.row(I::NoRetryWhenPermanent).verdict, Verdict::Broken, "refused for itself");
}

#[test]
fn a_breaker_that_is_open_past_the_deadline_excuses_and_an_early_end_does_not() {
    // 20 ms, then given up 30 ms later: with a second to go before the breaker closes.
    let mut world = small(&[&[Fate::Cut], &[Fate::Whole]]);
    world.plan.retry.transport = true;
    let due_ns = world.job(0).due_ns;
    world.job(0).done_ns = due_ns + 50_000_000;
    let breaker = |ms| BreakerPlan { failures: 1, open_for: Duration::from_millis(ms), probes: 1 };
    for (deadline_ms, open_ms, verdict) in [
        (500, None, Verdict::Broken),
        (500, Some(100), Verdict::Broken),
        (500, Some(450), Verdict::Holds),
        (2_000, Some(450), Verdict::Broken),
    ] {
        world.plan.retry.deadline = Some(Duration::from_millis(deadline_ms));
        world.plan.retry.breaker = open_ms.map(breaker);
        assert_eq!(world.row(I::EveryJobAnswered).verdict, verdict, "{deadline_ms} {open_ms:?}");
    }
}

#[test]
fn requests_that_never_left_are_due_and_those_lost_on_the_way_are_in_doubt() {
    let mut world = small(&[&[Fate::Unconnected], &[Fate::Cancelled], &[Fate::Whole]]);
    let verdict = |world: &mut World, requests| {
        world.evidence.claims[0].requests = requests;
        world.row(I::RequestsCounted).verdict
    };
    assert_eq!([2, 3, 4].map(|n| verdict(&mut world, n)), [Verdict::Broken, Verdict::Holds, Verdict::Broken]);
    // Cancelled before the provider had read it whole: sent or not, both are true.
    world.evidence.ledger.retain(|row| row.job != key(1));
    let expected = [Verdict::Broken, Verdict::Holds, Verdict::Holds, Verdict::Broken];
    assert_eq!([1, 2, 3, 4].map(|n| verdict(&mut world, n)), expected);
}

#[test]
fn giving_up_is_honest_only_for_a_reason_that_the_evidence_bears_out() {
    let given_up = |fate, end| {
        let mut world = small(&[&[fate], &[Fate::Whole]]);
        world.evidence.attempts.retain(|row| row.job.index != 0 || row.n == 1);
        world.job(0).end = end;
        world
    };
    for (fate, end, verdict) in [
        (Fate::Permanent, JobEnd::Permanent, Verdict::Holds),
        (Fate::Permanent, JobEnd::Exhausted, Verdict::Holds),
        (Fate::Permanent, JobEnd::OverBudget, Verdict::Broken),
        (Fate::Cut, JobEnd::Exhausted, Verdict::Holds),
        (Fate::Cut, JobEnd::Answered, Verdict::Broken),
        (Fate::Cancelled, JobEnd::Cancelled, Verdict::Holds),
    ] {
        assert_eq!(given_up(fate, end).row(I::EveryJobAnswered).verdict, verdict, "{fate:?} {end:?}");
    }
    // The same cut stream is to be retried where the policy says so, unless a deadline forbids it.
    let mut world = given_up(Fate::Cut, JobEnd::Exhausted);
    world.plan.retry.transport = true;
    let row = world.row(I::EveryJobAnswered);
    assert_eq!((row.verdict, row.witness.unwrap().jobs), (Verdict::Broken, vec![key(0)]));
    world.plan.retry.deadline = Some(Duration::from_nanos(1));
    assert_eq!(world.row(I::EveryJobAnswered).verdict, Verdict::Holds);
    // A deadline that was far away excuses no job.
    world.plan.retry.deadline = Some(Duration::from_secs(3_600));
    assert_eq!(world.row(I::EveryJobAnswered).verdict, Verdict::Broken);
}

#[test]
fn an_answer_that_came_as_the_client_gave_up_may_be_counted_or_not() {
    let mut world = small(&[&[Fate::Whole], &[Fate::Whole]]);
    world.attempt(0, 1).error = Some(ErrorClass::TimeoutTotal);
    world.attempt(0, 1).outcome = Outcome::Unknown;
    assert_eq!(world.row(I::TokensCounted).verdict, Verdict::Holds);
    let claim = &mut world.evidence.claims[0];
    (claim.prompt_tokens, claim.completion_tokens, claim.total_tokens) = (7, 1_001, 1_008);
    assert_eq!(world.row(I::TokensCounted).verdict, Verdict::Holds);
    // A client that took the answer has no such excuse.
    world.attempt(0, 1).error = None;
    assert_eq!(world.row(I::TokensCounted).verdict, Verdict::Broken);
}
