//! When each strategy is the wrong choice: a sentence each, with what was seen in this run.

use crate::history::ErrorClass;
use crate::plan::{Place, Plan, StrategyPlan, Way};
use crate::summary::{CounterRow, Invariant, StrategyRow};
use crate::units::format_duration;
use crate::units::shown::percent;
use std::time::Duration;

/// What the sentence on a strategy rests on.
pub(super) struct Scene<'a> {
    pub(super) plan: &'a Plan,
    pub(super) strategy: &'a StrategyPlan,
    /// Counts over all targets, warm-ups included.
    pub(super) seen: &'a CounterRow,
    pub(super) breaks: &'a [Invariant],
    pub(super) waste: Option<f64>,
    /// Most at once at one target.
    pub(super) in_flight: u64,
    /// From due to done at the median.
    pub(super) response_p50_ms: Option<f64>,
    /// What a semaphore did, if one ran beside.
    pub(super) semaphore: Option<&'a StrategyRow>,
}

/// When the strategy is the wrong choice. Figures are left out where nothing was attempted.
pub(super) fn wrong_when(scene: &Scene<'_>) -> String {
    if let Some(bug) = scene.strategy.twin() {
        return never(bug, scene.breaks);
    }
    let (rule, here) = of_way(scene);
    match here.filter(|_| scene.seen.attempts > 0) {
        Some(here) => format!("{rule}: {here}"),
        None => rule,
    }
}

fn never(bug: &str, breaks: &[Invariant]) -> String {
    let names: Vec<&str> = breaks.iter().map(|invariant| invariant.name()).collect();
    match names[..] {
        [] => format!("always wrong: {bug}; this run did not provoke it"),
        _ => format!("always wrong: {bug}; here it broke {}", names.join(", ")),
    }
}

/// The rule, and what of this run bears it out.
fn of_way(scene: &Scene<'_>) -> (String, Option<String>) {
    let in_flight = scene.in_flight;
    let (rule, here) = match &scene.strategy.way {
        Way::Unbounded => return unbounded(scene),
        Way::Semaphore { permits } => return semaphore(scene, *permits),
        Way::ThreadPool { workers } => (
            "wrong for thousands in flight, for every call holds an OS thread",
            Some(format!("here {workers} threads for at most {in_flight} in flight")),
        ),
        Way::RedisLock(_) => return redis_lock(scene),
        Way::RedisCounter { .. } => (
            "wrong where one process is enough, for every attempt asks Redis first, and no Redis is no call",
            took(scene),
        ),
        Way::SingleFlight { .. } => return single_flight(scene),
        Way::TokenBucket { rate_per_s, .. } => (
            "wrong for a provider that slows down instead of refusing, for the rate stays as answers pile up",
            Some(format!("here {rate_per_s}/s put up to {in_flight} in flight")),
        ),
        Way::Adaptive { min, max, .. } => (
            "wrong for a short run or a known limit, for it finds the limit by running into it",
            Some(format!(
                "here at most {in_flight} in flight of {min} to {max}, and {}",
                many(refused(scene), "refusal")
            )),
        ),
        Way::Hedged { .. } => return hedged(scene),
        Way::Idempotent { .. } => return idempotent(scene),
        Way::Budgeted { max_tokens, .. } => (
            "wrong where every job must be answered, for it stops where the dearest answer might not fit",
            Some(match scene.seen.tokens.billed {
                Some(billed) => {
                    format!("here {} for {billed} billed tokens of {max_tokens} per target", answered(scene))
                }
                None => format!("here {}", answered(scene)),
            }),
        ),
        Way::Broken(_) => ("always wrong", None),
    };
    (rule.to_owned(), here)
}

fn unbounded(scene: &Scene<'_>) -> (String, Option<String>) {
    let refusals = refused(scene);
    let here = match refusals {
        0 => format!("here nothing refused its {} at once, which is luck", scene.in_flight),
        _ => format!(
            "here {} attempts per job, {}, {} at once",
            per_job(scene),
            many(refusals, "refusal"),
            scene.in_flight
        ),
    };
    ("wrong for a limited provider".to_owned(), Some(here))
}

