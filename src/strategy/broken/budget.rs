//! `broken-budget`: looks at what was spent, calls, adds.
//!
//! `if spent < cap: … await call(); spent += cost`: all calls that look at the same moment pass, and what
//! each of them costs is known only when all have been made.

use crate::history::{JobEnd, Outcome};
use crate::strategy::{
    Call, Hands, LocalFuture, Permit, PermitQueue, RetryPolicy, Strategy, Task, drive_with,
};
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

/// Looks before it spends.
#[derive(Debug)]
pub struct CheckedBudget {
    max_tokens: u64,
    spent_tokens: AtomicU64,
    permits: PermitQueue,
    retry: RetryPolicy,
}

impl CheckedBudget {
    /// With so many permits and tokens, and this retry policy.
    #[must_use]
    pub fn new(permits: u32, max_tokens: u64, retry: RetryPolicy) -> Self {
        Self { max_tokens, spent_tokens: AtomicU64::new(0), permits: PermitQueue::new(permits), retry }
    }
}

impl Strategy for CheckedBudget {
    fn run<'a>(&'a self, task: Task, hands: Rc<dyn Hands + 'a>) -> LocalFuture<'a, ()> {
        Box::pin(async move {
            let attempt = async |n, due| {
                let _permit = Permit::unless_stopped(&self.permits, &*hands).await?;
                if self.spent_tokens.load(SeqCst) >= self.max_tokens {
                    return Err(JobEnd::OverBudget.into());
                }
                let answer = self.retry.send(&*hands, &task, Call::new(n, due)).await?;
                let usage = answer.usage.filter(|_| answer.outcome == Outcome::Ok).unwrap_or_default();
                let add = |spent: u64| Some(spent.saturating_add(usage.tokens()));
                let _ = self.spent_tokens.fetch_update(SeqCst, SeqCst, add);
                Ok(answer)
            };
            drive_with(&self.retry, &task, &*hands, attempt).await;
        })
    }
}
