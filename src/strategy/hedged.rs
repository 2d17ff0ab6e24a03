//! `hedged`: a second attempt when the first is late; the faster good answer is taken.
//!
//! J. Dean and L. A. Barroso, "The Tail at Scale" (2013). For a tail that hurts more than the bill: the slower
//! attempt is given up, and billed for what it had generated. A hedge never waits for a permit, so that a full
//! client does not load a slow provider twice, and it counts among the attempts of its job. The wrong choice where
//! tokens are dear, or where the provider is slow because it is full.

use super::{
    Answer, Call, Hands, LocalFuture, Permit, PermitQueue, RetryPolicy, Strategy, Task, drive, send,
};
use crate::history::JobEnd;
use std::cell::Cell;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;
use tokio::sync::Notify;

/// Takes a permit for each attempt, and a second one for a late one.
#[derive(Debug)]
pub struct Hedged {
    permits: PermitQueue,
    after: Duration,
    max_attempts: u32,
    retry: RetryPolicy,
}

impl Hedged {
    /// With so many permits; a second attempt is made `after` the first, if the job has one left.
    #[must_use]
    pub fn new(permits: u32, after: Duration, max_attempts: u32, retry: RetryPolicy) -> Self {
        Self { permits: PermitQueue::new(permits), after, max_attempts, retry }
    }

    /// Attempt `n`, and `n + 1` beside it if that is late. Both are counted; returns the one that decides, and
    /// how many were made.
    async fn pair(
        &self,
        task: &Task,
        hands: &dyn Hands,
        n: u32,
        due: Duration,
    ) -> Result<(Answer, u32), JobEnd> {
        let late = Notify::new();
        let call = |n, due| Call { given_up: Some(Box::pin(late.notified())), ..Call::new(n, due) };
        let mut first = pin!(send(hands, task, call(n, due)));
        let hedge = hands.wait_until(hands.now() + self.after);
        tokio::select! {
            answer = &mut first => return answer.map(|answer| (answer, 1)),
            _ = hedge => {}
        }
        let permit = (n < self.max_attempts).then(|| Permit::try_acquire(&self.permits)).flatten();
        let Some(_permit) = permit else { return first.await.map(|answer| (answer, 1)) };
        let mut second = pin!(send(hands, task, call(n + 1, hands.now())));
        let (winner, mut loser) = tokio::select! {
            answer = &mut first => (answer, second),
            answer = &mut second => (answer, first),
        };
        // A second attempt for which there is no room was none.
        let Ok(winner) = winner else { return loser.await.map(|answer| (answer, 1)) };
        if winner.error.is_none() {
            late.notify_waiters();
        }
        match loser.as_mut().await {
            Err(_) => Ok((winner, 1)),
            Ok(other) => {
                let (taken, left) = if winner.error.is_some() && other.error.is_none() {
                    (other, winner)
                } else {
                    (winner, other)
                };
                hands.count(task, &left);
                Ok((taken, 2))
            }
        }
    }
}

impl Strategy for Hedged {
    fn run<'a>(&'a self, task: Task, hands: Rc<dyn Hands + 'a>) -> LocalFuture<'a, ()> {
        Box::pin(async move {
            // Second attempts made so far: the retry loop does not know of them.
            let extra = Cell::new(0);
            let counted = More { hands: &*hands, extra: &extra };
            let attempt = async |n, due| {
                let n = n + extra.get();
                if n > self.max_attempts {
                    return Err(JobEnd::Exhausted);
                }
                let _permit = tokio::select! {
                    permit = Permit::acquire(&self.permits) => permit,
                    () = hands.stopped() => return Err(JobEnd::Cancelled),
                };
                let (answer, made) = self.pair(&task, &*hands, n, due).await?;
                extra.set(extra.get() + made - 1);
                Ok(answer)
            };
            drive(&self.retry, &task, &counted, attempt).await;
        })
    }
}

/// Adds second attempts to what is recorded.
struct More<'a> {
    hands: &'a dyn Hands,
    extra: &'a Cell<u32>,
}

impl super::bend::Bend for More<'_> {
    fn inner(&self) -> &dyn Hands {
        self.hands
    }

    fn record(&self, task: &Task, answer: &Answer, end: JobEnd, attempts: u32) {
        self.hands.record(task, answer, end, attempts + self.extra.get());
    }
}
