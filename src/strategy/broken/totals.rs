//! `broken-totals`: threads add to shared totals without a lock.
//!
//! `self.total = self.total + usage(response)`: one thread reads the total, works out what to add, and writes
//! the sum; whatever others wrote in between is lost. Working it out takes a moment (parsing, logging), and
//! while it lasts other threads run.

use crate::history::Outcome;
use crate::strategy::thread_pool::{Add, ThreadPool};
use crate::strategy::{Books, Hands, LocalFuture, ProcessContext, Retry, RetryPolicy, Strategy, Task};
use crate::sync::lock;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// Threads, in one process.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Threads")]
pub struct Parameters {
    /// Threads.
    #[schemars(range(min = 1, max = 4096))]
    pub workers: u32,
}

impl crate::strategy::Parameters for Parameters {
    fn build(&self, retry: &Retry, _: &ProcessContext) -> Arc<dyn Strategy> {
        Arc::new(UnlockedTotals::new(self.workers, RetryPolicy::new(retry.clone())))
    }

    fn cap(&self) -> Option<u32> {
        Some(self.workers)
    }

    fn bug(&self) -> Option<&'static str> {
        Some("totals without a lock")
    }
}

/// How long it takes to work out what to add: the log line that people write there.
const LOGGING: Duration = Duration::from_millis(3);

/// A pool whose threads overwrite each other's sums.
#[derive(Debug)]
pub struct UnlockedTotals {
    inner: ThreadPool,
}

impl UnlockedTotals {
    /// With so many threads.
    #[must_use]
    pub fn new(workers: u32, retry: RetryPolicy) -> Self {
        Self { inner: ThreadPool::adding(workers, retry, ADD) }
    }
}

const ADD: Add = Add {
    see: |shared| *lock(&shared.unlocked),
    pause: LOGGING,
    write: |shared, seen, answer| {
        let usage = answer.usage.filter(|_| answer.outcome == Outcome::Ok).unwrap_or_default();
        *lock(&shared.unlocked) = seen.plus(usage);
    },
};

impl Strategy for UnlockedTotals {
    fn run<'a>(&'a self, task: Task, hands: Rc<dyn Hands + 'a>) -> LocalFuture<'a, ()> {
        self.inner.run(task, hands)
    }

    fn books(&self) -> Books {
        Books::Own(*lock(self.inner.unlocked()))
    }
}
