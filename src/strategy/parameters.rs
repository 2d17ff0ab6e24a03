//! What the parameters of every strategy have in common: the trait that they implement, and the forms in
//! which several strategies write them.

use super::{Advice, ProcessContext, Retry, Seen, Strategy};
use crate::units::ExpandedUrl;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

/// The parameters of one strategy, `[strategy.NAME]` in a scenario, and what follows from them.
pub trait Parameters: Debug {
    /// The strategy for one of its processes.
    fn build(&self, retry: &Retry, process: &ProcessContext) -> Arc<dyn Strategy>;

    /// Most attempts in flight that it promises, over all its processes; `None` is no promise.
    fn cap(&self) -> Option<u32>;

    /// When it is the wrong choice; not asked of a strategy with a [`bug`](Self::bug).
    fn wrong_when(&self, _: &Seen<'_>) -> Advice {
        Advice::from("always wrong")
    }

    /// The bug that is planted in it, in a few words; `None` for a right one.
    fn bug(&self) -> Option<&'static str> {
        None
    }

    /// Over how many processes it is spread, at least 1.
    fn processes(&self) -> u32 {
        1
    }

    /// Which counts the client takes for its total.
    fn counters(&self) -> Counters {
        Counters::Merged
    }

    /// Whether the jobs of one question share one answer, so that it may be billed only once.
    fn shares_answers(&self) -> bool {
        false
    }

    /// Its own budget of tokens.
    fn max_tokens(&self) -> Option<u64> {
        None
    }

    /// How late the first attempt has to be for a second one beside it.
    fn hedge_after(&self) -> Option<Duration> {
        None
    }

    /// How long its locks last without renewal; `None` if it holds none.
    fn lock_ttl(&self) -> Option<Duration> {
        None
    }

    /// The Redis that it needs.
    fn redis(&self) -> Option<&Redis> {
        None
    }

    /// The same, to replace variables in its URL.
    fn redis_mut(&mut self) -> Option<&mut Redis> {
        None
    }

    /// What makes no sense, although each value for itself is allowed.
    fn check(&self) -> Vec<Problem> {
        Vec::new()
    }

    /// Why there is no parameter `key` although other strategies have it.
    fn without(_key: &str) -> Option<Missing>
    where
        Self: Sized,
    {
        None
    }
}

/// A parameter that makes no sense.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Its key.
    pub key: &'static str,
    /// What is wrong.
    pub what: String,
    /// What to write instead.
    pub help: String,
}

/// Why a strategy does not have a parameter, and what to write instead.
pub type Missing = (&'static str, &'static str);

/// What is counted where there are several processes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Counters {
    /// The sum over all processes.
    #[default]
    Merged,
    /// Broken: what one process has counted is taken for the whole.
    Local,
}

impl Counters {
    pub(super) fn is_merged(&self) -> bool {
        *self == Self::Merged
    }
}

/// Where Redis is. In a plan the URL holds the values of environment variables, which may be secrets: a
/// plan's is not written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum Redis {
    /// A private server, started for the run.
    #[default]
    Spawn,
    /// The user's own: `redis://` or `rediss://`.
    Url(ExpandedUrl),
}

impl From<String> for Redis {
    fn from(text: String) -> Self {
        if text == "spawn" { Self::Spawn } else { Self::Url(text.into()) }
    }
}

impl From<Redis> for String {
    fn from(redis: Redis) -> Self {
        match redis {
            Redis::Spawn => "spawn".to_owned(),
            Redis::Url(url) => url.expose().to_owned(),
        }
    }
}

/// Attempts at once, in one process or several.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Permits {
    /// Attempts at once, over all processes.
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

impl Permits {
    /// So many permits, in one process.
    #[must_use]
    pub fn new(permits: u32) -> Self {
        Self { permits, processes: 1, counters: Counters::Merged }
    }
}

/// Attempts at once, in one process.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Single {
    /// Attempts at once.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub permits: u32,
}

/// Each process needs a share of `n`, and at least `least` of it.
pub(super) fn check_share(key: &'static str, n: u64, least: u64, processes: u32) -> Option<Problem> {
    let needed = least * u64::from(processes);
    (n < needed && processes > 1).then(|| Problem {
        key,
        what: format!("{n} `{key}` cannot be shared by {processes} processes"),
        help: format!("write at least {needed}"),
    })
}

/// A lock must outlast the way from its server.
pub(super) fn check_ttl(ttl: Duration) -> Option<Problem> {
    (ttl < Duration::from_millis(10)).then(|| Problem {
        key: "ttl",
        what: "such a lock is gone before it can be used".to_owned(),
        help: "write a ttl of at least \"10ms\"".to_owned(),
    })
}

pub(super) fn one() -> u32 {
    1
}

pub(super) fn is_one(n: &u32) -> bool {
    *n == 1
}

pub(super) fn ten() -> u32 {
    10
}

pub(super) fn thirty_seconds() -> Duration {
    Duration::from_secs(30)
}
