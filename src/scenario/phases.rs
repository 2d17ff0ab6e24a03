//! Profiles as the plan has them: what each would do, and whether it ends.

use super::raw::{self, Profile, Scenario};
use crate::document::Findings;
use crate::plan::{Arrivals, Executor, OnSaturation, Open, Phase, RateStage, Stage};
use std::time::Duration;

/// Most jobs of a profile.
const MOST_JOBS: f64 = 1e9;
/// Most arrivals per second: one each 100 ns.
const MOST_PER_S: f64 = 1e7;

/// Builds the phases; what is wrong goes to `findings`.
pub(super) fn build(scenario: &Scenario, findings: &mut Findings<'_>) -> Vec<Phase> {
    if scenario.profile.0.is_empty() {
        let help = "add one, such as [profile.constant-vus] with vus = 10 and duration = \"30s\"";
        findings.sense(&["profile"], "there is no profile", help);
    }
    scenario.profile.0.iter().map(|profile| phase(profile, scenario, findings)).collect()
}

fn phase(profile: &Profile, scenario: &Scenario, findings: &mut Findings<'_>) -> Phase {
    let name = profile.name();
    let executor = executor(profile, scenario, findings);
    let timing = profile.timing();
    if length(&executor).is_some_and(|length| timing.warmup.0 > Duration::ZERO && timing.warmup.0 >= length) {
        let help = "write a warm-up shorter than the profile, or nothing would be measured";
        let path = ["profile", name, "warmup"];
        findings.sense_at(&path, &path[..2], "the warm-up is the whole profile", help);
    }
    let jobs = jobs(&executor);
    if jobs > MOST_JOBS {
        let what = format!("`{name}` would make {jobs:.0} jobs");
        findings.sense(&["profile", name], what, "write a profile of at most 1000000000 jobs");
    }
    Phase {
        executor,
        start_time: timing.start_time.0,
        warmup: timing.warmup.0,
        graceful_stop: timing.graceful_stop.0,
    }
}

fn executor(profile: &Profile, scenario: &Scenario, findings: &mut Findings<'_>) -> Executor {
    let name = profile.name();
    let no_jobs = scenario.workload.jobs.is_none() && !findings.is_broken(&["workload", "jobs"]);
    match profile {
        Profile::ConstantVus(p) => {
            if p.duration.is_none() && no_jobs {
                let help = "add `duration`, or `jobs` to [workload]";
                findings.sense(&["profile", name, "duration"], format!("`{name}` would never end"), help);
            }
            Executor::ConstantVus { vus: p.vus, duration: p.duration.map(|time| time.0) }
        }
        Profile::RampingVus(p) => {
            let stages: Vec<Stage> = p
                .stages
                .iter()
                .map(|stage| Stage { duration: stage.duration.0, target: stage.target })
                .collect();
            let moves = p.start_vus > 0 || stages.iter().any(|stage| stage.target > 0);
            check_ramp(name, moves, stages.iter().map(|stage| stage.duration), findings);
            Executor::RampingVus { start_vus: p.start_vus, stages }
        }
        Profile::SharedIterations(p) => {
            if p.iterations.is_none() && no_jobs {
                let what = format!("`{name}` does not say how many iterations");
                findings.sense(
                    &["profile", name, "iterations"],
                    what,
                    "add `iterations`, or `jobs` to [workload]",
                );
            }
            let iterations = p.iterations.unwrap_or(1);
            Executor::SharedIterations {
                vus: p.vus,
                iterations,
                max_duration: p.max_duration.map(|time| time.0),
            }
        }
        Profile::PerVuIterations(p) => Executor::PerVuIterations {
            vus: p.vus,
            iterations: p.iterations,
            max_duration: p.max_duration.map(|time| time.0),
        },
        Profile::ConstantArrivalRate(p) => {
            let rate_per_s = per_second(p.rate, p.time_unit.0, &["profile", name, "rate"], findings);
            let open = open(name, p.arrivals, p.max_in_flight, p.on_saturation, findings);
            Executor::ConstantArrivalRate { rate_per_s, duration: p.duration.0, open }
        }
        Profile::RampingArrivalRate(p) => {
            let start = ["profile", name, "start_rate"];
            let start_rate_per_s = per_second(p.start_rate, p.time_unit.0, &start, findings);
            let mut stages = Vec::with_capacity(p.stages.len());
            for (index, stage) in p.stages.iter().enumerate() {
                let path = ["profile", name, "stages", &index.to_string(), "target"];
                let target_per_s = per_second(stage.target, p.time_unit.0, &path, findings);
                stages.push(RateStage { duration: stage.duration.0, target_per_s });
            }
            let moves = start_rate_per_s > 0.0 || stages.iter().any(|stage| stage.target_per_s > 0.0);
            check_ramp(name, moves, stages.iter().map(|stage| stage.duration), findings);
            let open = open(name, p.arrivals, p.max_in_flight, p.on_saturation, findings);
            Executor::RampingArrivalRate { start_rate_per_s, stages, open }
        }
        Profile::Barrier(p) => Executor::Barrier { size: p.size, rounds: p.rounds.unwrap_or(1) },
    }
}

