//! The record of one thread: no lock, and no allocation per event beyond its own buffer.

use super::run_connection::RunConnection;
use super::worker_protocol::{Begun, Notes, Sending};
use crate::history::{BatchSender, Event};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

/// Events per batch: large enough that sending a batch costs next to nothing per event.
const BATCH: usize = 512;
/// A batch that spans this much time is sent, however small it is: a killed run loses only its last moments.
const BATCH_NS: u64 = 500_000_000;

/// Where a thread's record goes.
#[derive(Debug, Clone)]
pub(super) enum RecordSink {
    /// To the history's writer, by the batch.
    History(BatchSender),
    /// From a worker process to the run, after each turn of the thread.
    Run(Arc<RunConnection>),
}

/// Collects what one engine thread records, and sends it.
#[derive(Debug)]
pub(super) struct Recorder {
    notes: RefCell<Notes>,
    /// Whether a flush after this turn is scheduled.
    awaited: Cell<bool>,
    sink: RecordSink,
}

impl Recorder {
    pub(super) fn new(sink: RecordSink) -> Self {
        Self { notes: RefCell::default(), awaited: Cell::default(), sink }
    }

    /// Keeps one event.
    pub(super) fn push(self: &Rc<Self>, event: Event) {
        let mut notes = self.notes.borrow_mut();
        let oldest_ns = notes.events.first().and_then(Event::done_ns);
        let old =
            oldest_ns.zip(event.done_ns()).is_some_and(|(from, to)| to.saturating_sub(from) >= BATCH_NS);
        if let (RecordSink::History(_), 0) = (&self.sink, notes.events.capacity()) {
            notes.events.reserve_exact(BATCH);
        }
        notes.events.push(event);
        let full = notes.events.len() >= BATCH || old;
        drop(notes);
        match self.sink {
            RecordSink::History(_) if full => self.flush(),
            RecordSink::History(_) => {}
            RecordSink::Run(_) => self.flush_after_turn(),
        }
    }

    /// A job begins.
    pub(super) fn begun(self: &Rc<Self>, begun: Begun) {
        self.note(|notes| notes.begun.push(begun));
    }

    /// A job's strategy has returned.
    pub(super) fn ended(self: &Rc<Self>, job: u64) {
        self.note(|notes| notes.ended.push(job));
    }

    /// A job was turned away.
    pub(super) fn dropped(self: &Rc<Self>, piece: usize, job: u64) {
        self.note(|notes| notes.dropped.push((piece, job)));
    }

    /// An attempt is about to be sent: recorded before it is, with everything earlier.
    pub(super) fn sending(self: &Rc<Self>, sending: Sending) {
        if let RecordSink::Run(_) = self.sink {
            self.notes.borrow_mut().sending.push(sending);
            self.flush();
        }
    }

    fn note(self: &Rc<Self>, add: impl FnOnce(&mut Notes)) {
        if let RecordSink::Run(_) = self.sink {
            add(&mut self.notes.borrow_mut());
            self.flush_after_turn();
        }
    }

    /// Sends what a task records until it waits again as one message: an attempt, its cost and the job's
    /// result belong together.
    fn flush_after_turn(self: &Rc<Self>) {
        if !self.awaited.replace(true) {
            let recorder = self.clone();
            tokio::task::spawn_local(async move { recorder.flush() });
        }
    }

    /// Sends what is left.
    pub(super) fn flush(&self) {
        self.awaited.set(false);
        let notes = self.notes.take();
        match &self.sink {
            RecordSink::History(sender) => {
                // A failed writer is noticed by its owner, not here.
                sender.send(notes.events);
            }
            RecordSink::Run(_) if notes.is_empty() => {}
            RecordSink::Run(connection) => connection.notes(notes),
        }
    }
}
