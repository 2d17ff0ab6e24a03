//! The core among threads, and the guards that see to it that every arrival ends in the ledger.
//!
//! A std lock is right here: it is held for a microsecond, never across an await, and an uncontended one
//! costs less than handing the event to a task that owns the core.

use super::arrival::Arrival;
use super::core::{Admitted, Core};
use super::play::{Move, Play, PlayEnd};
use super::registers::Registers;
use super::server::{Judge, LedgerSink};
use super::store::Store;
use crate::clock::Clock;
use crate::history::{JobKey, LedgerEntry};
use crate::schedule::Schedule;
use crate::sync::lock;
use regex::bytes::Regex;
use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;
use tokio::sync::{Notify, oneshot};

/// The core, and who waits for their turn.
pub(super) struct Inner {
    pub(super) core: Core,
    waiters: HashMap<u64, oneshot::Sender<Box<Play>>>,
}

/// What happened outside of the core.
#[derive(Debug, Default)]
pub(super) struct Traffic {
    /// Connections open.
    pub(super) connections: AtomicUsize,
    /// Connections closed at once, because there were too many.
    pub(super) connections_refused: AtomicU64,
    /// Requests answered without the core: other routes, too large or unfinished bodies.
    pub(super) other: AtomicU64,
    /// Methods and paths that were asked for and are not served; the first of them.
    pub(super) unserved: Mutex<BTreeSet<String>>,
}

/// Everything the threads of one server share.
pub(super) struct Shared {
    pub(super) clock: Clock,
    pub(super) model: String,
    /// Seconds since 1970 at the start.
    pub(super) created: u64,
    pub(super) doors: Traffic,
    /// The ledger, if it is kept here.
    pub(super) store: Option<Mutex<Store>>,
    /// The resource of tests of locks.
    pub(super) registers: Mutex<Registers>,
    /// How requests begin that nothing but their text names; `None` if that will not be asked.
    pub(super) excerpts: Option<Mutex<HashMap<JobKey, String>>>,
    /// By what in the body the job of a request is known that has neither header nor tag.
    pub(super) job_key: Option<Regex>,
    /// Says what the ledger is worth.
    pub(super) judge: Option<Judge>,
    sink: LedgerSink,
    inner: Mutex<Inner>,
    /// Told when the last open attempt has ended.
    idle: Condvar,
    /// Told when [`Core::next_advance`] may have changed.
    pub(super) turn: Notify,
    /// The ledger is being closed: what ends now ends open.
    closed: AtomicBool,
}

impl Shared {
    pub(super) fn new(core: Core, model: String, created: u64, sink: LedgerSink, clock: Clock) -> Self {
        let store = matches!(sink, LedgerSink::Keep).then(|| Mutex::new(Store::default()));
        Self {
            clock,
            model,
            created,
            doors: Traffic::default(),
            store,
            registers: Mutex::new(Registers::default()),
            excerpts: None,
            job_key: None,
            judge: None,
            sink,
            inner: Mutex::new(Inner { core, waiters: HashMap::new() }),
            idle: Condvar::new(),
            turn: Notify::new(),
            closed: AtomicBool::new(false),
        }
    }

    /// Seconds since 1970 by the run's clock.
    pub(super) fn utc_s(&self) -> u64 {
        self.created.saturating_add(self.clock.now().as_secs())
    }

    /// One event of the core.
    fn event<T>(&self, now: Duration, event: impl FnOnce(&mut Inner, &mut Vec<LedgerEntry>) -> T) -> T {
        let (result, next_advance) = self.settle(now, event);
        if next_advance.is_some() {
            self.turn.notify_one();
        }
        result
    }

    /// One event of the core, and when time is to pass next. A request that it starts is woken, whatever it
    /// ends goes to the ledger.
    fn settle<T>(
        &self,
        now: Duration,
        event: impl FnOnce(&mut Inner, &mut Vec<LedgerEntry>) -> T,
    ) -> (T, Option<Duration>) {
        let mut entries = Vec::new();
        let mut inner = lock(&self.inner);
        let result = event(&mut inner, &mut entries);
        loop {
            let started = inner.core.take_started();
            if started.is_empty() {
                break;
            }
            for play in started {
                let unheard = match inner.waiters.remove(&play.seq()) {
                    Some(waiter) => waiter.send(play).err(),
                    None => Some(play),
                };
                entries.extend(unheard.map(|play| inner.core.end(now, play, self.gone())));
            }
        }
        let (next_advance, idle) = (inner.core.next_advance(), inner.core.open() == 0);
        // Under the lock: a thread that sees no open attempt finds every entry in the ledger.
        for entry in entries {
            self.book(entry);
        }
        drop(inner);
        if idle {
            self.idle.notify_all();
        }
        (result, next_advance)
    }

    fn book(&self, entry: LedgerEntry) {
        match (&self.sink, &self.store) {
            (LedgerSink::To(sink), _) => sink(entry),
            (LedgerSink::Keep, Some(store)) => lock(store).push(entry),
            (LedgerSink::Keep, None) => {}
        }
    }

    /// How an attempt ends whose connection goes away now.
    fn gone(&self) -> PlayEnd {
        if self.closed.load(Ordering::Acquire) { PlayEnd::Open } else { PlayEnd::Gone }
    }

