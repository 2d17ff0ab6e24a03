//! `semaphore`: at most so many attempts at once, in one process.
//!
//! The first choice for one process that calls one provider. The permit covers the attempt only: a job
//! that waits to try again holds none, or a burst of refusals would stop every healthy job too.

use super::advice::many;
use super::parameters::check_share;
use super::{
    Advice, Call, Counters, Hands, LocalFuture, Permit, PermitQueue, Permits, Problem, ProcessContext, Retry,
    RetryPolicy, Seen, Strategy, Task, drive_with,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::rc::Rc;
use std::sync::Arc;

// `[strategy.semaphore]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Parameters(pub Permits);

impl super::Parameters for Parameters {
    fn build(&self, retry: &Retry, process: &ProcessContext) -> Arc<dyn Strategy> {
        let permits = process.share(self.0.permits, self.0.processes);
        Arc::new(Semaphore::new(permits, RetryPolicy::new(retry.clone())))
    }

    fn cap(&self) -> Option<u32> {
        Some(self.0.permits)
    }

    fn processes(&self) -> u32 {
        self.0.processes
    }

    fn counters(&self) -> Counters {
        self.0.counters
    }

    fn check(&self) -> Vec<Problem> {
        check_share("permits", self.0.permits.into(), 1, self.0.processes).into_iter().collect()
    }

    fn wrong_when(&self, seen: &Seen<'_>) -> Advice {
        let permits = self.0.permits;
        let rule = match self.0.processes {
            1 => format!(
                "wrong as soon as a second process calls the same provider, for its {permits} permits are \
                 its own"
            ),
            n => format!(
                "wrong where load is not even, for each of {n} processes has a fixed share of the {permits} \
                 permits"
            ),
        };
        let refusals = || format!("it knows no rate either, and met {} here", many(seen.refused, "refusal"));
        Advice::new(rule, (seen.refused > 0).then(refusals))
    }
}

/// Takes a permit for each attempt.
#[derive(Debug)]
pub struct Semaphore {
    permits: PermitQueue,
    retry: RetryPolicy,
}

impl Semaphore {
    /// With so many permits, and this retry policy.
    #[must_use]
    pub fn new(permits: u32, retry: RetryPolicy) -> Self {
        Self { permits: PermitQueue::new(permits), retry }
    }
}

impl Strategy for Semaphore {
    fn run<'a>(&'a self, task: Task, hands: Rc<dyn Hands + 'a>) -> LocalFuture<'a, ()> {
        Box::pin(async move {
            let attempt = async |n, due| {
                let _permit = Permit::unless_stopped(&self.permits, &*hands).await?;
                self.retry.send(&*hands, &task, Call::new(n, due)).await
            };
            drive_with(&self.retry, &task, &*hands, attempt).await;
        })
    }
}
