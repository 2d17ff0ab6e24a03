//! `redis-lock` on a paused clock and the model of a Redis, with a provider that answers from a list: what a
//! job that loses its lock carries into the next round.

use deadheat::clock::Clock;
use deadheat::history::{ErrorClass, JobEnd, JobId, Outcome};
use deadheat::strategy::redis::{Locks, ModelSettings, RedisClient};
use deadheat::strategy::{
    Answer, Backoff, Blocking, BreakerPlan, Call, Hands, Jitter, LocalFuture, RedisLock, Retry, RetryPolicy,
    Strategy, Task, Unlock,
};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};

const PREFIX: &str = "deadheat:rounds:";
const WAIT: Duration = Duration::from_millis(40);
const TTL: Duration = Duration::from_secs(2);

/// Answers in order, each after so long.
struct Listed {
    clock: Clock,
    answers: RefCell<VecDeque<(Answer, Duration)>>,
    locks: Locks,
    /// How many locks are taken away before they can be used.
    stolen: Cell<u32>,
    /// Number, time and token of each attempt.
    sent: RefCell<Vec<(u32, Duration, u64)>>,
    results: RefCell<Vec<(Outcome, JobEnd, u32)>>,
    counted: Cell<u32>,
    reserved: Cell<u32>,
}

impl Hands for Listed {
    fn now(&self) -> Duration {
        self.clock.now()
    }

    fn attempt<'a>(&'a self, _: &'a Task, call: Call<'a>) -> LocalFuture<'a, Answer> {
        let token = call.lease.as_ref().map_or(0, |lease| lease.token);
        self.sent.borrow_mut().push((call.n, self.now(), token));
        let next = self.answers.borrow_mut().pop_front();
        Box::pin(async move {
            let Some((answer, took)) = next else { panic!("attempt {} is one too many", call.n) };
            self.wait_until(self.now() + took).await;
            Answer { done: self.now(), ..answer }
        })
    }

    fn cannot_work(&self, why: String) {
        panic!("{why}");
    }

    fn blocking<'a>(&'a self, _: &'a Task, _: Call<'a>) -> Blocking<'a> {
        unreachable!("no thread makes attempts here")
    }

    fn holding<'a>(&'a self, lock: &'a str, _: u64) -> LocalFuture<'a, Unlock> {
        Box::pin(async move {
            if self.stolen.get() > 0 {
                self.stolen.set(self.stolen.get() - 1);
                self.locks.release_unchecked(lock).await.expect("an answer");
            }
            Unlock::Heard
        })
    }

    fn wait_until(&self, until: Duration) -> LocalFuture<'_, bool> {
        Box::pin(async move {
            tokio::time::sleep_until(self.clock.at(until).into()).await;
            true
        })
    }

    fn stopped(&self) -> LocalFuture<'_, ()> {
        Box::pin(std::future::pending())
    }

    fn record(&self, _: &Task, answer: &Answer, end: JobEnd, attempts: u32) {
        self.results.borrow_mut().push((answer.outcome, end, attempts));
    }

    fn count(&self, _: &Task, _: &Answer) {
        self.counted.set(self.counted.get() + 1);
    }

    fn draw(&self, _: &Task, _: u32) -> f64 {
        0.5
    }

    fn reserve(&self, _: &Task) -> bool {
        self.reserved.set(self.reserved.get() + 1);
        true
    }
}

fn task(index: u64) -> Task {
    let job = JobId { cell: 0, index };
    let zero = Duration::ZERO;
    Task { job, due: zero, begun: zero, prompt_tokens: 1, output_tokens: 1, question: index, warmup: false }
}

fn retry() -> Retry {
    Retry {
        max_attempts: 3,
        backoff: Backoff::Fixed { wait: WAIT, jitter: Jitter::None },
        respect_retry_after: true,
        deadline: None,
        statuses: vec![429, 503, 504],
        transport: false,
        budget: None,
        breaker: None,
    }
}

fn failed(outcome: Outcome, error: ErrorClass, status: u16) -> Answer {
    Answer { outcome, error: Some(error), status: Some(status), ..Answer::not_sent(Duration::ZERO) }
}

/// The provider's word for a lock that another client has held since.
fn stale() -> Answer {
    Answer { should_retry: Some(false), ..failed(Outcome::Failed, ErrorClass::ClientError, 409) }
}

fn good() -> Answer {
    Answer { outcome: Outcome::Ok, error: None, status: Some(200), ..Answer::not_sent(Duration::ZERO) }
}

/// A runtime whose clock is paused, and the model of a Redis that lives by it.
struct Place {
    runtime: Runtime,
    clock: Clock,
    client: RedisClient,
}

impl Place {
    fn new() -> Self {
        let runtime =
            Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime");
        let clock = {
            let _inside = runtime.enter();
            Clock::of_runtime()
        };
        let client = RedisClient::model(Arc::default(), ModelSettings::new(clock, 7));
        Self { runtime, clock, client }
    }

    fn hands(&self, answers: Vec<(Answer, Duration)>, stolen: u32) -> Rc<Listed> {
        Rc::new(Listed {
            clock: self.clock,
            answers: RefCell::new(answers.into()),
            locks: Locks::new(self.client.clone(), PREFIX),
            stolen: Cell::new(stolen),
            sent: RefCell::default(),
            results: RefCell::default(),
            counted: Cell::default(),
            reserved: Cell::default(),
        })
    }

