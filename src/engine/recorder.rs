//! A thread's private record: no lock and no allocation per event beyond its own buffer.

use super::uplink::Uplink;
use super::wire::{Begun, Notes, Sending};
use crate::history::{BatchSender, Event};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

/// Events per batch: large enough that handing one over costs nothing per event.
const BATCH: usize = 512;
/// A batch that spans this much time is handed over, however small: a killed run leaves all but its last
/// moments.
const BATCH_NS: u64 = 500_000_000;

/// Where a thread's record goes.
#[derive(Debug, Clone)]
pub(super) enum Outlet {
    /// To the history's writer, by the batch.
    History(BatchSender),
    /// From a worker process to the run, at the end of each turn.
    Parent(Arc<Uplink>),
}

/// Collects what one engine thread has to tell, and hands it over.
#[derive(Debug)]
pub(super) struct Recorder {
    notes: RefCell<Notes>,
    /// Whether the end of this turn is waited for.
    awaited: Cell<bool>,
    outlet: Outlet,
}

impl Recorder {
    pub(super) fn new(outlet: Outlet) -> Self {
        Self { notes: RefCell::default(), awaited: Cell::default(), outlet }
    }

    /// Keeps one event.
    pub(super) fn push(self: &Rc<Self>, event: Event) {
        let mut notes = self.notes.borrow_mut();
        let oldest_ns = notes.events.first().and_then(Event::done_ns);
        let old =
            oldest_ns.zip(event.done_ns()).is_some_and(|(from, to)| to.saturating_sub(from) >= BATCH_NS);
        if let (Outlet::History(_), 0) = (&self.outlet, notes.events.capacity()) {
            notes.events.reserve_exact(BATCH);
        }
        notes.events.push(event);
        let full = notes.events.len() >= BATCH || old;
        drop(notes);
        match self.outlet {
            Outlet::History(_) if full => self.flush(),
            Outlet::History(_) => {}
            Outlet::Parent(_) => self.flush_after_turn(),
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

    /// An attempt is about to be sent: said before it is, with all that came before it.
    pub(super) fn sending(self: &Rc<Self>, sending: Sending) {
        if let Outlet::Parent(_) = self.outlet {
            self.notes.borrow_mut().sending.push(sending);
            self.flush();
        }
    }

    fn note(self: &Rc<Self>, add: impl FnOnce(&mut Notes)) {
        if let Outlet::Parent(_) = self.outlet {
            add(&mut self.notes.borrow_mut());
            self.flush_after_turn();
        }
    }

    /// What a task notes until it waits again goes up in one message: an attempt, its place in the books and
    /// the job's result belong together.
    fn flush_after_turn(self: &Rc<Self>) {
        if !self.awaited.replace(true) {
            let recorder = self.clone();
            tokio::task::spawn_local(async move { recorder.flush() });
        }
    }

    /// Hands over what is left.
    pub(super) fn flush(&self) {
        self.awaited.set(false);
        let notes = self.notes.take();
        match &self.outlet {
            Outlet::History(sender) => {
                // A file that can no longer be whole is seen by who watches it.
                sender.send(notes.events);
            }
            Outlet::Parent(_) if notes.is_empty() => {}
            Outlet::Parent(uplink) => uplink.notes(notes),
        }
    }
}