    pub(super) fn arrive(self: &Arc<Self>, now: Duration, arrival: Arrival) -> Start {
        self.event(now, |inner, _| match inner.core.arrive(now, arrival) {
            Admitted::Answer(play) => Start::Now(Driven { shared: Arc::clone(self), play: Some(play) }),
            Admitted::Queued(seq) => {
                let (sender, started) = oneshot::channel();
                inner.waiters.insert(seq, sender);
                Start::Later(Queued { shared: Arc::clone(self), seq, started, done: false })
            }
        })
    }

    fn end(&self, now: Duration, play: Box<Play>, how: PlayEnd) {
        self.event(now, |inner, entries| entries.push(inner.core.end(now, play, how)));
    }

    /// Lets time pass; the time of the next call, if one is needed.
    pub(super) fn advance(&self) -> Option<Duration> {
        let now = self.clock.now();
        self.settle(now, |inner, _| inner.core.advance(now)).1
    }

    /// Holds answers back by this schedule from now on; what is held leaves.
    pub(super) fn set_schedule(&self, schedule: Option<Schedule>) {
        let now = self.clock.now();
        self.event(now, |inner, _| inner.core.set_schedule(now, schedule));
    }

    /// Lets go what is held, and holds nothing any more.
    pub(super) fn open_gate(&self) {
        let now = self.clock.now();
        self.event(now, |inner, _| inner.core.open_gate(now));
    }

    /// Something of the core that is no event.
    pub(super) fn with_core<T>(&self, look: impl FnOnce(&mut Core) -> T) -> T {
        look(&mut lock(&self.inner).core)
    }

    /// Waits until no attempt is open, or `bound` has passed.
    pub(super) fn wait_idle(&self, bound: Duration) {
        let inner = lock(&self.inner);
        let idle = self.idle.wait_timeout_while(inner, bound, |inner| inner.core.open() > 0);
        drop(idle);
    }

    /// From now on what ends has been open when the ledger was closed.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Release);
    }
}

/// Whose turn it is.
pub(super) enum Start {
    Now(Driven),
    Later(Queued),
}

/// A play in the hands of a connection. Dropped before its end, its client has gone.
pub(super) struct Driven {
    shared: Arc<Shared>,
    play: Option<Box<Play>>,
}

impl Driven {
    /// The next move, stamped now. An ended play waits for ever.
    pub(super) fn next(&mut self) -> Move {
        let now = self.shared.clock.now();
        let Some(play) = &mut self.play else { return Move::Wait(None) };
        let next = play.next(now);
        if matches!(next, Move::Last(_) | Move::Close)
            && let Some(play) = self.play.take()
        {
            self.shared.end(now, play, PlayEnd::Done);
        }
        next
    }

    /// Books the reset that is about to happen.
    pub(super) fn reset(&mut self) {
        if let Some(play) = self.play.take() {
            self.shared.end(self.shared.clock.now(), play, PlayEnd::Done);
        }
    }

    /// Whether the connection ends with the next move.
    pub(super) fn ends_abruptly(&self) -> bool {
        self.play.as_ref().is_some_and(|play| play.ends_abruptly())
    }

    pub(super) fn clock(&self) -> Clock {
        self.shared.clock
    }
}

impl Drop for Driven {
    fn drop(&mut self) {
        if let Some(play) = self.play.take() {
            self.shared.end(self.shared.clock.now(), play, self.shared.gone());
        }
    }
}

/// A place in the queue. Dropped before its turn, its client has gone.
pub(super) struct Queued {
    shared: Arc<Shared>,
    seq: u64,
    started: oneshot::Receiver<Box<Play>>,
    done: bool,
}

impl Queued {
    /// Waits for its turn; `None` if that never comes, which is a fault of the server.
    pub(super) async fn turn(mut self) -> Option<Driven> {
        let play = (&mut self.started).await.ok()?;
        self.done = true;
        Some(Driven { shared: Arc::clone(&self.shared), play: Some(play) })
    }
}

impl Drop for Queued {
    fn drop(&mut self) {
        if self.done {
            return;
        }
        let (now, how) = (self.shared.clock.now(), self.shared.gone());
        self.shared.event(now, |inner, entries| {
            inner.waiters.remove(&self.seq);
            // Under the lock: either its turn came and the play is in the channel, or it is still queued.
            let entry = match self.started.try_recv() {
                Ok(play) => Some(inner.core.end(now, play, how)),
                Err(_) => inner.core.leave(now, self.seq, how),
            };
            entries.extend(entry);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mock::MockConfig;
    use crate::plan::MockPlan;
    use std::sync::{OnceLock, Weak};

    /// A thread that looks between the end of an attempt and its entry would judge a ledger without it.
    #[test]
    fn an_entry_is_booked_before_the_core_can_be_looked_at() {
        let shared: Arc<OnceLock<Weak<Shared>>> = Arc::default();
        let (seen, held) = (shared.clone(), Arc::new(AtomicU64::new(0)));
        let counted = held.clone();
        let sink = LedgerSink::To(Box::new(move |_| {
            let shared = seen.get().and_then(Weak::upgrade).expect("the server");
            assert!(shared.inner.try_lock().is_err(), "the core is free while an entry is not in the ledger");
            counted.fetch_add(1, Ordering::Relaxed);
        }));
        let core = Core::new(MockConfig::new("mock", MockPlan::default()).core(0));
        let server = Arc::new(Shared::new(core, "m".to_owned(), 0, sink, Clock::start()));
        shared.set(Arc::downgrade(&server)).expect("set once");
        drop(server.arrive(Duration::ZERO, Arrival::read(|_| None, b"{}")));
        assert_eq!(held.load(Ordering::Relaxed), 1);
    }
}
