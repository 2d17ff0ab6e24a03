//! `budgeted`: a budget of tokens, kept by reservation.
//!
//! The most an attempt can cost (the prompt and all the output asked for) is set aside before it is sent, and
//! replaced by what it did cost. So the budget holds whatever is in flight; a job for which there is no
//! room ends, and says so. The wrong choice where answers are far shorter than what is asked for: room that is
//! set aside stays unused for as long as a call lasts.

use super::{Call, Hands, LocalFuture, Permit, PermitQueue, RetryPolicy, Strategy, Task, drive_with};
use crate::history::{JobEnd, Outcome};
use crate::shared::{Budget, Caps, Charge};
use std::rc::Rc;

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
