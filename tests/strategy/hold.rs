//! The retry budget, the circuit breaker and the hedge, with hands whose clock stands still until a test
//! waits.

use deadheat::history::{ErrorClass, JobEnd, JobId, Outcome};
use deadheat::strategy::{
    Answer, Backoff, Blocking, BreakerPlan, Call, Hands, Hedged, LocalFuture, Retry, RetryBudgetPlan,
    RetryPolicy, Semaphore, Strategy, Task, Unbounded,
};
use futures_util::FutureExt;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

/// Answers in order, each after it was asked for so often; without one an attempt stays in flight.
#[derive(Default)]
struct Scripted {
    now: Cell<Duration>,
    answers: RefCell<VecDeque<(Answer, u32)>>,
    /// Whether waits take time; otherwise they last for ever.
    waits_end: Cell<bool>,
    stopped: Cell<bool>,
    no_spare_room: Cell<bool>,
    waits: RefCell<Vec<Duration>>,
    sent: RefCell<Vec<u32>>,
    counted: Cell<u32>,
    reserved: Cell<u32>,
    results: RefCell<Vec<(Outcome, JobEnd, u32)>>,
}

impl Scripted {
    fn new(answers: Vec<(Answer, u32)>) -> Rc<Self> {
        let hands = Self { answers: RefCell::new(answers.into()), ..Self::default() };
        hands.waits_end.set(true);
        Rc::new(hands)
    }

    fn ready(answers: Vec<Answer>) -> Rc<Self> {
        Self::new(answers.into_iter().map(|answer| (answer, 0)).collect())
    }

    fn end(&self) -> (Outcome, JobEnd, u32) {
        let results = self.results.borrow();
        assert_eq!(results.len(), 1, "{results:?}");
        assert_eq!(self.counted.get(), results[0].2, "each attempt is counted");
        assert_eq!(self.sent.borrow().len() as u32, results[0].2);
        results[0]
    }
}

impl Hands for Scripted {
    fn now(&self) -> Duration {
        self.now.get()
    }

    fn attempt<'a>(&'a self, _: &'a Task, mut call: Call<'a>) -> LocalFuture<'a, Answer> {
        self.sent.borrow_mut().push(call.n);
        let next = self.answers.borrow_mut().pop_front();
        Box::pin(async move {
            let Some((answer, turns)) = next else { return std::future::pending().await };
            for _ in 0..turns {
                if call.given_up.as_mut().is_some_and(|given_up| given_up.now_or_never().is_some()) {
                    return failed(Outcome::Unknown, ErrorClass::Cancelled, 0);
                }
                tokio::task::yield_now().await;
            }
            Answer { done: self.now.get(), ..answer }
        })
    }

    fn blocking<'a>(&'a self, _: &'a Task, _: Call<'a>) -> Blocking<'a> {
        unreachable!("no thread makes attempts here")
    }

    fn wait_until(&self, until: Duration) -> LocalFuture<'_, bool> {
        self.waits.borrow_mut().push(until);
        Box::pin(async move {
            if !self.waits_end.get() {
                return std::future::pending().await;
            }
            self.now.set(self.now.get().max(until));
            !self.stopped.get()
        })
    }

    fn stopped(&self) -> LocalFuture<'_, ()> {
        Box::pin(std::future::pending())
    }

    fn record(&self, _: &Task, answer: &Answer, end: JobEnd, attempts: u32) {
        self.results.borrow_mut().push((answer.outcome, end, attempts));
    }

    fn cannot_work(&self, why: String) {
        panic!("{why}");
    }

    fn count(&self, _: &Task, _: &Answer) {
        self.counted.set(self.counted.get() + 1);
    }

    fn draw(&self, _: &Task, _: u32) -> f64 {
        0.0
    }

    fn reserve(&self, _: &Task) -> bool {
        self.reserved.set(self.reserved.get() + 1);
        true
    }

    fn reserve_spare(&self, _: &Task) -> bool {
        !self.no_spare_room.get()
    }
}

fn task(index: u64) -> Task {
    let job = JobId { cell: 0, index };
    let zero = Duration::ZERO;
    Task { job, due: zero, begun: zero, prompt_tokens: 1, output_tokens: 1, question: index, warmup: false }
}

fn retry() -> Retry {
    Retry {
        max_attempts: 4,
        backoff: Backoff::None,
        respect_retry_after: true,
        deadline: None,
        statuses: vec![429, 503],
        transport: true,
        budget: None,
        breaker: None,
    }
}

fn breaker(failures: u32) -> RetryPolicy {
    let open_for = Duration::from_secs(1);
    RetryPolicy::new(Retry { breaker: Some(BreakerPlan { failures, open_for, probes: 1 }), ..retry() })
}

fn failed(outcome: Outcome, error: ErrorClass, status: u16) -> Answer {
    let status = Some(status).filter(|status| *status > 0);
    Answer { outcome, error: Some(error), status, ..Answer::not_sent(Duration::ZERO) }
}

fn unavailable() -> Answer {
    failed(Outcome::Failed, ErrorClass::ServerError, 503)
}

