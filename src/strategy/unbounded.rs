//! `unbounded`: every job at once.
//!
//! Right for a provider without limits or a load that is bounded elsewhere (a closed profile); wrong for
//! a limited provider, which it storms: each refusal comes back, beside the jobs that have just begun.

use super::advice::many;
use super::parameters::{is_one, one};
use super::{
    Advice, Call, Counters, Hands, LocalFuture, ProcessContext, Retry, RetryPolicy, Seen, Strategy, Task,
    drive_with,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::rc::Rc;
use std::sync::Arc;

/// Without a limit of its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Plain")]
pub struct Parameters {
    /// Over how many processes it is spread; each gets its share of all else.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    #[schemars(range(min = 1, max = 64))]
    pub processes: u32,
    /// What is counted where there are several processes.
    #[serde(default, skip_serializing_if = "Counters::is_merged")]
    pub counters: Counters,
}

impl super::Parameters for Parameters {
    fn build(&self, retry: &Retry, _: &ProcessContext) -> Arc<dyn Strategy> {
        Arc::new(Unbounded::new(RetryPolicy::new(retry.clone())))
    }

    fn cap(&self) -> Option<u32> {
        None
    }

    fn processes(&self) -> u32 {
        self.processes
    }

    fn counters(&self) -> Counters {
        self.counters
    }

    fn wrong_when(&self, seen: &Seen<'_>) -> Advice {
        let here = match seen.refused {
            0 => format!("here nothing refused its {} at once, which is luck", seen.in_flight),
            refused => format!(
                "here {} attempts per job, {}, {} at once",
                seen.per_job(),
                many(refused, "refusal"),
                seen.in_flight
            ),
        };
        Advice::new("wrong for a limited provider", here)
    }
}

/// Sends each attempt as soon as it is due.
#[derive(Debug)]
pub struct Unbounded {
    retry: RetryPolicy,
}

impl Unbounded {
    /// With this retry policy.
    #[must_use]
    pub fn new(retry: RetryPolicy) -> Self {
        Self { retry }
    }
}

impl Strategy for Unbounded {
    fn run<'a>(&'a self, task: Task, hands: Rc<dyn Hands + 'a>) -> LocalFuture<'a, ()> {
        Box::pin(async move {
            let attempt = async |n, due| self.retry.send(&*hands, &task, Call::new(n, due)).await;
            drive_with(&self.retry, &task, &*hands, attempt).await;
        })
    }
}
