//! `broken-counter`: the counter is read before the call, and written after it.
//!
//! `count = self.count` … `await call()` … `self.count = count + 1`: all calls that were under way together
//! write the same number, and all but one of them are lost.

use crate::history::Outcome;
use crate::strategy::{
    Books, Call, Hands, LocalFuture, OwnCounts, Permit, PermitQueue, ProcessContext, Retry, RetryPolicy,
    Single, Strategy, Task, drive_with,
};
use crate::sync::lock;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::Mutex;

// `[strategy.broken-counter]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Parameters(pub Single);

impl crate::strategy::Parameters for Parameters {
    fn build(&self, retry: &Retry, _: &ProcessContext) -> Arc<dyn Strategy> {
        Arc::new(StaleCounter::new(self.0.permits, RetryPolicy::new(retry.clone())))
    }

    fn cap(&self) -> Option<u32> {
        Some(self.0.permits)
    }

    fn bug(&self) -> Option<&'static str> {
        Some("counter read before the call and written after it")
    }
}

/// Counts what it has not lost.
#[derive(Debug)]
pub struct StaleCounter {
    booked: Mutex<OwnCounts>,
    permits: PermitQueue,
    retry: RetryPolicy,
}

impl StaleCounter {
    /// With so many permits, and this retry policy.
    #[must_use]
    pub fn new(permits: u32, retry: RetryPolicy) -> Self {
        Self { booked: Mutex::default(), permits: PermitQueue::new(permits), retry }
    }
}

impl Strategy for StaleCounter {
    fn run<'a>(&'a self, task: Task, hands: Rc<dyn Hands + 'a>) -> LocalFuture<'a, ()> {
        Box::pin(async move {
            let attempt = async |n, due| {
                let _permit = Permit::unless_stopped(&self.permits, &*hands).await?;
                let seen = *lock(&self.booked);
                let answer = self.retry.send(&*hands, &task, Call::new(n, due)).await?;
                let usage = answer.usage.filter(|_| answer.outcome == Outcome::Ok).unwrap_or_default();
                *lock(&self.booked) = seen.plus(usage);
                Ok(answer)
            };
            drive_with(&self.retry, &task, &*hands, attempt).await;
        })
    }

    fn books(&self) -> Books {
        Books::Own(*lock(&self.booked))
    }
}
