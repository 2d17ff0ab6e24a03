//! What all threads and cells of a run share.

use super::run_connection::RunConnection;
use super::stop::Stop;
use crate::clock::Clock;
use crate::plan::Plan;
use crate::shared::{Budget, Progress};
use std::sync::{Arc, Mutex};

/// What the whole run shares.
pub(super) struct RunContext {
    pub(super) plan: Arc<Plan>,
    pub(super) clock: Clock,
    pub(super) stop: Arc<Stop>,
    pub(super) progress: Arc<Progress>,
    pub(super) budget: BudgetKeeper,
    /// In a worker process: the connection to the run.
    pub(super) connection: Option<Arc<RunConnection>>,
    /// Why load cannot be made, until it has been reported.
    pub(super) failed: Mutex<Option<String>>,
}

/// Which process keeps the budget.
pub(super) enum BudgetKeeper {
    /// There is no budget.
    None,
    /// This one.
    Own(Budget),
    /// The run whose worker this process is.
    Parent,
}
