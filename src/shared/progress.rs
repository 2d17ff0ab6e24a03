//! Live figures for the progress line: written by engine threads, read by the display.

use crate::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Counters of a run in progress. Each is exact; together they are a snapshot only roughly, which is
/// enough for a display and never used for a verdict.
#[derive(Debug, Default)]
pub struct Progress {
    jobs_begun: AtomicU64,
    jobs_ended: AtomicU64,
    attempts: AtomicU64,
    attempts_failed: AtomicU64,
    busy: AtomicU64,
}

/// What [`Progress`] showed at a moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Jobs begun.
    pub jobs_begun: u64,
    /// Jobs ended.
    pub jobs_ended: u64,
    /// Attempts ended.
    pub attempts: u64,
    /// Of these, not ended well.
    pub attempts_failed: u64,
    /// Attempts in flight, and jobs that wait on purpose before they try again.
    pub busy: u64,
}

impl Snapshot {
    /// Jobs that are in progress, though nothing is in flight and nobody waits on purpose: if it stays so,
    /// they are stuck.
    #[must_use]
    pub fn idle_with_work(&self) -> bool {
        self.busy == 0 && self.jobs_begun > self.jobs_ended
    }
}

impl Progress {
    /// A job has begun.
    pub fn job_begun(&self) {
        self.jobs_begun.fetch_add(1, Relaxed);
    }

    /// A job has ended.
    pub fn job_ended(&self) {
        self.jobs_ended.fetch_add(1, Relaxed);
    }

    /// An attempt has ended.
    pub fn attempt_ended(&self, well: bool) {
        self.attempts.fetch_add(1, Relaxed);
        self.attempts_failed.fetch_add(u64::from(!well), Relaxed);
    }

    /// An attempt goes out, or a wait on purpose begins.
    pub fn busy(&self) {
        self.busy.fetch_add(1, Relaxed);
    }

    /// It has ended.
    pub fn idle(&self) {
        self.busy.fetch_sub(1, Relaxed);
    }

    /// The figures now.
    #[must_use]
    pub fn read(&self) -> Snapshot {
        Snapshot {
            jobs_begun: self.jobs_begun.load(Relaxed),
            jobs_ended: self.jobs_ended.load(Relaxed),
            attempts: self.attempts.load(Relaxed),
            attempts_failed: self.attempts_failed.load(Relaxed),
            busy: self.busy.load(Relaxed),
        }
    }
}
