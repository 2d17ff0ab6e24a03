//! `token-bucket`: at most so many attempts per second, some of them at once.
//!
//! For a provider that limits its rate: attempts come when it will take them, instead of being refused and
//! coming back. Retries take tokens too. The wrong choice for a provider that limits what is in flight: a
//! slow one collects open calls, however slowly they are made.

use super::parameters::{check_share, is_one, one};
use super::{
    Advice, Call, Counters, Hands, LocalFuture, Problem, ProcessContext, Retry, RetryPolicy, Seen, Strategy,
    Task, drive_with,
};
use crate::history::JobEnd;
use crate::shared;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::Once;
use std::time::Duration;

/// A rate, in one process or several.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Bucket")]
pub struct Parameters {
    /// Attempts per second, over all processes.
    #[schemars(range(min = 0.001, max = 10_000_000.0))]
    pub rate: f64,
    /// Attempts that may come at once, over all processes.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub burst: u32,
    /// Over how many processes it is spread; each gets its share of all else.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    #[schemars(range(min = 1, max = 64))]
    pub processes: u32,
    /// What is counted where there are several processes.
    #[serde(default, skip_serializing_if = "Counters::is_merged")]
    pub counters: Counters,
}

impl super::Parameters for Parameters {
    fn build(&self, retry: &Retry, process: &ProcessContext) -> Arc<dyn Strategy> {
        let burst = process.share(self.burst, self.processes);
        let rate_per_s = self.rate / f64::from(self.processes);
        let bucket = TokenBucket::new(rate_per_s, burst, RetryPolicy::new(retry.clone()));
        Arc::new(if process.successor { bucket.emptied() } else { bucket })
    }

    fn cap(&self) -> Option<u32> {
        None
    }

    fn processes(&self) -> u32 {
        self.processes
    }

    fn counters(&self) -> Counters {
        self.counters
    }

    fn check(&self) -> Vec<Problem> {
        check_share("burst", self.burst.into(), 1, self.processes).into_iter().collect()
    }

    fn wrong_when(&self, seen: &Seen<'_>) -> Advice {
        let rule =
            "wrong for a provider that slows down instead of refusing, for the rate stays as answers pile up";
        Advice::new(rule, format!("here {}/s put up to {} in flight", self.rate, seen.in_flight))
    }
}

/// Takes a token for each attempt.
#[derive(Debug)]
pub struct TokenBucket {
    bucket: shared::RateBucket,
    /// Tokens to be poured out before the first is taken.
    pour_out: u32,
    poured_out: Once,
    retry: RetryPolicy,
}

impl TokenBucket {
    /// With so many tokens a second, of which `burst` may be saved up.
    #[must_use]
    pub fn new(rate_per_s: f64, burst: u32, retry: RetryPolicy) -> Self {
        let bucket = shared::RateBucket::new(rate_per_s, burst);
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
                // A token that the breaker holds up is spent: those who are let through must not come all at
                // once.
                self.retry.send(&*hands, &task, Call::new(n, due.max(at))).await
            };
            drive_with(&self.retry, &task, &*hands, attempt).await;
        })
    }
}
