//! Turns an order that the gate drew into holds that ask for the same order.

use super::lives::{RequestRecord, RequestRecords};
use crate::schedule::{Fallback, Hold, Schedule, Trace, Until};

/// Schedules that ask for the order of this run by holds alone, the one with the fewest first.
///
/// The first holds only what overtook: requests that came earlier and were answered later. The second chains
/// every answer to the one before it, wherever both were in flight together. The third holds every answer for
/// as long as it was held: what broke may be that it took long.
pub(super) fn as_holds(schedule: &Schedule, trace: &Trace) -> Vec<Schedule> {
    if schedule.fallback == Fallback::Respond {
        return Vec::new();
    }
    let lives = RequestRecords::of(trace);
    let answered = lives.by_answer();
    let respond = |added: Vec<Hold>| {
        let mut schedule = Schedule { fallback: Fallback::Respond, ..schedule.clone() };
        let own = |hold: &Hold| schedule.holds.iter().any(|own| own.request == hold.request);
        let added: Vec<Hold> = added.into_iter().filter(|hold| !own(hold)).collect();
        schedule.holds.extend(added);
        schedule
    };
    let mut schedules = vec![
        respond(inversions(&answered)),
        respond(chain(&answered)),
        respond(lives.list.iter().filter_map(timed).collect()),
    ];
    schedules.dedup();
    schedules
}

fn hold(x: &RequestRecord, y: &RequestRecord) -> Hold {
    Hold { request: x.request.clone(), until: Until::Answered(y.request.clone()) }
}

fn timed(life: &RequestRecord) -> Option<Hold> {
    let (((at, _), _), (arrived, _)) = (life.released?, life.arrived);
    let long = at.saturating_sub(arrived);
    (!long.is_zero()).then(|| Hold { request: life.request.clone(), until: Until::After(long) })
}

fn inversions(answered: &[&RequestRecord]) -> Vec<Hold> {
    let of = |(n, x): (usize, &&RequestRecord)| {
        let overtook = answered[..n].iter().rev().find(|y| y.arrived > x.arrived)?;
        Some(hold(x, overtook))
    };
    answered.iter().enumerate().filter_map(of).collect()
}

fn chain(answered: &[&RequestRecord]) -> Vec<Hold> {
    let of = |pair: &[&RequestRecord]| {
        let [y, x] = pair else { return None };
        (y.answered()? > x.arrived).then(|| hold(x, y))
    };
    answered.windows(2).filter_map(of).collect()
}
