//! `broken-no-idempotency-key`: what may have been accepted is sent again, under a new key each time.
//!
//! A connection that breaks after the request was read leaves the client in doubt. A key that is minted
//! inside the retry loop makes each attempt a new request, and the provider bills them all.

use crate::strategy::{
    Call, Hands, LocalFuture, Permit, PermitQueue, ProcessContext, Retry, RetryPolicy, Single, Strategy,
    Task, drive_with,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::rc::Rc;
use std::sync::Arc;

// `[strategy.broken-no-idempotency-key]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Parameters(pub Single);

impl crate::strategy::Parameters for Parameters {
    fn build(&self, retry: &Retry, _: &ProcessContext) -> Arc<dyn Strategy> {
        let policy = RetryPolicy::new(Retry { transport: true, ..retry.clone() });
        Arc::new(FreshKeys::new(self.0.permits, policy))
    }

    fn cap(&self) -> Option<u32> {
        Some(self.0.permits)
    }

    fn bug(&self) -> Option<&'static str> {
        Some("retry without idempotency key")
    }
}

/// Takes a permit and a new key for each attempt.
#[derive(Debug)]
pub struct FreshKeys {
    permits: PermitQueue,
    retry: RetryPolicy,
}

impl FreshKeys {
    /// With so many permits, and this retry policy, which repeats what may have been accepted.
    #[must_use]
    pub fn new(permits: u32, retry: RetryPolicy) -> Self {
        Self { permits: PermitQueue::new(permits), retry }
    }
}

impl Strategy for FreshKeys {
    fn run<'a>(&'a self, task: Task, hands: Rc<dyn Hands + 'a>) -> LocalFuture<'a, ()> {
        Box::pin(async move {
            let attempt = async |n, due| {
                let _permit = Permit::unless_stopped(&self.permits, &*hands).await?;
                let idempotency_key = Some(format!("{}-{n}", task.job));
                self.retry.send(&*hands, &task, Call { idempotency_key, ..Call::new(n, due) }).await
            };
            drive_with(&self.retry, &task, &*hands, attempt).await;
        })
    }
}
