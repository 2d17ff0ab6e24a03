//! `hedged`: a second attempt when the first is late; the faster good answer is taken.
//!
//! J. Dean and L. A. Barroso, "The Tail at Scale" (2013). For a tail that hurts more than the bill: the
//! slower attempt is given up, and billed for what it had generated. A hedge never waits for a permit, so
//! that a full client does not load a slow provider twice; it counts among the attempts of its job, and is
//! paid for like a retry. The wrong choice where tokens are dear, or where the provider is slow because it is
//! full.

use super::parameters::{check_share, is_one, one};
use super::{
    Advice, Answer, Blocked, Call, Counters, Hands, LocalFuture, Made, Permit, PermitQueue, Problem,
    ProcessContext, Retry, RetryPolicy, Seen, Strategy, Task, drive_with,
};
use crate::units::shown::percent;
use crate::units::text::{Span, span};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;

/// A second attempt when the first is late.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Hedged")]
pub struct Parameters {
    /// Attempts at once, second ones included, over all processes.
    #[schemars(range(min = 2, max = 1_000_000))]
    pub permits: u32,
    /// How late the first has to be.
    #[serde(with = "span")]
    #[schemars(with = "Span")]
    pub after: Duration,
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
        let permits = process.share(self.permits, self.processes);
        let policy = RetryPolicy::new(retry.clone());
        Arc::new(Hedged::new(permits, self.after, retry.max_attempts, policy))
    }

    fn cap(&self) -> Option<u32> {
        Some(self.permits)
    }

    fn processes(&self) -> u32 {
        self.processes
    }

    fn counters(&self) -> Counters {
        self.counters
    }

    fn hedge_after(&self) -> Option<Duration> {
        Some(self.after)
    }

    /// A process needs a permit for the first attempt and one for the second.
    fn check(&self) -> Vec<Problem> {
        check_share("permits", self.permits.into(), 2, self.processes).into_iter().collect()
    }

    fn wrong_when(&self, seen: &Seen<'_>) -> Advice {
        let here = match seen.waste {
            Some(waste) => {
                let other = seen.semaphore.and_then(|semaphore| semaphore.waste).map(percent);
                let other = other.map_or_else(String::new, |other| format!(", with semaphore {other}"));
                format!("here {} of the tokens billed bought nothing{other}", percent(waste))
            }
            None => format!("here {} attempts per job", seen.per_job()),
        };
        Advice::new("wrong where the bill matters", here)
    }
}

/// Takes a permit for each attempt, and a second one for a late one.
#[derive(Debug)]
pub struct Hedged {
    permits: PermitQueue,
    after: Duration,
    max_attempts: u32,
    retry: RetryPolicy,
}

impl Hedged {
    /// With so many permits; a second attempt is made `after` the first, if the job has one left: with one
    /// attempt per job there are no hedges.
    #[must_use]
    pub fn new(permits: u32, after: Duration, max_attempts: u32, retry: RetryPolicy) -> Self {
        Self { permits: PermitQueue::new(permits), after, max_attempts, retry }
    }

    /// Attempt `n`, and `n + 1` beside it if that is late.
    async fn pair(&self, task: &Task, hands: &dyn Hands, n: u32, due: Duration) -> Result<Made, Blocked> {
        let given_up = Notify::new();
        let call = |n, due| Call { given_up: Some(Box::pin(given_up.notified())), ..Call::new(n, due) };
        let late = hands.now() + self.after;
        let mut first = pin!(self.retry.send(hands, task, call(n, due)));
        let is_late = tokio::select! {
            biased;
            answer = &mut first => return answer.map(Made::from),
            is_late = hands.wait_until(late) => is_late,
        };
        // A run that was stopped gets no second attempt.
        let permit = (is_late && n < self.max_attempts).then(|| Permit::try_acquire(&self.permits)).flatten();
        let Some(_permit) = permit else { return first.await.map(Made::from) };
        let Some(second) = self.retry.send_spare(hands, task, call(n + 1, late)) else {
            return first.await.map(Made::from);
        };
        let mut second = pin!(second);
        // The second is begun before the first is looked at again: sent once it is known that the first
        // has failed, it would be a retry of what may have been accepted.
        let (winner, other) = tokio::select! {
            biased;
            answer = &mut second => {
                if answer.error.is_none() {
                    given_up.notify_waiters();
                }
                (answer, first.await?)
            }
            answer = &mut first => {
                let answer = answer?;
                if answer.error.is_none() {
                    given_up.notify_waiters();
                }
                (answer, second.await)
            }
        };
        Ok(self.taken(winner, other))
    }

    /// Which of both answers is taken, in the order in which they came.
    fn taken(&self, first: Answer, last: Answer) -> Made {
        match (first.error, last.error) {
            (None, _) => Made { answer: first, beside: Some(last) },
            (Some(_), None) => Made { answer: last, beside: Some(first) },
            (Some(_), Some(_)) => self.retry.both_failed(first, last),
        }
    }
}

impl Strategy for Hedged {
    fn run<'a>(&'a self, task: Task, hands: Rc<dyn Hands + 'a>) -> LocalFuture<'a, ()> {
        Box::pin(async move {
            let attempt = async |n, due| {
                let _permit = Permit::unless_stopped(&self.permits, &*hands).await?;
                self.pair(&task, &*hands, n, due).await
            };
            drive_with(&self.retry, &task, &*hands, attempt).await;
        })
    }
}
