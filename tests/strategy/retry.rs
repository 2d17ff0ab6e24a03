//! The retry policy's decisions, as properties.

use deadheat::history::{ErrorClass, JobEnd, Outcome};
use deadheat::strategy::{Answer, Backoff, Decision, Jitter, Retry, RetryPolicy};
use proptest::prelude::*;
use std::time::Duration;

const BASE: Duration = Duration::from_millis(500);
const CAP: Duration = Duration::from_secs(8);

fn retry(jitter: Jitter) -> Retry {
    Retry {
        max_attempts: 5,
        backoff: Backoff::Exponential { base: BASE, cap: CAP, jitter },
        respect_retry_after: true,
        deadline: None,
        statuses: vec![429, 500, 503],
        transport: true,
        budget: None,
        breaker: None,
    }
}

fn failed(error: ErrorClass, status: Option<u16>) -> Answer {
    Answer {
        outcome: Outcome::Failed,
        error: Some(error),
        status,
        ..Answer::not_sent(Duration::from_secs(10))
    }
}

fn busy() -> Answer {
    failed(ErrorClass::RateLimited, Some(429))
}

fn decide(retry: Retry, n: u32, answer: &Answer) -> Decision {
    RetryPolicy::new(retry).decide(n, answer, Duration::ZERO, Duration::ZERO, 0.5)
}

fn jitters() -> impl Strategy<Value = Jitter> {
    prop_oneof![Just(Jitter::None), Just(Jitter::Full), Just(Jitter::Equal), Just(Jitter::Decorrelated)]
}

proptest! {
    #[test]
    fn a_hint_is_never_shortened(jitter in jitters(), n in 1u32..5, hint_ms in 0u64..100_000,
        draw in 0.0..1.0f64) {
        let hint = Duration::from_millis(hint_ms);
        let answer = Answer { retry_after: Some(hint), ..busy() };
        let decision = RetryPolicy::new(retry(jitter)).decide(n, &answer, Duration::ZERO, Duration::ZERO,
            draw);
        let Decision::Wait(wait) = decision else { panic!("{decision:?}") };
        prop_assert!(wait >= hint);
    }

    #[test]
    fn a_wait_stays_within_its_bounds(
        jitter in jitters(), n in 1u32..5, previous_ms in 0u64..10_000, draw in 0.0..1.0f64,
    ) {
        let previous = Duration::from_millis(previous_ms);
        let decision = RetryPolicy::new(retry(jitter)).decide(n, &busy(), Duration::ZERO, previous, draw);
        let Decision::Wait(wait) = decision else { panic!("{decision:?}") };
        let doubled = (BASE * 2u32.pow(n - 1)).min(CAP);
        let (least, most) = match jitter {
            Jitter::None => (doubled, doubled),
            Jitter::Full => (Duration::ZERO, doubled),
            Jitter::Equal => (doubled / 2, doubled),
            Jitter::Decorrelated => (BASE, CAP),
        };
        prop_assert!(least <= wait && wait <= most, "{least:?} <= {wait:?} <= {most:?}");
    }

    #[test]
    fn attempts_end_at_the_cap(n in 1u32..20) {
        let ended = decide(retry(Jitter::Full), n, &busy()) == Decision::End(JobEnd::Exhausted);
        prop_assert_eq!(ended, n >= 5);
    }
}

#[test]
fn an_answer_ends_the_job() {
    let answer = Answer { outcome: Outcome::Ok, error: None, ..busy() };
    assert_eq!(decide(retry(Jitter::None), 1, &answer), Decision::End(JobEnd::Answered));
}

#[test]
fn a_deadline_ends_the_job_before_a_wait_that_would_pass_it() {
    let policy = Retry { deadline: Some(Duration::from_secs(10)), ..retry(Jitter::None) };
    assert_eq!(decide(policy, 1, &busy()), Decision::End(JobEnd::Exhausted));
}

#[test]
fn what_is_permanent_is_not_tried_again() {
    let policy = || retry(Jitter::None);
    for (error, status) in [(ErrorClass::ClientError, 400), (ErrorClass::QuotaExhausted, 429)] {
        assert_eq!(decide(policy(), 1, &failed(error, Some(status))), Decision::End(JobEnd::Permanent));
    }
    let told_not_to = Answer { should_retry: Some(false), ..busy() };
    assert_eq!(decide(policy(), 1, &told_not_to), Decision::End(JobEnd::Permanent));
    let told_to = Answer { should_retry: Some(true), ..failed(ErrorClass::ClientError, Some(400)) };
    assert_eq!(decide(policy(), 1, &told_to), Decision::Wait(BASE));
    let may_be_billed = failed(ErrorClass::Reset, None);
    let careful = Retry { transport: false, ..policy() };
    assert_eq!(decide(careful, 1, &may_be_billed), Decision::End(JobEnd::Permanent));
    assert_eq!(decide(policy(), 1, &may_be_billed), Decision::Wait(BASE));
}
