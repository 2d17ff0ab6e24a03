//! The invariants that the ledger alone decides: behaved evidence passes, each mutation is found.

use crate::evidence;

use deadheat::history::{AttemptRow, ErrorClass, JobEnd, LedgerEnd, LedgerRow, Outcome};
use deadheat::summary::{Invariant as I, Verdict};
use evidence::{World, id, key, world};
use proptest::prelude::*;
use std::time::Duration;

/// Job 0's first attempt, refused with 429 in a behaved world, is billed instead and then reset.
fn reset_after_accept(world: &mut World) {
    let row = world.ledger(0, 1);
    (row.end, row.status, row.retry_after_ms) = (LedgerEnd::Reset, None, None);
    (row.billed_prompt_tokens, row.billed_completion_tokens) = (7, 1_000);
    let seen = world.attempt(0, 1);
    (seen.outcome, seen.error, seen.status) = (Outcome::Unknown, Some(ErrorClass::Reset), None);
    seen.retry_after_ms = None;
}

/// Claims follow the ledger's delivered tokens.
fn claim_delivered(world: &mut World) {
    let rows = world.evidence.ledger.iter();
    let whole: Vec<_> = rows.filter(|r| r.end == LedgerEnd::Whole && r.job < key(u64::MAX)).collect();
    let prompt_tokens = whole.iter().map(|row| row.prompt_tokens).sum();
    let completion_tokens = whole.iter().map(|row| row.delivered_tokens).sum();
    let claim = &mut world.evidence.claims[0];
    (claim.prompt_tokens, claim.completion_tokens) = (prompt_tokens, completion_tokens);
    claim.total_tokens = prompt_tokens + completion_tokens;
}

/// The first moment with more than `cap` attempts open, by trying every pair.
fn first_excess(rows: &[LedgerRow], cap: usize) -> Option<(u64, usize)> {
    let open = |at: u64| rows.iter().filter(|r| r.arrived_ns <= at && at < r.ended_ns).count();
    let mut starts: Vec<u64> = rows.iter().map(|row| row.arrived_ns).collect();
    starts.sort_unstable();
    starts.into_iter().map(|at| (at, open(at))).find(|(_, open)| *open > cap)
}

fn first_cell(world: &World) -> Vec<LedgerRow> {
    world.evidence.ledger.iter().filter(|row| row.job < key(u64::MAX)).cloned().collect()
}

