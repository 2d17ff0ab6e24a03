//! `broken-permit-leak`: an error keeps its permit.
//!
//! `await semaphore.acquire()` … `semaphore.release()` without `finally`: each call that fails takes a permit
//! with it, until there is none left.

use crate::strategy::{
    Call, Hands, LocalFuture, Permit, PermitQueue, ProcessContext, Retry, RetryPolicy, Single, Strategy,
    Task, drive_with,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::rc::Rc;
use std::sync::Arc;

// `[strategy.broken-permit-leak]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Parameters(pub Single);

impl crate::strategy::Parameters for Parameters {
    fn build(&self, retry: &Retry, _: &ProcessContext) -> Arc<dyn Strategy> {
        Arc::new(LeakyPermit::new(self.0.permits, RetryPolicy::new(retry.clone())))
    }

    fn cap(&self) -> Option<u32> {
        Some(self.0.permits)
    }

    fn bug(&self) -> Option<&'static str> {
        Some("permit leaked on error")
    }
}

/// Gives back the permits of good answers only.
#[derive(Debug)]
pub struct LeakyPermit {
    permits: PermitQueue,
    retry: RetryPolicy,
}

impl LeakyPermit {
    /// With so many permits, and this retry policy.
    #[must_use]
    pub fn new(permits: u32, retry: RetryPolicy) -> Self {
        Self { permits: PermitQueue::new(permits), retry }
    }
}

impl Strategy for LeakyPermit {
    fn run<'a>(&'a self, task: Task, hands: Rc<dyn Hands + 'a>) -> LocalFuture<'a, ()> {
        Box::pin(async move {
            let attempt = async |n, due| {
                let permit = Permit::unless_stopped(&self.permits, &*hands).await?;
                let answer = self.retry.send(&*hands, &task, Call::new(n, due)).await?;
                if answer.error.is_some() {
                    std::mem::forget(permit);
                }
                Ok(answer)
            };
            drive_with(&self.retry, &task, &*hands, attempt).await;
        })
    }
}
