//! Makes a finding small: fewest lock faults, then holds, then faults, then jobs, then time. A candidate is
//! kept only if the same rule breaks under it, twice out of two.

use crate::history::JobKey;
use crate::schedule::{Fallback, RequestKey, Schedule, Until};
use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

#[cfg(test)]
mod tests;

/// Steps of the search for the shortest hold.
const HALVINGS: usize = 6;

/// A hold is left this much longer than the shortest that was seen to do, in percent: a real clock trembles.
const MARGIN: u32 = 125;

/// A schedule and how many jobs it is run with; `None` is all.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Candidate {
    pub(super) schedule: Schedule,
    pub(super) jobs: Option<u64>,
}

/// Says whether a candidate still breaks the rule, until its budget ends; from then on it says no.
pub(super) struct Oracle<'a> {
    breaks: &'a mut dyn FnMut(&Candidate) -> bool,
    known: HashMap<String, bool>,
    left: u32,
}

impl<'a> Oracle<'a> {
    /// Asks at most `most` times.
    pub(super) fn new(most: u32, breaks: &'a mut dyn FnMut(&Candidate) -> bool) -> Self {
        Self { breaks, known: HashMap::new(), left: most }
    }

    /// Whether the rule breaks twice out of two.
    pub(super) fn keeps(&mut self, candidate: &Candidate) -> bool {
        let name = format!("{candidate:?}");
        if let Some(known) = self.known.get(&name) {
            return *known;
        }
        let mut once = || {
            self.left = match self.left.checked_sub(1) {
                Some(left) => left,
                None => return false,
            };
            (self.breaks)(candidate)
        };
        let keeps = once() && once();
        if self.left > 0 || keeps {
            self.known.insert(name, keeps);
        }
        keeps
    }
}

/// The smallest candidate that can be reached from `start`, which the oracle must keep. `all` is how many
/// jobs there are.
pub(super) fn shrink(start: Candidate, all: u64, oracle: &mut Oracle<'_>) -> Candidate {
    let mut best = first_few(start, all, oracle);
    // Every change makes something smaller, so this ends; what became small in one lets another shrink
    // further.
    loop {
        let before = best.clone();
        best = fewer_nemeses(best, oracle);
        best = fewer_holds(best, oracle);
        best = fewer_faults(best, oracle);
        best = simpler_order(best, oracle);
        best = lower_jobs(best, oracle);
        best = fewer_jobs(best, all, oracle);
        best = shorter(best, oracle);
        if best == before {
            return best;
        }
    }
}

/// Only what is done to the first few jobs, and no others: what is done to all of them mostly shows with
/// some.
fn first_few(start: Candidate, all: u64, oracle: &mut Oracle<'_>) -> Candidate {
    let foreign = |request: &&RequestKey| request.job.own().is_none();
    if named(&start.schedule).iter().any(foreign) {
        return start;
    }
    let few = |jobs: u64| {
        let mut schedule = start.schedule.clone();
        let inside = |request: &RequestKey| matches!(&request.job, JobKey::Own(id) if id.index < jobs);
        schedule.holds.retain(|hold| {
            let other = match &hold.until {
                Until::Answered(other) => inside(other),
                _ => true,
            };
            inside(&hold.request) && other
        });
        schedule.faults.retain(|strike| inside(&strike.request));
        Candidate { schedule, jobs: Some(jobs) }
    };
    let most = start.jobs.unwrap_or(all);
    let powers = std::iter::successors(Some(1_u64), |jobs| jobs.checked_mul(2));
    let found = powers.take_while(|jobs| *jobs < most).map(few).find(|few| oracle.keeps(few));
    found.unwrap_or(start)
}

fn fewer_holds(best: Candidate, oracle: &mut Oracle<'_>) -> Candidate {
    let with = |holds: &[_]| {
        let schedule = Schedule { holds: holds.to_vec(), ..best.schedule.clone() };
        Candidate { schedule, jobs: best.jobs }
    };
    let holds = fewest(best.schedule.holds.clone(), &mut |holds| oracle.keeps(&with(holds)));
    with(&holds)
}

