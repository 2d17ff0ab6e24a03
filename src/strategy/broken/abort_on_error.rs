//! `broken-abort-on-error`: the first error ends the batch.
//!
//! `await asyncio.gather(*calls)` raises the first exception: what was answered already is thrown away with
//! it, what is under way goes on unowned and billed, and what was not begun never is.

use crate::history::JobEnd;
use crate::strategy::{Call, Hands, LocalFuture, Permit, PermitQueue, Strategy, Task, send};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

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
