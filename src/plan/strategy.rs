//! The strategies by name, the right ones and their broken twins, with their parameters.

use super::ExpandedUrl;
use std::time::Duration;

/// For how long a strategy asks a Redis again that does not answer, or that loses its locks before they can be used.
pub const REDIS_PATIENCE: Duration = Duration::from_secs(10);

/// One strategy of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct StrategyPlan {
    /// What it does.
    pub way: Way,
    /// Over how many processes it is spread, at least 1.
    pub processes: u32,
    /// Whether the client takes what one process has counted for the whole: the planted bug of programs that
    /// were moved from threads to processes.
    pub local_counters: bool,
}

/// How a client turns jobs into attempts under concurrency.
#[derive(Debug, Clone, PartialEq)]
pub enum Way {
    /// Every job at once.
    Unbounded,
    /// At most `permits` attempts at once.
    Semaphore {
        /// Attempts at once over all processes, at least 1.
        permits: u32,
    },
    /// OS threads that take jobs from a queue and call a blocking client.
    ThreadPool {
        /// Threads over all processes, at least 1.
        workers: u32,
    },
    /// A lock in Redis around each question, held for the whole call, renewed and fenced.
    RedisLock(Lock),
    /// A semaphore whose counters stand in Redis.
    RedisCounter {
        /// Where Redis is.
        redis: Redis,
        /// Attempts at once over all processes, at least 1.
        permits: u32,
    },
    /// The jobs of one question share one call.
    SingleFlight {
        /// Attempts at once, at least 1.
        permits: u32,
    },
    /// At most so many attempts per second.
    TokenBucket {
        /// Attempts per second over all processes, above zero.
        rate_per_s: f64,
        /// Attempts that may come at once, at least 1.
        burst: u32,
    },
    /// A limit that follows what the provider bears.
    Adaptive {
        /// By which rule.
        rule: LimitRule,
        /// Least attempts at once, at least 1.
        min: u32,
        /// Most attempts at once, at least `min`.
        max: u32,
    },
    /// A second attempt when the first is late; the faster answer is taken.
    Hedged {
        /// Attempts at once, at least 2.
        permits: u32,
        /// How late the first has to be.
        after: Duration,
    },
    /// One `Idempotency-Key` per job, so that what may have been accepted can be repeated.
    Idempotent {
        /// Attempts at once over all processes, at least 1.
        permits: u32,
    },
    /// A budget of tokens, kept by reservation.
    Budgeted {
        /// Attempts at once, at least 1.
        permits: u32,
        /// Most tokens billed.
        max_tokens: u64,
    },
    /// A strategy with one planted bug.
    Broken(Broken),
}

/// A lock in Redis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lock {
    /// Where Redis is.
    pub redis: Redis,
    /// How long a lock lasts that nobody renews.
    pub ttl: Duration,
    /// Attempts at once over all processes, at least 1.
    pub permits: u32,
}

/// Where Redis is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Redis {
    /// A private server, started for the run.
    Spawn,
    /// The user's own: `redis://` or `rediss://`. It may hold a password.
    Url(ExpandedUrl),
}

/// The rule of an adaptive limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LimitRule {
    /// Up by one for each round of good answers, down by a tenth for an overload.
    Aimd,
    /// By the ratio of long-term to short-term latency.
    Gradient,
}

/// A strategy with one planted bug, and its parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// Which bug.
    pub twin: Twin,
    /// Attempts at once (threads, for a pool) over all processes, at least 1.
    pub permits: u32,
    /// Its lock, if it has one.
    pub lock: Option<Lock>,
    /// Its budget of tokens, if it has one.
    pub max_tokens: Option<u64>,
}

/// A planted bug, as people write it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Twin {
    /// The counter is read before the call and written after it.
    Counter,
    /// Threads add to shared totals without a lock.
    Totals,
    /// Results are appended as they complete, and taken in the order of the jobs.
    ResultOrder,
    /// The first error ends the batch.
    AbortOnError,
    /// A retry asks for a permit while its job still holds one.
    RetryInPermit,
    /// A refused attempt comes back at once.
    NoBackoff,
    /// All refused attempts come back after the same wait.
    NoJitter,
    /// `Retry-After` is not read.
    IgnoresRetryAfter,
    /// Looks into the cache, calls, stores: all that look at once call.
    Cache,
    /// Looks at what was spent, calls, adds: all that look at once pass.
    Budget,
    /// A lock that is neither renewed nor fenced.
    LockUnfenced,
    /// A lock that is released without a look at whose it is.
    LockRelease,
    /// A lock around the counter, and the call outside of it.
    LockCounterOnly,
    /// An error keeps its permit.
    PermitLeak,
    /// Every process has the whole limit for itself.
    LocalLimit,
    /// Every process counts for itself, and one count is taken for the sum.
    LocalCounters,
    /// What may have been accepted is sent again, under a new key each time.
    NoIdempotencyKey,
}

impl Twin {
    /// Every planted bug, in the order of reports.
    pub const ALL: [Self; 17] = [
        Self::Counter,
        Self::Totals,
        Self::ResultOrder,
        Self::AbortOnError,
        Self::RetryInPermit,
        Self::NoBackoff,
        Self::NoJitter,
        Self::IgnoresRetryAfter,
        Self::Cache,
        Self::Budget,
        Self::LockUnfenced,
        Self::LockRelease,
        Self::LockCounterOnly,
        Self::PermitLeak,
        Self::LocalLimit,
        Self::LocalCounters,
        Self::NoIdempotencyKey,
    ];