fn limited() -> Answer {
    failed(Outcome::Failed, ErrorClass::RateLimited, 429)
}

fn forbidden() -> Answer {
    failed(Outcome::Failed, ErrorClass::ClientError, 400)
}

fn good() -> Answer {
    Answer { outcome: Outcome::Ok, error: None, status: Some(200), ..Answer::not_sent(Duration::ZERO) }
}

/// Runs one job to its end.
fn run(strategy: &dyn Strategy, hands: &Rc<Scripted>) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(strategy.run(task(0), hands.clone()));
}

#[test]
fn first_attempts_pay_for_retries_before_any_wait() {
    let budget = Some(RetryBudgetPlan { ratio: 0.5, reserve: 0 });
    let backoff = Backoff::Fixed { wait: Duration::from_secs(9), jitter: deadheat::strategy::Jitter::None };
    let strategy = Unbounded::new(RetryPolicy::new(Retry { budget, backoff, ..retry() }));
    let poor = Scripted::ready(vec![unavailable()]);
    run(&strategy, &poor);
    assert_eq!(poor.end(), (Outcome::Failed, JobEnd::RetryBudget, 1));
    assert_eq!(*poor.waits.borrow(), [], "what cannot be paid is not waited for");
    let paid = Scripted::ready(vec![unavailable(), unavailable()]);
    run(&strategy, &paid);
    assert_eq!(paid.end(), (Outcome::Failed, JobEnd::RetryBudget, 2));
}

#[test]
fn a_breaker_opens_for_failures_and_not_for_refusals_that_show_life() {
    let open = Scripted::ready(vec![unavailable(), unavailable(), good()]);
    run(&Unbounded::new(breaker(2)), &open);
    assert_eq!(open.end(), (Outcome::Ok, JobEnd::Answered, 3));
    assert!(open.waits.borrow().contains(&Duration::from_secs(1)), "{:?}", open.waits);
    for alive in [limited, forbidden] {
        let hands = Scripted::ready(vec![unavailable(), alive(), unavailable(), good()]);
        run(&Unbounded::new(breaker(2)), &hands);
        assert!(!hands.waits.borrow().contains(&Duration::from_secs(1)), "{:?}", hands.waits);
    }
}

#[test]
fn a_job_that_the_breaker_holds_ends_with_the_run() {
    let hands = Scripted::ready(vec![unavailable()]);
    let strategy = Unbounded::new(breaker(1));
    hands.stopped.set(true);
    run(&strategy, &hands);
    assert_eq!(hands.end(), (Outcome::Failed, JobEnd::Cancelled, 1));
    let late = Scripted::ready(vec![]);
    late.stopped.set(true);
    run(&strategy, &late);
    assert_eq!(late.end(), (Outcome::Failed, JobEnd::Cancelled, 0));
}

#[test]
fn leave_is_asked_for_with_the_permit_in_hand_and_no_permit_waits_for_leave() {
    let strategy = Semaphore::new(1, breaker(1));
    let hands = Scripted::new(vec![(failed(Outcome::Failed, ErrorClass::ServerError, 500), 1)]);
    let mut first = strategy.run(task(0), hands.clone());
    let mut second = strategy.run(task(1), hands.clone());
    let mut third = strategy.run(task(2), hands.clone());
    assert!(first.as_mut().now_or_never().is_none() && second.as_mut().now_or_never().is_none());
    hands.waits_end.set(false);
    first.as_mut().now_or_never().expect("a permanent end");
    // The breaker opened while the second waited for the permit, and it gives the permit on.
    assert!(second.as_mut().now_or_never().is_none() && third.as_mut().now_or_never().is_none());
    assert_eq!(*hands.sent.borrow(), [1]);
    assert_eq!(*hands.waits.borrow(), [Duration::from_secs(1); 2], "both wait for the breaker");
    assert_eq!(hands.reserved.get(), 1, "what waits sets nothing aside");
}

#[test]
fn who_is_held_while_a_probe_is_out_goes_on_when_the_breaker_closes() {
    let strategy = Unbounded::new(breaker(1));
    let broken = failed(Outcome::Failed, ErrorClass::ServerError, 500);
    let hands = Scripted::new(vec![(broken, 0), (good(), 1), (good(), 0)]);
    run(&strategy, &hands);
    hands.now.set(Duration::from_secs(1));
    let mut probe = strategy.run(task(1), hands.clone());
    assert!(probe.as_mut().now_or_never().is_none());
    hands.waits_end.set(false);
    let mut held = strategy.run(task(2), hands.clone());
    assert!(held.as_mut().now_or_never().is_none(), "a second probe");
    assert_eq!(*hands.waits.borrow(), [Duration::from_secs(2)]);
    hands.waits_end.set(true);
    probe.as_mut().now_or_never().expect("an end");
    held.as_mut().now_or_never().expect("it waits for nothing any more");
    assert_eq!(hands.now.get(), Duration::from_secs(1));
}

