//! `token-bucket`: at most so many attempts per second, some of them at once.
//!
//! For a provider that limits its rate: attempts come when it will take them, instead of being refused and
//! coming back. Retries take tokens too. The wrong choice for a provider that limits what is in flight: a slow
//! one collects open calls, however slowly they are made.

use super::{Call, Hands, LocalFuture, RetryPolicy, Strategy, Task, drive_with};
use crate::history::JobEnd;
use crate::shared;
use std::rc::Rc;
use std::sync::Once;
use std::time::Duration;

/// Takes a token for each attempt.
#[derive(Debug)]
pub struct TokenBucket {
    bucket: shared::TokenBucket,
    /// Tokens to be poured out before the first is taken.
    pour_out: u32,
    poured_out: Once,
    retry: RetryPolicy,
}

impl TokenBucket {
    /// With so many tokens a second, of which `burst` may be saved up.
    #[must_use]
    pub fn new(rate_per_s: f64, burst: u32, retry: RetryPolicy) -> Self {
        let bucket = shared::TokenBucket::new(rate_per_s, burst);
        Self { bucket, pour_out: 0, poured_out: Once::new(), retry }
    }

    /// It begins empty.
    #[must_use]
    pub fn emptied(self) -> Self {
        Self { pour_out: self.bucket.burst(), ..self }
    }
}

impl Strategy for TokenBucket {
    fn run<'a>(&'a self, task: Task, hands: Rc<dyn Hands + 'a>) -> LocalFuture<'a, ()> {
        Box::pin(async move {
            let attempt = async |n, due: Duration| {
                self.poured_out.call_once(|| {
                    for _ in 0..self.pour_out {
                        let _ = self.bucket.reserve(hands.now());
                    }
                });
                let at = self.bucket.reserve(hands.now());
                if at > hands.now() && !hands.wait_until(at).await {
                    return Err(JobEnd::Cancelled.into());
                }
                // A token that the breaker holds up is spent: those who are let through must not come all at once.
                self.retry.send(&*hands, &task, Call::new(n, due.max(at))).await
            };
            drive_with(&self.retry, &task, &*hands, attempt).await;
        })
    }
}
