//! `redis-lock`: one lock for each question, held in Redis for the whole call.
//!
//! For several processes that may be given the same work twice: the process that gets the lock asks, every
//! other takes its answer. The lock is renewed while the call lasts and looked at again right before the
//! call, and its fencing token goes with the call, for a Redis lock alone excludes no client (see
//! [`super::redis`]); one `Idempotency-Key` per question saves the bill where the provider honours it. A job
//! that loses its lock, or is refused for a stale token, tries again under the next one by the same policy as
//! after any failure. The wrong choice where nothing is asked twice: every job then pays two round trips for
//! nothing; and no safe one where the key is not honoured: a lock that Redis loses during a call is another's
//! before the answer is there.

use super::REDIS_PATIENCE;
use super::lock::{EndCapture, HeldLock, LockOutcome, QuestionLocks};
use super::parameters::{check_share, check_ttl, is_one, one, ten, thirty_seconds};
use super::redis::RedisClient;
use super::{
    Advice, Answer, Blocked, Call, Counters, Hands, LocalFuture, Permit, PermitQueue, Problem,
    ProcessContext, Redis, Retry, RetryPolicy, Seen, Strategy, Task, drive_unpaid,
};
use crate::history::{JobEnd, Outcome};
use crate::units::text::{Span, span};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// A lock in Redis, whose answers are shared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Guard")]
pub struct Parameters {
    /// "spawn" starts a private redis-server; else the URL of your own, `redis://` or `rediss://`, with
    /// `${VARIABLE}` for its password.
    #[serde(default)]
    #[schemars(with = "String", extend("format" = "deadheat-url"))]
    pub redis: Redis,
    /// How long a lock lasts that is not renewed.
    #[serde(default = "thirty_seconds", with = "span")]
    #[schemars(with = "Span")]
    pub ttl: Duration,
    /// Attempts at once, over all processes.
    #[serde(default = "ten")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub permits: u32,
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
        Arc::new(RedisLock::new(process.redis(), &process.prefix, self.ttl, permits, policy))
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

    fn shares_answers(&self) -> bool {
        true
    }

    fn lock_ttl(&self) -> Option<Duration> {
        Some(self.ttl)
    }

    fn redis(&self) -> Option<&Redis> {
        Some(&self.redis)
    }

    fn redis_mut(&mut self) -> Option<&mut Redis> {
        Some(&mut self.redis)
    }

    fn check(&self) -> Vec<Problem> {
        let permits = check_share("permits", self.permits.into(), 1, self.processes);
        check_ttl(self.ttl).into_iter().chain(permits).collect()
    }

    fn wrong_when(&self, seen: &Seen<'_>) -> Advice {
        let once = if seen.repeats == 1 { ", as here" } else { "" };
        let ignored = match &*seen.ignores_keys {
            [] => String::new(),
            targets => format!(", as by {} here", targets.join(", ")),
        };
        let rule = format!(
            "wrong where nothing is asked twice{once}, for each job pays for its lock; and where \
             Idempotency-Key is \
             not honoured{ignored}, for a lock that Redis loses during a call is billed twice"
        );
        Advice::new(rule, seen.response())
    }
}

/// A job whose lock is lost asks for it again after this at the least, whatever its back-off.
const PAUSE: Duration = Duration::from_millis(10);

/// Takes the question's lock for each job.
#[derive(Debug)]
pub struct RedisLock {
    shelf: QuestionLocks,
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
        let (shelf, permits) = (QuestionLocks::new(redis, prefix, ttl), PermitQueue::new(permits));
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

    /// Makes attempt `n` under the question's lock, which is taken first if it is not held.
    async fn attempt(
        &self,
        round: &Round,
        task: &Task,
        hands: &dyn Hands,
        n: u32,
        due: Duration,
    ) -> Result<Answer, Blocked> {
        let held = self.hold(round, task, hands).await?;
        let _permit = Permit::unless_stopped(&self.permits, hands).await?;
        if self.fenced && !self.shelf.renew(&held).await {
            self.let_go(round).await;
            return Err(round.lost(hands.now()));
        }
        if !round.begun.replace(true) {
            self.retry.deposit();
        }
        let call = Call {
            lease: Some(held.lease(self.fenced)),
            idempotency_key: self.fenced.then(|| format!("{}{}", self.prefix, held.lock)),
            ..Call::new(n, due)
        };
        let answer = self.retry.send(hands, task, call).await?;
        round.lost_since.set(None);
        // A stale token: another client has held the lock since. The provider says of a stale token, and of
        // no other conflict, that it never becomes good again; but the next lock has a new one.
        let stale = answer.status == Some(409) && answer.should_retry == Some(false);
        if self.fenced && stale {
            self.let_go(round).await;
            return Ok(Answer { should_retry: Some(true), ..answer });
        }
        Ok(answer)
    }

