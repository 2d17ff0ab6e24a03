//! `retries-spread` and `cancel-propagates`: waves and survivors are found, jitter and prompt ends are not
//! accused.

use crate::evidence;

use deadheat::history::{AttemptRow, ErrorClass, Evidence, JobEnd, JobKey, LedgerEnd, LedgerRow, Outcome};
use deadheat::plan::Place;
use deadheat::seed;
use deadheat::summary::{Invariant as I, Verdict, VerdictRow};
use evidence::{Fate, Story, World, id, key, plan::plan};
use proptest::prelude::*;
use rand::Rng as _;

const MS: u64 = 1_000_000;

/// Jobs that were refused at these times, decided on these waits, and began `queued_ns` later than that.
fn refused(bursts: &[(u64, u64)], queued_ns: impl Fn(u64) -> u64) -> World {
    let mut evidence = Evidence::default();
    let mut row = |index: u64, n: u32, due_ns: u64, sent_ns: u64, status: u16| {
        let (ok, done_ns) = (status == 200, sent_ns + MS);
        let outcome = if ok { Outcome::Ok } else { Outcome::Failed };
        evidence.attempts.push(AttemptRow {
            job: id(index),
            n,
            status: Some(status),
            outcome,
            error: (!ok).then_some(ErrorClass::ServerError),
            due_ns,
            sent_ns: Some(sent_ns),
            first_byte_ns: None,
            first_content_ns: None,
            done_ns,
            answer: None,
            text_hash: None,
            prompt_tokens: None,
            completion_tokens: None,
            chunks: 0,
            retry_after_ms: None,
        });
        evidence.ledger.push(LedgerRow {
            target: 0,
            seq: 2 * index + u64::from(n),
            job: key(index),
            attempt: n,
            status: Some(status),
            end: if ok { LedgerEnd::Whole } else { LedgerEnd::Refused },
            permanent: false,
            arrived_ns: sent_ns + 1_000,
            first_byte_ns: None,
            first_content_ns: None,
            ended_ns: done_ns - 1_000,
            answer: None,
            text_hash: None,
            body_hash: index,
            idempotency_key: None,
            lock: None,
            lock_token: None,
            fenced: false,
            replayed: false,
            retry_after_ms: None,
            prompt_tokens: 0,
            delivered_tokens: 0,
            billed_prompt_tokens: 0,
            billed_completion_tokens: 0,
        });
    };
    for (index, (at_ns, wait_ns)) in (0u64..).zip(bursts) {
        row(index, 1, at_ns - MS, at_ns - MS, 503);
        row(index, 2, at_ns + wait_ns, at_ns + wait_ns + queued_ns(index), 200);
    }
    let mut world = World { plan: plan(4, 3, 1), evidence };
    world.sort();
    world
}

/// So many jobs refused `apart_ns` from each other, each waiting as `wait_ns` says.
fn burst(jobs: u64, apart_ns: u64, wait_ns: impl Fn(u64) -> u64) -> World {
    let times: Vec<_> = (0..jobs).map(|job| (1_000 * MS + job * apart_ns, wait_ns(job))).collect();
    refused(&times, |job| job * 37 * MS)
}

fn spread(world: &World) -> VerdictRow {
    world.row(I::RetriesSpread)
}

#[test]
fn no_backoff_and_a_fixed_wait_are_waves_even_behind_permits() {
    for (wait_ns, said) in [(0, "between 0s and 0s"), (500 * MS, "between 500ms and 500ms")] {
        let row = spread(&burst(12, 2 * MS, |_| wait_ns));
        assert_eq!((row.verdict, row.relevant, row.violations), (Verdict::Broken, 1, 1), "{row:?}");
        let witness = row.witness.unwrap();
        assert_eq!(witness.jobs, (0..8).map(key).collect::<Vec<JobKey>>());
        assert_eq!(witness.at_ns, 1_000 * MS);
        assert!(witness.text.contains("of 12 jobs") && witness.text.contains(said), "{}", witness.text);
    }
}

