//! What must agree before two runs may be held against each other.

use crate::plan::Plan;
use crate::summary::{Host, Summary};
use std::collections::{BTreeMap, BTreeSet};

/// What a run rests on.
#[derive(Debug, Clone)]
pub struct Facts<'a> {
    /// `real` or `virtual`.
    pub clock: &'a str,
    /// Digest of what was run.
    pub plan_hash: &'a str,
    /// Its seed.
    pub seed: u64,
    /// Its machine.
    pub host: &'a Host,
    /// Whether it was interrupted.
    pub interrupted: bool,
    /// The set and the day of each of its rate cards, by the card's name.
    pub prices: BTreeMap<String, String>,
    /// What stands between list and bill, such as the day of a rate of exchange, by its name; empty if it is
    /// the plan's.
    pub terms: BTreeMap<String, String>,
}

impl<'a> Facts<'a> {
    /// The facts of a judged run.
    #[must_use]
    pub fn of(run: &'a Summary) -> Self {
        Self {
            clock: &run.clock,
            plan_hash: &run.plan_hash,
            seed: run.seed,
            host: &run.host,
            interrupted: run.interrupted,
            prices: prices(run),
            terms: terms(run),
        }
    }

    /// The facts that a run of `plan` on the machine `host` will have.
    #[must_use]
    pub fn of_plan(plan: &'a Plan, host: &'a Host) -> Self {
        let listed = plan.targets.iter().filter_map(|target| target.price.as_ref());
        let listed = listed.filter(|price| price.is_listed());
        let prices = listed.map(|price| {
            let list = &price.list;
            (list.name(), dated(&list.set, &list.checked_on.to_string()))
        });
        Self {
            clock: plan.clock.name(),
            plan_hash: &plan.hash,
            seed: plan.seed,
            host,
            interrupted: false,
            prices: prices.collect(),
            terms: BTreeMap::new(),
        }
    }
}

/// Why two runs cannot be compared; empty if they can.
#[must_use]
pub fn incomparable(base: &Facts<'_>, new: &Facts<'_>) -> Vec<String> {
    let names = ["BASE", "NEW"];
    let mut why = other_ground([base, new], names);
    why.extend(other_prices(&base.terms, &new.terms, names));
    let (one, other) = (base.seed.to_string(), new.seed.to_string());
    if one == other {
        let advice =
            "make NEW from BASE's plan.toml, or compare different plans in pairs (--base, --new, --pairs)";
        why.extend(differing("the plan", [base.plan_hash, new.plan_hash], names, advice));
    } else {
        let advice = "another seed is other work: make both with one --seed";
        why.extend(differing("the seed", [&one, &other], names, advice));
    }
    for (name, facts) in names.into_iter().zip([base, new]) {
        if facts.interrupted {
            why.push(format!("{name} was interrupted: it is not the whole plan"));
        }
    }
    why
}

/// Why two runs of these names do not stand on the same ground, whatever was run: clock, machine, and the
/// dates of the prices that both have.
pub(super) fn other_ground(facts: [&Facts<'_>; 2], names: [&str; 2]) -> Vec<String> {
    let [base, new] = facts;
    let mut why = Vec::new();
    why.extend(differing("the clock", [base.clock, new.clock], names, "make both by the same clock"));
    if base.clock != "virtual" {
        let machines = facts.map(|facts| machine(facts.host));
        let advice = "make both on one kind of machine, or in pairs";
        why.extend(differing("the machine", [&machines[0], &machines[1]], names, advice));
    }
    why.extend(other_prices(&base.prices, &new.prices, names));
    why
}

/// What both have, and rest on another day.
fn other_prices(
    base: &BTreeMap<String, String>,
    new: &BTreeMap<String, String>,
    names: [&str; 2],
) -> Vec<String> {
    let both = base.iter().filter_map(|(name, old)| Some((name, old, new.get(name)?)));
    let advice = "judge BASE again (`deadheat check`) at NEW's prices";
    both.filter_map(|(name, old, now)| {
        differing(&format!("what the price of {name} rests on"), [old, now], names, advice)
    })
    .collect()
}

fn differing(what: &str, values: [&str; 2], names: [&str; 2], advice: &str) -> Option<String> {
    let ([old, now], [base, new]) = (values, names);
    (old != now).then(|| format!("{what} differs: {old} in {base}, {now} in {new}; {advice}"))
}

/// What times hang on.
pub(super) fn machine(host: &Host) -> String {
    format!("{} {} with {} processors", host.os, host.arch, host.cpus)
}

/// The cells of a run.
pub(super) fn cells(run: &Summary) -> BTreeSet<(&str, &str)> {
    run.counters.iter().map(|row| (row.target.as_str(), row.strategy.as_str())).collect()
}

/// What the prices of a run rest on.
fn prices(run: &Summary) -> BTreeMap<String, String> {
    let cards = run.cost.iter().filter_map(|row| row.card.as_ref());
    cards.map(|card| (card.card.clone(), dated(&card.set, &card.checked_on))).collect()
}

fn terms(run: &Summary) -> BTreeMap<String, String> {
    let mut terms = BTreeMap::new();
    for row in &run.cost {
        for factor in row.landed.iter().flat_map(|landed| &landed.factors) {
            terms.insert(format!("{} ({})", row.target, factor.name), factor.note.clone());
        }
    }
    terms
}

fn dated(set: &str, checked_on: &str) -> String {
    format!("set {set}, checked on {checked_on}")
}
