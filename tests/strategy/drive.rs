//! The loop around the retry policy, with hands that answer from a list.

use deadheat::history::{ErrorClass, JobEnd, JobId, Outcome};
use deadheat::strategy::{
    Answer, Backoff, Blocking, Call, Hands, LocalFuture, Retry, RetryPolicy, Semaphore, Strategy, Task,
    Unbounded,
};
use futures_util::FutureExt;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

/// Answers in order; `room` attempts fit the budget.
struct Scripted {
    answers: RefCell<VecDeque<Answer>>,
    room: Cell<u32>,
    results: RefCell<Vec<(Outcome, JobEnd, u32)>>,
}

impl Scripted {
    fn new(answers: Vec<Answer>, room: u32) -> Rc<Self> {
        Rc::new(Self {
            answers: RefCell::new(answers.into()),
            room: Cell::new(room),
            results: RefCell::default(),
        })
    }
}

impl Hands for Scripted {
    fn now(&self) -> Duration {
        Duration::ZERO
    }

    fn attempt<'a>(&'a self, _: &'a Task, _: Call<'a>) -> LocalFuture<'a, Answer> {
        let next = self.answers.borrow_mut().pop_front();
        // Without a scripted answer the attempt stays in flight.
        Box::pin(async move {
            match next {
                Some(answer) => answer,
                None => std::future::pending().await,
            }
        })
    }

    fn blocking<'a>(&'a self, _: &'a Task, _: Call<'a>) -> Blocking<'a> {
        unreachable!("no thread makes attempts here")
    }

    fn wait_until(&self, _: Duration) -> LocalFuture<'_, bool> {
        Box::pin(async { true })
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

    fn count(&self, _: &Task, _: &Answer) {}

    fn draw(&self, _: &Task, _: u32) -> f64 {
        0.5
    }

    fn reserve(&self, _: &Task) -> bool {
        let room = self.room.get();
        self.room.set(room.saturating_sub(1));
        room > 0
    }
}

fn task() -> Task {
    let job = JobId { cell: 0, index: 1 };
    let zero = Duration::ZERO;
    Task { job, due: zero, begun: zero, prompt_tokens: 1, output_tokens: 1, question: 1, warmup: false }
}

fn policy() -> RetryPolicy {
    RetryPolicy::new(Retry {
        max_attempts: 3,
        backoff: Backoff::None,
        respect_retry_after: true,
        deadline: None,
        statuses: vec![503, 504],
        transport: true,
        budget: None,
        breaker: None,
    })
}

fn answer(outcome: Outcome, error: Option<ErrorClass>, status: u16) -> Answer {
    Answer { outcome, error, status: Some(status), ..Answer::not_sent(Duration::ZERO) }
}

#[test]
fn a_job_of_which_an_attempt_may_have_been_billed_has_not_certainly_failed() {
    let gateway = || answer(Outcome::Unknown, Some(ErrorClass::ServerError), 504);
    let refused = || answer(Outcome::Failed, Some(ErrorClass::ServerError), 503);
    let whole = || answer(Outcome::Ok, None, 200);
    for (answers, expected) in [
        (vec![gateway(), refused(), refused()], (Outcome::Unknown, JobEnd::Exhausted, 3)),
        (vec![refused(), refused(), refused()], (Outcome::Failed, JobEnd::Exhausted, 3)),
        (vec![gateway(), whole()], (Outcome::Ok, JobEnd::Answered, 2)),
    ] {
        let hands = Scripted::new(answers, 9);
        Unbounded::new(policy()).run(task(), hands.clone()).now_or_never().expect("an end");
        assert_eq!(*hands.results.borrow(), [expected]);
    }
}

#[test]
fn a_job_that_waits_for_a_permit_sets_nothing_aside() {
    let strategy = Semaphore::new(1, policy());
    let hands = Scripted::new(vec![], 2);
    let mut first = strategy.run(task(), hands.clone());
    let mut second = strategy.run(task(), hands.clone());
    assert!(first.as_mut().now_or_never().is_none() && second.as_mut().now_or_never().is_none());
    assert_eq!(hands.room.get(), 1, "one attempt is in flight, one job waits");
    drop(first);
    assert!(second.as_mut().now_or_never().is_none());
    assert_eq!(hands.room.get(), 0);
}

#[test]
fn without_room_in_the_budget_nothing_is_sent() {
    let hands = Scripted::new(vec![answer(Outcome::Ok, None, 200)], 0);
    Semaphore::new(1, policy()).run(task(), hands.clone()).now_or_never().expect("an end");
    assert_eq!(*hands.results.borrow(), [(Outcome::Failed, JobEnd::OverBudget, 0)]);
    assert_eq!(hands.answers.borrow().len(), 1);
}
