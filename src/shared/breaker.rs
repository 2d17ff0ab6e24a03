//! A circuit breaker.

use crate::sync::{Mutex, lock};
use std::time::Duration;

/// Leave to make one attempt. Say how it ended with [`Breaker::ended`], or that nothing is known of it
/// with [`Breaker::abandon`]; neither can be said twice.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a pass that is neither ended nor abandoned keeps a probe's place for ever"]
pub struct Pass {
    /// How often the breaker had changed when this was given.
    era: u64,
}

/// What came of asking for leave.
#[derive(Debug, PartialEq, Eq)]
pub enum Admission {
    /// Make the attempt.
    Go(Pass),
    /// Not before this moment; ask again then.
    Wait(Duration),
}

/// Stops asking a provider that fails, and asks it again with care.
///
/// M. Nygard, *Release It!* (2007): *closed*, attempts go through, until so many fail one after another;
/// *open*, none goes through for a time; *half-open*, a few probes go through: if all end well the breaker
/// closes, if one does not it opens again. Which state it is in and whether a place among the probes is
/// free is decided in one step, so no two attempts take one place. News of an attempt that was admitted
/// before the last change is ignored: a late failure from before must not undo what the probes showed, nor
/// a late success close a breaker that has opened.
#[derive(Debug)]
pub struct Breaker {
    failures: u32,
    open_for: Duration,
    probes: u32,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    era: u64,
    phase: Phase,
}

#[derive(Debug, Clone, Copy)]
enum Phase {
    Closed { failed_in_a_row: u32 },
    Open { until: Duration },
    HalfOpen { out: u32, well: u32 },
}

impl State {
    fn turn(&mut self, phase: Phase) {
        self.era += 1;
        self.phase = phase;
    }
}

impl Breaker {
    /// A closed breaker that opens after `failures` in a row, for `open_for`, and closes after `probes`
    /// that ended well. Numbers of 0 are taken as 1, an `open_for` of nothing as one nanosecond.
    #[must_use]
    pub fn new(failures: u32, open_for: Duration, probes: u32) -> Self {
        Self {
            failures: failures.max(1),
            open_for: open_for.max(Duration::from_nanos(1)),
            probes: probes.max(1),
            state: Mutex::new(State { era: 0, phase: Phase::Closed { failed_in_a_row: 0 } }),
        }
    }

    /// Asks for leave to make an attempt.
    ///
    /// While all probes are out it is not known when one ends: the moment to ask again is then `open_for`
    /// from now, which is what the wait would be if a probe failed now.
    #[must_use]
    pub fn admit(&self, now: Duration) -> Admission {
        let mut state = lock(&self.state);
        if let Phase::Open { until } = state.phase {
            if now < until {
                return Admission::Wait(until);
            }
            state.turn(Phase::HalfOpen { out: 0, well: 0 });
        }
        if let Phase::HalfOpen { out, well } = state.phase {
            if out + well >= self.probes {
                return Admission::Wait(now.saturating_add(self.open_for));
            }
            state.phase = Phase::HalfOpen { out: out + 1, well };
        }
        Admission::Go(Pass { era: state.era })
    }

    /// An attempt has ended, well or not; `true` if the breaker has closed by that: what waits for it need
    /// not wait any more.
    pub fn ended(&self, now: Duration, pass: Pass, well: bool) -> bool {
        let mut state = lock(&self.state);
        if pass.era != state.era {
            return false;
        }
        let open = Phase::Open { until: now.saturating_add(self.open_for) };
        match state.phase {
            Phase::Closed { .. } if well => state.phase = Phase::Closed { failed_in_a_row: 0 },
            Phase::Closed { failed_in_a_row } if failed_in_a_row + 1 < self.failures => {
                state.phase = Phase::Closed { failed_in_a_row: failed_in_a_row + 1 };
            }
            Phase::HalfOpen { well: before, .. } if well && before + 1 >= self.probes => {
                state.turn(Phase::Closed { failed_in_a_row: 0 });
                return true;
            }
            Phase::HalfOpen { out, well: before } if well => {
                state.phase = Phase::HalfOpen { out: out - 1, well: before + 1 };
            }
            Phase::Closed { .. } | Phase::HalfOpen { .. } => state.turn(open),
            // No pass is given while open, and one from before is of another era.
            Phase::Open { .. } => {}
        }
        false
    }