    /// The question's lock, unless it is answered.
    async fn hold(&self, round: &Round, task: &Task, hands: &dyn Hands) -> Result<Rc<HeldLock>, Blocked> {
        if let Some(held) = round.held.borrow().clone() {
            return Ok(held);
        }
        let known = |answer, end| {
            round.known.set(true);
            Blocked::Known(Box::new(answer), end)
        };
        let mut held = match self.shelf.turn(task, hands).await {
            LockOutcome::Held(held) => held,
            LockOutcome::Answered(answer, end) => return Err(known(answer, end)),
            LockOutcome::NoRedis => return Err(JobEnd::Exhausted.into()),
            LockOutcome::Stopped => return Err(JobEnd::Cancelled.into()),
        };
        if let Some((answer, end)) = self.shelf.settled(&mut held, task, hands).await {
            self.give_back(&held).await;
            return Err(known(answer, end));
        }
        let held = Rc::new(held);
        round.held.replace(Some(held.clone()));
        Ok(held)
    }

    async fn let_go(&self, round: &Round) {
        // Borrowed no longer than it takes: others look at it while Redis is asked.
        let held = round.held.take();
        if let Some(held) = held {
            self.give_back(&held).await;
        }
    }

    /// Renews whatever lock the job holds three times a term, for as long as it is polled.
    async fn keep_alive(&self, round: &Round, hands: &dyn Hands) {
        while hands.wait_until(hands.now() + self.shelf.ttl / 3).await {
            let held = round.held.borrow().clone();
            if let Some(held) = held {
                // One that is lost is seen where it is about to be used.
                let _kept = self.shelf.renew(&held).await;
            }
        }
        std::future::pending().await
    }

    async fn give_back(&self, held: &HeldLock) {
        if self.owner_checked {
            self.shelf.release(held).await;
        } else {
            self.shelf.release_unchecked(held).await;
        }
    }
}

/// What a job has in hand, from one try to the next.
#[derive(Default)]
struct Round {
    held: RefCell<Option<Rc<HeldLock>>>,
    /// A first attempt has gone out.
    begun: Cell<bool>,
    /// The job's end is another's.
    known: Cell<bool>,
    /// Since when every lock that it took was lost before it could be used.
    lost_since: Cell<Option<Duration>>,
}

impl Round {
    /// The lock was lost before the call.
    fn lost(&self, now: Duration) -> Blocked {
        let since = self.lost_since.get().unwrap_or(now);
        self.lost_since.set(Some(since));
        if now - since > REDIS_PATIENCE { JobEnd::Exhausted.into() } else { Blocked::Lost(PAUSE) }
    }
}

impl Strategy for RedisLock {
    fn run<'a>(&'a self, task: Task, hands: Rc<dyn Hands + 'a>) -> LocalFuture<'a, ()> {
        Box::pin(async move {
            let (round, caught) = (Round::default(), EndCapture::new(&*hands));
            let attempt = async |n, due| self.attempt(&round, &task, &*hands, n, due).await;
            let work = drive_unpaid(&self.retry, &task, &caught, attempt);
            if self.fenced {
                tokio::select! {
                    biased;
                    () = work => {}
                    () = self.keep_alive(&round, &*hands) => {}
                }
            } else {
                work.await;
            }
            let Some((answer, end, attempts)) = caught.result() else { return };
            // Asking again what may have been accepted may be billed twice: the doubt is every waiter's then.
            let in_doubt = answer.outcome == Outcome::Unknown && !self.retry.repeats_accepted();
            if !round.known.get() && (answer.outcome == Outcome::Ok || in_doubt) {
                self.shelf.keep(&task, &answer, end).await;
            }
            self.let_go(&round).await;
            hands.record(&task, &answer, end, attempts);
        })
    }
}