fn fewer_faults(best: Candidate, oracle: &mut Oracle<'_>) -> Candidate {
    let with = |faults: &[_]| {
        let schedule = Schedule { faults: faults.to_vec(), ..best.schedule.clone() };
        Candidate { schedule, jobs: best.jobs }
    };
    let faults = fewest(best.schedule.faults.clone(), &mut |faults| oracle.keeps(&with(faults)));
    with(&faults)
}

fn fewer_nemeses(best: Candidate, oracle: &mut Oracle<'_>) -> Candidate {
    let with = |nemeses: &[_]| {
        let schedule = Schedule { nemeses: nemeses.to_vec(), ..best.schedule.clone() };
        Candidate { schedule, jobs: best.jobs }
    };
    let nemeses = fewest(best.schedule.nemeses.clone(), &mut |nemeses| oracle.keeps(&with(nemeses)));
    with(&nemeses)
}

/// Delta debugging: no item of the result can be left out alone, if `keeps` always says the same.
fn fewest<T: Clone>(items: Vec<T>, keeps: &mut dyn FnMut(&[T]) -> bool) -> Vec<T> {
    if items.is_empty() || keeps(&[]) {
        return Vec::new();
    }
    let mut items = items;
    let mut parts = 2;
    while items.len() > 1 {
        let size = items.len().div_ceil(parts);
        let without = |n: usize| -> Vec<T> {
            let (from, to) = (n * size, ((n + 1) * size).min(items.len()));
            [&items[..from.min(items.len())], &items[to..]].concat()
        };
        // From the end: what the first jobs show needs fewer of them.
        let found = (0..items.len().div_ceil(size)).rev().map(without).find(|rest| keeps(rest));
        match found {
            Some(rest) => {
                items = rest;
                parts = (parts - 1).max(2);
            }
            None if size == 1 => break,
            None => parts = (parts * 2).min(items.len()),
        }
    }
    items
}

/// No order at all is simpler than one, and a program left to itself simpler than one that is not.
fn simpler_order(best: Candidate, oracle: &mut Oracle<'_>) -> Candidate {
    let mut best = best;
    if best.schedule.perturb.is_some() {
        let mut alone = best.clone();
        alone.schedule.perturb = None;
        if oracle.keeps(&alone) {
            best = alone;
        }
    }
    for fallback in [Fallback::Respond, Fallback::Fifo] {
        if best.schedule.fallback == fallback {
            break;
        }
        let schedule = Schedule { fallback, ..best.schedule.clone() };
        let candidate = Candidate { schedule, jobs: best.jobs };
        if oracle.keeps(&candidate) {
            return candidate;
        }
    }
    best
}

/// The requests that a schedule names.
pub(super) fn named(schedule: &Schedule) -> Vec<&RequestKey> {
    let mut named = Vec::new();
    for hold in &schedule.holds {
        named.push(&hold.request);
        if let Until::Answered(other) = &hold.until {
            named.push(other);
        }
    }
    named.extend(schedule.faults.iter().map(|strike| &strike.request));
    named
}

fn indexes(schedule: &Schedule) -> BTreeSet<u64> {
    let index = |request: &&RequestKey| request.job.own().map(|id| id.index);
    named(schedule).iter().filter_map(index).collect()
}

/// Jobs are mostly alike: the same schedule over the first ones needs no others.
fn lower_jobs(best: Candidate, oracle: &mut Oracle<'_>) -> Candidate {
    let indexes: Vec<u64> = indexes(&best.schedule).into_iter().collect();
    let Some(first) = indexes.first().copied() else { return best };
    let dense: HashMap<u64, u64> = indexes.iter().copied().zip(0..).collect();
    let shifted: HashMap<u64, u64> = indexes.iter().map(|index| (*index, index - first)).collect();
    for moved in [dense, shifted] {
        let schedule = renamed(&best.schedule, &moved);
        if schedule == best.schedule {
            break;
        }
        // Where it matters which job is the last, the others have to go at the same time.
        let least = moved.values().max().map(|last| last + 1);
        for jobs in [best.jobs, least] {
            let candidate = Candidate { schedule: schedule.clone(), jobs };
            if oracle.keeps(&candidate) {
                return candidate;
            }
        }
    }
    each_lower(best, oracle)
}

