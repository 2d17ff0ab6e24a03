//! What became of the jobs of a cell, and who takes the next one.

use crate::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Jobs begun and turned away, counted by all engine threads.
#[derive(Debug, Default)]
pub struct Tally {
    issued: AtomicU64,
    dropped: AtomicU64,
    left: AtomicU64,
}

impl Tally {
    /// A job has begun.
    pub fn issue(&self) {
        self.issued.fetch_add(1, Relaxed);
    }

    /// A job was turned away because the load was saturated.
    pub fn drop_one(&self) {
        self.dropped.fetch_add(1, Relaxed);
    }

    /// So many jobs were not begun before the time was up or the run was stopped.
    pub fn leave(&self, jobs: u64) {
        self.left.fetch_add(jobs, Relaxed);
    }

    /// Jobs left so far.
    #[must_use]
    pub fn left(&self) -> u64 {
        self.left.load(Relaxed)
    }

    /// Jobs begun so far.
    #[must_use]
    pub fn issued(&self) -> u64 {
        self.issued.load(Relaxed)
    }

    /// Jobs turned away so far.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Relaxed)
    }
}

/// Numbers that are handed out once each, in order.
#[derive(Debug)]
pub struct Numbers {
    first: u64,
    count: Option<u64>,
    taken: AtomicU64,
}

impl Numbers {
    /// `count` numbers from `first` on; without a count they never end.
    #[must_use]
    pub fn new(first: u64, count: Option<u64>) -> Self {
        Self { first, count, taken: AtomicU64::new(0) }
    }

    /// Numbers that are not taken; 0 if they never end.
    #[must_use]
    pub fn left(&self) -> u64 {
        self.count.map_or(0, |count| count.saturating_sub(self.taken.load(Relaxed)))
    }

    /// The next number, to one caller only; `None` when all are taken.
    #[must_use]
    pub fn take(&self) -> Option<u64> {
        let n = self.taken.fetch_add(1, Relaxed);
        self.count.is_none_or(|count| n < count).then_some(self.first + n)
    }
}