    /// The name in the file, and what is wrong, in a few words.
    #[must_use]
    pub fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Counter => ("broken-counter", "counter read before the call and written after it"),
            Self::Totals => ("broken-totals", "totals without a lock"),
            Self::ResultOrder => ("broken-result-order", "results in the order of completion"),
            Self::AbortOnError => ("broken-abort-on-error", "batch aborted by the first error"),
            Self::RetryInPermit => ("broken-retry-in-permit", "retry inside the permit"),
            Self::NoBackoff => ("broken-no-backoff", "retries without back-off"),
            Self::NoJitter => ("broken-no-jitter", "back-off without jitter"),
            Self::IgnoresRetryAfter => ("broken-ignores-retry-after", "Retry-After ignored"),
            Self::Cache => ("broken-cache", "check-then-act cache"),
            Self::Budget => ("broken-budget", "check-then-act budget"),
            Self::LockUnfenced => ("broken-lock-unfenced", "lock without renewal and fencing"),
            Self::LockRelease => ("broken-lock-release", "lock released without owner check"),
            Self::LockCounterOnly => ("broken-lock-counter-only", "lock around the counter only"),
            Self::PermitLeak => ("broken-permit-leak", "permit leaked on error"),
            Self::LocalLimit => ("broken-local-limit", "process-local limit"),
            Self::LocalCounters => ("broken-local-counters", "process-local counters"),
            Self::NoIdempotencyKey => ("broken-no-idempotency-key", "retry without idempotency key"),
        }
    }
}

impl StrategyPlan {
    /// In one process, with counters that are right.
    #[must_use]
    pub fn alone(way: Way) -> Self {
        Self { way, processes: 1, local_counters: false }
    }

    /// The name in the file, `[strategy.NAME]`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match &self.way {
            Way::Unbounded => "unbounded",
            Way::Semaphore { .. } => "semaphore",
            Way::ThreadPool { .. } => "thread-pool",
            Way::RedisLock(_) => "redis-lock",
            Way::RedisCounter { .. } => "redis-counter",
            Way::SingleFlight { .. } => "single-flight",
            Way::TokenBucket { .. } => "token-bucket",
            Way::Adaptive { .. } => "adaptive",
            Way::Hedged { .. } => "hedged",
            Way::Idempotent { .. } => "idempotent",
            Way::Budgeted { .. } => "budgeted",
            Way::Broken(broken) => broken.twin.words().0,
        }
    }

    /// What is broken about it on purpose; `None` for a right one.
    #[must_use]
    pub fn twin(&self) -> Option<&'static str> {
        match &self.way {
            Way::Broken(broken) => Some(broken.twin.words().1),
            _ => self.local_counters.then_some("process-local counters"),
        }
    }

    /// Whether the jobs of one question share one answer, so that it may be billed only once.
    #[must_use]
    pub fn shares_answers(&self) -> bool {
        match &self.way {
            Way::RedisLock(_) | Way::SingleFlight { .. } => true,
            Way::Broken(broken) => broken.lock.is_some() || broken.twin == Twin::Cache,
            _ => false,
        }
    }

    /// Most attempts in flight that it promises, over all its processes.
    #[must_use]
    pub fn cap(&self) -> Option<u32> {
        match &self.way {
            Way::Unbounded | Way::TokenBucket { .. } => None,
            Way::ThreadPool { workers } => Some(*workers),
            Way::Adaptive { max, .. } => Some(*max),
            Way::RedisLock(lock) => Some(lock.permits),
            Way::Semaphore { permits }
            | Way::RedisCounter { permits, .. }
            | Way::SingleFlight { permits }
            | Way::Hedged { permits, .. }
            | Way::Idempotent { permits }
            | Way::Budgeted { permits, .. } => Some(*permits),
            Way::Broken(broken) => Some(broken.permits),
        }
    }

    /// Its own budget of tokens.
    #[must_use]
    pub fn max_tokens(&self) -> Option<u64> {
        match &self.way {
            Way::Budgeted { max_tokens, .. } => Some(*max_tokens),
            Way::Broken(broken) => broken.max_tokens,
            _ => None,
        }
    }

    /// The Redis it needs.
    #[must_use]
    pub fn redis(&self) -> Option<&Redis> {
        match &self.way {
            Way::RedisLock(lock) => Some(&lock.redis),
            Way::RedisCounter { redis, .. } => Some(redis),
            Way::Broken(broken) => broken.lock.as_ref().map(|lock| &lock.redis),
            _ => None,
        }
    }

    /// Whether it holds locks, so that a nemesis can strike its holders.
    #[must_use]
    pub fn locks(&self) -> bool {
        matches!(&self.way, Way::RedisLock(_))
            || matches!(&self.way, Way::Broken(broken) if broken.lock.is_some())
    }
}

/// Something that goes wrong around a client that holds a lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nemesis {
    /// What.
    pub kind: NemesisKind,
    /// At which acquisition of a lock in the cell, from 1.
    pub acquisition: u64,
    /// Only with this strategy; `None` is with every one that holds locks.
    pub strategy: Option<String>,
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NemesisKind {
    /// The process that has just acquired the lock is stopped (SIGSTOP) for so long before it can use it.
    PauseHolder(Duration),
    /// The process that has just acquired the lock is killed.
    KillHolder,
    /// Redis is killed and started again, empty.
    RestartRedis,
    /// The answer to the holder's unlock is lost on its way.
    LoseUnlock,
}

/// By what strategies are ranked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Optimise {
    /// Most good jobs per second.
    Goodput,
    /// Least response at the 99th percentile.
    P99,
    /// Least cost per good job.
    Cost,
}
