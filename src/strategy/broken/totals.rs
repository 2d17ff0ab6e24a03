//! `broken-totals`: threads add to shared totals without a lock.
//!
//! `self.total = self.total + usage(response)`: one thread reads the total, works out what to add, and writes
//! the sum; whatever others wrote in between is lost. Working it out takes a moment (parsing, logging), and
//! while it lasts other threads run.

use crate::history::Outcome;
use crate::strategy::thread_pool::{Add, ThreadPool};
use crate::strategy::{Books, Hands, LocalFuture, RetryPolicy, Strategy, Task};
use crate::sync::lock;
use std::rc::Rc;
use std::time::Duration;

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