#[test]
fn all_refused_at_one_moment_are_one_burst() {
    assert_eq!(spread(&burst(40, 0, |_| 100 * MS)).violations, 1);
    assert_eq!(spread(&burst(40, 0, |job| job * 10 * MS)).verdict, Verdict::Holds);
}

#[test]
fn too_few_or_too_scattered_are_not_judged() {
    let row = spread(&burst(11, MS, |_| 0));
    assert_eq!((row.verdict, row.relevant), (Verdict::NotApplicable, 0));
    assert!(row.why.unwrap().ends_with("11 at the most"));
    assert_eq!(spread(&burst(30, 51 * MS, |_| 0)).verdict, Verdict::NotApplicable);
    // Gaps of 25 ms are still one burst, but not longer than 250 ms.
    assert_eq!(spread(&burst(30, 25 * MS, |_| 0)).verdict, Verdict::NotApplicable);
    assert_eq!(spread(&burst(30, 20 * MS, |_| 0)).verdict, Verdict::Broken);
    let row = spread(&burst(0, MS, |_| 0));
    assert_eq!(row.verdict, Verdict::Unknown, "no row at all");
}

#[test]
fn a_hint_is_the_providers_wait_and_not_the_clients() {
    let mut world = burst(20, MS, |_| 100 * MS);
    world.evidence.ledger.iter_mut().for_each(|row| row.retry_after_ms = Some(100));
    let row = spread(&world);
    assert_eq!(row.verdict, Verdict::NotApplicable);
    assert!(row.why.unwrap().contains("without a hint"));
}

#[test]
fn the_nth_waits_of_an_exponential_without_jitter_are_told_apart_by_number() {
    // Half the jobs are at their first refusal, half at their second, mixed within one burst.
    let mut world = burst(30, MS, |job| if job % 2 == 0 { 100 * MS } else { 200 * MS });
    assert_eq!(spread(&world).verdict, Verdict::Holds, "as one number they are spread");
    for index in (1..30).step_by(2) {
        for n in [2, 1] {
            world.attempt(index, n).n += 1;
            world.ledger(index, n).attempt += 1;
        }
    }
    world.sort();
    let row = spread(&world);
    assert_eq!((row.verdict, row.violations), (Verdict::Broken, 2));
}

#[test]
fn from_the_ledger_alone_the_arrival_counts() {
    let mut world = burst(20, MS, |_| 0);
    world.evidence.attempts.clear();
    // Now the queue of 37 ms a job looks like a wait.
    assert_eq!(spread(&world).verdict, Verdict::Holds);
    let mut world = refused(&[(1_000 * MS, 60 * MS); 12], |_| 0);
    world.evidence.attempts.clear();
    assert_eq!(spread(&world).verdict, Verdict::Broken);
}

#[test]
fn a_real_endpoints_client_is_convicted_and_never_cleared() {
    for (wait_ns, verdict) in [(0, Verdict::Broken), (40 * MS, Verdict::Unknown)] {
        let mut world = burst(20, MS, |job| wait_ns * job);
        world.plan.targets[0].place =
            Place::Url { url: "http://llm.example.com/v1".into(), api_key_env: None };
        world.evidence.ledger.clear();
        assert_eq!(spread(&world).verdict, verdict);
    }
}

/// Full, equal and decorrelated jitter as the policy draws them.
#[test]
fn two_thousand_bursts_with_jitter_are_never_accused() {
    for round in 0..2_000u64 {
        let mut stream = seed::stream(round, "jitter of a test", 0);
        let draws: Vec<f64> = (0..200).map(|_| stream.random()).collect();
        let jobs = 12 + round % 90;
        let base_ms = [50, 50, 100, 250, 1_000, 8_000][round as usize % 6];
        let world = burst(jobs, round % 3 * MS, |job| {
            let draw = draws[job as usize];
            let share = match round % 5 {
                0..=2 => draw,
                3 => 0.5 + draw / 2.0,
                _ => 1.0 + 2.0 * draw,
            };
            (share * (base_ms * MS) as f64) as u64
        });
        let row = spread(&world);
        assert_ne!(row.verdict, Verdict::Broken, "round {round}: {row:?}");
        assert!(jobs > 80 || row.relevant > 0, "round {round}: {row:?}");
    }
}

