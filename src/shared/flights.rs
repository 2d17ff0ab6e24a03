//! Single flight: one question asked once, however many want the answer.

use crate::sync::{Mutex, lock};
use std::collections::BTreeMap;

/// A waiter's place in a flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(u64);

/// What came of joining a flight.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a leader must land or fail, a ticket must be redeemed or given up"]
pub enum Joined<V> {
    /// No task asks yet: ask, then call [`Flights::land`] or [`Flights::fail`].
    Lead,
    /// Another task asks: when your waker fires, see [`Flights::woken`]. If you stop waiting, say so with
    /// [`Flights::leave`].
    Wait(Ticket),
    /// It was asked and answered.
    Done(V),
}

/// What a waiter finds when its waker fires.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a leader must land or fail"]
pub enum Woken<V> {
    /// The leader gave up and you are the leader now; the ticket is spent.
    Lead,
    /// The answer.
    Done(V),
    /// Nothing yet: keep waiting.
    Still,
}

/// Who asks which question, who waits for whom, and the answers so far, which are kept for ever.
///
/// The idea is Go's `singleflight` (`golang.org/x/sync`), which forgets an answer as soon as it is
/// delivered and hands a leader's failure to everyone; here answers stay and a failure passes the lead on,
/// because a waiter has its own retries left. Looking a question up and entering it as asked happens under
/// one lock, so no two callers lead it. A key's entry disappears only when it has neither leader nor
/// waiter, so no waiter is forgotten: each is still queued, or made leader and its waker handed out, or
/// the flight has landed and its waker was handed out then.
///
/// `W` wakes a waiter, as in [`PermitPool`](super::PermitPool).
#[derive(Debug)]
pub struct Flights<K, V, W> {
    state: Mutex<State<K, V, W>>,
}

#[derive(Debug)]
struct State<K, V, W> {
    next: u64,
    flights: BTreeMap<K, Flight<V, W>>,
}

#[derive(Debug)]
enum Flight<V, W> {
    /// In the air. `heir` was made leader and has not looked yet.
    Flying {
        waiters: BTreeMap<Ticket, W>,
        heir: Option<Ticket>,
    },
    Landed(V),
}

impl<K: Ord + Clone, V: Clone, W> Default for Flights<K, V, W> {
    fn default() -> Self {
        Self { state: Mutex::new(State { next: 0, flights: BTreeMap::new() }) }
    }
}

impl<K: Ord, V, W> State<K, V, W> {
    /// Passes the lead to the longest waiter, or ends the flight if no task waits.
    fn pass_on(&mut self, key: &K) -> Option<W> {
        let Some(Flight::Flying { waiters, heir }) = self.flights.get_mut(key) else { return None };
        if let Some((ticket, waker)) = waiters.pop_first() {
            *heir = Some(ticket);
            return Some(waker);
        }
        self.flights.remove(key);
        None
    }
}

impl<K: Ord + Clone, V: Clone, W> Flights<K, V, W> {
    /// No question asked yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks for an answer: leads, waits behind the leader, or has it at once.
    pub fn join(&self, key: &K, waker: W) -> Joined<V> {
        let mut state = lock(&self.state);
        let ticket = Ticket(state.next);
        match state.flights.get_mut(key) {
            None => {
                state.flights.insert(key.clone(), Flight::Flying { waiters: BTreeMap::new(), heir: None });
                Joined::Lead
            }
            Some(Flight::Flying { waiters, .. }) => {
                waiters.insert(ticket, waker);
                state.next += 1;
                Joined::Wait(ticket)
            }
            Some(Flight::Landed(value)) => Joined::Done(value.clone()),
        }
    }

    /// The leader has the answer. Fire every waker returned. The first answer of a key stands; another
    /// is dropped.
    #[must_use = "the waiters must be woken"]
    pub fn land(&self, key: &K, value: V) -> Vec<W> {
        let mut state = lock(&self.state);
        match state.flights.get_mut(key) {
            Some(Flight::Landed(_)) => Vec::new(),
            Some(flight) => match std::mem::replace(flight, Flight::Landed(value)) {
                Flight::Flying { waiters, .. } => waiters.into_values().collect(),
                Flight::Landed(_) => Vec::new(),
            },
            None => {
                state.flights.insert(key.clone(), Flight::Landed(value));
                Vec::new()
            }
        }
    }