fn semaphore(scene: &Scene<'_>, permits: u32) -> (String, Option<String>) {
    let rule = match scene.strategy.processes {
        1 => format!(
            "wrong as soon as a second process calls the same provider, for its {permits} permits are its own"
        ),
        n => format!(
            "wrong where load is not even, for each of {n} processes has a fixed share of the {permits} permits"
        ),
    };
    let refusals = refused(scene);
    let here = (refusals > 0)
        .then(|| format!("it knows no rate either, and met {} here", many(refusals, "refusal")));
    (rule, here)
}

fn redis_lock(scene: &Scene<'_>) -> (String, Option<String>) {
    let once = if scene.plan.workload.repeats == 1 { ", as here" } else { "" };
    let deaf = match deaf(scene)[..] {
        [] => String::new(),
        ref deaf => format!(", as by {} here", deaf.join(", ")),
    };
    let rule = format!(
        "wrong where nothing is asked twice{once}, for each job pays for its lock; and where Idempotency-Key is not \
         honoured{deaf}, for a lock that Redis loses during a call is billed twice"
    );
    (rule, took(scene))
}

fn single_flight(scene: &Scene<'_>) -> (String, Option<String>) {
    let rule = match scene.plan.workload.repeats {
        1 => "wrong where nothing is asked twice, as here, or where each must get an answer of its own",
        _ => {
            "wrong where each must get an answer of its own, and over processes, for its flights are its own"
        }
    };
    let here = format!("here {} by {}", answered(scene), many(scene.seen.attempts, "attempt"));
    (rule.to_owned(), Some(here))
}

fn hedged(scene: &Scene<'_>) -> (String, Option<String>) {
    let here = match scene.waste {
        Some(waste) => {
            let beside = scene.semaphore.and_then(|row| row.waste).map(percent);
            let beside = beside.map_or_else(String::new, |other| format!(", with semaphore {other}"));
            format!("here {} of the tokens billed bought nothing{beside}", percent(waste))
        }
        None => format!("here {} attempts per job", per_job(scene)),
    };
    ("wrong where the bill matters".to_owned(), Some(here))
}

fn idempotent(scene: &Scene<'_>) -> (String, Option<String>) {
    let rule = "wrong for a provider that does not honour Idempotency-Key, for it bills the repeat again";
    let deaf = deaf(scene);
    let here = match (deaf.is_empty(), scene.waste) {
        (false, _) => Some(format!("here not honoured by {}", deaf.join(", "))),
        (true, Some(waste)) => Some(format!("here {} of the tokens billed were wasted", percent(waste))),
        (true, None) => None,
    };
    (rule.to_owned(), here)
}

/// Targets that are known not to honour `Idempotency-Key`.
fn deaf<'a>(scene: &Scene<'a>) -> Vec<&'a str> {
    let deaf = |place: &Place| match place {
        Place::Mock(mock) => !mock.idempotency,
        Place::Url { .. } => false,
    };
    scene.plan.targets.iter().filter(|t| deaf(&t.place)).map(|t| t.name.as_str()).collect()
}

/// What a job took, beside one with a semaphore.
fn took(scene: &Scene<'_>) -> Option<String> {
    let own = ms(scene.response_p50_ms?);
    Some(match scene.semaphore.and_then(|row| row.response_p50_ms) {
        Some(other) => format!("here a job took {own} at the median, and {} with semaphore", ms(other)),
        None => format!("here a job took {own} at the median"),
    })
}

/// Answers by which the provider said that it was asked too much.
fn refused(scene: &Scene<'_>) -> u64 {
    scene.seen.errors.get(ErrorClass::RateLimited.name()).copied().unwrap_or(0)
}

fn answered(scene: &Scene<'_>) -> String {
    format!("{} of {} jobs answered", scene.seen.answered, scene.seen.planned.max(scene.seen.jobs))
}

fn per_job(scene: &Scene<'_>) -> String {
    match scene.seen.jobs {
        0 => "no".to_owned(),
        jobs => format!("{:.1}", scene.seen.attempts as f64 / jobs as f64),
    }
}

fn many(n: u64, one: &str) -> String {
    format!("{n} {one}{}", if n == 1 { "" } else { "s" })
}

fn ms(ms: f64) -> String {
    Duration::try_from_secs_f64(ms / 1e3).map_or_else(|_| format!("{ms} ms"), format_duration)
}
