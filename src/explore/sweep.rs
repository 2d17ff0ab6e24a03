//! The sweeps: every request, every pair, every fault, ordered so that one of each kind comes first.

use super::calm::{Pair, Undisturbed};
use super::family::Family;
use super::plan::distance;
use super::terms::Terms;
use crate::faults::{FaultKind, HintForm, RateLimit, Status};
use crate::plan::Nemesis;
use crate::schedule::{Fallback, Hold, RequestKey, Schedule, Strike, Until};
use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;
use std::hash::Hash;
use std::time::Duration;
use xxhash_rust::xxh64::xxh64;

/// Acquisitions of a lock around which something goes wrong, one at a time: further ones are like these.
const ACQUISITIONS: u64 = 3;

/// Attempts of every job that an outage strikes.
const OUTAGE: u32 = 6;

/// One schedule, in few bytes: requests, stalls and faults by number.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum ScheduleSpec {
    /// Hold this request for this stall.
    Stall(usize, usize),
    /// Hold the first until the second is answered.
    Pair(Pair),
    /// This request meets this fault of the alphabet.
    Fault(usize, usize),
    /// Every attempt up to this one meets this fault.
    Wave(FaultKind, Fallback, u32),
    /// Every first attempt is held past the time-out.
    Stalled,
    /// All that is in flight together is answered together with its last request; only the first, or all.
    Barrier(bool),
    /// This lock fault strikes at this acquisition; alone, or while every answer takes longer than a lock
    /// lasts.
    Lock(usize, u64, bool),
    /// Nothing but an order.
    Order(Fallback),
}

/// A sweep in its order: the first of each class, then the others.
pub(super) struct Ranked {
    specs: Vec<ScheduleSpec>,
    pub(super) firsts: usize,
}

impl Ranked {
    pub(super) fn len(&self) -> usize {
        self.specs.len()
    }

    pub(super) fn rest(&self) -> usize {
        self.specs.len() - self.firsts
    }

    pub(super) fn split(mut self) -> (Vec<ScheduleSpec>, Vec<ScheduleSpec>) {
        let rest = self.specs.split_off(self.firsts);
        (self.specs, rest)
    }

    /// Requests that look alike are one class: the first of each class comes first, in the order given; the
    /// others follow by `(near, turn in the class)`, so that a sample of them has some of every class.
    fn of<C: Hash + Eq + Clone>(items: Vec<(C, u8, u64, ScheduleSpec)>) -> Self {
        let mut first = Vec::new();
        let mut rest: Vec<(C, u8, u64, ScheduleSpec)> = Vec::new();
        let mut seen: HashMap<C, usize> = HashMap::new();
        for (class, near, draw, spec) in items {
            match seen.entry(class) {
                Slot::Vacant(slot) => {
                    slot.insert(0);
                    first.push(spec);
                }
                Slot::Occupied(slot) => rest.push((slot.key().clone(), near, draw, spec)),
            }
        }
        rest.sort_by_key(|(_, near, draw, _)| (*near, *draw));
        let mut turns: Vec<(u8, usize, u64, ScheduleSpec)> = Vec::with_capacity(rest.len());
        for (class, near, draw, spec) in rest {
            let turn = seen.entry(class).or_default();
            turns.push((near, *turn, draw, spec));
            *turn += 1;
        }
        turns.sort_by_key(|(near, turn, draw, _)| (*near, *turn, *draw));
        let firsts = first.len();
        first.extend(turns.into_iter().map(|(.., spec)| spec));
        Self { specs: first, firsts }
    }
}

/// A place in a shuffle that depends on nothing but the seed and what is shuffled.
fn draw(seed: u64, a: usize, b: usize) -> u64 {
    let mut key = [0u8; 16];
    key[..8].copy_from_slice(&(a as u64).to_le_bytes());
    key[8..].copy_from_slice(&(b as u64).to_le_bytes());
    xxh64(&key, seed)
}

fn class(calm: &Undisturbed, n: usize) -> (usize, u32, u32) {
    let request = &calm.requests[n];
    // Brought by another answer or not: how long the chain behind it is makes no other kind of request.
    (calm.depth[n].min(1), request.attempt, request.repeat)
}

