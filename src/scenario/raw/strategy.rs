//! `[strategy.*]`, `[[nemesis]]` and `optimise`.

use crate::units::text::Span;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a client turns jobs into attempts under concurrency. Those named `broken-…` have one planted bug each.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(in crate::scenario) enum Strategy {
    /// Every job at once.
    Unbounded(Plain),
    /// At most `permits` attempts at once: the first choice for one program and one provider.
    Semaphore(Permits),
    /// OS threads that take jobs from a queue and call a blocking client.
    ThreadPool(Workers),
    /// A lock in Redis around each question, held for the whole call, renewed and fenced.
    RedisLock(Guard),
    /// A semaphore whose counters stand in Redis, for programs of several processes.
    RedisCounter(Counter),
    /// Jobs that ask the same share one call.
    SingleFlight(Single),
    /// At most so many attempts per second: for a provider that limits its rate.
    TokenBucket(Bucket),
    /// A limit that follows what the provider bears.
    Adaptive(Adaptive),
    /// A second attempt when the first is late: less tail, more cost.
    Hedged(Hedged),
    /// One `Idempotency-Key` per job: for a provider that honours it.
    Idempotent(Permits),
    /// A budget of tokens that is kept by reservation.
    Budgeted(Purse),
    /// Broken: the counter is read before the call and written after it.
    BrokenCounter(Single),
    /// Broken: threads add to shared totals without a lock.
    BrokenTotals(Threads),
    /// Broken: results are appended as they complete.
    BrokenResultOrder(Single),
    /// Broken: the first error ends the batch.
    BrokenAbortOnError(Single),
    /// Broken: a retry asks for a permit while its job holds one.
    BrokenRetryInPermit(Single),
    /// Broken: a refused attempt comes back at once.
    BrokenNoBackoff(Single),
    /// Broken: all refused attempts come back after the same wait.
    BrokenNoJitter(Single),
    /// Broken: `Retry-After` is not read.
    BrokenIgnoresRetryAfter(Single),
    /// Broken: looks into the cache, calls, stores.
    BrokenCache(Single),
    /// Broken: looks at what was spent, calls, adds.
    BrokenBudget(Spend),
    /// Broken: a lock that is neither renewed nor fenced.
    BrokenLockUnfenced(Lock),
    /// Broken: a lock that is released without a look at whose it is.
    BrokenLockRelease(Lock),
    /// Broken: a lock around the counter, and the call outside of it.
    BrokenLockCounterOnly(Lock),
    /// Broken: an error keeps its permit.
    BrokenPermitLeak(Single),
    /// Broken: every process has the whole limit for itself.
    BrokenLocalLimit(Spread),
    /// Broken: every process counts for itself, and one count is taken for the sum.
    BrokenLocalCounters(Spread),
    /// Broken: what may have been accepted is sent again under a new key.
    BrokenNoIdempotencyKey(Single),
}

impl Strategy {
    /// What a scenario without strategies has.
    pub(in crate::scenario) fn unbounded() -> Self {
        Self::Unbounded(Plain { processes: 1, counters: Counters::Merged })
    }
}

/// What is counted where there are several processes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(in crate::scenario) enum Counters {
    /// The sum over all processes.
    #[default]
    Merged,
    /// Broken: what one process has counted is taken for the whole.
    Local,
}

macro_rules! parameters {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $kind:ty,)* })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub(in crate::scenario) struct $name {
            $($(#[$field_doc])* pub(in crate::scenario) $field: $kind,)*
        }
    )*};
}