#[test]
fn a_deadline_is_not_sat_out_before_an_open_breaker() {
    let open = |deadline_ms| {
        let breaker = Some(BreakerPlan { failures: 1, open_for: Duration::from_secs(1), probes: 1 });
        let deadline = Some(Duration::from_millis(deadline_ms));
        RetryPolicy::new(Retry { breaker, deadline, ..retry() })
    };
    let held = Scripted::ready(vec![unavailable(), good()]);
    let strategy = Unbounded::new(open(999));
    run(&strategy, &held);
    assert_eq!(held.end(), (Outcome::Failed, JobEnd::Exhausted, 1));
    assert_eq!(held.now.get(), Duration::ZERO, "{:?}", held.waits);
    // One that finds it open has no better chance.
    let late = Scripted::ready(vec![good()]);
    run(&strategy, &late);
    assert_eq!(late.end(), (Outcome::Failed, JobEnd::Exhausted, 0));
    let in_time = Scripted::ready(vec![unavailable(), good()]);
    run(&Unbounded::new(open(1_000)), &in_time);
    assert_eq!(in_time.end(), (Outcome::Ok, JobEnd::Answered, 2));
}

/// A job whose first attempt is answered late, beside a hedge.
fn hedge(permits: u32, max_attempts: u32, answers: Vec<(Answer, u32)>) -> Rc<Scripted> {
    let hands = Scripted::new(answers);
    hedge_with(permits, max_attempts, &hands);
    hands
}

fn hedge_with(permits: u32, max_attempts: u32, hands: &Rc<Scripted>) {
    let policy = RetryPolicy::new(Retry { max_attempts, ..retry() });
    run(&Hedged::new(permits, Duration::from_millis(5), max_attempts, policy), hands);
}

#[test]
fn the_first_good_answer_wins_and_both_are_counted() {
    for turns in [(30, 3), (8, 30)] {
        let seen = hedge(2, 4, vec![(good(), turns.0), (good(), turns.1)]);
        assert_eq!(seen.end(), (Outcome::Ok, JobEnd::Answered, 2));
    }
    let rescued = hedge(2, 2, vec![(unavailable(), 3), (good(), 30)]);
    assert_eq!(rescued.end(), (Outcome::Ok, JobEnd::Answered, 2));
}

#[test]
fn a_hedge_needs_a_permit_an_attempt_and_room_and_goes_without() {
    let answers = || vec![(good(), 9), (good(), 9)];
    assert_eq!(hedge(1, 4, answers()).end().2, 1, "no second permit");
    assert_eq!(hedge(2, 1, answers()).end().2, 1, "no second attempt");
    let full = Scripted::new(answers());
    full.no_spare_room.set(true);
    hedge_with(2, 4, &full);
    assert_eq!(full.end(), (Outcome::Ok, JobEnd::Answered, 1));
    let stopped = Scripted::new(answers());
    stopped.stopped.set(true);
    hedge_with(2, 4, &stopped);
    assert_eq!(stopped.end().2, 1, "the run was stopped");
}

#[test]
fn a_hedge_that_is_not_made_costs_no_retry() {
    let budget = Some(RetryBudgetPlan { ratio: 0.0, reserve: 1 });
    let policy = RetryPolicy::new(Retry { budget, ..retry() });
    let strategy = Hedged::new(2, Duration::from_millis(5), 4, policy);
    let full = Scripted::new(vec![(good(), 9)]);
    full.no_spare_room.set(true);
    run(&strategy, &full);
    assert_eq!(full.end().2, 1, "no room for a hedge");
    let next = Scripted::ready(vec![unavailable(), good()]);
    run(&strategy, &next);
    assert_eq!(next.end(), (Outcome::Ok, JobEnd::Answered, 2), "the one retry was spent on nothing");
}

#[test]
fn two_failures_go_back_to_the_retry_decision_once() {
    let retried = hedge(2, 3, vec![(unavailable(), 9), (limited(), 3), (unavailable(), 0)]);
    assert_eq!(retried.end(), (Outcome::Failed, JobEnd::Exhausted, 3));
    assert_eq!(*retried.sent.borrow(), [1, 2, 3]);
    for order in [(3, 9), (9, 3)] {
        let forbids = hedge(2, 4, vec![(forbidden(), order.0), (unavailable(), order.1)]);
        assert_eq!(forbids.end(), (Outcome::Failed, JobEnd::Permanent, 2), "{order:?}");
    }
    let doubt = failed(Outcome::Unknown, ErrorClass::Reset, 0);
    let doubtful = hedge(2, 2, vec![(doubt, 3), (unavailable(), 9)]);
    assert_eq!(doubtful.end(), (Outcome::Unknown, JobEnd::Exhausted, 2));
}

#[test]
fn the_longer_wish_of_two_refusals_is_granted() {
    let asks = |ms| Answer { retry_after: Some(Duration::from_millis(ms)), ..limited() };
    let seen = hedge(2, 3, vec![(asks(700), 3), (asks(20), 9), (good(), 0)]);
    assert_eq!(seen.end(), (Outcome::Ok, JobEnd::Answered, 3));
    assert!(seen.waits.borrow().contains(&Duration::from_millis(705)), "{:?}", seen.waits);
}
