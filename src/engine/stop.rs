//! Stopping a run: first no further job or attempt begins, then attempts in flight are cancelled.

use serde::{Deserialize, Serialize};
use std::cell::Cell;
use std::sync::atomic::{AtomicU8, Ordering::SeqCst};
use tokio::sync::{Notify, watch};

/// Why a run was stopped before its profile's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum StopCause {
    /// Ctrl-C.
    Interrupted = 1,
    /// The budget had no room.
    OverBudget = 2,
    /// `on_saturation = "abort"`.
    Saturated = 3,
    /// Evidence could not be written.
    EvidenceFailed = 4,
    /// Jobs are in progress, but nothing is in flight and no job waits on purpose: the client is stuck. Stops
    /// one cell, never the run.
    Stuck = 5,
    /// The strategy lacks what it needs to make load at all.
    CannotWork = 6,
}

impl StopCause {
    fn from_u8(n: u8) -> Option<Self> {
        use StopCause as C;
        let all = [C::Interrupted, C::OverBudget, C::Saturated, C::EvidenceFailed, C::Stuck, C::CannotWork];
        all.into_iter().find(|cause| *cause as u8 == n)
    }
}

/// Stops a run, or one cell, from any thread. The first cause stands.
#[derive(Debug)]
pub struct Stop {
    cause: AtomicU8,
    stopped: watch::Sender<bool>,
}

impl Default for Stop {
    fn default() -> Self {
        Self { cause: AtomicU8::new(0), stopped: watch::Sender::new(false) }
    }
}

impl Stop {
    /// Lets no further job or attempt begin.
    pub fn stop(&self, cause: StopCause) {
        let _ = self.cause.compare_exchange(0, cause as u8, SeqCst, SeqCst);
        self.stopped.send_replace(true);
    }

    /// Why the run was stopped, if it was.
    #[must_use]
    pub fn cause(&self) -> Option<StopCause> {
        StopCause::from_u8(self.cause.load(SeqCst))
    }

    /// Resolves when it is stopped.
    pub(super) async fn stopped(&self) {
        // The sender lives in `self`, so the wait cannot fail.
        let _ = self.stopped.subscribe().wait_for(|stopped| *stopped).await;
    }
}

/// Whether one piece of load on one engine thread is stopped; a cheap local copy of [`Stop`].
#[derive(Debug, Default)]
pub(super) struct Halt {
    draining: Cell<bool>,
    cancelled: Cell<bool>,
    changed: Notify,
}

impl Halt {
    /// Lets no further attempt begin.
    pub(super) fn drain(&self) {
        self.draining.set(true);
        self.changed.notify_waiters();
    }

    /// Cancels attempts in flight.
    pub(super) fn cancel(&self) {
        self.cancelled.set(true);
        self.drain();
    }

    pub(super) fn is_draining(&self) -> bool {
        self.draining.get()
    }

    pub(super) async fn draining(&self) {
        while !self.draining.get() {
            self.changed.notified().await;
        }
    }

    pub(super) async fn cancelled(&self) {
        while !self.cancelled.get() {
            self.changed.notified().await;
        }
    }
}