/// One job after the other becomes the lowest that will do: not all are in the same place.
fn each_lower(best: Candidate, oracle: &mut Oracle<'_>) -> Candidate {
    let mut best = best;
    for index in indexes(&best.schedule).into_iter().rev() {
        let taken = indexes(&best.schedule);
        let lower = (0..index).filter(|lower| !taken.contains(lower)).map(|lower| {
            let schedule = renamed(&best.schedule, &HashMap::from([(index, lower)]));
            Candidate { schedule, jobs: best.jobs }
        });
        let lower: Vec<Candidate> = lower.collect();
        if let Some(found) = lower.into_iter().find(|candidate| oracle.keeps(candidate)) {
            best = found;
        }
    }
    best
}

fn renamed(schedule: &Schedule, moved: &HashMap<u64, u64>) -> Schedule {
    let mut schedule = schedule.clone();
    let rename = |request: &mut RequestKey| {
        if let JobKey::Own(id) = &mut request.job
            && let Some(index) = moved.get(&id.index)
        {
            id.index = *index;
        }
    };
    for hold in &mut schedule.holds {
        rename(&mut hold.request);
        if let Until::Answered(other) = &mut hold.until {
            rename(other);
        }
    }
    for strike in &mut schedule.faults {
        rename(&mut strike.request);
    }
    schedule
}

/// The fewest jobs, by halves and then one by one; never fewer than the schedule names.
fn fewer_jobs(best: Candidate, all: u64, oracle: &mut Oracle<'_>) -> Candidate {
    let with = |jobs| Candidate { schedule: best.schedule.clone(), jobs: Some(jobs) };
    let least = indexes(&best.schedule).last().map_or(1, |last| last + 1);
    let mut most = best.jobs.unwrap_or(all);
    if least >= most {
        return best;
    }
    let mut fails = least;
    if oracle.keeps(&with(least)) {
        return with(least);
    }
    let before = most;
    while most - fails > 1 {
        let middle = fails + (most - fails) / 2;
        if oracle.keeps(&with(middle)) {
            most = middle;
        } else {
            fails = middle;
        }
    }
    // Not every client is monotone: a few below the border.
    let below = (least..most).rev().take(4).filter(|jobs| oracle.keeps(&with(*jobs))).last();
    match below.unwrap_or(most) {
        jobs if jobs < before => with(jobs),
        _ => best,
    }
}

/// Holds no longer than they need to be.
fn shorter(best: Candidate, oracle: &mut Oracle<'_>) -> Candidate {
    let mut best = best;
    for n in 0..best.schedule.holds.len() {
        let Until::After(longest) = best.schedule.holds[n].until else { continue };
        let with = |time: Duration| {
            let mut candidate = best.clone();
            candidate.schedule.holds[n].until = Until::After(time);
            candidate
        };
        let (mut fails, mut does) = (Duration::ZERO, longest);
        for _ in 0..HALVINGS {
            let middle = fails + (does - fails) / 2;
            if oracle.keeps(&with(middle)) {
                does = middle;
            } else {
                fails = middle;
            }
        }
        let readable = with(rounded_up(does * MARGIN / 100));
        if does < longest && rounded_up(does * MARGIN / 100) < longest && oracle.keeps(&readable) {
            best = readable;
        }
    }
    best
}

/// Two figures, upwards.
fn rounded_up(time: Duration) -> Duration {
    let ns = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
    let step = 10u64.pow(ns.checked_ilog10().unwrap_or(0).saturating_sub(1));
    Duration::from_nanos(ns.div_ceil(step).saturating_mul(step))
}
