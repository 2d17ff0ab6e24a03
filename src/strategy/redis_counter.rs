//! `redis-counter`: a semaphore whose totals stand in Redis.
//!
//! For programs of several processes, whose own counters each know a part only. Each attempt is counted
//! before it is sent, so that a process that is killed with it leaves a count, and what it cost is added when
//! it is over; both once, under the attempt's own name, so that a booking without an answer can be repeated.
//! What cannot be booked stays open, and an account with something open, or one that its server has
//! forgotten, is no account. The wrong choice for one process, whose atomic counters do the same without two
//! round trips for each attempt.

use super::REDIS_PATIENCE;
use super::parameters::{check_share, is_one, one};
use super::redis::{Counters, RedisClient, RedisError};
use super::{
    Advice, Answer, Books, Call, Hands, LocalFuture, Missing, OwnCounts, Permit, PermitQueue, Problem,
    ProcessContext, Redis, ReportedTokens, Retry, RetryPolicy, Seen, Strategy, Task, drive_with, send,
};
use crate::history::{JobEnd, Outcome};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// Counters in Redis.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Counter")]
pub struct Parameters {
    /// "spawn" starts a private redis-server; else the URL of your own, `redis://` or `rediss://`, with
    /// `${VARIABLE}` for its password.
    #[serde(default)]
    #[schemars(with = "String", extend("format" = "deadheat-url"))]
    pub redis: Redis,
    /// Attempts at once, over all processes.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub permits: u32,
    /// Over how many processes it is spread.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    #[schemars(range(min = 1, max = 64))]
    pub processes: u32,
}

impl super::Parameters for Parameters {
    fn build(&self, retry: &Retry, process: &ProcessContext) -> Arc<dyn Strategy> {
        let permits = process.share(self.permits, self.processes);
        let policy = RetryPolicy::new(retry.clone());
        Arc::new(RedisCounter::new(process.redis(), &process.prefix, permits, policy))
    }

    fn cap(&self) -> Option<u32> {
        Some(self.permits)
    }

    fn processes(&self) -> u32 {
        self.processes
    }

    fn redis(&self) -> Option<&Redis> {
        Some(&self.redis)
    }

    fn redis_mut(&mut self) -> Option<&mut Redis> {
        Some(&mut self.redis)
    }

    fn check(&self) -> Vec<Problem> {
        check_share("permits", self.permits.into(), 1, self.processes).into_iter().collect()
    }

    fn without(key: &str) -> Option<Missing> {
        (key == "counters").then_some((
            "its counters stand in Redis, for all processes",
            "leave it out; [strategy.semaphore] has counters that each process keeps for itself",
        ))
    }

    fn wrong_when(&self, seen: &Seen<'_>) -> Advice {
        let rule =
            "wrong where one process is enough, for every attempt asks Redis first, and no Redis is no call";
        Advice::new(rule, seen.response())
    }
}

/// The wait before a booking is repeated that Redis did not confirm.
const PAUSE: Duration = Duration::from_millis(20);

/// Takes a permit for each attempt, and books it in Redis.
#[derive(Debug)]
pub struct RedisCounter {
    counters: Counters,
    /// When the account was opened, by which it is known again; or why it could not be.
    since_us: Result<u64, String>,
    permits: PermitQueue,
    retry: RetryPolicy,
}

impl RedisCounter {
    /// With so many permits, and totals under `prefix`, which are opened. Blocks for some seconds at the
    /// most.
    #[must_use]
    pub fn new(redis: &RedisClient, prefix: &str, permits: u32, retry: RetryPolicy) -> Self {
        let counters = Counters::new(redis.clone(), prefix);
        let since_us = counters.open().map_err(|error| error.to_string());
        Self { counters, since_us, permits: PermitQueue::new(permits), retry }
    }

