//! Sees whether a cell's client is stuck.

use super::cell::Shared;
use super::stop::{Cause, Stop};
use crate::shared::Snapshot;
use std::time::Duration;

/// Looks at a cell's progress now and then, and stops the cell when its client is stuck: jobs in progress, but for
/// as long as was declared nothing in flight and nobody waiting on purpose.
pub(super) struct StuckWatch {
    last: (Snapshot, Duration),
}

impl StuckWatch {
    pub(super) fn new(shared: &Shared) -> Self {
        Self { last: (shared.progress.read(), shared.clock.now()) }
    }

    pub(super) fn look(&mut self, shared: &Shared, stuck: &Stop, since: &mut Option<Duration>) {
        let (seen, now) = (shared.progress.read(), shared.clock.now());
        if seen != self.last.0 || !seen.idle_with_work() {
            self.last = (seen, now);
        } else if now - self.last.1 > shared.plan.declared.progress {
            since.get_or_insert(self.last.1);
            stuck.stop(Cause::Stuck);
        }
    }
}
