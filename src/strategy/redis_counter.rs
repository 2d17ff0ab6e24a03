//! `redis-counter`: a semaphore whose totals stand in Redis.
//!
//! For programs of several processes, whose own counters each know a part only. Each attempt is booked once,
//! in one step, under a name of its own, so that a booking without an answer can be repeated. The wrong
//! choice for one process, whose atomic counters do the same without a round trip for each attempt.

use super::redis::{Counters, Counts, RedisClient};
use super::{
    Answer, Booked, Books, Call, Hands, LocalFuture, Permit, PermitQueue, RetryPolicy, Strategy, Task,
    drive_with,
};
use crate::history::Outcome;
use std::rc::Rc;
use std::time::Duration;

/// How often a booking is repeated that Redis did not confirm, and the wait between.
const TRIES: u32 = 100;
const PAUSE: Duration = Duration::from_millis(20);

/// Takes a permit for each attempt, and books it in Redis.
#[derive(Debug)]
pub struct RedisCounter {
    counters: Counters,
    permits: PermitQueue,
    retry: RetryPolicy,
}

impl RedisCounter {
    /// With so many permits, and totals under `prefix`.
    #[must_use]
    pub fn new(redis: &RedisClient, prefix: &str, permits: u32, retry: RetryPolicy) -> Self {
        Self { counters: Counters::new(redis.clone(), prefix), permits: PermitQueue::new(permits), retry }
    }

    async fn book(&self, task: &Task, n: u32, answer: &Answer, hands: &dyn Hands) {
        let usage = answer.usage.filter(|_| answer.outcome == Outcome::Ok).unwrap_or_default();
        let counts = Counts {
            requests: 1,
            prompt_tokens: usage.prompt_tokens,
            completion_tokens: usage.completion_tokens,
        };
        let id = format!("{}:{n}", task.job);
        for _ in 0..TRIES {
            if self.counters.add_once(&id, counts).await.is_ok() {
                return;
            }
            // A run that was stopped still books what it has sent, without the waits.
            hands.wait_until(hands.now() + PAUSE).await;
        }
    }
}

impl Strategy for RedisCounter {
    fn run<'a>(&'a self, task: Task, hands: Rc<dyn Hands + 'a>) -> LocalFuture<'a, ()> {
        Box::pin(async move {
            let attempt = async |n, due| {
                let permit = Permit::unless_stopped(&self.permits, &*hands).await?;
                let answer = self.retry.send(&*hands, &task, Call::new(n, due)).await?;
                drop(permit);
                self.book(&task, n, &answer, &*hands).await;
                Ok(answer)
            };
            drive_with(&self.retry, &task, &*hands, attempt).await;
        })
    }

    fn books(&self) -> Books {
        let read = self.counters.read().map_err(|error| error.to_string());
        Books::Central(read.map(|counts| Booked {
            requests: counts.requests,
            prompt_tokens: counts.prompt_tokens,
            completion_tokens: counts.completion_tokens,
        }))
    }
}