/// Parameters of a strategy that may be spread over processes.
macro_rules! spread_parameters {
    ($($(#[$doc:meta])* $name:ident { $($fields:tt)* })*) => { parameters! {$(
        $(#[$doc])*
        $name {
            $($fields)*
            /// Over how many processes it is spread; each gets its share of all else.
            #[serde(default = "one", skip_serializing_if = "is_one")]
            #[schemars(range(min = 1, max = 64))]
            processes: u32,
            /// What is counted where there are several processes.
            #[serde(default, skip_serializing_if = "is_merged")]
            counters: Counters,
        }
    )*} };
}

spread_parameters! {
    /// Without a limit of its own.
    Plain {}

    /// Attempts at once, in one process or several.
    Permits {
        /// Attempts at once, over all processes.
        #[schemars(range(min = 1, max = 1_000_000))]
        permits: u32,
    }

    /// Threads, in one process or several.
    Workers {
        /// Threads, over all processes.
        #[schemars(range(min = 1, max = 4096))]
        workers: u32,
    }

    /// A rate, in one process or several.
    Bucket {
        /// Attempts per second, over all processes.
        #[schemars(range(min = 0.001, max = 10_000_000.0))]
        rate: f64,
        /// Attempts that may come at once, over all processes.
        #[serde(default = "one")]
        #[schemars(range(min = 1, max = 1_000_000))]
        burst: u32,
    }

    /// A limit that moves, in one process or several.
    Adaptive {
        /// By which rule.
        #[serde(default)]
        rule: LimitRule,
        /// Least attempts at once, over all processes.
        #[serde(default = "one")]
        #[schemars(range(min = 1, max = 1_000_000))]
        min: u32,
        /// Most attempts at once, over all processes.
        #[schemars(range(min = 1, max = 1_000_000))]
        max: u32,
    }

    /// A second attempt when the first is late.
    Hedged {
        /// Attempts at once, second ones included, over all processes.
        #[schemars(range(min = 2, max = 1_000_000))]
        permits: u32,
        /// How late the first has to be.
        after: Span,
    }

    /// A lock in Redis, whose answers are shared.
    Guard {
        /// "spawn" starts a private redis-server; else the URL of your own, `redis://` or `rediss://`, with
        /// `${VARIABLE}` for its password.
        #[serde(default = "spawn")]
        #[schemars(extend("format" = "deadheat-url"))]
        redis: String,
        /// How long a lock lasts that nobody renews.
        #[serde(default = "ttl")]
        ttl: Span,
        /// Attempts at once, over all processes.
        #[serde(default = "ten")]
        #[schemars(range(min = 1, max = 1_000_000))]
        permits: u32,
    }

    /// A budget of its own, in one process or several.
    Purse {
        /// Attempts at once, over all processes.
        #[schemars(range(min = 1, max = 1_000_000))]
        permits: u32,
        /// Most tokens, prompt and completion, that may be billed in a cell, over all processes.
        #[schemars(range(min = 1, max = 1_000_000_000_000_000_i64))]
        max_tokens: u64,
    }
}

parameters! {
    /// Attempts at once, in one process.
    Single {
        /// Attempts at once.
        #[schemars(range(min = 1, max = 1_000_000))]
        permits: u32,
    }

    /// Attempts at once, in several processes.
    Spread {
        /// Attempts at once.
        #[schemars(range(min = 1, max = 1_000_000))]
        permits: u32,
        /// Over how many processes it is spread.
        #[schemars(range(min = 2, max = 64))]
        processes: u32,
    }

    /// Threads, in one process.
    Threads {
        /// Threads.
        #[schemars(range(min = 1, max = 4096))]
        workers: u32,
    }

    /// A lock in Redis.
    Lock {
        /// "spawn" starts a private redis-server; else the URL of your own, `redis://` or `rediss://`, with
        /// `${VARIABLE}` for its password.
        #[serde(default = "spawn")]
        #[schemars(extend("format" = "deadheat-url"))]
        redis: String,
        /// How long a lock lasts that nobody renews.
        #[serde(default = "ttl")]
        ttl: Span,
        /// Attempts at once, over all processes.
        #[serde(default = "ten")]
        #[schemars(range(min = 1, max = 1_000_000))]
        permits: u32,
        /// Over how many processes it is spread.
        #[serde(default = "one", skip_serializing_if = "is_one")]
        #[schemars(range(min = 1, max = 64))]
        processes: u32,
    }

    /// Counters in Redis.
    Counter {
        /// "spawn" starts a private redis-server; else the URL of your own, `redis://` or `rediss://`, with
        /// `${VARIABLE}` for its password.
        #[serde(default = "spawn")]
        #[schemars(extend("format" = "deadheat-url"))]
        redis: String,
        /// Attempts at once, over all processes.
        #[schemars(range(min = 1, max = 1_000_000))]
        permits: u32,
        /// Over how many processes it is spread.
        #[serde(default = "one", skip_serializing_if = "is_one")]
        #[schemars(range(min = 1, max = 64))]
        processes: u32,
    }

    /// A budget of its own, in one process.
    Spend {
        /// Attempts at once.
        #[schemars(range(min = 1, max = 1_000_000))]
        permits: u32,
        /// Most tokens, prompt and completion, that may be billed in a cell.
        #[schemars(range(min = 1, max = 1_000_000_000_000_000_i64))]
        max_tokens: u64,
    }

    /// Something that goes wrong around a client that holds a lock.
    Nemesis {
        /// What: `kind.pause-holder = { for = "600ms" }`.
        kind: NemesisKind,
        /// At which acquisition of a lock in each cell, from 1.
        #[serde(default = "first")]
        #[schemars(range(min = 1, max = 1_000_000_000))]
        acquisition: u64,
        /// Only with this strategy (default: with every one that holds locks).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        strategy: Option<String>,
    }
}

/// The rule of an adaptive limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(in crate::scenario) enum LimitRule {
    /// Additive increase, multiplicative decrease.
    #[default]
    Aimd,
    /// By the ratio of long-term to short-term latency.
    Gradient,
}

/// What goes wrong around a holder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(in crate::scenario) enum NemesisKind {
    /// Its process is stopped right after it acquired the lock: `kind.pause-holder = { for = "600ms" }`.
    PauseHolder {
        /// For how long.
        r#for: Span,
    },
    /// Its process is killed right after it acquired the lock: `kind.kill-holder = {}`.
    KillHolder {},
    /// Redis is killed and started again, empty: `kind.restart-redis = {}`.
    RestartRedis {},
    /// The answer to its unlock is lost: `kind.lose-unlock = {}`.
    LoseUnlock {},
}

/// By what strategies are ranked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(in crate::scenario) enum Optimise {
    /// Most good jobs per second.
    #[default]
    Goodput,
    /// Least response at the 99th percentile.
    P99,
    /// Least cost per good job.
    Cost,
}

fn one() -> u32 {
    1
}

fn ten() -> u32 {
    10
}

fn first() -> u64 {
    1
}

fn is_one(n: &u32) -> bool {
    *n == 1
}

fn is_merged(counters: &Counters) -> bool {
    *counters == Counters::Merged
}

fn spawn() -> String {
    "spawn".to_owned()
}

fn ttl() -> Span {
    Span::from_ms(30_000)
}
