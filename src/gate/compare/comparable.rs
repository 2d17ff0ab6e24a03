//! What must agree before two runs may be held against each other.

use crate::history::{Host, Summary};
use std::collections::BTreeSet;

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
    /// Dates and terms of its prices; `None` if they are the plan's.
    pub prices: Option<String>,
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
            prices: Some(dates(run).into_iter().collect::<Vec<_>>().join(", ")),
        }
    }
}

/// Why two runs cannot be compared; empty if they can.
#[must_use]
pub fn incomparable(base: &Facts<'_>, new: &Facts<'_>) -> Vec<String> {
    let mut why = Vec::new();
    let mut differ = |what: &str, base: &str, new: &str, advice: &str| {
        if base != new {
            why.push(format!("{what} differs: {base} in BASE, {new} in NEW; {advice}"));
        }
    };
    differ("the clock", base.clock, new.clock, "make both by the same clock");
    let (one, other) = (base.seed.to_string(), new.seed.to_string());
    differ("the seed", &one, &other, "another seed is other work: make both with one --seed");
    if one == other {
        let advice =
            "make NEW from BASE's plan.toml, or compare different plans in pairs (--base, --new, --pairs)";
        differ("the plan", base.plan_hash, new.plan_hash, advice);
    }
    if base.clock != "virtual" {
        let machine = |facts: &Facts<'_>| {
            format!("{} {} with {} processors", facts.host.os, facts.host.arch, facts.host.cpus)
        };
        differ("the machine", &machine(base), &machine(new), "make both on one kind of machine, or in pairs");
    }
    if let (Some(base), Some(new)) = (&base.prices, &new.prices) {
        let advice = "judge BASE again (`deadheat check`) at NEW's prices";
        differ("what the prices rest on", base, new, advice);
    }
    for (name, facts) in [("BASE", base), ("NEW", new)] {
        if facts.interrupted {
            why.push(format!("{name} was interrupted: it is not the whole plan"));
        }
    }
    why
}

/// The cells of a run.
pub(super) fn cells(run: &Summary) -> BTreeSet<(&str, &str)> {
    run.counters.iter().map(|row| (row.target.as_str(), row.strategy.as_str())).collect()
}

/// Dates and terms that the landed prices rest on.
fn dates(run: &Summary) -> BTreeSet<String> {
    let landed = run.cost.iter().filter_map(|row| row.landed.as_ref());
    landed
        .flat_map(|row| row.factors.iter().map(|factor| format!("{} {}", factor.name, factor.note)))
        .collect()
}
