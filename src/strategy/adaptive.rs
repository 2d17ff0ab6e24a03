//! `adaptive`: a limit on attempts in flight that follows what the provider bears.
//!
//! For a provider whose limit is unknown, or moves with its other customers. The limit rises on good answers and
//! falls on refusals and time-outs (`aimd`), or with latency before anything is refused (`gradient`). The wrong
//! choice where the limit is known: it has to be found by meeting it, again and again.

use super::{
    Answer, Call, Hands, LocalFuture, Permit, PermitQueue, RetryPolicy, Strategy, Task, drive, send,
};
use crate::history::{ErrorClass, JobEnd};
use crate::scenario::LimitRule;
use crate::shared::{AdaptiveLimit, Outcome, Rule, Sample};
use std::rc::Rc;

/// What an overload leaves of the limit under `aimd`.
const BACKOFF: f64 = 0.9;
/// How many times slower than usual is still usual under `gradient`.
const TOLERANCE: f64 = 1.5;

/// Takes a permit for each attempt, of which there are more or fewer.
#[derive(Debug)]
pub struct Adaptive {
    limit: AdaptiveLimit,
    permits: PermitQueue,
    retry: RetryPolicy,
}

impl Adaptive {
    /// Between `min` and `max` permits by this rule; it begins in the middle.
    #[must_use]
    pub fn new(rule: LimitRule, min: u32, max: u32, retry: RetryPolicy) -> Self {
        let rule = match rule {
            LimitRule::Aimd => Rule::Aimd { backoff: BACKOFF },
            LimitRule::Gradient => Rule::Gradient { tolerance: TOLERANCE },
        };
        let start = min.midpoint(max);
        Self { limit: AdaptiveLimit::new(rule, min, max, start), permits: PermitQueue::new(start), retry }
    }

    fn observe(&self, answer: &Answer, sample: Sample) {
        self.permits.resize(self.limit.observe(answer.done, sample));
    }
}

/// What an answer says about load.
fn judged(answer: &Answer) -> Outcome {
    use ErrorClass as E;
    match (answer.error, answer.status) {
        (None, _) => Outcome::Good,
        (Some(E::RateLimited | E::TimeoutFirstByte | E::TimeoutIdle | E::TimeoutTotal), _)
        | (Some(E::ServerError), Some(503 | 529)) => Outcome::Overloaded,
        _ => Outcome::Ignored,
    }
}

impl Strategy for Adaptive {
    fn run<'a>(&'a self, task: Task, hands: Rc<dyn Hands + 'a>) -> LocalFuture<'a, ()> {
        Box::pin(async move {
            let attempt = async |n, due| {
                let _permit = tokio::select! {
                    permit = Permit::acquire(&self.permits) => permit,
                    () = hands.stopped() => return Err(JobEnd::Cancelled),
                };
                let begun = hands.now();
                let answer = send(&*hands, &task, Call::new(n, due)).await?;
                let service = answer.done.saturating_sub(begun);
                self.observe(&answer, Sample { service, outcome: judged(&answer) });
                Ok(answer)
            };
            drive(&self.retry, &task, &*hands, attempt).await;
        })
    }
}