fn per_second(rate: f64, unit: Duration, path: &[&str], findings: &mut Findings<'_>) -> f64 {
    let rate_per_s = rate / unit.as_secs_f64();
    if rate_per_s > MOST_PER_S {
        findings.sense(
            path,
            format!("{rate_per_s:.0} jobs per second are too many"),
            "write at most 10000000/s",
        );
    }
    rate_per_s
}

/// A ramp must issue something, and take some time over it.
fn check_ramp(
    name: &str,
    moves: bool,
    durations: impl Iterator<Item = Duration>,
    findings: &mut Findings<'_>,
) {
    let path = ["profile", name, "stages"];
    if !moves {
        findings.sense(&path, format!("`{name}` never issues a job"), "write a target above zero");
    }
    if durations.sum::<Duration>() == Duration::ZERO {
        findings.sense(&path, format!("`{name}` takes no time"), "give a stage a duration above zero");
    }
}

fn open(
    name: &str,
    arrivals: raw::Arrivals,
    max_in_flight: Option<u32>,
    on_saturation: Option<raw::OnSaturation>,
    findings: &mut Findings<'_>,
) -> Open {
    if on_saturation.is_some() && max_in_flight.is_none() {
        let what = "`on_saturation` does nothing without `max_in_flight`";
        let path = ["profile", name, "on_saturation"];
        findings.sense_at(&path, &path[..2], what, "add `max_in_flight`, or leave it out");
    }
    Open {
        arrivals: match arrivals {
            raw::Arrivals::Uniform => Arrivals::Uniform,
            raw::Arrivals::Poisson => Arrivals::Poisson,
            raw::Arrivals::Gamma { cv } => Arrivals::Gamma { cv },
        },
        max_in_flight,
        on_saturation: match on_saturation {
            None | Some(raw::OnSaturation::Queue) => OnSaturation::Queue,
            Some(raw::OnSaturation::Drop) => OnSaturation::Drop,
            Some(raw::OnSaturation::Abort) => OnSaturation::Abort,
        },
    }
}

/// How long jobs are begun, if the profile says so.
fn length(executor: &Executor) -> Option<Duration> {
    match executor {
        Executor::ConstantVus { duration, .. } => *duration,
        Executor::RampingVus { stages, .. } => Some(stages.iter().map(|stage| stage.duration).sum()),
        Executor::SharedIterations { max_duration, .. } | Executor::PerVuIterations { max_duration, .. } => {
            *max_duration
        }
        Executor::ConstantArrivalRate { duration, .. } => Some(*duration),
        Executor::RampingArrivalRate { stages, .. } => Some(stages.iter().map(|stage| stage.duration).sum()),
        Executor::Barrier { .. } => None,
    }
}

/// How many jobs it would make, where that can be told beforehand.
fn jobs(executor: &Executor) -> f64 {
    match executor {
        Executor::ConstantVus { .. } | Executor::RampingVus { .. } => 0.0,
        Executor::SharedIterations { iterations, .. } => *iterations as f64,
        Executor::PerVuIterations { vus, iterations, .. } => f64::from(*vus) * *iterations as f64,
        Executor::ConstantArrivalRate { rate_per_s, duration, .. } => rate_per_s * duration.as_secs_f64(),
        Executor::RampingArrivalRate { start_rate_per_s, stages, .. } => {
            let mut from = *start_rate_per_s;
            let mut sum = 0.0;
            for stage in stages {
                sum += (from + stage.target_per_s) / 2.0 * stage.duration.as_secs_f64();
                from = stage.target_per_s;
            }
            sum
        }
        Executor::Barrier { size, rounds } => f64::from(*size) * *rounds as f64,
    }
}
