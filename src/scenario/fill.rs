//! Fills in the defaults that depend on other values; the rest stand in the raw types.

use super::raw::{Latency, Limits, OnSaturation, Profile, Scenario};
use super::{price, thresholds};
use crate::plan::min_samples;
use crate::strategy::{Retry, StrategyPlan};

/// Most engine threads by default.
const MOST_THREADS: usize = 8;

/// Fills in what was left out, so that the written plan says everything.
pub(super) fn fill(scenario: &mut Scenario) {
    if scenario.strategy.0.is_empty() {
        scenario.strategy.0.push(StrategyPlan::default());
    }
    let cells = scenario.target.0.len() * scenario.strategy.0.len();
    scenario.blocks.get_or_insert(if cells > 1 { 4 } else { 1 });
    let built_in = scenario.target.0.iter().any(|(_, target)| target.url.is_none());
    scenario.threads.get_or_insert_with(|| default_threads(built_in));
    scenario.retry.get_or_insert_with(|| Retry { max_attempts: 1, ..Retry::default() });
    for (_, target) in &mut scenario.target.0 {
        if target.url.is_none() {
            target.model.get_or_insert_with(|| "deadheat-mock".to_owned());
            target.latency.get_or_insert_with(Latency::default);
            target.tokens_per_chunk.get_or_insert(1);
            target.limits.get_or_insert_with(Limits::default);
            target.bill_after_disconnect.get_or_insert(false);
            target.idempotency.get_or_insert(false);
        }
    }
    price::fill(scenario);
    for profile in &mut scenario.profile.0 {
        fill_profile(profile, scenario.workload.jobs);
    }
    for rule in &mut scenario.fault {
        rule.when.attempts.get_or_insert_with(|| vec![1]);
    }
    for (_, lines) in &mut scenario.thresholds.0 {
        for line in lines {
            if let Ok(parsed) = thresholds::parse(&line.threshold) {
                line.min_samples.get_or_insert(min_samples(parsed.aggregate));
            }
        }
    }
}

fn fill_profile(profile: &mut Profile, jobs: Option<u64>) {
    match profile {
        Profile::SharedIterations(shared) => shared.iterations = shared.iterations.or(jobs),
        Profile::Barrier(barrier) => {
            let size = u64::from(barrier.size.max(1));
            barrier.rounds.get_or_insert(jobs.map_or(1, |jobs| jobs.div_ceil(size)));
        }
        Profile::ConstantArrivalRate(open) if open.max_in_flight.is_some() => {
            open.on_saturation.get_or_insert(OnSaturation::Queue);
        }
        Profile::RampingArrivalRate(open) if open.max_in_flight.is_some() => {
            open.on_saturation.get_or_insert(OnSaturation::Queue);
        }
        _ => {}
    }
}

/// The built-in provider wants processors too, so the engine leaves it half of them.
fn default_threads(built_in: bool) -> u32 {
    let cpus = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let threads = if built_in { cpus / 2 } else { cpus };
    u32::try_from(threads.clamp(1, MOST_THREADS)).unwrap_or(1)
}
