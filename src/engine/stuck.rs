//! Detects a cell whose client is stuck.

use super::run_context::RunContext;
use super::stop::{Stop, StopCause};
use crate::shared::Snapshot;
use std::time::Duration;

/// Checks a cell's progress now and then, and stops the cell when its client is stuck: jobs are in progress,
/// but for the declared time nothing was in flight and no job waited on purpose.
pub(super) struct StuckWatch {
    last: (Snapshot, Duration),
}

impl StuckWatch {
    pub(super) fn new(run: &RunContext) -> Self {
        Self { last: (run.progress.read(), run.clock.now()) }
    }

    pub(super) fn look(&mut self, run: &RunContext, stuck: &Stop, since: &mut Option<Duration>) {
        let (seen, now) = (run.progress.read(), run.clock.now());
        if seen != self.last.0 || !seen.idle_with_work() {
            self.last = (seen, now);
        } else if now - self.last.1 > run.plan.declared.progress {
            since.get_or_insert(self.last.1);
            stuck.stop(StopCause::Stuck);
        }
    }
}
