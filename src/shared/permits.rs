//! A fair pool of permits.

use crate::sync::{Mutex, lock};
use std::collections::BTreeMap;

/// A place in the queue of a [`PermitPool`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(u64);

/// What came of asking for a permit.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a granted permit must be released, a ticket redeemed or abandoned"]
pub enum Acquired {
    /// The permit is yours: give it back with [`PermitPool::release`].
    Granted,
    /// Wait until your waker fires: then the permit is yours. If you stop waiting, say so with
    /// [`PermitPool::abandon`].
    Queued(Ticket),
}

/// At most so many at once, first come, first served.
///
/// `W` wakes a waiter: the engine puts a channel there, loom's tests a flag. A released permit is handed
/// to the longest waiter directly, never put back for another to take, so none starves. So a task that waits
/// waits because all are held; [`resize`](Self::resize), which changes how many there are, keeps that true.
#[derive(Debug)]
pub struct PermitPool<W> {
    state: Mutex<State<W>>,
}

#[derive(Debug)]
struct State<W> {
    /// How many there are to be.
    permits: u32,
    /// How many are held: more than there are to be, for a time, after the pool has shrunk.
    held: u32,
    next: u64,
    queue: BTreeMap<u64, W>,
}

impl<W> State<W> {
    fn take(&mut self) -> bool {
        let free = self.held < self.permits;
        self.held += u32::from(free);
        free
    }

    /// Hands a free permit, if there is one, to the longest waiter, if there is one.
    fn hand_on(&mut self) -> Option<W> {
        if self.held >= self.permits {
            return None;
        }
        let (_, waker) = self.queue.pop_first()?;
        self.held += 1;
        Some(waker)
    }
}

impl<W> PermitPool<W> {
    /// A pool of `permits`, all free.
    #[must_use]
    pub fn new(permits: u32) -> Self {
        Self { state: Mutex::new(State { permits, held: 0, next: 0, queue: BTreeMap::new() }) }
    }

    /// Takes a permit, or queues behind those who asked before.
    pub fn acquire(&self, waker: W) -> Acquired {
        let mut state = lock(&self.state);
        if state.take() {
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
        lock(&self.state).take()
    }

    /// Gives a permit back. The waker returned, if any, is of the waiter who holds it now: fire it.
    #[must_use = "the waiter who now holds the permit must be woken"]
    pub fn release(&self) -> Option<W> {
        let mut state = lock(&self.state);
        state.held = state.held.saturating_sub(1);
        state.hand_on()
    }

    /// Stops waiting. If the permit was handed over meanwhile it is released at once, to the waiter whose
    /// waker is returned.
    #[must_use = "the waiter who now holds the permit must be woken"]
    pub fn abandon(&self, ticket: Ticket) -> Option<W> {
        let still_queued = lock(&self.state).queue.remove(&ticket.0).is_some();
        if still_queued { None } else { self.release() }
    }

    /// Changes how many permits there are. More go to the longest waiters at once: fire the wakers
    /// returned. Fewer take effect as permits come back; no permit is taken away.
    #[must_use = "the waiters who now hold a permit must be woken"]
    pub fn resize(&self, permits: u32) -> Vec<W> {
        let mut state = lock(&self.state);
        state.permits = permits;
        std::iter::from_fn(|| state.hand_on()).collect()
    }

    /// Permits that are not held.
    #[must_use]
    pub fn free(&self) -> u32 {
        let state = lock(&self.state);
        state.permits.saturating_sub(state.held)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn growing_wakes_waiters_in_order_and_shrinking_waits_for_permits() {
        let permits = PermitPool::new(1);
        assert_eq!(permits.acquire('a'), Acquired::Granted);
        for waker in ['b', 'c', 'd'] {
            assert!(matches!(permits.acquire(waker), Acquired::Queued(_)));
        }
        assert_eq!(permits.resize(3), ['b', 'c']);
        assert_eq!(permits.resize(1), [] as [char; 0]);
        assert_eq!((permits.release(), permits.release()), (None, None), "three held one permit");
        assert!(!permits.try_acquire());
        assert_eq!(permits.release(), Some('d'));
        assert_eq!(permits.free(), 0);
        assert_eq!(permits.release(), None);
        assert_eq!(permits.free(), 1);
    }

    #[test]
    fn more_permits_than_waiters_are_free() {
        let permits = PermitPool::new(0);
        let Acquired::Queued(leaver) = permits.acquire('a') else { panic!("there is no permit") };
        assert_eq!(permits.abandon(leaver), None);
        assert!(matches!(permits.acquire('b'), Acquired::Queued(_)));
        assert_eq!(permits.resize(3), ['b']);
        assert_eq!(permits.free(), 2);
    }
}
