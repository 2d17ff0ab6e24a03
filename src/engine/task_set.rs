//! The jobs that one engine thread has in progress for one piece of load.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use tokio::task::JoinSet;

/// Local tasks that are waited for, or aborted, together.
#[derive(Debug, Default)]
pub(super) struct TaskSet {
    tasks: RefCell<JoinSet<()>>,
}

impl TaskSet {
    /// Starts a task. Tasks that have ended are removed here, so that memory is bounded by what is in
    /// progress.
    pub(super) fn spawn(&self, task: impl Future<Output = ()> + 'static) {
        let mut tasks = self.tasks.borrow_mut();
        tasks.spawn_local(task);
        while tasks.try_join_next().is_some() {}
    }

    /// Waits until every task has ended.
    pub(super) async fn join_all(&self) {
        while poll_fn(|context| self.tasks.borrow_mut().poll_join_next(context)).await.is_some() {}
    }

    /// Aborts every task that has not ended.
    pub(super) async fn abort_all(&self) {
        self.tasks.borrow_mut().abort_all();
        self.join_all().await;
    }
}
