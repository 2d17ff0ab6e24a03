//! `broken-no-idempotency-key`: what may have been accepted is sent again, under a new key each time.
//!
//! A connection that breaks after the request was read leaves the client in doubt. A key that is minted
//! inside the retry loop makes each attempt a new request, and the provider bills them all.

use crate::strategy::{
    Call, Hands, LocalFuture, Permit, PermitQueue, RetryPolicy, Strategy, Task, drive_with,
};
use std::rc::Rc;

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