    /// An attempt was given up, and nothing is known of the provider. A probe's place is free again.
    pub fn abandon(&self, pass: Pass) {
        let mut state = lock(&self.state);
        if let (true, Phase::HalfOpen { out, well }) = (pass.era == state.era, state.phase) {
            state.phase = Phase::HalfOpen { out: out - 1, well };
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    const OPEN_FOR: Duration = Duration::from_secs(1);

    const fn s(s: u64) -> Duration {
        Duration::from_secs(s)
    }

    fn go(breaker: &Breaker, now: Duration) -> Pass {
        match breaker.admit(now) {
            Admission::Go(pass) => pass,
            Admission::Wait(until) => panic!("expected to go at {now:?}, must wait until {until:?}"),
        }
    }

    fn opened() -> Breaker {
        let breaker = Breaker::new(2, OPEN_FOR, 2);
        for _ in 0..2 {
            let pass = go(&breaker, s(0));
            breaker.ended(s(0), pass, false);
        }
        assert_eq!(breaker.admit(s(0)), Admission::Wait(s(1)));
        breaker
    }

    #[test]
    fn only_failures_in_a_row_open_it() {
        let breaker = Breaker::new(2, OPEN_FOR, 1);
        for well in [false, true, false, true, false] {
            let pass = go(&breaker, s(0));
            breaker.ended(s(0), pass, well);
        }
        let (last, late) = (go(&breaker, s(0)), go(&breaker, s(0)));
        breaker.ended(s(3), last, false);
        assert_eq!(breaker.admit(s(3)), Admission::Wait(s(4)));
        breaker.ended(s(3), late, true);
        assert_eq!(breaker.admit(s(3)), Admission::Wait(s(4)), "a late success closed it");
    }

    #[test]
    fn so_many_probes_and_all_well_close_it() {
        let breaker = opened();
        let (a, b) = (go(&breaker, s(1)), go(&breaker, s(1)));
        assert_eq!(breaker.admit(s(1)), Admission::Wait(s(2)));
        breaker.ended(s(1), a, true);
        assert_eq!(breaker.admit(s(1)), Admission::Wait(s(2)), "a third probe");
        breaker.ended(s(1), b, true);
        let passes: Vec<_> = (0..5).map(|_| go(&breaker, s(1))).collect();
        passes.into_iter().for_each(|pass| breaker.abandon(pass));
    }

    #[test]
    fn one_failed_probe_opens_it_and_late_news_are_ignored() {
        let breaker = opened();
        let (a, b) = (go(&breaker, s(1)), go(&breaker, s(1)));
        breaker.ended(s(1), a, false);
        assert_eq!(breaker.admit(s(1)), Admission::Wait(s(2)));
        let next = go(&breaker, s(2));
        breaker.ended(s(2), b, false);
        let second = go(&breaker, s(2));
        breaker.ended(s(2), next, true);
        breaker.ended(s(2), second, true);
        breaker.abandon(go(&breaker, s(2)));
    }

    #[test]
    fn an_abandoned_probe_makes_room() {
        let breaker = opened();
        for _ in 0..10 {
            breaker.abandon(go(&breaker, s(1)));
        }
        let (a, b) = (go(&breaker, s(1)), go(&breaker, s(1)));
        breaker.ended(s(1), a, true);
        breaker.abandon(b);
        let c = go(&breaker, s(1));
        breaker.ended(s(1), c, true);
        breaker.abandon(go(&breaker, s(1)));
    }
}
