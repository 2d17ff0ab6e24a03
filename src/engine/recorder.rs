//! A thread's private record: no lock and no allocation per event beyond its own buffer.

use crate::history::{BatchSender, Event};
use std::cell::RefCell;

/// Events per batch: large enough that handing one over costs nothing per event.
const BATCH: usize = 512;

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
        events.push(event);
        if events.len() == BATCH {
            let full = std::mem::replace(&mut *events, Vec::with_capacity(BATCH));
            self.sender.send(full);
        }
    }

    /// Hands over what is left.
    pub(super) fn flush(&self) {
        self.sender.send(self.events.take());
    }
}
