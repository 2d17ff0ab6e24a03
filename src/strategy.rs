//! The concurrency strategies under test, and the retry policy beside them.
//!
//! A strategy turns a job into attempts. It decides with the synchronous structs of `shared/` and waits
//! through [`Hands`], which the engine implements; it reads no clock, and opens no socket but to Redis.

mod adaptive;
mod bend;
pub mod broken;
mod budgeted;
mod drive;
mod hands;
mod hedged;
mod idempotent;
mod lock;
mod permit;
pub mod redis;
mod redis_counter;
mod redis_lock;
mod retry;
mod semaphore;
mod single_flight;
mod thread_pool;
mod token_bucket;
mod unbounded;

pub use adaptive::Adaptive;
pub use budgeted::Budgeted;
use drive::drive_unpaid;
pub use drive::{Hold, Made, drive_with, send};
pub use hands::{
    Answer, Blocking, Booked, Books, Call, Hands, Lease, LocalFuture, Strategy, Task, Unlock, Usage,
};
pub use hedged::Hedged;
pub use idempotent::Idempotent;
pub use permit::{Permit, PermitQueue};
pub use redis_counter::RedisCounter;
pub use redis_lock::RedisLock;
pub use retry::{Decision, RetryPolicy};
pub use semaphore::Semaphore;
pub use single_flight::SingleFlight;
pub use thread_pool::ThreadPool;
pub use token_bucket::TokenBucket;
pub use unbounded::Unbounded;

use crate::plan::{Backoff, Broken, Jitter, Retry, StrategyPlan, Twin, Way};
use redis::RedisClient;
use std::sync::Arc;
use std::time::Duration;

/// Where a strategy finds itself.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// Prefix of every key in Redis: no other cell of any run has it.
    pub prefix: String,
    /// Which of the strategy's processes this is, from 0.
    pub process: u32,
    /// Whether it takes the place of one that died. What that one had used up, nobody knows.
    pub successor: bool,
    /// The Redis of strategies that need one.
    pub redis: Option<RedisClient>,
}

impl Default for Surroundings {
    fn default() -> Self {
        Self { prefix: "deadheat:".to_owned(), process: 0, successor: false, redis: None }
    }
}

/// This process's share of `n` permits, threads or the like: the first processes get one more.
#[must_use]
pub fn share(n: u32, process: u32, processes: u32) -> u32 {
    n / processes + u32::from(process < n % processes)
}

/// The same of many.
fn part(n: u64, process: u32, processes: u32) -> u64 {
    let (process, processes) = (u64::from(process), u64::from(processes));
    n / processes + u64::from(process < n % processes)
}

/// The strategy that the plan names, with the plan's retry policy beside it.
///
/// # Panics
/// If the strategy needs Redis and `around` has none: who starts a run sees to that.
#[must_use]
pub fn build(plan: &StrategyPlan, retry: &Retry, around: &Surroundings) -> Arc<dyn Strategy> {
    let policy = RetryPolicy::new(retry.clone());
    let share = |n| share(n, around.process, plan.processes);
    let redis = || around.redis.as_ref().expect("a Redis for a strategy that needs one");
    match &plan.way {
        Way::Semaphore { permits } => Arc::new(Semaphore::new(share(*permits), policy)),
        Way::RedisLock(lock) => {
            Arc::new(RedisLock::new(redis(), &around.prefix, lock.ttl, share(lock.permits), policy))
        }
        Way::RedisCounter { permits, .. } => {
            Arc::new(RedisCounter::new(redis(), &around.prefix, share(*permits), policy))
        }
        Way::Broken(twin) => build_broken(twin, retry, around, share(twin.permits)),
        Way::Unbounded => Arc::new(Unbounded::new(policy)),
        Way::ThreadPool { workers } => Arc::new(ThreadPool::new(share(*workers), policy)),
        // For one process only: another's flights are unknown to it.
        Way::SingleFlight { permits } => Arc::new(SingleFlight::new(*permits, &around.prefix, policy)),
        Way::TokenBucket { rate_per_s, burst } => {
            let rate_per_s = rate_per_s / f64::from(plan.processes);
            let bucket = TokenBucket::new(rate_per_s, share(*burst), policy);
            Arc::new(if around.successor { bucket.emptied() } else { bucket })
        }
        // Each process follows its own limit, below its share of the most.
        Way::Adaptive { rule, min, max } => {
            Arc::new(Adaptive::new(*rule, share(*min).max(1), share(*max), policy))
        }
        Way::Hedged { permits, after } => {
            Arc::new(Hedged::new(share(*permits), *after, retry.max_attempts, policy))
        }
        Way::Idempotent { permits } => {
            let policy = RetryPolicy::new(Retry { transport: true, ..retry.clone() });
            Arc::new(Idempotent::new(share(*permits), &around.prefix, policy))
        }
        Way::Budgeted { permits, max_tokens } => {
            // Its forerunner may have spent all of it.
            let own = if around.successor { 0 } else { part(*max_tokens, around.process, plan.processes) };
            Arc::new(Budgeted::new(share(*permits), own, policy))
        }
    }
}

