//! `broken-lock-counter-only`: a lock around the counter, and the call outside of it.
//!
//! The lock is right and protects a number; the call it should protect comes after the release, so ten
//! workers with one question send ten paid requests, and the last answer overwrites the others.

use super::Lock;
use crate::history::{JobEnd, Outcome};
use crate::strategy::hands_layer::HandsLayer;
use crate::strategy::lock::{LockOutcome, QuestionLocks, without_turn};
use crate::strategy::redis::RedisClient;
use crate::strategy::{
    Hands, LocalFuture, Problem, ProcessContext, Redis, Retry, RetryPolicy, Semaphore, Strategy, Task,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;

// `[strategy.broken-lock-counter-only]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Parameters(pub Lock);

impl crate::strategy::Parameters for Parameters {
    fn build(&self, retry: &Retry, process: &ProcessContext) -> Arc<dyn Strategy> {
        let permits = process.share(self.0.permits, self.0.processes);
        let policy = RetryPolicy::new(retry.clone());
        Arc::new(LockedCounter::new(process.redis(), &process.prefix, self.0.ttl, permits, policy))
    }

    fn cap(&self) -> Option<u32> {
        Some(self.0.permits)
    }

    fn bug(&self) -> Option<&'static str> {
        Some("lock around the counter only")
    }

    fn processes(&self) -> u32 {
        self.0.processes
    }

    fn shares_answers(&self) -> bool {
        true
    }

    fn lock_ttl(&self) -> Option<Duration> {
        Some(self.0.ttl)
    }

    fn redis(&self) -> Option<&Redis> {
        Some(&self.0.redis)
    }

    fn redis_mut(&mut self) -> Option<&mut Redis> {
        Some(&mut self.0.redis)
    }

    fn check(&self) -> Vec<Problem> {
        self.0.check()
    }
}

/// Counts under a lock, and calls without it.
#[derive(Debug)]
pub struct LockedCounter {
    shelf: QuestionLocks,
    counter: AtomicU64,
    inner: Semaphore,
}

impl LockedCounter {
    /// With locks that last `ttl`.
    #[must_use]
    pub fn new(redis: &RedisClient, prefix: &str, ttl: Duration, permits: u32, retry: RetryPolicy) -> Self {
        let shelf = QuestionLocks::new(redis, prefix, ttl);
        Self { shelf, counter: AtomicU64::new(0), inner: Semaphore::new(permits, retry) }
    }
}

impl Strategy for LockedCounter {
    fn run<'a>(&'a self, task: Task, hands: Rc<dyn Hands + 'a>) -> LocalFuture<'a, ()> {
        Box::pin(async move {
            let turn = self.shelf.turn(&task, &*hands).await;
            if without_turn(&turn, &task, &*hands, 0) {
                return;
            }
            if let LockOutcome::Held(mut held) = turn {
                held.unlock = hands.holding(&held.lock, held.token).await;
                self.counter.fetch_add(1, SeqCst);
                self.shelf.release(&held).await;
            }
            let kept = Rc::new(StoringHands { hands, last: std::cell::RefCell::default() });
            self.inner.run(task.clone(), kept.clone()).await;
            let last = kept.last.take();
            if let Some((answer, end, attempts)) = last {
                if answer.outcome == Outcome::Ok {
                    self.shelf.keep(&task, &answer, end).await;
                }
                kept.hands.record(&task, &answer, end, attempts);
            }
        })
    }
}

/// Holds the result back until it is stored.
struct StoringHands<'a> {
    hands: Rc<dyn Hands + 'a>,
    last: std::cell::RefCell<Option<(crate::strategy::Answer, JobEnd, u32)>>,
}

impl HandsLayer for StoringHands<'_> {
    fn inner(&self) -> &dyn Hands {
        &*self.hands
    }

    fn record(&self, _: &Task, answer: &crate::strategy::Answer, end: JobEnd, attempts: u32) {
        self.last.replace(Some((answer.clone(), end, attempts)));
    }
}
