//! `adaptive`: a limit on attempts in flight that follows what the provider bears.
//!
//! For a provider whose limit is unknown, or moves with its other customers. The limit rises on good answers and
//! falls on refusals and time-outs (`aimd`), or with latency before anything is refused (`gradient`). The wrong
//! choice where the limit is known: it has to be found by meeting it, again and again.

use super::{Answer, Call, Hands, LocalFuture, Permit, PermitQueue, RetryPolicy, Strategy, Task, drive_with};
use crate::history::ErrorClass;
use crate::plan::LimitRule;
use crate::shared::{AdaptiveLimit, Outcome, Rule, Sample};
use crate::sync::{Mutex, lock};
use std::rc::Rc;

/// What an overload leaves of the limit under `aimd`.
const BACKOFF: f64 = 0.9;
/// How many times slower than usual is still usual under `gradient`.
const TOLERANCE: f64 = 1.5;

/// Takes a permit for each attempt, of which there are more or fewer.
#[derive(Debug)]
pub struct Adaptive {
    /// Locked while what it says is passed on: two threads must not pass theirs on the other way round.
    limit: Mutex<AdaptiveLimit>,
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
        let limit = Mutex::new(AdaptiveLimit::new(rule, min, max, start));
        Self { limit, permits: PermitQueue::new(start), retry }
    }

    fn observe(&self, answer: &Answer, sample: Sample) {
        let limit = lock(&self.limit);
        self.permits.resize(limit.observe(answer.done, sample));
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
                let _permit = Permit::unless_stopped(&self.permits, &*hands).await?;
                let begun = hands.now();
                let answer = self.retry.send(&*hands, &task, Call::new(n, due)).await?;
                let service = answer.done.saturating_sub(begun);
                self.observe(&answer, Sample { service, outcome: judged(&answer) });
                Ok(answer)
            };
            drive_with(&self.retry, &task, &*hands, attempt).await;
        })
    }
}
