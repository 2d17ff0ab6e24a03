//! The only place that reads a clock.
//!
//! Everything in a run is stamped as a [`Duration`] since the run's epoch, on one monotonic clock that
//! engine and built-in provider share. That makes the client's stamps and the ledger's comparable on
//! one host, and lets a virtual clock take the real one's place.

use std::time::{Duration, Instant};

/// A monotonic clock that counts from the run's epoch. Cheap to copy; all copies agree.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    epoch: Instant,
}

impl Clock {
    /// Starts a clock whose epoch is now.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the one reader of the monotonic clock")]
    pub fn start() -> Self {
        Self { epoch: Instant::now() }
    }

    /// Time since the epoch.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the one reader of the monotonic clock")]
    pub fn now(&self) -> Duration {
        Instant::now().saturating_duration_since(self.epoch)
    }

    /// Time since the epoch in whole nanoseconds, as evidence files store it.
    #[must_use]
    pub fn now_ns(&self) -> u64 {
        ns(self.now())
    }

    /// The instant at `offset` after the epoch, for timers that want one.
    #[must_use]
    pub fn at(&self, offset: Duration) -> Instant {
        self.epoch + offset
    }
}

/// Whole nanoseconds of `d`, saturating after 584 years.
#[must_use]
pub fn ns(d: Duration) -> u64 {
    u64::try_from(d.as_nanos()).unwrap_or(u64::MAX)
}

/// The wall clock as whole seconds since 1970-01-01 UTC: for names of runs and dates in reports, never
/// for durations.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the one reader of the wall clock")]
pub fn utc_now_s() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |d| d.as_secs())
}