proptest! {
    #[test]
    fn a_client_that_behaves_breaks_nothing(world in world()) {
        for row in world.judge() {
            match row.invariant {
                // No world has locks, processes or a budget, and few refuse many jobs at once or cancel any.
                I::LockExclusive | I::FencingMonotonic | I::ProcessesAgree => {
                    prop_assert_eq!(row.verdict, Verdict::NotApplicable, "{:?}", row);
                    continue;
                }
                I::RetriesSpread | I::CancelPropagates if row.verdict == Verdict::NotApplicable => continue,
                I::BudgetKept => {
                    prop_assert_eq!(row.verdict, Verdict::Unknown, "{:?}", row);
                    continue;
                }
                _ => prop_assert_eq!(row.verdict, Verdict::Holds, "{:?}", row),
            }
            prop_assert!(row.relevant > 0 && row.violations == 0 && row.witness.is_none()
                && row.why.is_none());
        }
    }

    #[test]
    fn a_retry_of_an_accepted_request_is_billed_twice(mut world in world()) {
        reset_after_accept(&mut world);
        claim_delivered(&mut world);
        let row = world.breaks(&[I::BilledOnce]);
        prop_assert_eq!(row.violations, 1);
        let witness = row.witness.unwrap();
        prop_assert_eq!(witness.jobs, [key(0)]);
        prop_assert_eq!(witness.at_ns, world.ledger(0, 2).arrived_ns);
        prop_assert!(witness.text.contains("1007 tokens for attempt 1"), "{}", witness.text);
    }

    #[test]
    fn a_second_question_of_the_same_job_has_its_own_bill(mut world in world()) {
        reset_after_accept(&mut world);
        claim_delivered(&mut world);
        world.ledger(0, 2).body_hash = 999_999;
        let row = world.row(I::BilledOnce);
        prop_assert_eq!(row.verdict, Verdict::Holds, "{:?}", row);
    }

    #[test]
    fn attempts_beyond_the_cap_are_found(mut world in world(), cap in 1u32..4) {
        let rows = first_cell(&world);
        let mut over: Vec<_> = rows.iter().filter(|row| row.attempt == cap + 1).collect();
        over.sort_by_key(|row| row.arrived_ns);
        prop_assume!(!over.is_empty());
        world.plan.retry.max_attempts = cap;
        let row = world.row(I::AttemptsCapped);
        prop_assert_eq!((row.verdict, row.violations), (Verdict::Broken, over.len() as u64));
        let witness = row.witness.unwrap();
        prop_assert_eq!((witness.jobs, witness.at_ns), (vec![over[0].job.clone()], over[0].arrived_ns));
        let others = world.judge().into_iter().filter(|row| row.verdict == Verdict::Broken);
        prop_assert!(others.into_iter().all(|row| row.invariant == I::AttemptsCapped));
    }

    #[test]
    fn a_retry_before_the_asked_wait_is_found(mut world in world(), early_ms in 6u64..100_000) {
        // Job 0 waited as long as it was asked; the provider now asked for more.
        let waited_ms = (world.ledger(0, 2).arrived_ns - world.ledger(0, 1).ended_ns) / 1_000_000;
        world.ledger(0, 1).retry_after_ms = Some(waited_ms + early_ms);
        world.attempt(0, 1).retry_after_ms = Some(waited_ms + early_ms);
        let witness = world.breaks(&[I::RetryAfterRespected]).witness.unwrap();
        prop_assert_eq!(witness.jobs, [key(0)]);
        prop_assert_eq!(witness.at_ns, world.ledger(0, 2).arrived_ns);
    }

    #[test]
    fn a_retry_after_a_permanent_refusal_is_found(mut world in world()) {
        let row = world.ledger(0, 1);
        (row.permanent, row.status, row.retry_after_ms) = (true, Some(403), None);
        world.attempt(0, 1).status = Some(403);
        let witness = world.breaks(&[I::NoRetryWhenPermanent]).witness.unwrap();
        prop_assert_eq!(witness.jobs, [key(0)]);
        prop_assert!(witness.text.contains("403"), "{}", witness.text);
    }

    #[test]
    fn attempts_beyond_the_declared_concurrency_are_found(mut world in world(), cap in 1u32..4) {
        let rows = first_cell(&world);
        let excess = first_excess(&rows, cap as usize);
        prop_assume!(excess.is_some());
        let (at_ns, open) = excess.unwrap();
        world.plan.declared.concurrency = Some(cap);
        let row = world.row(I::InFlightCapped);
        prop_assert_eq!(row.verdict, Verdict::Broken);
        // Of arrivals at one moment the first still found room.
        let over = |row: &&LedgerRow| {
            let (at, seq) = (row.arrived_ns, row.seq);
            let before = |r: &&LedgerRow| (r.arrived_ns, r.seq) <= (at, seq) && at < r.ended_ns;
            rows.iter().filter(before).count() > cap as usize
        };
        prop_assert_eq!(row.violations, rows.iter().filter(over).count() as u64);
        let witness = row.witness.unwrap();
        prop_assert_eq!(witness.at_ns, at_ns);
        let newest = rows.iter().find(|row| row.arrived_ns == at_ns).unwrap();
        prop_assert_eq!(&witness.jobs[0], &newest.job);
        prop_assert_eq!(witness.jobs.len(), open.min(8));
        let others = world.judge().into_iter().filter(|row| row.verdict == Verdict::Broken);
        prop_assert!(others.into_iter().all(|row| row.invariant == I::InFlightCapped));
    }

    #[test]
    fn a_silence_while_work_is_pending_is_found(mut world in world(), silence_s in 31u64..5_000) {
        world.evidence.attempts.retain(|row| row.job.cell == 0);
        // The attempt that ends last hangs for much longer, and nothing else happens.
        let last = world.evidence.attempts.iter().max_by_key(|row| row.done_ns).unwrap().clone();
        let (index, n) = (last.job.index, last.n);
        let more_ns = Duration::from_secs(silence_s).as_nanos() as u64;
        let hang = |row: &mut AttemptRow| (row.done_ns, row.chunks) = (row.done_ns + more_ns, 1);
        hang(world.attempt(index, n));
        world.job(index).done_ns += more_ns;
        if let Some(row) = world.evidence.ledger.iter_mut().find(|r| r.job == key(index) && r.attempt == n) {
            row.ended_ns += more_ns;
        }
        let row = world.row(I::Progress);
        prop_assert_eq!((row.verdict, row.violations), (Verdict::Broken, 1), "{:?}", row);
        prop_assert_eq!(row.witness.unwrap().jobs, [key(index)]);
        let broken = world.cell(0).into_iter().filter(|row| row.verdict == Verdict::Broken);
        prop_assert_eq!(broken.count(), 1);
    }

    #[test]
    fn a_job_given_up_early_is_found(mut world in world()) {
        let most = world.plan.retry.max_attempts;
        let gave_up = |row: &&deadheat::history::JobRow| {
            row.job.cell == 0 && row.end == JobEnd::Exhausted && row.attempts == most && row.outcome ==
                Outcome::Failed
        };
        let retried = |index: u64| world.evidence.attempts.iter().any(|a| {
            a.job == id(index) && a.n == most && matches!(a.status, Some(429 | 500))
        });
        let jobs = world.evidence.jobs.iter().filter(gave_up).filter(|row| retried(row.job.index));
        let first = jobs.min_by_key(|row| row.done_ns).unwrap().job;
        world.plan.retry.max_attempts += 1;
        let row = world.cell(0).into_iter().find(|row| row.verdict == Verdict::Broken).unwrap();
        prop_assert_eq!(row.invariant, I::EveryJobAnswered);
        prop_assert_eq!(row.witness.unwrap().jobs, [key(first.index)]);
        let others = world.judge().into_iter().filter(|row| row.verdict == Verdict::Broken);
        prop_assert!(others.into_iter().all(|row| row.invariant == I::EveryJobAnswered));
    }

    #[test]
    fn a_job_that_vanished_is_found(mut world in world(), at in any::<prop::sample::Index>()) {
        let answered = world.answered();
        let index = answered[at.index(answered.len())];
        let attempts = world.evidence.attempts.len();
        world.evidence.attempts.retain(|row| row.job != id(index));
        world.evidence.jobs.retain(|row| row.job != id(index));
        world.evidence.ledger.retain(|row| row.job != key(index));
        world.evidence.claims[0].requests -= (attempts - world.evidence.attempts.len()) as u64;
        claim_delivered(&mut world);
        let row = world.breaks(&[I::EveryJobAnswered, I::OneResultPerJob]);
        prop_assert_eq!(row.violations, 1);
        // Where some jobs were not issued, a missing number may be one of theirs.
        let sure = world.evidence.cells[0].not_issued.is_empty();
        let named = if sure { vec![key(index)] } else { vec![] };
        prop_assert_eq!(&row.witness.unwrap().jobs, &named);
        prop_assert_eq!(world.row(I::OneResultPerJob).witness.unwrap().jobs, named);
    }
}
