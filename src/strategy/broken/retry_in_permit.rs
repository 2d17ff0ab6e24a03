//! `broken-retry-in-permit`: a retry asks for a permit while its job still holds one.
//!
//! `async with semaphore:` … `if status == 429: await sleep(2); return await self.call()`: the call inside
//! waits for the same semaphore. When as many jobs as there are permits are refused, all of them wait for
//! each other, and nothing is ever sent again.

use crate::strategy::{
    Call, Hands, LocalFuture, Permit, PermitQueue, ProcessContext, Retry, RetryPolicy, Single, Strategy,
    Task, drive_with,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

// `[strategy.broken-retry-in-permit]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Parameters(pub Single);

impl crate::strategy::Parameters for Parameters {
    fn build(&self, retry: &Retry, _: &ProcessContext) -> Arc<dyn Strategy> {
        Arc::new(NestedPermit::new(self.0.permits, RetryPolicy::new(retry.clone())))
    }

    fn cap(&self) -> Option<u32> {
        Some(self.0.permits)
    }

    fn bug(&self) -> Option<&'static str> {
        Some("retry inside the permit")
    }
}

/// Takes a further permit for each further attempt.
#[derive(Debug)]
pub struct NestedPermit {
    permits: PermitQueue,
    retry: RetryPolicy,
}

impl NestedPermit {
    /// With so many permits, and this retry policy.
    #[must_use]
    pub fn new(permits: u32, retry: RetryPolicy) -> Self {
        Self { permits: PermitQueue::new(permits), retry }
    }
}

impl Strategy for NestedPermit {
    fn run<'a>(&'a self, task: Task, hands: Rc<dyn Hands + 'a>) -> LocalFuture<'a, ()> {
        Box::pin(async move {
            let held = RefCell::new(Vec::new());
            let attempt = async |n, due| {
                // Once for each attempt: one that the breaker holds has its permit already.
                if held.borrow().len() < n as usize {
                    let permit = Permit::unless_stopped(&self.permits, &*hands).await?;
                    held.borrow_mut().push(permit);
                }
                self.retry.send(&*hands, &task, Call::new(n, due)).await
            };
            drive_with(&self.retry, &task, &*hands, attempt).await;
        })
    }
}
