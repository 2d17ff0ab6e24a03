//! A thread's private record: no lock and no allocation per event beyond its own buffer.

use crate::history::{BatchSender, Event};
use std::cell::RefCell;

/// Events per batch: large enough that handing one over costs nothing per event.
const BATCH: usize = 512;
/// A batch that spans this much time is handed over, however small: a killed run leaves all but its last
/// moments.
const BATCH_NS: u64 = 500_000_000;

/// Collects the events of one engine thread and hands them to the history's writer by the batch.
#[derive(Debug)]
pub(super) struct Recorder {
    events: RefCell<Vec<Event>>,
    sender: BatchSender,
}

impl Recorder {
    pub(super) fn new(sender: BatchSender) -> Self {
        Self { events: RefCell::new(Vec::with_capacity(BATCH)), sender }
    }

    /// Keeps one event.
    pub(super) fn push(&self, event: Event) {
        let mut events = self.events.borrow_mut();
        let oldest_ns = events.first().and_then(Event::done_ns);
        let old =
            oldest_ns.zip(event.done_ns()).is_some_and(|(from, to)| to.saturating_sub(from) >= BATCH_NS);
        events.push(event);
        if events.len() >= BATCH || old {
            let full = std::mem::replace(&mut *events, Vec::with_capacity(BATCH));
            self.sender.send(full);
        }
    }

    /// Hands over what is left.
    pub(super) fn flush(&self) {
        self.sender.send(self.events.take());
    }
}
