//! Which schedules are tried, in which order: sweeps that have an end first, then random orders without one.

use super::calm::{Pair, Undisturbed};
use super::family::Family;
use super::sweep::{self, ScheduleSpec};
use super::terms::Terms;
use crate::schedule::{Fallback, Perturb, Schedule};
use crate::seed;
use crate::summary::FamilyRow;
use rand::RngCore;
use std::collections::VecDeque;

#[cfg(test)]
mod tests;

/// Of the schedules that are left after one of each kind, the share that goes to sweeps, in percent: random
/// orders find what no sweep asks for, so they are never crowded out.
const SWEEPS: u64 = 75;

/// The share of one linear sweep (hold-one, faults), in percent.
const LINEAR: u64 = 20;

/// The schedules of a hunt, lazily; deterministic by the seed. Never ends: the budget does.
pub(super) struct Planner<'a> {
    calm: &'a Undisturbed,
    terms: &'a Terms,
    specs: VecDeque<(Family, ScheduleSpec)>,
    rows: Vec<FamilyRow>,
    /// Random schedules handed out so far.
    drawn: u64,
}

impl<'a> Planner<'a> {
    /// Plans for about `total` schedules; `None` is as many as there are.
    pub(super) fn new(calm: &'a Undisturbed, terms: &'a Terms, total: Option<u64>) -> Self {
        let hold = sweep::hold_one(calm, terms);
        let (pair, infeasible, vacuous) = sweep::pairs(calm, terms);
        let fault = sweep::faults(calm, terms);
        let (orders, waves) = (sweep::orders(calm), sweep::waves(calm, terms));
        let mut rows = vec![row(Family::HoldOne, hold.len()), row(Family::Pair, pair.len())];
        rows[1].infeasible = infeasible;
        rows[1].vacuous = vacuous;
        for family in [Family::Burst, Family::Reverse, Family::Barrier, Family::Wave, Family::Lock] {
            rows.push(row(family, orders.iter().chain(&waves).filter(|(of, _)| *of == family).count()));
        }
        rows.push(row(Family::Fault, fault.len()));
        rows.extend([Family::Random, Family::Lanes].map(|family| FamilyRow { of: None, ..row(family, 0) }));

        let first = hold.firsts + pair.firsts + fault.firsts + orders.len() + waves.len();
        let left = total.map_or(u64::MAX / 100, |total| total.saturating_sub(first as u64));
        let linear = left * LINEAR / 100;
        let (holds, faults) = (linear.min(hold.rest() as u64), linear.min(fault.rest() as u64));
        let pairs = (left * SWEEPS / 100).saturating_sub(holds + faults);
        let [hold, pair, fault] = [hold, pair, fault].map(sweep::Ranked::split);
        let of =
            |family: Family, list: Vec<ScheduleSpec>| list.into_iter().map(|spec| (family, spec)).collect();
        let mut specs = in_turns([
            of(Family::HoldOne, hold.0),
            of(Family::Pair, pair.0),
            orders.into(),
            of(Family::Fault, fault.0),
            waves.into(),
        ]);
        for (family, list, most) in [
            (Family::HoldOne, hold.1, holds),
            (Family::Pair, pair.1, pairs),
            (Family::Fault, fault.1, faults),
        ] {
            let most = usize::try_from(most).unwrap_or(usize::MAX);
            specs.extend(list.into_iter().take(most).map(|spec| (family, spec)));
        }
        Self { calm, terms, specs, rows, drawn: 0 }
    }

    /// What each family has, none of it tried yet.
    pub(super) fn families(&self) -> Vec<FamilyRow> {
        self.rows.clone()
    }

    fn random(&mut self) -> (Family, Schedule) {
        let n = self.drawn;
        self.drawn += 1;
        // 53 bits: a seed that JSON's numbers can carry.
        let seed = seed::stream(self.terms.seed, "explore.portfolio", n).next_u64() >> 11;
        let depths = &self.terms.depths;
        let depth = usize::try_from(n / 2).ok().and_then(|n| depths.get(n % depths.len().max(1)));
        let (family, fallback) = match depth {
            Some(depth) if n % 2 == 1 => (Family::Lanes, Fallback::Lanes { depth: *depth }),
            _ => (Family::Random, Fallback::Random),
        };
        (family, Schedule { seed, ..self.terms.schedule(fallback) })
    }
}

impl Iterator for Planner<'_> {
    type Item = (Family, Schedule);

    fn next(&mut self) -> Option<Self::Item> {
        match self.specs.pop_front() {
            Some((family, spec)) => Some((family, spec.schedule(self.calm, self.terms))),
            None => Some(self.random()),
        }
    }
}

/// Schedules in which the client's own steps are made to change places: answers come as they are ready,
/// together, or in any order. Never ends.
pub(super) fn perturbed(terms: &Terms, perturb: Perturb) -> impl Iterator<Item = (Family, Schedule)> {
    (0u64..).map(move |n| {
        let seed = seed::stream(terms.seed, "explore.perturb", n).next_u64() >> 11;
        // One seed in two pauses often, the other rarely: each kind meets each order.
        let seed = (seed & !1) | (n / 3 % 2);
        let fallback = match n % 3 {
            0 => Fallback::Burst,
            1 => Fallback::Respond,
            _ => Fallback::Random,
        };
        (Family::Perturb, Schedule { seed, perturb: Some(perturb), ..terms.schedule(fallback) })
    })
}

/// One of each list after the other, so that a budget which ends early has seen some of every kind.
fn in_turns(mut lists: [VecDeque<(Family, ScheduleSpec)>; 5]) -> VecDeque<(Family, ScheduleSpec)> {
    let mut all = VecDeque::new();
    while lists.iter().any(|list| !list.is_empty()) {
        all.extend(lists.iter_mut().filter_map(VecDeque::pop_front));
    }
    all
}

fn row(family: Family, of: usize) -> FamilyRow {
    FamilyRow { family: family.name().to_owned(), of: Some(of as u64), ..FamilyRow::default() }
}

/// How near two requests are to a race, 0 nearest: in flight together undisturbed, in flight together when
/// answers are slow, or never seen together.
pub(super) fn distance(calm: &Undisturbed, pair: Pair) -> u8 {
    match (calm.near.contains(&pair), calm.together.contains(&pair)) {
        (true, _) => 0,
        (false, true) => 1,
        (false, false) => 2,
    }
}
