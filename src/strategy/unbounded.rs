//! `unbounded`: every job at once.
//!
//! Right for a provider without limits or a load that is bounded elsewhere (a closed profile); wrong for
//! a limited provider, which it storms: each refusal comes back, beside the jobs that have just begun.

use super::{Call, Hands, LocalFuture, RetryPolicy, Strategy, Task, drive_with};
use std::rc::Rc;

/// Sends each attempt as soon as it is due.
#[derive(Debug)]
pub struct Unbounded {
    retry: RetryPolicy,
}

impl Unbounded {
    /// With this retry policy.
    #[must_use]
    pub fn new(retry: RetryPolicy) -> Self {
        Self { retry }
    }
}

impl Strategy for Unbounded {
    fn run<'a>(&'a self, task: Task, hands: Rc<dyn Hands + 'a>) -> LocalFuture<'a, ()> {
        Box::pin(async move {
            let attempt = async |n, due| self.retry.send(&*hands, &task, Call::new(n, due)).await;
            drive_with(&self.retry, &task, &*hands, attempt).await;
        })
    }
}
