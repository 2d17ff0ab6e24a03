//! The only place that reads a clock.
//!
//! Everything in a run is stamped as a [`Duration`] since the run's epoch, on one monotonic clock that
//! engine and built-in provider share. That makes the client's stamps and the ledger's comparable on
//! one host, and lets a virtual clock take the real one's place: tokio's paused one, which jumps to the next
//! timer when nothing else is left to do. Its time moves in whole milliseconds, as tokio's timers do.

use std::time::{Duration, Instant};

/// A monotonic clock that counts from the run's epoch. Cheap to copy; all copies agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clock {
    epoch: Instant,
    source: Source,
}

/// Where the time comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    Machine,
    Runtime,
}

impl Source {
    fn now(self) -> Instant {
        match self {
            Self::Machine => machine(),
            Self::Runtime => runtime(),
        }
    }
}

/// The machine's clock.
#[expect(clippy::disallowed_methods, reason = "the one reader of the monotonic clock")]
fn machine() -> Instant {
    Instant::now()
}

/// The clock of the runtime that this thread is in.
#[expect(clippy::disallowed_methods, reason = "the one reader of the runtime's clock")]
fn runtime() -> Instant {
    tokio::time::Instant::now().into_std()
}

impl Clock {
    /// Starts a clock whose epoch is now.
    #[must_use]
    pub fn start() -> Self {
        Self { epoch: machine(), source: Source::Machine }
    }

    /// Starts a clock on the time of the tokio runtime that this thread is in, which is virtual if that is
    /// paused. It may be read inside that runtime only: elsewhere it would show the machine's time.
    #[must_use]
    pub fn of_runtime() -> Self {
        Self { epoch: runtime(), source: Source::Runtime }
    }

    /// Whether it is a runtime's time, which jumps.
    #[must_use]
    pub fn is_virtual(&self) -> bool {
        self.source == Source::Runtime
    }

    /// The epoch on the system's monotonic clock, in nanoseconds, for [`Clock::at_epoch`] in another process.
    #[must_use]
    pub fn epoch_monotonic_ns(&self) -> u64 {
        let (instant, raw_ns) = both_clocks();
        raw_ns.saturating_sub(ns(instant.saturating_duration_since(self.epoch)))
    }

    /// The clock of another process of this machine, from what its [`Clock::epoch_monotonic_ns`] said. The
    /// two agree to some microseconds.
    #[must_use]
    pub fn at_epoch(epoch_ns: u64) -> Self {
        let (instant, raw_ns) = both_clocks();
        let age = Duration::from_nanos(raw_ns.saturating_sub(epoch_ns));
        Self { epoch: instant.checked_sub(age).unwrap_or(instant), source: Source::Machine }
    }

    /// Time since the epoch.
    #[must_use]
    pub fn now(&self) -> Duration {
        self.source.now().saturating_duration_since(self.epoch)
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

/// One moment as an `Instant`, which cannot leave its process, and in nanoseconds of the system's monotonic
/// clock, which can. The `Instant` is read between two readings of the other; the tightest of several counts.
#[expect(clippy::disallowed_methods, reason = "the one reader of the monotonic clock")]
fn both_clocks() -> (Instant, u64) {
    const READINGS: usize = 16;
    let raw_ns = || {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
        let s = u64::try_from(now.tv_sec).unwrap_or(0);
        s.saturating_mul(1_000_000_000).saturating_add(u64::try_from(now.tv_nsec).unwrap_or(0))
    };
    let reading = |_| {
        let (before, instant, after) = (raw_ns(), Instant::now(), raw_ns());
        (after.saturating_sub(before), instant, before)
    };
    let (width_ns, instant, before) =
        (1..READINGS).map(reading).fold(reading(0), |best, next| if next.0 < best.0 { next } else { best });
    (instant, before + width_ns / 2)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_made_from_another_s_epoch_agrees_with_it() {
        for _ in 0..100 {
            let clock = Clock::start();
            let other = Clock::at_epoch(clock.epoch_monotonic_ns());
            let off = ns(clock.epoch.max(other.epoch).duration_since(clock.epoch.min(other.epoch)));
            assert!(off < 20_000, "{off} ns apart");
        }
    }
}
