//! A lock server without a process: leases, fencing tokens and totals as Redis keeps them.

use super::keys::Keys;
use crate::sync::{Mutex, lock};
use std::time::Duration;

/// How a server does not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absence {
    /// No connection comes about: nothing was asked, and the client knows.
    Unreachable,
    /// The question is lost on its way: nothing was done, and the client cannot know.
    Unheard,
    /// The answer is lost on its way: it was done, and the client cannot know.
    Unanswered,
}

/// The model of a Redis server that locks, results and totals are kept on.
///
/// Each question is one step: no other client sees half of it. Time is given with it, counted from 1970, for
/// the keys' expiry and for where a fencing counter begins. A lease that runs out is given again, though its
/// holder may not have noticed (a pause, a slow call): so no lease excludes anyone by itself. Each lending
/// carries a token that grows for ever, over restarts too, and the resource refuses a token older than one it
/// has seen ([`Fence`](super::Fence)). See M. Kleppmann, "How to do distributed locking" (2016), and Jepsen's
/// report on etcd 3.4.3 (2020), whose read-modify-write under a lease loses updates and whose fenced one does
/// not.
///
/// What goes wrong with such a server is done to it: [`expire`](Self::expire),
/// [`restart_empty`](Self::restart_empty), [`away`](Self::away), [`lose`](Self::lose).
#[derive(Debug, Default)]
pub struct LockServer {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    keys: Keys,
    away: Option<(Absence, Duration)>,
    lost: Option<(Absence, u32)>,
}

impl State {
    fn absence(&mut self, now: Duration) -> Option<Absence> {
        if let Some((absence, until)) = self.away {
            if now < until {
                return Some(absence);
            }
            self.away = None;
        }
        let (absence, questions) = self.lost.as_mut()?;
        *questions = questions.checked_sub(1)?;
        Some(*absence)
    }
}

impl LockServer {
    /// A server that remembers nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes one step, at `now` since 1970.
    ///
    /// # Errors
    /// If the server is away; with [`Absence::Unanswered`] the step was taken all the same.
    pub fn ask<T>(&self, now: Duration, step: impl FnOnce(&mut Keys) -> T) -> Result<T, Absence> {
        let mut state = lock(&self.state);
        let absence = state.absence(now);
        if let Some(absence @ (Absence::Unreachable | Absence::Unheard)) = absence {
            return Err(absence);
        }
        state.keys.set_time(now);
        let answer = step(&mut state.keys);
        absence.map_or(Ok(answer), Err)
    }

    /// Ends the time of all keys that `picks` picks, held or not: what a clock that jumped does.
    /// Returns how many there were.
    pub fn expire(&self, picks: impl FnMut(&[u8]) -> bool) -> usize {
        lock(&self.state).keys.expire_where(picks)
    }

    /// Forgets all keys, as a server does that keeps nothing on disk.
    pub fn restart_empty(&self) {
        lock(&self.state).keys = Keys::default();
    }

    /// Is away until `until`, counted from 1970; [`Duration::ZERO`] brings it back.
    pub fn away(&self, absence: Absence, until: Duration) {
        lock(&self.state).away = Some((absence, until));
    }

    /// Is away for the next so many questions.
    pub fn lose(&self, absence: Absence, questions: u32) {
        lock(&self.state).lost = Some((absence, questions));
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::shared::KeyError;

    const WEEK: i64 = 7 * 24 * 3_600_000;

    const fn at(ms: u64) -> Duration {
        Duration::from_secs(1_700_000_000).saturating_add(Duration::from_millis(ms))
    }

    fn acquire(server: &LockServer, owner: &str, ms: u64) -> Option<i64> {
        let step = |keys: &mut Keys| keys.acquire(b"lock", b"fence", owner.as_bytes(), (100, WEEK));
        server.ask(at(ms), step).expect("it is there").expect("it holds what it should")
    }

    fn renew(server: &LockServer, owner: &str, ms: u64) -> bool {
        server.ask(at(ms), |keys| keys.renew(b"lock", owner.as_bytes(), 100)).expect("there").expect("a lock")
    }

    fn release(server: &LockServer, owner: &str, ms: u64) -> bool {
        server.ask(at(ms), |keys| keys.release(b"lock", owner.as_bytes())).expect("there").expect("a lock")
    }

    #[test]
    fn held_until_it_runs_out_and_the_token_grows() {
        let server = LockServer::new();
        assert_eq!(acquire(&server, "one", 0), Some(1_700_000_000_000_001));
        assert_eq!(acquire(&server, "two", 99), None);
        assert_eq!(acquire(&server, "one", 100), None, "not re-entrant");
        assert_eq!(acquire(&server, "two", 101), Some(1_700_000_000_000_002));
        assert!(!renew(&server, "one", 102) && !release(&server, "one", 102));
        assert!(renew(&server, "two", 201));
        assert_eq!(acquire(&server, "one", 301), None, "renewed, and ended all the same");
        assert!(release(&server, "two", 301));
        assert_eq!(acquire(&server, "one", 301), Some(1_700_000_000_000_003));
    }

    #[test]
    fn tokens_grow_over_a_restart_and_an_end_before_its_time() {
        let server = LockServer::new();
        let first = acquire(&server, "one", 0);
        assert_eq!(server.expire(|key| key == b"lock"), 1);
        let second = acquire(&server, "two", 0);
        assert!(second > first && !release(&server, "one", 0));
        server.restart_empty();
        assert!(acquire(&server, "three", 1) > second);
    }

    #[test]
    fn an_absent_server_takes_the_step_or_does_not() {
        let server = LockServer::new();
        let add = |ms| server.ask(at(ms), |keys| keys.increment(b"n"));
        server.away(Absence::Unreachable, at(10));
        assert_eq!(add(9), Err(Absence::Unreachable));
        assert_eq!(add(10), Ok(Ok(1)));
        server.lose(Absence::Unheard, 1);
        assert_eq!(add(11), Err(Absence::Unheard));
        assert_eq!(add(12), Ok(Ok(2)), "a question that was lost was answered");
        server.lose(Absence::Unanswered, 2);
        assert_eq!((add(13), add(14)), (Err(Absence::Unanswered), Err(Absence::Unanswered)));
        assert_eq!(add(15), Ok(Ok(5)));
        server.away(Absence::Unheard, at(1000));
        server.away(Absence::Unheard, Duration::ZERO);
        assert_eq!(add(16), Ok(Ok(6)));
    }

    #[test]
    fn what_stands_before_a_refusal_is_done() {
        let server = LockServer::new();
        let refused = server.ask(at(0), |keys| {
            keys.add(b"fence", b"field", 1)?;
            keys.acquire(b"lock", b"fence", b"one", (100, WEEK))
        });
        assert_eq!(refused, Ok(Err(KeyError::WrongType)));
        assert_eq!(acquire(&server, "two", 1), None, "the lock was taken before the token was refused");
    }
}
