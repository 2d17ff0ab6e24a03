//! `idempotent`: one `Idempotency-Key` per job, minted outside the retry loop.
//!
//! For a provider that honours the key: a request that may have been accepted can be sent again and is
//! generated and billed once. So failures without a status are retried here whatever `[retry] transport`
//! says. The wrong choice for a provider that does not look at the key, as most do not: it bills each repetition.

use super::{Call, Hands, LocalFuture, Permit, PermitQueue, RetryPolicy, Strategy, Task, drive, send};
use crate::history::JobEnd;
use std::rc::Rc;

/// Takes a permit for each attempt, and one key for all attempts of a job.
#[derive(Debug)]
pub struct Idempotent {
    permits: PermitQueue,
    retry: RetryPolicy,
    prefix: String,
}

impl Idempotent {
    /// With so many permits, keys that begin with `prefix`, and a policy that repeats what may have been
    /// accepted.
    #[must_use]
    pub fn new(permits: u32, prefix: &str, retry: RetryPolicy) -> Self {
        Self { permits: PermitQueue::new(permits), retry, prefix: prefix.to_owned() }
    }
}

impl Strategy for Idempotent {
    fn run<'a>(&'a self, task: Task, hands: Rc<dyn Hands + 'a>) -> LocalFuture<'a, ()> {
        Box::pin(async move {
            let key = format!("{}{}", self.prefix, task.job);
            let attempt = async |n, due| {
                let _permit = tokio::select! {
                    permit = Permit::acquire(&self.permits) => permit,
                    () = hands.stopped() => return Err(JobEnd::Cancelled),
                };
                let call = Call { idempotency_key: Some(key.clone()), ..Call::new(n, due) };
                send(&*hands, &task, call).await
            };
            drive(&self.retry, &task, &*hands, attempt).await;
        })
    }
}