    /// A job that comes again: what is known of its attempts is booked, unless it was; and an attempt that
    /// was about to be sent, but never was, is taken back.
    async fn catch_up(&self, task: &Task, hands: &dyn Hands, earlier: &[Option<ReportedTokens>]) {
        for (n, usage) in (1..).zip(earlier) {
            if self.settle(&id(task, n), usage.unwrap_or_default(), hands).await.is_err() {
                return;
            }
        }
        let next = id(task, earlier.len() as u32 + 1);
        let _given_up = patiently(hands, async || self.counters.withdraw(&next).await).await;
    }

    /// Makes an attempt under this name that is counted before it is sent.
    async fn counted<'a>(
        &self,
        id: &str,
        task: &'a Task,
        hands: &'a dyn Hands,
        call: Call<'a>,
    ) -> Result<Answer, JobEnd> {
        patiently(hands, async || self.counters.begin(id).await).await?;
        let sent = send(hands, task, call).await;
        if sent.is_err() {
            // If that fails it stays open.
            let _given_up = patiently(hands, async || self.counters.withdraw(id).await).await;
        }
        sent
    }

    /// Adds what an attempt has cost. If that fails it stays open.
    async fn settle(&self, id: &str, usage: ReportedTokens, hands: &dyn Hands) -> Result<(), JobEnd> {
        let ReportedTokens { prompt_tokens, completion_tokens } = usage;
        // Redis counts to 2⁶³ − 1. A provider may report more.
        if i64::try_from(prompt_tokens.max(completion_tokens)).is_err() {
            return Err(JobEnd::Exhausted);
        }
        let settle = async || self.counters.settle(id, prompt_tokens, completion_tokens).await;
        patiently(hands, settle).await
    }

    fn account(&self) -> Result<OwnCounts, String> {
        let since_us = self.since_us.clone()?;
        let standing = self.counters.read().map_err(|error| error.to_string())?;
        if standing.since_us != Some(since_us) {
            return Err("Redis has lost its memory since the account was opened".to_owned());
        }
        if standing.unsettled > 0 {
            return Err(format!("{} attempts were counted and never settled", standing.unsettled));
        }
        Ok(standing.counts)
    }
}

/// The name of an attempt, over all processes that the job is given to.
fn id(task: &Task, n: u32) -> String {
    format!("{}:{n}", task.job)
}

/// Asks until Redis answers, or its time is over. A run that is stopped asks once more.
async fn patiently(hands: &dyn Hands, ask: impl AsyncFn() -> Result<bool, RedisError>) -> Result<(), JobEnd> {
    let since = hands.now();
    let mut stopped = false;
    while ask().await.is_err() {
        if stopped {
            return Err(JobEnd::Cancelled);
        }
        if hands.now() - since > REDIS_PATIENCE {
            return Err(JobEnd::Exhausted);
        }
        stopped = !hands.wait_until(hands.now() + PAUSE).await;
    }
    Ok(())
}

impl Strategy for RedisCounter {
    fn run<'a>(&'a self, task: Task, hands: Rc<dyn Hands + 'a>) -> LocalFuture<'a, ()> {
        Box::pin(async move {
            let earlier = hands.earlier();
            if let Some(earlier) = earlier {
                self.catch_up(&task, &*hands, earlier).await;
            }
            let before = earlier.map_or(0, |earlier| earlier.len() as u32);
            let attempt = async |n, due| {
                let permit = Permit::unless_stopped(&self.permits, &*hands).await?;
                let id = id(&task, before + n);
                let counted = self.counted(&id, &task, &*hands, Call::new(n, due));
                let answer = self.retry.through_breaker(hands.now(), counted).await?;
                drop(permit);
                // What is said of the attempt is said first: then the process that takes the job over knows
                // what to book.
                tokio::task::yield_now().await;
                let usage = answer.usage.filter(|_| answer.outcome == Outcome::Ok).unwrap_or_default();
                let _given_up = self.settle(&id, usage, &*hands).await;
                Ok(answer)
            };
            drive_with(&self.retry, &task, &*hands, attempt).await;
        })
    }

    fn books(&self) -> Books {
        Books::Central(self.account())
    }
}
