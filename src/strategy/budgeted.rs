//! `budgeted`: a budget of tokens, kept by reservation.
//!
//! The most an attempt can cost (the prompt and all the output asked for) is set aside before it is sent, and
//! replaced by what it did cost. So the budget holds whatever is in flight; a job for which there is no room
//! ends, and says so. The wrong choice where answers are far shorter than what is asked for: room that is set
//! aside stays unused for as long as a call lasts.

use super::parameters::{check_share, is_one, one};
use super::{
    Advice, Call, Counters, Hands, LocalFuture, Permit, PermitQueue, Problem, ProcessContext, Retry,
    RetryPolicy, Seen, Strategy, Task, drive_with,
};
use crate::history::{JobEnd, Outcome};
use crate::shared::{Budget, Caps, Charge};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::rc::Rc;
use std::sync::Arc;

/// A budget of its own, in one process or several.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Budgeted")]
pub struct Parameters {
    /// Attempts at once, over all processes.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub permits: u32,
    /// Most tokens, prompt and completion, that may be billed in a cell, over all processes.
    #[schemars(range(min = 1, max = 1_000_000_000_000_000_i64))]
    pub max_tokens: u64,
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
        let max_tokens = process.token_share(self.max_tokens, self.processes);
        Arc::new(Budgeted::new(permits, max_tokens, RetryPolicy::new(retry.clone())))
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

    fn max_tokens(&self) -> Option<u64> {
        Some(self.max_tokens)
    }

    fn check(&self) -> Vec<Problem> {
        let permits = check_share("permits", self.permits.into(), 1, self.processes);
        let tokens = check_share("max_tokens", self.max_tokens, 1, self.processes);
        permits.into_iter().chain(tokens).collect()
    }

    fn wrong_when(&self, seen: &Seen<'_>) -> Advice {
        let rule =
            "wrong where every job must be answered, for it stops where the dearest answer might not fit";
        let answers = seen.answers();
        let here = match seen.billed {
            Some(billed) => {
                format!("here {answers} for {billed} billed tokens of {} per target", self.max_tokens)
            }
            None => format!("here {answers}"),
        };
        Advice::new(rule, here)
    }
}

/// Sets tokens aside for each attempt.
#[derive(Debug)]
pub struct Budgeted {
    budget: Budget,
    permits: PermitQueue,
    retry: RetryPolicy,
}

impl Budgeted {
    /// With so many permits and tokens.
    #[must_use]
    pub fn new(permits: u32, max_tokens: u64, retry: RetryPolicy) -> Self {
        let budget = Budget::new(Caps { tokens: Some(max_tokens), ..Caps::default() });
        Self { budget, permits: PermitQueue::new(permits), retry }
    }
}

fn tokens(tokens: u64) -> Charge {
    Charge { tokens, ..Charge::default() }
}

impl Strategy for Budgeted {
    fn run<'a>(&'a self, task: Task, hands: Rc<dyn Hands + 'a>) -> LocalFuture<'a, ()> {
        Box::pin(async move {
            let most = tokens(u64::from(task.prompt_tokens.max(1)) + u64::from(task.output_tokens));
            let attempt = async |n, due| {
                let _permit = Permit::unless_stopped(&self.permits, &*hands).await?;
                if !self.budget.reserve(most) {
                    return Err(JobEnd::OverBudget.into());
                }
                let sent = self.retry.send(&*hands, &task, Call::new(n, due)).await;
                let spent = match &sent {
                    Err(_) => tokens(0),
                    Ok(answer) => match (answer.usage, answer.outcome) {
                        (Some(usage), _) => tokens(usage.tokens()),
                        (None, Outcome::Failed) => tokens(0),
                        // It may have been billed.
                        (None, _) => most,
                    },
                };
                self.budget.settle(most, spent);
                sent
            };
            drive_with(&self.retry, &task, &*hands, attempt).await;
        })
    }
}