    /// The leader gives up. The waker returned, if any, is of the waiter who leads now: fire it. If no task
    /// waits, the next one to join leads.
    #[must_use = "the waiter who now leads must be woken"]
    pub fn fail(&self, key: &K) -> Option<W> {
        lock(&self.state).pass_on(key)
    }

    /// What a waiter is to do now. After `Lead` and `Done` the ticket is spent.
    pub fn woken(&self, key: &K, ticket: Ticket) -> Woken<V> {
        match lock(&self.state).flights.get_mut(key) {
            Some(Flight::Landed(value)) => Woken::Done(value.clone()),
            Some(Flight::Flying { heir, .. }) if *heir == Some(ticket) => {
                *heir = None;
                Woken::Lead
            }
            Some(Flight::Flying { .. }) | None => Woken::Still,
        }
    }

    /// Stops waiting. If the lead had passed to this waiter, who has not seen it, it passes on: fire the
    /// waker returned. A spent ticket does nothing, so a guard may always call this.
    #[must_use = "the waiter who now leads must be woken"]
    pub fn leave(&self, key: &K, ticket: Ticket) -> Option<W> {
        let mut state = lock(&self.state);
        let Some(Flight::Flying { waiters, heir }) = state.flights.get_mut(key) else { return None };
        if *heir == Some(ticket) {
            *heir = None;
            return state.pass_on(key);
        }
        waiters.remove(&ticket);
        None
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn ticket<V: std::fmt::Debug>(joined: Joined<V>) -> Ticket {
        match joined {
            Joined::Wait(ticket) => ticket,
            other => panic!("expected to wait, got {other:?}"),
        }
    }

    #[test]
    fn one_leads_all_get_the_answer_and_it_stays() {
        let flights = Flights::new();
        assert_eq!(flights.join(&1, 'a'), Joined::Lead);
        let b = ticket(flights.join(&1, 'b'));
        let c = ticket(flights.join(&1, 'c'));
        assert_eq!(flights.woken(&1, b), Woken::Still);
        assert_eq!(flights.land(&1, "answer"), ['b', 'c']);
        assert_eq!(flights.woken(&1, b), Woken::Done("answer"));
        assert_eq!(flights.woken(&1, c), Woken::Done("answer"));
        assert_eq!(flights.join(&1, 'd'), Joined::Done("answer"));
        assert_eq!(flights.land(&1, "another"), [] as [char; 0]);
        assert_eq!(flights.join(&1, 'e'), Joined::Done("answer"));
        assert_eq!(flights.join(&2, 'f'), Joined::Lead, "keys are apart");
    }

    #[test]
    fn the_lead_passes_in_order_and_past_one_who_left() {
        let flights: Flights<u64, (), char> = Flights::new();
        assert_eq!(flights.join(&1, 'a'), Joined::Lead);
        let b = ticket(flights.join(&1, 'b'));
        let c = ticket(flights.join(&1, 'c'));
        let d = ticket(flights.join(&1, 'd'));
        assert_eq!(flights.leave(&1, c), None);
        assert_eq!(flights.fail(&1), Some('b'));
        assert_eq!(flights.leave(&1, b), Some('d'), "the lead was left with a waiter who is gone");
        assert_eq!(flights.woken(&1, d), Woken::Lead);
        assert_eq!(flights.leave(&1, d), None, "a spent ticket gave the lead away");
        assert_eq!(flights.fail(&1), None);
        assert_eq!(flights.join(&1, 'e'), Joined::Lead, "no task asks, and none may");
    }

    #[test]
    fn an_heir_who_has_not_looked_still_leads_the_flight() {
        let flights: Flights<u64, (), char> = Flights::new();
        assert_eq!(flights.join(&1, 'a'), Joined::Lead);
        let b = ticket(flights.join(&1, 'b'));
        assert_eq!(flights.fail(&1), Some('b'));
        let c = ticket(flights.join(&1, 'c'));
        assert_eq!(flights.woken(&1, c), Woken::Still);
        assert_eq!(flights.woken(&1, b), Woken::Lead);
        assert_eq!(flights.land(&1, ()), ['c']);
    }
}
