//! Watches one attempt while it waits: its deadlines by phase, and its cancellation.

use super::Fault;
use super::transport::Sent;
use crate::clock::Clock;
use crate::history::ErrorClass;
use crate::plan::Timeouts;
use crate::units::format_duration;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Instant, Sleep};

/// Longer timeouts are none; it keeps deadlines far from the end of the clock.
const NEVER: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// What an attempt is waiting for. Moments are since the run's epoch.
#[derive(Debug, Clone, Copy)]
pub(super) enum Phase {
    /// The head of the answer; before that, a connection.
    Head,
    /// More of the body, whose last bytes came at this moment.
    Body(Duration),
    /// The end of a body that has said all that counts, until this moment.
    Drain(Duration),
}

/// One timer serves all deadlines of an attempt. It is only ever moved when it must ring earlier, or has
/// rung: a chunk that arrives in time costs no timer operation.
pub(super) struct Watch<'a, C> {
    clock: Clock,
    timeouts: Timeouts,
    start: Duration,
    sent: &'a Sent,
    cancelled: Pin<&'a mut C>,
    timer: Pin<&'a mut Sleep>,
    /// When the timer will ring, or earlier.
    armed: Duration,
}

/// The timer that a [`Watch`] wants, which its caller pins.
pub(super) fn timer(clock: Clock, at: Duration) -> Sleep {
    tokio::time::sleep_until(instant(clock, at))
}

fn instant(clock: Clock, at: Duration) -> Instant {
    Instant::from_std(clock.at(at))
}

/// When the first deadline of an attempt begun at `start` can fall, whichever phase it reaches.
pub(super) fn first_deadline(timeouts: &Timeouts, start: Duration) -> Duration {
    start + timeouts.connect.min(timeouts.first_byte).min(timeouts.total).min(NEVER)
}

impl<'a, C: Future<Output = ()>> Watch<'a, C> {
    /// A watch over an attempt begun at `start`; `timer` is set to its [`first_deadline`].
    pub(super) fn new(
        clock: Clock,
        timeouts: Timeouts,
        start: Duration,
        sent: &'a Sent,
        cancelled: Pin<&'a mut C>,
        timer: Pin<&'a mut Sleep>,
    ) -> Self {
        let armed = first_deadline(&timeouts, start);
        Self { clock, timeouts, start, sent, cancelled, timer, armed }
    }

    /// Polls `wait` until it is ready, the attempt is cancelled, or the phase's time is over.
    pub(super) async fn guard<T>(
        &mut self,
        phase: Phase,
        mut wait: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Result<T, Fault> {
        poll_fn(|cx| {
            // First, so that nothing is sent after it, and no endless stream can drown it.
            if self.cancelled.as_mut().poll(cx).is_ready() {
                let message = "cancelled: the run was stopped";
                return Poll::Ready(Err(Fault::new(ErrorClass::Cancelled, message)));
            }
            if let Poll::Ready(value) = wait(cx) {
                return Poll::Ready(Ok(value));
            }
            self.poll_deadline(phase, cx).map(Err)
        })
        .await
    }

    /// Refuses bytes that came after the total timeout: a body that never pauses never waits for the timer.
    pub(super) fn in_time(&self, at: Duration) -> Result<(), Fault> {
        let (deadline, class) = self.total();
        if at > deadline { Err(self.late(class)) } else { Ok(()) }
    }

    fn total(&self) -> (Duration, ErrorClass) {
        let from = self.sent.get().unwrap_or(self.start);
        (from + self.timeouts.total.min(NEVER), ErrorClass::TimeoutTotal)
    }

    fn poll_deadline(&mut self, phase: Phase, cx: &mut Context<'_>) -> Poll<Fault> {
        let (deadline, class) = self.deadline(phase);
        if deadline < self.armed {
            self.arm(deadline);
        }
        while self.timer.as_mut().poll(cx).is_ready() {
            if self.clock.now() >= deadline {
                return Poll::Ready(self.late(class));
            }
            self.arm(deadline);
        }
        Poll::Pending
    }

    fn arm(&mut self, deadline: Duration) {
        self.timer.as_mut().reset(instant(self.clock, deadline));
        self.armed = deadline;
    }

    /// The nearest deadline of the phase, and what it means to miss it.
    fn deadline(&self, phase: Phase) -> (Duration, ErrorClass) {
        let t = &self.timeouts;
        let near = match phase {
            Phase::Drain(until) => return (until, ErrorClass::TimeoutIdle),
            Phase::Head => match self.sent.get() {
                None => return (self.start + t.connect.min(NEVER), ErrorClass::TimeoutConnect),
                Some(sent) => (sent + t.first_byte.min(NEVER), ErrorClass::TimeoutFirstByte),
            },
            Phase::Body(last) => (last + t.idle.min(NEVER), ErrorClass::TimeoutIdle),
        };
        let total = self.total();
        if total.0 < near.0 { total } else { near }
    }

    fn late(&self, class: ErrorClass) -> Fault {
        let t = &self.timeouts;
        let message = match class {
            ErrorClass::TimeoutConnect => format!("no connection within {}", format_duration(t.connect)),
            ErrorClass::TimeoutFirstByte => format!("no first byte within {}", format_duration(t.first_byte)),
            ErrorClass::TimeoutTotal => format!("not done within {}", format_duration(t.total)),
            _ => format!("no byte for {}", format_duration(t.idle)),
        };
        Fault::new(class, message)
    }
}
