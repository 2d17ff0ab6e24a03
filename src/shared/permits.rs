//! A fair pool of permits.

use crate::sync::{Mutex, lock};
use std::collections::BTreeMap;

/// A place in the queue of a [`Permits`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(u64);

/// What came of asking for a permit.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a granted permit must be released, a ticket redeemed or abandoned"]
pub enum Acquired {
    /// The permit is yours: give it back with [`Permits::release`].
    Granted,
    /// Wait until your waker fires: then the permit is yours. If you stop waiting, say so with
    /// [`Permits::abandon`].
    Queued(Ticket),
}

/// At most so many at once, first come, first served.
///
/// `W` wakes a waiter: the engine puts a channel there, loom's tests a flag. A released permit is handed
/// to the longest waiter directly, never put back for anyone to snatch, so nobody starves.
#[derive(Debug)]
pub struct Permits<W> {
    state: Mutex<State<W>>,
}

#[derive(Debug)]
struct State<W> {
    free: u32,
    next: u64,
    queue: BTreeMap<u64, W>,
}

impl<W> Permits<W> {
    /// A pool of `permits`, all free.
    #[must_use]
    pub fn new(permits: u32) -> Self {
        Self { state: Mutex::new(State { free: permits, next: 0, queue: BTreeMap::new() }) }
    }

    /// Takes a permit, or queues behind those who asked before.
    pub fn acquire(&self, waker: W) -> Acquired {
        let mut state = lock(&self.state);
        if state.free > 0 {
            state.free -= 1;
            return Acquired::Granted;
        }
        let ticket = state.next;
        state.next += 1;
        state.queue.insert(ticket, waker);
        Acquired::Queued(Ticket(ticket))
    }

    /// Takes a permit if one is free; never queues.
    #[must_use = "a granted permit must be released"]
    pub fn try_acquire(&self) -> bool {
        let mut state = lock(&self.state);
        let granted = state.free > 0;
        state.free -= u32::from(granted);
        granted
    }

    /// Gives a permit back. The waker returned, if any, is of the waiter who holds it now: fire it.
    #[must_use = "the waiter who now holds the permit must be woken"]
    pub fn release(&self) -> Option<W> {
        let mut state = lock(&self.state);
        let next = state.queue.pop_first();
        if next.is_none() {
            state.free += 1;
        }
        next.map(|(_, waker)| waker)
    }

    /// Stops waiting. If the permit was handed over meanwhile it is released at once, to the waiter whose
    /// waker is returned.
    #[must_use = "the waiter who now holds the permit must be woken"]
    pub fn abandon(&self, ticket: Ticket) -> Option<W> {
        let still_queued = lock(&self.state).queue.remove(&ticket.0).is_some();
        if still_queued { None } else { self.release() }
    }

    /// Permits that nobody holds.
    #[must_use]
    pub fn free(&self) -> u32 {
        lock(&self.state).free
    }
}