proptest! {
    #[test]
    fn waves_are_always_found(
        jobs in 12u64..100, apart_us in 0u64..2_000, wait_ms in 0u64..60_000,
            off in prop::collection::vec(0u64..4_000, 100)
    ) {
        // A machine that is a few ms late does not hide a wave.
        let world = burst(jobs, apart_us * 1_000, |job| wait_ms * MS + off[job as usize] * 1_000);
        prop_assert_eq!(spread(&world).verdict, Verdict::Broken);
    }
}

fn cancelled() -> World {
    let story = |fate| Story { took_ms: 20, warmup: false, fates: vec![fate] };
    World::build(plan(1, 3, 1), &[vec![story(Fate::Cancelled), story(Fate::Whole)]], false, 0)
}

#[test]
fn what_was_given_up_has_a_quarter_of_a_second_to_close() {
    let mut world = cancelled();
    let row = world.row(I::CancelPropagates);
    assert_eq!((row.verdict, row.relevant), (Verdict::Holds, 1));
    let done_ns = world.attempt(0, 1).done_ns;
    world.ledger(0, 1).ended_ns = done_ns + 250 * MS;
    assert_eq!(world.row(I::CancelPropagates).verdict, Verdict::Holds);
    for error in [
        ErrorClass::Cancelled,
        ErrorClass::TimeoutTotal,
        ErrorClass::TimeoutIdle,
        ErrorClass::TimeoutFirstByte,
    ] {
        world.attempt(0, 1).error = Some(error);
        world.ledger(0, 1).ended_ns = done_ns + 250 * MS + 1;
        let witness = world.breaks(&[I::CancelPropagates]).witness.unwrap();
        assert_eq!((witness.jobs, witness.at_ns), (vec![key(0)], done_ns));
        assert!(witness.text.contains("open for 250"), "{}", witness.text);
    }
    // An answer that the client heard out is not given up, however late the provider writes its end down.
    world.attempt(0, 1).error = Some(ErrorClass::CutStream);
    assert_eq!(world.row(I::CancelPropagates).verdict, Verdict::NotApplicable);
}

#[test]
fn an_attempt_after_giving_up_is_found_and_one_at_the_same_moment_is_not() {
    let mut world = cancelled();
    let done_ns = world.job(1).done_ns;
    world.attempt(1, 1).sent_ns = Some(done_ns + 1);
    // A job that holds an answer has not given up.
    assert_eq!(world.row(I::CancelPropagates).verdict, Verdict::Holds);
    (world.job(1).outcome, world.job(1).end) = (Outcome::Failed, JobEnd::Exhausted);
    world.attempt(1, 1).sent_ns = Some(done_ns);
    assert_eq!(world.row(I::CancelPropagates).verdict, Verdict::Holds);
    world.attempt(1, 1).sent_ns = Some(done_ns + 1);
    let row = world.row(I::CancelPropagates);
    assert_eq!((row.verdict, row.relevant, row.violations), (Verdict::Broken, 2, 1));
    assert_eq!(row.witness.unwrap().jobs, [key(1)]);
    // The ledger has the word where the client's own row is lost.
    world.evidence.attempts.retain(|row| row.job != id(1));
    assert_eq!(world.row(I::CancelPropagates).verdict, Verdict::Holds);
    world.ledger(1, 1).arrived_ns = done_ns + 1;
    assert_eq!(world.row(I::CancelPropagates).verdict, Verdict::Broken);
}
