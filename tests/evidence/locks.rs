//! `lock-exclusive` and `fencing-monotonic`: overlapping holders and stale tokens are found, right ones pass.

use crate::evidence;

use deadheat::history::{JobKey, LedgerEnd};
use deadheat::summary::{Invariant as I, Verdict};
use evidence::{Fate, Story, World, key, plan::plan};
use proptest::prelude::*;

const LOCK: u64 = 0x10c;
const MS: u64 = 1_000_000;

/// So many jobs, one after another, each answered at once.
fn jobs(n: usize) -> World {
    let story = Story { took_ms: 20, warmup: false, fates: vec![Fate::Whole] };
    World::build(plan(1, 3, 1), &[vec![story; n]], false, 0)
}

/// Each job under one lock, with tokens that grow by one.
fn locked(n: usize) -> World {
    let mut world = jobs(n);
    for row in &mut world.evidence.ledger {
        (row.lock, row.lock_token) = (Some(LOCK), Some(row.seq));
    }
    world
}

/// Lets job `index` last until `into_ns` after job `until` had come.
fn linger(world: &mut World, index: u64, until: u64, into_ns: u64) {
    let end_ns = world.ledger(until, 1).arrived_ns + into_ns;
    (world.ledger(index, 1).ended_ns, world.attempt(index, 1).done_ns) = (end_ns, end_ns);
}

fn verdicts(world: &World) -> (Verdict, Verdict) {
    (world.row(I::LockExclusive).verdict, world.row(I::FencingMonotonic).verdict)
}

#[test]
fn without_a_lock_there_is_nothing_to_judge() {
    assert_eq!(verdicts(&jobs(3)), (Verdict::NotApplicable, Verdict::NotApplicable));
    let mut world = jobs(1);
    world.evidence.ledger.clear();
    assert_eq!(verdicts(&world), (Verdict::Unknown, Verdict::Unknown));
}

#[test]
fn holders_in_turn_hold() {
    let world = locked(5);
    for invariant in [I::LockExclusive, I::FencingMonotonic] {
        let row = world.row(invariant);
        assert_eq!((row.verdict, row.relevant), (Verdict::Holds, 5), "{row:?}");
    }
}

#[test]
fn an_end_and_a_beginning_at_one_moment_do_not_overlap_and_more_does() {
    let mut world = locked(3);
    linger(&mut world, 0, 1, 0);
    assert_eq!(world.row(I::LockExclusive).verdict, Verdict::Holds);
    linger(&mut world, 0, 1, 1);
    let row = world.row(I::LockExclusive);
    assert_eq!((row.verdict, row.relevant, row.violations), (Verdict::Broken, 3, 1));
    let witness = row.witness.unwrap();
    assert_eq!((witness.jobs, witness.at_ns), (vec![key(0), key(1)], world.ledger(1, 1).arrived_ns));
    assert!(witness.text.contains("with token 1 was not over"), "{}", witness.text);
}

#[test]
fn a_holder_that_outlasts_several_is_found_with_each() {
    let mut world = locked(4);
    linger(&mut world, 0, 3, MS);
    assert_eq!(world.row(I::LockExclusive).violations, 3);
    // Names of locks tell them apart.
    for index in 1..4 {
        world.ledger(index, 1).lock = Some(LOCK + index);
    }
    assert_eq!(world.row(I::LockExclusive).verdict, Verdict::Holds);
}

#[test]
fn one_holder_may_do_several_things_at_once() {
    let mut world = locked(4);
    linger(&mut world, 0, 2, MS);
    for index in [1, 2] {
        world.ledger(index, 1).lock_token = Some(1);
    }
    assert_eq!(verdicts(&world), (Verdict::Holds, Verdict::Holds));
    // The last is another's: the attempt that began first is still open, behind shorter ones of its holder.
    linger(&mut world, 0, 3, MS);
    assert_eq!(world.row(I::LockExclusive).violations, 1);
}

#[test]
fn what_the_client_has_closed_is_no_longer_held() {
    let mut world = locked(2);
    let arrived_ns = world.ledger(1, 1).arrived_ns;
    world.ledger(0, 1).ended_ns = arrived_ns + 500 * MS;
    assert_eq!(world.row(I::LockExclusive).verdict, Verdict::Holds);
    world.evidence.attempts.clear();
    assert_eq!(world.row(I::LockExclusive).verdict, Verdict::Broken);
}

