//! `redis-lock`: one lock for each question, held in Redis for the whole call.
//!
//! For several processes that may be given the same work twice: whoever gets the lock asks, everybody else
//! takes its answer. The lock is renewed while the call lasts and looked at again right before the call, and
//! its fencing token goes with the call, for a Redis lock alone excludes nobody (see [`super::redis`]); one
//! `Idempotency-Key` per question saves the bill where the provider honours it. The
//! wrong choice where nothing is asked twice: every job then pays two round trips for nothing.

use super::lock::{Caught, Held, Shelf, Turn, without_turn};
use super::redis::RedisClient;
use super::{
    Answer, Call, Hands, LocalFuture, Permit, PermitQueue, RetryPolicy, Strategy, Task, drive, send,
};
use crate::history::{JobEnd, Outcome};
use std::rc::Rc;
use std::time::Duration;

/// Takes the question's lock for each job.
#[derive(Debug)]
pub struct RedisLock {
    shelf: Shelf,
    permits: PermitQueue,
    retry: RetryPolicy,
    /// The lock is looked at again before a call, and the provider is asked to check its token.
    fenced: bool,
    /// Only the holder's own lock is released.
    owner_checked: bool,
    /// What the keys of this cell begin with.
    prefix: String,
}

impl RedisLock {
    /// With locks that last `ttl` unless they are renewed.
    #[must_use]
    pub fn new(redis: &RedisClient, prefix: &str, ttl: Duration, permits: u32, retry: RetryPolicy) -> Self {
        let (shelf, permits) = (Shelf::new(redis, prefix, ttl), PermitQueue::new(permits));
        Self { shelf, permits, retry, fenced: true, owner_checked: true, prefix: prefix.to_owned() }
    }

    /// The broken twin that neither renews its lock nor has its token checked.
    pub(super) fn unfenced(self) -> Self {
        Self { fenced: false, ..self }
    }

    /// The broken twin that releases a lock without a look at whose it is by now.
    pub(super) fn release_unchecked(self) -> Self {
        Self { owner_checked: false, ..self }
    }

    /// Calls under the lock; `None` if the lock was lost before it came to an end that counts.
    async fn call(&self, held: &Held, task: &Task, hands: &dyn Hands, before: u32) -> Called {
        let caught = Caught::new(hands);
        let lost = std::cell::Cell::new(false);
        let attempt = async |n, due| {
            let _permit = tokio::select! {
                biased;
                permit = Permit::acquire(&self.permits) => permit,
                () = hands.stopped() => return Err(JobEnd::Cancelled),
            };
            if self.fenced && !self.shelf.renew(held).await {
                lost.set(true);
                return Err(JobEnd::Cancelled);
            }
            let call = Call {
                lease: Some(held.lease(self.fenced)),
                idempotency_key: self.fenced.then(|| format!("{}{}", self.prefix, held.lock)),
                ..Call::new(before + n, due)
            };
            let answer = send(hands, task, call).await?;
            // A stale token: somebody else has held the lock since.
            // The provider says of a stale token, and of no other conflict, that it never becomes good again.
            let refused = answer.status == Some(409) && answer.should_retry == Some(false);
            lost.set(self.fenced && refused);
            Ok(answer)
        };
        let work = drive(&self.retry, task, &caught, attempt);
        if self.fenced {
            let renewed = async {
                self.shelf.keep_alive(held, hands).await;
                std::future::pending::<()>().await;
            };
            tokio::select! {
                biased;
                () = work => {}
                () = renewed => {}
            }
        } else {
            work.await;
        }
        let (answer, end, attempts) =
            caught.result().unwrap_or_else(|| (Answer::not_sent(hands.now()), JobEnd::Cancelled, 0));
        Called { answer, end, attempts: before + attempts, lost: lost.get() }
    }

    async fn give_back(&self, held: &Held) {
        if self.owner_checked {
            self.shelf.release(held).await;
        } else {
            self.shelf.release_unchecked(held).await;
        }
    }
}

/// What a call under a lock came to.
struct Called {
    answer: Answer,
    end: JobEnd,
    /// Attempts of the job so far.
    attempts: u32,
    /// The lock was lost, and nothing came of the call.
    lost: bool,
}

impl Strategy for RedisLock {
    fn run<'a>(&'a self, task: Task, hands: Rc<dyn Hands + 'a>) -> LocalFuture<'a, ()> {
        Box::pin(async move {
            let mut attempts = 0;
            loop {
                let turn = self.shelf.turn(&task, &*hands).await;
                if without_turn(&turn, &task, &*hands, attempts) {
                    return;
                }
                let Turn::Held(mut held) = turn else { return };
                if let Some((answer, end)) = self.shelf.settled(&mut held, &task, &*hands).await {
                    self.give_back(&held).await;
                    return hands.record(&task, &answer, end, attempts);
                }
                let called = self.call(&held, &task, &*hands, attempts).await;
                attempts = called.attempts;
                // Asking again what may have been accepted may be billed twice: the doubt is everybody's then.
                let in_doubt = called.answer.outcome == Outcome::Unknown
                    && !self.retry.repeats_accepted()
                    && !called.lost;
                if called.answer.outcome == Outcome::Ok || in_doubt {
                    self.shelf.keep(&task, &called.answer, called.end).await;
                }
                self.give_back(&held).await;
                if !called.lost {
                    return hands.record(&task, &called.answer, called.end, attempts);
                }
            }
        })
    }
}