/// Each request held past the client's time-out.
pub(super) fn hold_one(calm: &Undisturbed, terms: &Terms) -> Ranked {
    let mut items = Vec::new();
    for stall in 0..terms.stalls.len() {
        for n in 0..calm.requests.len() {
            items.push((
                (class(calm, n), stall),
                0,
                draw(terms.seed, n, stall),
                ScheduleSpec::Stall(n, stall),
            ));
        }
    }
    Ranked::of(items)
}

/// Each request held until another is answered, the nearest first; how many of the others cannot be asked
/// for, and how many every run obeys anyway.
pub(super) fn pairs(calm: &Undisturbed, terms: &Terms) -> (Ranked, u64, u64) {
    let mut items = Vec::new();
    let (mut infeasible, mut vacuous) = (0, 0);
    for x in 0..calm.requests.len() {
        for y in (0..calm.requests.len()).filter(|y| *y != x) {
            let pair = (x, y);
            if calm.vacuous(pair) {
                vacuous += 1;
            } else if !calm.feasible(pair) {
                infeasible += 1;
            } else {
                let near = distance(calm, pair);
                let kind = (near, class(calm, x), class(calm, y), calm.lane[x] == calm.lane[y], x < y);
                items.push((kind, near, draw(terms.seed, x, y), ScheduleSpec::Pair(pair)));
            }
        }
    }
    // What the first requests of a run show needs few jobs.
    items.sort_by_key(|(_, near, _, spec)| match spec {
        ScheduleSpec::Pair((x, y)) => (*near, *x.max(y), *x.min(y), x > y),
        _ => (*near, 0, 0, false),
    });
    (Ranked::of(items), infeasible, vacuous)
}

/// Each request meets each fault: one kind of request each fault first, another the next, so that a slow
/// client has met most faults and most of its requests one before one of them has met all.
pub(super) fn faults(calm: &Undisturbed, terms: &Terms) -> Ranked {
    let mut classes = Vec::new();
    let mut items = Vec::new();
    for n in 0..calm.requests.len() {
        let class = class(calm, n);
        let number = classes.iter().position(|known| *known == class).unwrap_or_else(|| {
            classes.push(class);
            classes.len() - 1
        });
        for fault in 0..terms.alphabet.len() {
            let item = ((class, fault), 0, draw(terms.seed, n, fault), ScheduleSpec::Fault(n, fault));
            items.push((number + fault, fault, item));
        }
    }
    items.sort_by_key(|(turn, fault, _)| (turn % classes.len().max(1), *fault));
    Ranked::of(items.into_iter().map(|(.., item)| item).collect())
}

/// Orders in which all requests are answered.
pub(super) fn orders(calm: &Undisturbed) -> Vec<(Family, ScheduleSpec)> {
    if calm.requests.is_empty() {
        return Vec::new();
    }
    let mut list = vec![
        (Family::Burst, ScheduleSpec::Order(Fallback::Burst)),
        (Family::Reverse, ScheduleSpec::Order(Fallback::Reverse)),
    ];
    // A barrier of two is a pair: that has had its turn.
    let wide: Vec<usize> = levels(calm).iter().map(Vec::len).filter(|wide| *wide > 1).collect();
    if wide.first().is_some_and(|first| *first > 2) {
        list.push((Family::Barrier, ScheduleSpec::Barrier(false)));
    }
    if wide.len() > 1 {
        list.push((Family::Barrier, ScheduleSpec::Barrier(true)));
    }
    list
}

