//! Live figures for the progress line: written by engine threads, read by the display.

use crate::sync::atomic::{AtomicU64, Ordering::Relaxed};
use crate::sync::{Mutex, lock};

/// Counters of a run in progress. Each is exact; together they are a snapshot only roughly, which is
/// enough for a display and never used for a verdict.
#[derive(Debug, Default)]
pub struct Progress {
    jobs_begun: AtomicU64,
    jobs_ended: AtomicU64,
    attempts: AtomicU64,
    attempts_failed: AtomicU64,
    busy: AtomicU64,
    waiting: AtomicU64,
    blocks: Mutex<Vec<BlockBegun>>,
}

/// A block of a cell's load that has begun: from it and the profile follows which jobs are due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockBegun {
    /// Its position among the blocks of a cell.
    pub block: usize,
    /// When it started, in nanoseconds since the run's epoch.
    pub start_ns: u64,
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
    /// Of these, jobs that wait.
    pub waiting: u64,
}

impl Snapshot {
    /// Attempts in flight.
    #[must_use]
    pub fn in_flight(&self) -> u64 {
        self.busy.saturating_sub(self.waiting)
    }

    /// Jobs that are in progress, though nothing is in flight and none waits on purpose: if it stays so,
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

    /// What is busy from here on is a job that waits, and no attempt.
    pub fn waits(&self) {
        self.waiting.fetch_add(1, Relaxed);
    }

    /// It has waited.
    pub fn waited(&self) {
        self.waiting.fetch_sub(1, Relaxed);
    }

    /// A block of a cell's load begins.
    pub fn block_begins(&self, block: usize, start_ns: u64) {
        lock(&self.blocks).push(BlockBegun { block, start_ns });
    }

    /// The blocks that have begun, of all cells in their order, but for the first `known`.
    #[must_use]
    pub fn blocks_after(&self, known: usize) -> Vec<BlockBegun> {
        lock(&self.blocks).get(known..).unwrap_or_default().to_vec()
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
            waiting: self.waiting.load(Relaxed),
        }
    }
}
