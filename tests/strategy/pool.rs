//! A thread pool whose attempts panic.

use deadheat::history::{ErrorClass, JobEnd, JobId, Outcome};
use deadheat::strategy::{
    Answer, Backoff, Blocking, Call, Hands, LocalFuture, Retry, RetryPolicy, Strategy, Task, ThreadPool,
};
use proptest::prelude::*;
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;
use tokio::sync::oneshot;

/// Only a pool without threads takes so long.
const STUCK: Duration = Duration::from_secs(60);

/// Makes attempts on the pool's threads; those of the listed jobs panic.
struct Panicking {
    jobs: Vec<u64>,
    results: RefCell<Vec<(u64, Outcome)>>,
}

fn unknown() -> Answer {
    Answer { outcome: Outcome::Unknown, error: Some(ErrorClass::Reset), ..Answer::not_sent(Duration::ZERO) }
}

impl Hands for Panicking {
    fn now(&self) -> Duration {
        Duration::ZERO
    }

    fn attempt<'a>(&'a self, _: &'a Task, _: Call<'a>) -> LocalFuture<'a, Answer> {
        unreachable!("the pool's threads make the attempts")
    }

    fn blocking<'a>(&'a self, task: &'a Task, _: Call<'a>) -> Blocking<'a> {
        let (ended, done) = oneshot::channel();
        let panics = self.jobs.contains(&task.job.index);
        let run = move || {
            if panics {
                // Without the message that the hook of a panic prints.
                std::panic::resume_unwind(Box::new("planted"));
            }
            let answer = Answer { outcome: Outcome::Ok, error: None, ..unknown() };
            let _ = ended.send(answer.clone());
            answer
        };
        let recorded = async move { done.await.unwrap_or_else(|_| unknown()) };
        Blocking { run: Some(Box::new(run)), recorded: Box::pin(recorded) }
    }

    fn wait_until(&self, _: Duration) -> LocalFuture<'_, bool> {
        Box::pin(std::future::ready(true))
    }

    fn stopped(&self) -> LocalFuture<'_, ()> {
        Box::pin(std::future::pending())
    }

    fn record(&self, task: &Task, answer: &Answer, _: JobEnd, _: u32) {
        self.results.borrow_mut().push((task.job.index, answer.outcome));
    }

    fn cannot_work(&self, why: String) {
        panic!("{why}");
    }

    fn count(&self, _: &Task, _: &Answer) {}

    fn draw(&self, _: &Task, _: u32) -> f64 {
        0.0
    }

    fn reserve(&self, _: &Task) -> bool {
        true
    }
}

fn retry() -> Retry {
    Retry {
        max_attempts: 1,
        backoff: Backoff::None,
        respect_retry_after: true,
        deadline: None,
        statuses: Vec::new(),
        transport: false,
        budget: None,
        breaker: None,
    }
}

fn task(index: u64) -> Task {
    let zero = Duration::ZERO;
    let job = JobId { cell: 0, index };
    Task { job, due: zero, begun: zero, prompt_tokens: 1, output_tokens: 1, question: index, warmup: false }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// However many attempts panic, every job ends, and only those that panicked are in doubt: no thread is
    /// lost.
    #[test]
    fn a_panic_ends_an_attempt_and_no_thread(
        workers in 1u32..4,
        panics in proptest::collection::vec(any::<bool>(), 1..24),
    ) {
        let pool = ThreadPool::new(workers, RetryPolicy::new(retry()));
        let jobs = (0u64..).zip(&panics).filter(|(_, panics)| **panics).map(|(job, _)| job).collect();
        let hands = Rc::new(Panicking { jobs, results: RefCell::default() });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        let all = (0u64..).zip(&panics).map(|(job, _)| pool.run(task(job), hands.clone()));
        let all = async { tokio::time::timeout(STUCK, futures_util::future::join_all(all)).await };
        runtime.block_on(all).expect("a job waits for a thread that is gone");
        let mut results = hands.results.take();
        results.sort_unstable_by_key(|(job, _)| *job);
        let outcome = |panicked| if panicked { Outcome::Unknown } else { Outcome::Ok };
        let expected: Vec<_> = (0u64..).zip(panics).map(|(job, panics)| (job, outcome(panics))).collect();
        prop_assert_eq!(results, expected);
    }
}