#[test]
fn a_request_that_was_refused_was_not_done_under_the_lock() {
    for (status, fenced) in [(429, false), (503, false), (409, true)] {
        let mut world = locked(3);
        linger(&mut world, 0, 1, MS);
        let row = world.ledger(1, 1);
        (row.status, row.end, row.fenced) = (Some(status), LedgerEnd::Refused, fenced);
        assert_eq!(world.row(I::LockExclusive).verdict, Verdict::Holds);
        // Refused for its stale token it is what fencing is for; refused for load it says nothing of tokens.
        world.ledger(1, 1).lock_token = Some(0);
        let row = world.row(I::FencingMonotonic);
        assert_eq!((row.verdict, row.relevant), (Verdict::Holds, 2 + u64::from(fenced)));
    }
}

#[test]
fn a_stale_token_that_was_let_in_is_found_and_an_equal_one_is_not() {
    let mut world = locked(3);
    world.ledger(2, 1).lock_token = Some(2);
    assert_eq!(world.row(I::FencingMonotonic).verdict, Verdict::Holds);
    world.ledger(2, 1).lock_token = Some(1);
    let witness = world.breaks(&[I::FencingMonotonic]).witness.unwrap();
    assert_eq!(witness.jobs, [key(2), key(1)]);
    assert!(
        witness.text.contains("with token 1") && witness.text.contains("with token 2"),
        "{}",
        witness.text
    );
}

#[test]
fn arrivals_at_one_moment_are_ordered_by_their_number() {
    let mut world = locked(2);
    world.ledger(1, 1).arrived_ns = world.ledger(0, 1).arrived_ns;
    assert_eq!(world.row(I::FencingMonotonic).verdict, Verdict::Holds);
    (world.ledger(0, 1).seq, world.ledger(1, 1).seq) = (2, 1);
    assert_eq!(world.row(I::FencingMonotonic).verdict, Verdict::Broken);
}

#[test]
fn without_tokens_jobs_are_the_holders_and_fencing_is_unknown() {
    let mut world = locked(3);
    world.evidence.ledger.iter_mut().for_each(|row| row.lock_token = None);
    assert_eq!(verdicts(&world), (Verdict::Holds, Verdict::Unknown));
    linger(&mut world, 0, 1, MS);
    assert_eq!(verdicts(&world), (Verdict::Broken, Verdict::Unknown));
}

proptest! {
    /// The overlaps that trying every pair finds.
    #[test]
    fn agrees_with_trying_every_pair(
        spans in prop::collection::vec((0u64..60, 0u64..15, 0u64..5, 0u64..2), 1..30)
    ) {
        let mut world = locked(spans.len());
        world.evidence.attempts.clear();
        for (row, (start, length, token, lock)) in world.evidence.ledger.iter_mut().zip(&spans) {
            (row.lock, row.lock_token) = (Some(*lock), Some(*token));
            // The ledger alone is given a grace of 2 ms.
            (row.arrived_ns, row.ended_ns) = (start * MS, (start + length + 2) * MS);
        }
        let rows = &world.evidence.ledger;
        let late = |at: usize| {
            let row = &rows[at];
            rows.iter().any(|other| {
                let before = (other.arrived_ns, other.seq) < (row.arrived_ns, row.seq);
                let rival = other.lock == row.lock && other.lock_token != row.lock_token;
                before && rival && other.ended_ns - 2 * MS > row.arrived_ns
            })
        };
        let expected = (0..rows.len()).filter(|at| late(*at)).count() as u64;
        let row = world.row(I::LockExclusive);
        prop_assert_eq!((row.violations, row.relevant), (expected, rows.len() as u64));
        if let Some(witness) = row.witness {
            prop_assert!(matches!(&witness.jobs[..], [JobKey::Own(_), JobKey::Own(_)]));
        }
    }

    #[test]
    fn fenced_holders_in_turn_are_never_accused(jobs in 1usize..40,
        stale in prop::collection::vec(any::<bool>(), 40)) {
        let mut world = locked(jobs);
        for (row, stale) in world.evidence.ledger.iter_mut().zip(stale) {
            if stale && row.seq > 1 {
                (row.lock_token, row.fenced, row.end) = (Some(row.seq - 1), true, LedgerEnd::Refused);
                row.status = Some(409);
            }
        }
        prop_assert_eq!(verdicts(&world), (Verdict::Holds, Verdict::Holds));
    }
}
