//! `idempotent`: one `Idempotency-Key` per job, minted outside the retry loop.
//!
//! For a provider that honours the key: a request that may have been accepted can be sent again and is
//! generated and billed once. So failures without a status are retried here whatever `[retry] transport`
//! says. The wrong choice for a provider that does not look at the key, as most do not: it bills each
//! repetition.

use super::parameters::check_share;
use super::{
    Advice, Call, Counters, Hands, LocalFuture, Permit, PermitQueue, Permits, Problem, ProcessContext, Retry,
    RetryPolicy, Seen, Strategy, Task, drive_with,
};
use crate::units::shown::percent;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::rc::Rc;
use std::sync::Arc;

// `[strategy.idempotent]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Parameters(pub Permits);

impl super::Parameters for Parameters {
    fn build(&self, retry: &Retry, process: &ProcessContext) -> Arc<dyn Strategy> {
        let permits = process.share(self.0.permits, self.0.processes);
        let policy = RetryPolicy::new(Retry { transport: true, ..retry.clone() });
        Arc::new(Idempotent::new(permits, &process.prefix, policy))
    }

    fn cap(&self) -> Option<u32> {
        Some(self.0.permits)
    }

    fn processes(&self) -> u32 {
        self.0.processes
    }

    fn counters(&self) -> Counters {
        self.0.counters
    }

    fn check(&self) -> Vec<Problem> {
        check_share("permits", self.0.permits.into(), 1, self.0.processes).into_iter().collect()
    }

    fn wrong_when(&self, seen: &Seen<'_>) -> Advice {
        let rule = "wrong for a provider that does not honour Idempotency-Key, for it bills the repeat again";
        let here = match (&*seen.ignores_keys, seen.waste) {
            ([], Some(waste)) => Some(format!("here {} of the tokens billed were wasted", percent(waste))),
            ([], None) => None,
            (targets, _) => Some(format!("here not honoured by {}", targets.join(", "))),
        };
        Advice::new(rule, here)
    }
}

/// Takes a permit for each attempt, and one key for all attempts of a job.
#[derive(Debug)]
pub struct Idempotent {
    permits: PermitQueue,
    retry: RetryPolicy,
    prefix: String,
}

impl Idempotent {
    /// With so many permits, keys that begin with `prefix`, and a policy that repeats what may have been
    /// accepted.
    #[must_use]
    pub fn new(permits: u32, prefix: &str, retry: RetryPolicy) -> Self {
        Self { permits: PermitQueue::new(permits), retry, prefix: prefix.to_owned() }
    }
}

impl Strategy for Idempotent {
    fn run<'a>(&'a self, task: Task, hands: Rc<dyn Hands + 'a>) -> LocalFuture<'a, ()> {
        Box::pin(async move {
            let key = format!("{}{}", self.prefix, task.job);
            let attempt = async |n, due| {
                let _permit = Permit::unless_stopped(&self.permits, &*hands).await?;
                let call = Call { idempotency_key: Some(key.clone()), ..Call::new(n, due) };
                self.retry.send(&*hands, &task, call).await
            };
            drive_with(&self.retry, &task, &*hands, attempt).await;
        })
    }
}
