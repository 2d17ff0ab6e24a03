//! The jobs that one engine thread has in progress for one piece of load.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use tokio::task::JoinSet;

/// Local tasks that can be waited for, or given up together.
#[derive(Debug, Default)]
pub(super) struct Crew {
    tasks: RefCell<JoinSet<()>>,
}

impl Crew {
    /// Begins a task; ended ones are forgotten here, so that memory answers to what is in progress.
    pub(super) fn spawn(&self, task: impl Future<Output = ()> + 'static) {
        let mut tasks = self.tasks.borrow_mut();
        tasks.spawn_local(task);
        while tasks.try_join_next().is_some() {}
    }

    /// Waits until every task has ended.
    pub(super) async fn all_home(&self) {
        while poll_fn(|context| self.tasks.borrow_mut().poll_join_next(context)).await.is_some() {}
    }

    /// Drops what has not ended.
    pub(super) async fn give_up(&self) {
        self.tasks.borrow_mut().abort_all();
        self.all_home().await;
    }
}
