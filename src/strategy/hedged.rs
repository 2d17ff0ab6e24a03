//! `hedged`: a second attempt when the first is late; the faster good answer is taken.
//!
//! J. Dean and L. A. Barroso, "The Tail at Scale" (2013). For a tail that hurts more than the bill: the slower
//! attempt is given up, and billed for what it had generated. A hedge never waits for a permit, so that a full
//! client does not load a slow provider twice; it counts among the attempts of its job, and is paid for like a retry. The wrong choice where
//! tokens are dear, or where the provider is slow because it is full.

use super::{
    Answer, Call, Hands, Hold, LocalFuture, Made, Permit, PermitQueue, RetryPolicy, Strategy, Task,
    drive_with,
};
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
    /// With so many permits; a second attempt is made `after` the first, if the job has one left: with one attempt
    /// per job there are no hedges.
    #[must_use]
    pub fn new(permits: u32, after: Duration, max_attempts: u32, retry: RetryPolicy) -> Self {
        Self { permits: PermitQueue::new(permits), after, max_attempts, retry }
    }

    /// Attempt `n`, and `n + 1` beside it if that is late.
    async fn pair(&self, task: &Task, hands: &dyn Hands, n: u32, due: Duration) -> Result<Made, Hold> {
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
        // The second is begun before anybody looks at the first again: sent once it is known that the first has failed, it
        // would be a retry of what may have been accepted.
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