    fn lock(&self, permits: u32, retry: Retry) -> RedisLock {
        RedisLock::new(&self.client, PREFIX, TTL, permits, RetryPolicy::new(retry))
    }

    /// One job, whose attempts are answered at once; it ends within ten seconds of the paused clock.
    fn run(&self, retry: Retry, answers: Vec<Answer>, stolen: u32) -> Rc<Listed> {
        let hands = self.hands(answers.into_iter().map(|answer| (answer, Duration::ZERO)).collect(), stolen);
        let lock = self.lock(4, retry);
        let job = lock.run(task(0), hands.clone());
        self.runtime
            .block_on(async { tokio::time::timeout(Duration::from_secs(10), job).await.expect("an end") });
        hands
    }
}

impl Listed {
    fn end(&self) -> (Outcome, JobEnd, u32) {
        let results = self.results.borrow();
        assert_eq!(results.len(), 1, "{results:?}");
        assert_eq!((self.counted.get(), self.sent.borrow().len()), (results[0].2, results[0].2 as usize));
        results[0]
    }

    fn numbers(&self) -> Vec<u32> {
        self.sent.borrow().iter().map(|(n, ..)| *n).collect()
    }
}

#[test]
fn refused_rounds_are_attempts_with_the_policys_waits_and_new_tokens() {
    let seen = Place::new().run(retry(), vec![stale(), stale(), stale()], 0);
    assert_eq!(seen.end(), (Outcome::Failed, JobEnd::Exhausted, 3));
    assert_eq!(seen.numbers(), [1, 2, 3]);
    for pair in seen.sent.borrow().windows(2) {
        assert!(pair[1].1 - pair[0].1 >= WAIT, "{pair:?}");
        assert!(pair[1].2 > pair[0].2, "an old token: {pair:?}");
    }
}

#[test]
fn the_wait_of_decorrelated_jitter_grows_over_rounds() {
    let cap = Duration::from_secs(1);
    let backoff = Backoff::Exponential { base: WAIT, cap, jitter: Jitter::Decorrelated };
    let seen = Place::new().run(Retry { backoff, ..retry() }, vec![stale(), stale(), good()], 0);
    assert_eq!(seen.end(), (Outcome::Ok, JobEnd::Answered, 3));
    // With every draw in the middle: twice the base, then half of the base and three halves of that.
    let sent = seen.sent.borrow();
    assert!(sent[1].1 - sent[0].1 >= 2 * WAIT && sent[2].1 - sent[1].1 >= 7 * WAIT / 2, "{sent:?}");
}

#[test]
fn the_deadline_of_a_job_is_that_of_all_its_rounds() {
    let deadline = Some(3 * WAIT / 2);
    let seen =
        Place::new().run(Retry { max_attempts: 9, deadline, ..retry() }, vec![stale(), stale(), stale()], 0);
    let (outcome, end, attempts) = seen.end();
    assert_eq!((outcome, end), (Outcome::Failed, JobEnd::Exhausted));
    assert!(attempts <= 2, "{attempts}");
    let never = Place::new().run(Retry { deadline: Some(WAIT / 2), ..retry() }, vec![], 5);
    assert_eq!(never.end(), (Outcome::Failed, JobEnd::Exhausted, 0));
}

#[test]
fn a_doubt_of_an_earlier_round_stays() {
    let gateway = failed(Outcome::Unknown, ErrorClass::ServerError, 504);
    let seen = Place::new().run(retry(), vec![gateway, stale(), stale()], 0);
    assert_eq!(seen.end(), (Outcome::Unknown, JobEnd::Exhausted, 3));
}

#[test]
fn a_lock_that_is_lost_before_the_call_costs_a_wait_and_no_attempt() {
    let seen = Place::new().run(retry(), vec![good()], 2);
    assert_eq!(seen.end(), (Outcome::Ok, JobEnd::Answered, 1));
    assert!(seen.sent.borrow()[0].1 >= 2 * WAIT, "{:?}", seen.sent.borrow());
}

#[test]
fn leave_is_asked_for_with_lock_and_permit_in_hand() {
    let open_for = Duration::from_millis(300);
    let breaker = Some(BreakerPlan { failures: 1, open_for, probes: 1 });
    let place = Place::new();
    let broken = failed(Outcome::Failed, ErrorClass::ServerError, 500);
    let hands = place.hands(vec![(broken, 2 * WAIT), (good(), Duration::ZERO)], 0);
    let lock = place.lock(1, Retry { breaker, ..retry() });
    place.runtime.block_on(async {
        let first = lock.run(task(0), hands.clone());
        let second = async {
            hands.wait_until(hands.now() + WAIT).await;
            lock.run(task(1), hands.clone()).await;
        };
        tokio::join!(first, second);
    });
    assert_eq!(
        *hands.results.borrow(),
        [(Outcome::Failed, JobEnd::Permanent, 1), (Outcome::Ok, JobEnd::Answered, 1)]
    );
    // The breaker opened while the second waited for the permit.
    let sent = hands.sent.borrow();
    assert!(sent[1].1 >= sent[0].1 + open_for, "{sent:?}");
    assert_eq!(hands.reserved.get(), 2, "what waits sets nothing aside");
}
