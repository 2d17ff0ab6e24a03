//! The concurrency strategies under test, and the retry policy beside them.
//!
//! A strategy turns a job into attempts. It decides with the synchronous structs of `shared/` and waits
//! through [`Hands`], which the engine implements; it reads no clock, and opens no socket but to Redis.
//!
//! One strategy is one file: its parameters, its code, and when it is the wrong choice. A new one is named in
//! the table below.

mod adaptive;
mod advice;
mod backoff;
pub mod broken;
mod budgeted;
mod drive;
mod hands;
mod hands_layer;
mod hedged;
mod idempotent;
mod lock;
mod parameters;
mod permit;
mod process;
pub mod redis;
mod redis_counter;
mod redis_lock;
mod retry;
mod semaphore;
mod single_flight;
mod thread_pool;
mod token_bucket;
mod unbounded;

pub use adaptive::{Adaptive, LimitRule};
pub use advice::{Advice, Seen, SemaphoreResult};
pub use backoff::{Backoff, Jitter};
pub use budgeted::Budgeted;
use drive::drive_unpaid;
pub use drive::{Blocked, Made, drive_with, send};
pub use hands::{
    Answer, Blocking, Books, Call, Hands, Lease, LocalFuture, OwnCounts, ReportedTokens, Strategy, Task,
    Unlock,
};
pub use hedged::Hedged;
pub use idempotent::Idempotent;
pub use parameters::{Counters, Missing, Parameters, Permits, Problem, Redis, Single};
pub use permit::{Permit, PermitQueue};
pub use process::{ProcessContext, share};
pub use redis_counter::RedisCounter;
pub use redis_lock::RedisLock;
pub use retry::{BreakerPlan, Decision, Retry, RetryBudgetPlan, RetryPolicy};
pub use semaphore::Semaphore;
pub use single_flight::SingleFlight;
pub use thread_pool::ThreadPool;
pub use token_bucket::TokenBucket;
pub use unbounded::Unbounded;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::ops::Deref;
use std::time::Duration;

/// For how long a strategy asks a Redis again that does not answer, or that loses its locks before they can
/// be used.
pub const REDIS_PATIENCE: Duration = Duration::from_secs(10);

