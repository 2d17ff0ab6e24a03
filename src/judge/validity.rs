//! Whether the measurement kept its own budget, and what to change if it did not.

use crate::plan::{Executor, Plan};
use crate::summary::{Fidelity, Validity};
use crate::units::format_duration;
use crate::units::shown::percent;
use std::time::Duration;

/// Whether the measurement can be believed: its fidelity is within the plan's budget, its evidence is
/// whole (`gaps` lists what is missing), and every planned job is accounted for (`conservation` lists what
/// is not).
#[must_use]
pub fn validity(plan: &Plan, fidelity: &Fidelity, gaps: &[String], conservation: &[String]) -> Validity {
    let internal = conservation.iter().map(|what| format!("an error of deadheat itself: {what}"));
    let torn = gaps.iter().map(|what| format!("the evidence is not whole: {what}"));
    let why: Vec<String> = internal.chain(torn).chain(fidelity_faults(plan, fidelity)).collect();
    Validity { holds: why.is_empty(), why }
}

/// Each way in which the generator, not the provider, was slow: what was seen, the budget, what to do.
#[must_use]
pub fn fidelity_faults(plan: &Plan, fidelity: &Fidelity) -> Vec<String> {
    let open = plan.phases.iter().any(|phase| is_open(&phase.executor));
    let of_open = [lag(plan, fidelity), achieved(plan, fidelity)].into_iter().filter(|_| open);
    [stamp_error(plan, fidelity), cpu(plan, fidelity)].into_iter().chain(of_open).flatten().collect()
}

fn is_open(executor: &Executor) -> bool {
    matches!(executor, Executor::ConstantArrivalRate { .. } | Executor::RampingArrivalRate { .. })
}

/// A value over its budget, or one that is no number, which proves nothing.
fn over(value: f64, budget: f64) -> bool {
    value.is_nan() || value > budget
}

fn ms(d: Duration) -> f64 {
    d.as_secs_f64() * 1e3
}

/// Where nothing was streamed there is no TTFT, and the whole time of an attempt is asked instead. Below
/// the samples for a 99th percentile the median speaks: if it is over the budget, the tail is too.
fn stamp_error(plan: &Plan, fidelity: &Fidelity) -> Option<String> {
    let budget = plan.fidelity.ttft_error_p99;
    let find = |metric| fidelity.errors.iter().find(move |row| row.metric == metric && row.count > 0);
    let streamed = find("ttft").map(|row| ("TTFT was", row));
    let (what, row) = streamed.or_else(|| find("service").map(|row| ("attempts were", row)))?;
    let (seen, at) = row.p99_ms.map(|ms| (ms, "p99")).or_else(|| row.p50_ms.map(|ms| (ms, "p50")))?;
    over(seen.abs(), ms(budget)).then(|| {
        format!(
            "{what} measured {} off the ledger at {at}, more than the {} allowed: run fewer streams at once, \
             give the engine more threads, or serve the mock from another process (`deadheat mock`)",
            show_ms(seen.abs()),
            format_duration(budget),
        )
    })
}

fn cpu(plan: &Plan, fidelity: &Fidelity) -> Option<String> {
    let (seen, budget) = (fidelity.cpu_busiest, plan.fidelity.cpu);
    over(seen, budget).then(|| {
        format!(
            "the busiest engine thread used {} of a core, more than the {}% allowed: run fewer streams \
             at once, give the engine more threads, or serve the mock from another process (`deadheat mock`)",
            percent(seen),
            // As written in the scenario, without the dust of a binary fraction.
            (budget * 1e8).round() / 1e6,
        )
    })
}

fn lag(plan: &Plan, fidelity: &Fidelity) -> Option<String> {
    let budget = plan.fidelity.lag_p99;
    let seen = fidelity.lag_p99_ms?;
    over(seen, ms(budget)).then(|| {
        format!(
            "jobs were begun {} after they were due at p99, more than the {} allowed: lower the rate, raise \
             `max_in_flight`, or give the engine more threads",
            show_ms(seen),
            format_duration(budget),
        )
    })
}

fn achieved(plan: &Plan, fidelity: &Fidelity) -> Option<String> {
    let budget = plan.fidelity.achieved;
    let seen = fidelity.achieved?;
    (seen.is_nan() || seen < budget).then(|| {
        format!(
            "{} of the offered load was achieved, less than the {} required: lower the rate, raise \
             `max_in_flight`, or give the engine more threads",
            percent(seen),
            percent(budget),
        )
    })
}

fn show_ms(ms: f64) -> String {
    Duration::try_from_secs_f64(ms / 1e3).map_or_else(|_| format!("{ms} ms"), format_duration)
}
