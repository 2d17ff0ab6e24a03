//! `broken-budget`: looks at what was spent, calls, adds.
//!
//! `if spent < cap: … await call(); spent += cost`: all calls that look at the same moment pass, and what
//! each of them costs is known only when all have been made.

use crate::history::{JobEnd, Outcome};
use crate::strategy::{
    Call, Hands, LocalFuture, Permit, PermitQueue, ProcessContext, Retry, RetryPolicy, Strategy, Task,
    drive_with,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

/// A budget of its own, in one process.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Spend")]
pub struct Parameters {
    /// Attempts at once.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub permits: u32,
    /// Most tokens, prompt and completion, that may be billed in a cell.
    #[schemars(range(min = 1, max = 1_000_000_000_000_000_i64))]
    pub max_tokens: u64,
}

impl crate::strategy::Parameters for Parameters {
    fn build(&self, retry: &Retry, _: &ProcessContext) -> Arc<dyn Strategy> {
        Arc::new(CheckedBudget::new(self.permits, self.max_tokens, RetryPolicy::new(retry.clone())))
    }

    fn cap(&self) -> Option<u32> {
        Some(self.permits)
    }

    fn bug(&self) -> Option<&'static str> {
        Some("check-then-act budget")
    }

    fn max_tokens(&self) -> Option<u64> {
        Some(self.max_tokens)
    }
}

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