/// What goes wrong for all requests at once, or for the lock around them.
pub(super) fn waves(calm: &Undisturbed, terms: &Terms) -> Vec<(Family, ScheduleSpec)> {
    if calm.requests.is_empty() {
        return Vec::new();
    }
    let mut list = Vec::new();
    let several = calm.requests.iter().filter(|key| key.attempt == 1 && key.repeat == 0).count() > 1;
    let limit = |retry_after| FaultKind::from(RateLimit { retry_after, hint: HintForm::Seconds });
    let hinted = limit(Some(Duration::from_secs(1)));
    let wave = |kind: &FaultKind, fallback, attempts| {
        (Family::Wave, ScheduleSpec::Wave(kind.clone(), fallback, attempts))
    };
    let (limit, failure, outage) =
        (limit(None), FaultKind::from(Status { code: 500 }), FaultKind::from(Status { code: 503 }));
    let once = |kind| several.then(|| wave(kind, Fallback::Respond, 1));
    // A wave of one is a fault: that has had its turn. The first two show most.
    list.extend(once(&limit));
    list.push(wave(&outage, Fallback::Respond, OUTAGE));
    list.extend([once(&hinted), once(&failure)].into_iter().flatten());
    list.push(wave(&limit, Fallback::Respond, OUTAGE));
    if several && !terms.stalls.is_empty() {
        list.push((Family::Wave, ScheduleSpec::Stalled));
    }
    let kinds = [limit, hinted, failure];
    list.extend(kinds.iter().map(|kind| wave(kind, Fallback::Burst, 1)));
    for acquisition in 1..=ACQUISITIONS {
        for fault in 0..terms.lock_faults.len() {
            // A process that is paused later has requests in flight, of which no lock of his can take care
            // any more.
            let may = acquisition == 1 && terms.past_lease.is_some();
            let slowly = [false, true].into_iter().filter(|slowly| !slowly || may);
            list.extend(slowly.map(|slowly| (Family::Lock, ScheduleSpec::Lock(fault, acquisition, slowly))));
        }
    }
    list
}

/// Requests that are in flight together when the client is not disturbed: only these can wait for one
/// another.
fn levels(calm: &Undisturbed) -> Vec<Vec<usize>> {
    let mut levels: Vec<Vec<usize>> = Vec::new();
    for n in 0..calm.requests.len() {
        let near = |level: &&mut Vec<usize>| level.iter().all(|m| calm.near.contains(&(*m, n)));
        match levels.iter_mut().find(near) {
            Some(level) => level.push(n),
            None => levels.push(vec![n]),
        }
    }
    levels
}

impl ScheduleSpec {
    /// The schedule itself.
    pub(super) fn schedule(&self, calm: &Undisturbed, terms: &Terms) -> Schedule {
        let request = |n: usize| calm.requests[n].clone();
        let mut schedule = terms.schedule(Fallback::Respond);
        let first_attempts =
            || calm.requests.iter().filter(|key| key.attempt == 1 && key.repeat == 0).cloned();
        match self {
            Self::Stall(n, stall) => {
                schedule.holds = vec![Hold { request: request(*n), until: terms.stalls[*stall].clone() }];
            }
            Self::Pair((x, y)) => {
                schedule.holds = vec![Hold { request: request(*x), until: Until::Answered(request(*y)) }];
            }
            Self::Fault(n, fault) => {
                schedule.faults = vec![Strike { request: request(*n), kind: terms.alphabet[*fault].clone() }];
            }
            Self::Wave(kind, fallback, attempts) => {
                let each = |first: RequestKey| {
                    (1..=*attempts).map(move |attempt| RequestKey { attempt, ..first.clone() })
                };
                let strike = |request| Strike { request, kind: kind.clone() };
                let mut all: Vec<RequestKey> = first_attempts().flat_map(each).collect();
                // Where a job sends several requests, their numbers are attempts as well.
                all.sort();
                all.dedup();
                schedule.faults = all.into_iter().map(strike).collect();
                schedule.fallback = *fallback;
            }
            Self::Stalled => {
                let hold = |request| Hold { request, until: terms.stalls[0].clone() };
                schedule.holds = first_attempts().map(hold).collect();
            }
            Self::Barrier(all) => {
                let levels = levels(calm).into_iter().filter(|level| level.len() > 1);
                for level in levels.take(if *all { usize::MAX } else { 1 }) {
                    let Some((last, others)) = level.split_last() else { continue };
                    let until = Until::Answered(request(*last));
                    let free = others.iter().filter(|n| calm.feasible((**n, *last)));
                    let hold = |n: &usize| Hold { request: request(*n), until: until.clone() };
                    schedule.holds.extend(free.map(hold));
                }
            }
            Self::Lock(fault, acquisition, slowly) => {
                if let Some(quiet) = terms.past_lease.filter(|_| *slowly) {
                    (schedule.fallback, schedule.quiet) = (Fallback::Burst, quiet);
                }
                let (kind, acquisition) = (terms.lock_faults[*fault], *acquisition);
                let nemesis = Nemesis { kind, acquisition, strategy: None };
                if !schedule.nemeses.contains(&nemesis) {
                    schedule.nemeses.push(nemesis);
                }
            }
            Self::Order(fallback) => schedule.fallback = *fallback,
        }
        schedule
    }
}