/// Makes the enum of all strategies from a table of their descriptions, names and parameters.
macro_rules! strategies {
    ($($(#[$description:meta])* $name:literal => $variant:ident($parameters:ty),)*) => {
        /// How a client turns jobs into attempts under concurrency. Those named `broken-…` have one planted
        /// bug each.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        #[schemars(rename = "Strategy")]
        pub enum StrategyPlan {
            $($(#[$description])* #[serde(rename = $name)] $variant($parameters),)*
        }

        impl StrategyPlan {
            /// All names, in the order of the table: right strategies first.
            pub const NAMES: &[&str] = &[$($name),*];

            /// The name in the file, `[strategy.NAME]`.
            #[must_use]
            pub fn name(&self) -> &'static str {
                match self {
                    $(Self::$variant(_) => $name,)*
                }
            }

            /// Why the strategy of this name has no parameter `key` although others have it.
            #[must_use]
            pub fn without(name: &str, key: &str) -> Option<Missing> {
                match name {
                    twin if twin.starts_with("broken-") => broken::without(key),
                    $($name => <$parameters>::without(key),)*
                    _ => None,
                }
            }

            /// The Redis that it needs, to replace variables in its URL.
            pub fn redis_mut(&mut self) -> Option<&mut Redis> {
                match self {
                    $(Self::$variant(parameters) => parameters.redis_mut(),)*
                }
            }
        }

        impl Deref for StrategyPlan {
            type Target = dyn Parameters;

            fn deref(&self) -> &Self::Target {
                match self {
                    $(Self::$variant(parameters) => parameters,)*
                }
            }
        }
    };
}

strategies! {
    /// Every job at once.
    "unbounded" => Unbounded(unbounded::Parameters),
    /// At most `permits` attempts at once: the first choice for one program and one provider.
    "semaphore" => Semaphore(semaphore::Parameters),
    /// OS threads that take jobs from a queue and call a blocking client.
    "thread-pool" => ThreadPool(thread_pool::Parameters),
    /// A lock in Redis around each question, held for the whole call, renewed and fenced.
    "redis-lock" => RedisLock(redis_lock::Parameters),
    /// A semaphore whose counters stand in Redis, for programs of several processes.
    "redis-counter" => RedisCounter(redis_counter::Parameters),
    /// Jobs that ask the same share one call.
    "single-flight" => SingleFlight(single_flight::Parameters),
    /// At most so many attempts per second: for a provider that limits its rate.
    "token-bucket" => TokenBucket(token_bucket::Parameters),
    /// A limit that follows what the provider bears.
    "adaptive" => Adaptive(adaptive::Parameters),
    /// A second attempt when the first is late: less tail, more cost.
    "hedged" => Hedged(hedged::Parameters),
    /// One `Idempotency-Key` per job: for a provider that honours it.
    "idempotent" => Idempotent(idempotent::Parameters),
    /// A budget of tokens that is kept by reservation.
    "budgeted" => Budgeted(budgeted::Parameters),
    /// Broken: the counter is read before the call and written after it.
    "broken-counter" => BrokenCounter(broken::counter::Parameters),
    /// Broken: threads add to shared totals without a lock.
    "broken-totals" => BrokenTotals(broken::totals::Parameters),
    /// Broken: results are appended as they complete.
    "broken-result-order" => BrokenResultOrder(broken::result_order::Parameters),
    /// Broken: the first error ends the batch.
    "broken-abort-on-error" => BrokenAbortOnError(broken::abort_on_error::Parameters),
    /// Broken: a retry asks for a permit while its job holds one.
    "broken-retry-in-permit" => BrokenRetryInPermit(broken::retry_in_permit::Parameters),
    /// Broken: a refused attempt comes back at once.
    "broken-no-backoff" => BrokenNoBackoff(broken::no_backoff::Parameters),
    /// Broken: all refused attempts come back after the same wait.
    "broken-no-jitter" => BrokenNoJitter(broken::no_jitter::Parameters),
    /// Broken: `Retry-After` is not read.
    "broken-ignores-retry-after" => BrokenIgnoresRetryAfter(broken::ignores_retry_after::Parameters),
    /// Broken: looks into the cache, calls, stores.
    "broken-cache" => BrokenCache(broken::cache::Parameters),
    /// Broken: looks at what was spent, calls, adds.
    "broken-budget" => BrokenBudget(broken::budget::Parameters),
    /// Broken: a lock that is neither renewed nor fenced.
    "broken-lock-unfenced" => BrokenLockUnfenced(broken::lock_unfenced::Parameters),
    /// Broken: a lock that is released without a look at whose it is.
    "broken-lock-release" => BrokenLockRelease(broken::lock_release::Parameters),
    /// Broken: a lock around the counter, and the call outside of it.
    "broken-lock-counter-only" => BrokenLockCounterOnly(broken::lock_counter_only::Parameters),
    /// Broken: an error keeps its permit.
    "broken-permit-leak" => BrokenPermitLeak(broken::permit_leak::Parameters),
    /// Broken: every process has the whole limit for itself.
    "broken-local-limit" => BrokenLocalLimit(broken::local_limit::Parameters),
    /// Broken: every process counts for itself, and one count is taken for the sum.
    "broken-local-counters" => BrokenLocalCounters(broken::local_counters::Parameters),
    /// Broken: what may have been accepted is sent again under a new key.
    "broken-no-idempotency-key" => BrokenNoIdempotencyKey(broken::no_idempotency_key::Parameters),
}

impl Default for StrategyPlan {
    fn default() -> Self {
        Self::unbounded(1)
    }
}

impl StrategyPlan {
    /// Every job at once, over so many processes.
    #[must_use]
    pub fn unbounded(processes: u32) -> Self {
        Self::Unbounded(unbounded::Parameters { processes, counters: Counters::Merged })
    }

    /// At most `permits` attempts at once, in one process.
    #[must_use]
    pub fn semaphore(permits: u32) -> Self {
        Self::Semaphore(semaphore::Parameters(Permits::new(permits)))
    }

    /// What is broken about it on purpose; `None` for a right one. Local counters break a right strategy.
    #[must_use]
    pub fn twin(&self) -> Option<&'static str> {
        self.bug().or_else(|| self.local_counters().then_some("process-local counters"))
    }

    /// Whether the client takes what one process has counted for the whole: the planted bug of programs that
    /// were moved from threads to processes.
    #[must_use]
    pub fn local_counters(&self) -> bool {
        self.counters() == Counters::Local
    }

    /// Whether it holds locks, so that a nemesis can strike its holders.
    #[must_use]
    pub fn locks(&self) -> bool {
        self.lock_ttl().is_some()
    }

    /// Whether a job may have two attempts in flight.
    #[must_use]
    pub fn hedges(&self) -> bool {
        self.hedge_after().is_some()
    }

    /// What makes no sense about its parameters.
    #[must_use]
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems = self.check();
        if self.local_counters() && self.processes() < 2 {
            problems.push(Problem {
                key: "counters",
                what: "counters can only be local where there are several processes".to_owned(),
                help: "add processes = 2 or more, or leave it out".to_owned(),
            });
        }
        problems
    }
}
