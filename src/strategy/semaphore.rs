//! `semaphore`: at most so many attempts at once, in one process.
//!
//! The first choice for one process that calls one provider. The permit covers the attempt only: a job
//! that waits to try again holds none, or a burst of refusals would stop every healthy job too.

use super::{Call, Hands, LocalFuture, Permit, PermitQueue, RetryPolicy, Strategy, Task, drive, send};
use crate::history::JobEnd;
use std::rc::Rc;

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
                let _permit = tokio::select! {
                    permit = Permit::acquire(&self.permits) => permit,
                    () = hands.stopped() => return Err(JobEnd::Cancelled),
                };
                send(&*hands, &task, Call::new(n, due)).await
            };
            drive(&self.retry, &task, &*hands, attempt).await;
        })
    }
}
