//! `broken-abort-on-error`: the first error ends the batch.
//!
//! `await asyncio.gather(*calls)` raises the first exception: what was answered already is thrown away with
//! it, what is under way goes on unowned and billed, and what was not begun never is.

use crate::history::JobEnd;
use crate::strategy::{
    Call, Hands, LocalFuture, Permit, PermitQueue, ProcessContext, Retry, Single, Strategy, Task, send,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

// `[strategy.broken-abort-on-error]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Parameters(pub Single);

impl crate::strategy::Parameters for Parameters {
    fn build(&self, _: &Retry, _: &ProcessContext) -> Arc<dyn Strategy> {
        Arc::new(AbortOnError::new(self.0.permits))
    }

    fn cap(&self) -> Option<u32> {
        Some(self.0.permits)
    }

    fn bug(&self) -> Option<&'static str> {
        Some("batch aborted by the first error")
    }
}

/// Tries every job once, until one fails.
#[derive(Debug)]
pub struct AbortOnError {
    permits: PermitQueue,
    aborted: AtomicBool,
}

impl AbortOnError {
    /// With so many permits.
    #[must_use]
    pub fn new(permits: u32) -> Self {
        Self { permits: PermitQueue::new(permits), aborted: AtomicBool::new(false) }
    }
}

impl Strategy for AbortOnError {
    fn run<'a>(&'a self, task: Task, hands: Rc<dyn Hands + 'a>) -> LocalFuture<'a, ()> {
        Box::pin(async move {
            let _permit = tokio::select! {
                biased;
                permit = Permit::acquire(&self.permits) => permit,
                () = hands.stopped() => return,
            };
            if self.aborted.load(SeqCst) {
                return;
            }
            let Ok(answer) = send(&*hands, &task, Call::new(1, task.due)).await else { return };
            hands.count(&task, &answer);
            if answer.error.is_some() {
                self.aborted.store(true, SeqCst);
            }
            if !self.aborted.load(SeqCst) {
                hands.record(&task, &answer, JobEnd::Answered, 1);
            }
        })
    }
}
