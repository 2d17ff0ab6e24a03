//! `token-bucket`: at most so many attempts per second, some of them at once.
//!
//! For a provider that limits its rate: attempts come when it will take them, instead of being refused and
//! coming back. Retries take tokens too. The wrong choice for a provider that limits what is in flight: a slow
//! one collects open calls, however slowly they are made.

use super::{Call, Hands, LocalFuture, RetryPolicy, Strategy, Task, drive, send};
use crate::history::JobEnd;
use crate::shared;
use std::rc::Rc;

/// Takes a token for each attempt.
#[derive(Debug)]
pub struct TokenBucket {
    bucket: shared::TokenBucket,
    retry: RetryPolicy,
}

impl TokenBucket {
    /// With so many tokens a second, of which `burst` may be saved up.
    #[must_use]
    pub fn new(rate_per_s: f64, burst: u32, retry: RetryPolicy) -> Self {
        Self { bucket: shared::TokenBucket::new(rate_per_s, burst), retry }
    }
}

impl Strategy for TokenBucket {
    fn run<'a>(&'a self, task: Task, hands: Rc<dyn Hands + 'a>) -> LocalFuture<'a, ()> {
        Box::pin(async move {
            let attempt = async |n, due| {
                let at = self.bucket.reserve(hands.now());
                if at > hands.now() && !hands.wait_until(at).await {
                    return Err(JobEnd::Cancelled);
                }
                send(&*hands, &task, Call::new(n, due)).await
            };
            drive(&self.retry, &task, &*hands, attempt).await;
        })
    }
}
