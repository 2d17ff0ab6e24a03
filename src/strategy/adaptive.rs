//! `adaptive`: a limit on attempts in flight that follows what the provider bears.
//!
//! For a provider whose limit is unknown, or moves with its other customers. The limit rises on good answers
//! and falls on refusals and time-outs (`aimd`), or with latency before anything is refused (`gradient`). The
//! wrong choice where the limit is known: it has to be found by meeting it, again and again.

use super::advice::many;
use super::parameters::{check_share, is_one, one};
use super::{
    Advice, Answer, Call, Counters, Hands, LocalFuture, Permit, PermitQueue, Problem, ProcessContext, Retry,
    RetryPolicy, Seen, Strategy, Task, drive_with,
};
use crate::history::ErrorClass;
use crate::shared::{AdaptiveLimit, LoadSignal, Rule, Sample};
use crate::sync::{Mutex, lock};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::rc::Rc;
use std::sync::Arc;

/// A limit that moves, in one process or several.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Adaptive")]
pub struct Parameters {
    /// By which rule.
    #[serde(default)]
    pub rule: LimitRule,
    /// Least attempts at once, over all processes.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub min: u32,
    /// Most attempts at once, over all processes.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub max: u32,
    /// Over how many processes it is spread; each gets its share of all else.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    #[schemars(range(min = 1, max = 64))]
    pub processes: u32,
    /// What is counted where there are several processes.
    #[serde(default, skip_serializing_if = "Counters::is_merged")]
    pub counters: Counters,
}

/// The rule of an adaptive limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LimitRule {
    /// Additive increase, multiplicative decrease.
    #[default]
    Aimd,
    /// By the ratio of long-term to short-term latency.
    Gradient,
}

impl super::Parameters for Parameters {
    /// Each process follows a limit of its own, below its share of `max`.
    fn build(&self, retry: &Retry, process: &ProcessContext) -> Arc<dyn Strategy> {
        let [min, max] = [self.min, self.max].map(|n| process.share(n, self.processes));
        Arc::new(Adaptive::new(self.rule, min.max(1), max, RetryPolicy::new(retry.clone())))
    }

    fn cap(&self) -> Option<u32> {
        Some(self.max)
    }

    fn processes(&self) -> u32 {
        self.processes
    }

    fn counters(&self) -> Counters {
        self.counters
    }

    fn check(&self) -> Vec<Problem> {
        let order = (self.min > self.max).then(|| Problem {
            key: "min",
            what: format!("the limit goes from {} to {}", self.min, self.max),
            help: "write a `min` of at most `max`".to_owned(),
        });
        check_share("max", self.max.into(), 1, self.processes).into_iter().chain(order).collect()
    }

    fn wrong_when(&self, seen: &Seen<'_>) -> Advice {
        let rule = "wrong for a short run or a known limit, for it finds the limit by running into it";
        let here = format!(
            "here at most {} in flight of {} to {}, and {}",
            seen.in_flight,
            self.min,
            self.max,
            many(seen.refused, "refusal")
        );
        Advice::new(rule, here)
    }
}

/// What an overload leaves of the limit under `aimd`.
const BACKOFF: f64 = 0.9;
/// How many times slower than usual is still usual under `gradient`.
const TOLERANCE: f64 = 1.5;

/// Takes a permit for each attempt, of which there are more or fewer.
#[derive(Debug)]
pub struct Adaptive {
    /// Locked while what it says is passed on: two threads must not pass theirs on the other way round.
    limit: Mutex<AdaptiveLimit>,
    permits: PermitQueue,
    retry: RetryPolicy,
}

impl Adaptive {
    /// Between `min` and `max` permits by this rule; it begins in the middle.
    #[must_use]
    pub fn new(rule: LimitRule, min: u32, max: u32, retry: RetryPolicy) -> Self {
        let rule = match rule {
            LimitRule::Aimd => Rule::Aimd { backoff: BACKOFF },
            LimitRule::Gradient => Rule::Gradient { tolerance: TOLERANCE },
        };
        let start = min.midpoint(max);
        let limit = Mutex::new(AdaptiveLimit::new(rule, min, max, start));
        Self { limit, permits: PermitQueue::new(start), retry }
    }

    fn observe(&self, answer: &Answer, sample: Sample) {
        let limit = lock(&self.limit);
        self.permits.resize(limit.observe(answer.done, sample));
    }
}

/// What an answer says about load.
fn judged(answer: &Answer) -> LoadSignal {
    use ErrorClass as E;
    match (answer.error, answer.status) {
        (None, _) => LoadSignal::Good,
        (Some(E::RateLimited | E::TimeoutFirstByte | E::TimeoutIdle | E::TimeoutTotal), _)
        | (Some(E::ServerError), Some(503 | 529)) => LoadSignal::Overloaded,
        _ => LoadSignal::Ignored,
    }
}

impl Strategy for Adaptive {
    fn run<'a>(&'a self, task: Task, hands: Rc<dyn Hands + 'a>) -> LocalFuture<'a, ()> {
        Box::pin(async move {
            let attempt = async |n, due| {
                let _permit = Permit::unless_stopped(&self.permits, &*hands).await?;
                let begun = hands.now();
                let answer = self.retry.send(&*hands, &task, Call::new(n, due)).await?;
                let service = answer.done.saturating_sub(begun);
                self.observe(&answer, Sample { service, outcome: judged(&answer) });
                Ok(answer)
            };
            drive_with(&self.retry, &task, &*hands, attempt).await;
        })
    }
}