fn build_broken(broken: &Broken, retry: &Retry, around: &Surroundings, permits: u32) -> Arc<dyn Strategy> {
    use broken::{
        AbortOnError, CheckedBudget, CheckedCache, CompletionOrder, FreshKeys, LeakyPermit, LockedCounter,
        NestedPermit, StaleCounter, UnlockedTotals,
    };
    let policy = RetryPolicy::new(retry.clone());
    let with = |change: &dyn Fn(&mut Retry)| {
        let mut retry = retry.clone();
        change(&mut retry);
        RetryPolicy::new(retry)
    };
    let lock = || {
        let redis = around.redis.as_ref().expect("a Redis for a strategy that needs one");
        let ttl = broken.lock.as_ref().map_or(Duration::ZERO, |lock| lock.ttl);
        (redis, around.prefix.as_str(), ttl)
    };
    match broken.twin {
        Twin::Counter => Arc::new(StaleCounter::new(permits, policy)),
        Twin::ResultOrder => Arc::new(CompletionOrder::new(permits, policy)),
        Twin::AbortOnError => Arc::new(AbortOnError::new(permits)),
        Twin::RetryInPermit => Arc::new(NestedPermit::new(permits, policy)),
        Twin::NoBackoff => Arc::new(Semaphore::new(permits, with(&|retry| retry.backoff = Backoff::None))),
        Twin::NoJitter => Arc::new(Semaphore::new(permits, with(&without_jitter))),
        Twin::IgnoresRetryAfter => {
            Arc::new(Semaphore::new(permits, with(&|retry| retry.respect_retry_after = false)))
        }
        Twin::Cache => Arc::new(CheckedCache::new(permits, policy)),
        Twin::Budget => Arc::new(CheckedBudget::new(permits, broken.max_tokens.unwrap_or(u64::MAX), policy)),
        Twin::LockUnfenced | Twin::LockRelease => {
            let (redis, prefix, ttl) = lock();
            let right = RedisLock::new(redis, prefix, ttl, permits, policy);
            let unfenced = broken.twin == Twin::LockUnfenced;
            Arc::new(if unfenced { right.unfenced() } else { right.release_unchecked() })
        }
        Twin::LockCounterOnly => {
            let (redis, prefix, ttl) = lock();
            Arc::new(LockedCounter::new(redis, prefix, ttl, permits, policy))
        }
        Twin::PermitLeak => Arc::new(LeakyPermit::new(permits, policy)),
        // Every process has all the permits.
        Twin::LocalLimit => Arc::new(Semaphore::new(broken.permits, policy)),
        // What is wrong with it is which of its processes' counts the engine believes.
        Twin::LocalCounters => Arc::new(Semaphore::new(permits, policy)),
        Twin::NoIdempotencyKey => Arc::new(FreshKeys::new(permits, with(&|retry| retry.transport = true))),
        Twin::Totals => Arc::new(UnlockedTotals::new(permits, policy)),
    }
}

/// The same waits for everybody.
fn without_jitter(retry: &mut Retry) {
    match &mut retry.backoff {
        Backoff::None => {}
        Backoff::Fixed { jitter, .. } | Backoff::Exponential { jitter, .. } => *jitter = Jitter::None,
    }
}
