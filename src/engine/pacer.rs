//! Waits until a job is due, as exactly as the system allows.
//!
//! Tokio's timers count whole milliseconds and round up, so they wake one to one and a half
//! milliseconds late. On Linux a timerfd wakes within some tens of microseconds.

use crate::clock::Clock;
use std::time::Duration;

/// Wakes one dispatcher loop when its next job is due.
///
/// Each open profile has one on each engine thread, and each pacer one waiter. Above some ten thousand
/// arrivals per second waking costs more than it is worth: the loop should then issue everything that is due
/// (`while due <= clock.now()`) before it waits again.
#[derive(Debug)]
pub struct Pacer {
    clock: Clock,
    #[cfg(target_os = "linux")]
    timer: Option<timerfd::Timer>,
}

impl Pacer {
    /// The best timer there is: a timerfd on Linux, tokio's timer elsewhere, in virtual time, or if none can
    /// be had.
    ///
    /// # Panics
    /// Outside a tokio runtime with I/O and time enabled.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        Self {
            clock,
            #[cfg(target_os = "linux")]
            timer: if clock.is_virtual() { None } else { timerfd::Timer::new().ok() },
        }
    }

    /// Tokio's timer, for comparison.
    #[must_use]
    pub fn with_tokio_timer(clock: Clock) -> Self {
        Self {
            clock,
            #[cfg(target_os = "linux")]
            timer: None,
        }
    }

    /// `timerfd` or `tokio`: which timer is used, so that the user can be warned of a coarse one.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        #[cfg(target_os = "linux")]
        if self.timer.is_some() {
            return "timerfd";
        }
        "tokio"
    }

    /// Returns at `due` (since the run's epoch) or as soon after as the system allows, never before; at
    /// once if that has passed. May be dropped and called again.
    pub async fn until(&self, due: Duration) {
        #[cfg(target_os = "linux")]
        if let Some(timer) = &self.timer {
            while let Some(left) = due.checked_sub(self.clock.now()).filter(|left| !left.is_zero()) {
                if timer.wait(left).await.is_err() {
                    break;
                }
            }
        }
        if self.clock.now() < due {
            tokio::time::sleep_until(self.clock.at(due).into()).await;
        }
    }
}

#[cfg(target_os = "linux")]
mod timerfd {
    use rustix::time::{Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec};
    use std::io;
    use std::os::fd::OwnedFd;
    use std::time::Duration;
    use tokio::io::Interest;
    use tokio::io::unix::AsyncFd;

    /// A timerfd on the monotonic clock.
    #[derive(Debug)]
    pub(super) struct Timer(AsyncFd<OwnedFd>);

    impl Timer {
        // The safe constructor trusts the descriptor to stay open and the same. An `OwnedFd` that is never
        // taken out does; the constructor that replaces it is unsafe code, which this crate forbids.
        #[expect(deprecated, reason = "an OwnedFd keeps the promise that its replacement asks for")]
        pub(super) fn new() -> io::Result<Self> {
            let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
            let fd = rustix::time::timerfd_create(TimerfdClockId::Monotonic, flags)?;
            AsyncFd::with_interest(fd, Interest::READABLE).map(Self)
        }

        /// Waits this long, which is above zero. Arming again forgets what an earlier, dropped wait left.
        pub(super) async fn wait(&self, left: Duration) -> io::Result<()> {
            let zero = Timespec { tv_sec: 0, tv_nsec: 0 };
            let tv_sec = i64::try_from(left.as_secs()).unwrap_or(i64::MAX);
            let once = Timespec { tv_sec, tv_nsec: left.subsec_nanos().into() };
            let spec = Itimerspec { it_interval: zero, it_value: once };
            rustix::time::timerfd_settime(&self.0, TimerfdTimerFlags::empty(), &spec)?;
            let mut expirations = [0u8; 8];
            let read = |fd: &OwnedFd| Ok(rustix::io::read(fd, &mut expirations)?);
            self.0.async_io(Interest::READABLE, read).await.map(|_| ())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn each_kind(check: impl AsyncFn(Clock, Pacer)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            for pacer in [Pacer::new, Pacer::with_tokio_timer] {
                let clock = Clock::start();
                check(clock, pacer(clock)).await;
            }
        });
    }

    #[test]
    fn never_wakes_early_and_keeps_the_order() {
        each_kind(async |clock, pacer| {
            let start = clock.now();
            for k in 0..20 {
                let due = start + Duration::from_micros(k * 700);
                pacer.until(due).await;
                assert!(clock.now() >= due, "{} woke before {due:?}", pacer.kind());
            }
        });
    }

    #[test]
    fn a_past_due_time_does_not_wait() {
        each_kind(async |clock, pacer| {
            pacer.until(clock.now() + Duration::from_millis(2)).await;
            let polled_once = futures_util::FutureExt::now_or_never(pacer.until(Duration::from_millis(1)));
            assert_eq!(polled_once, Some(()), "{} waited", pacer.kind());
        });
    }

    #[test]
    fn a_dropped_wait_does_not_end_the_next_one() {
        each_kind(async |clock, pacer| {
            let soon = clock.now() + Duration::from_micros(300);
            let dropped = futures_util::FutureExt::now_or_never(pacer.until(soon));
            assert_eq!(dropped, None, "the wait must not be over yet");
            while clock.now() < soon + Duration::from_micros(300) {
                tokio::task::yield_now().await;
            }
            let due = clock.now() + Duration::from_millis(3);
            pacer.until(due).await;
            assert!(clock.now() >= due, "{} took the dropped wait's end for its own", pacer.kind());
        });
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn linux_has_the_fine_timer() {
        each_kind(async |clock, _| assert_eq!(Pacer::new(clock).kind(), "timerfd"));
    }
}
