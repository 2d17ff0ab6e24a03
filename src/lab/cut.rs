//! One cell of a plan, made fit for a hunt: alone, with few jobs, against a provider that answers at once.

use crate::explore::{Budget, Config, Origin};
use crate::profile;
use crate::scenario::{Cell, Dist, Executor, Phase, Place, Plan, StrategyPlan, Way};
use std::sync::Arc;
use std::time::Duration;

/// A hunt runs so many jobs at the most: what needs more to show is found sooner by load than by schedules.
pub const JOBS_MAX: u64 = 20;
/// How long an answer takes that nobody holds back: long enough that those who ask at once are in flight together.
const ANSWER: Duration = Duration::from_millis(1);

/// A cell on its own.
#[derive(Debug, Clone)]
pub(super) struct Cut {
    plan: Arc<Plan>,
    jobs: u64,
    /// The plan as it was last asked for, and with how many jobs.
    last: Option<(u64, Arc<Plan>)>,
}

impl Cut {
    /// What it takes is the schedule's to say: the provider answers at once.
    pub(super) fn new(plan: &Plan, cell: Cell) -> Self {
        Self::answering(plan, cell, Dist::Constant(ANSWER))
    }

    /// The same with answers that take such times.
    pub(super) fn answering(plan: &Plan, cell: Cell, ttft: Dist) -> Self {
        let jobs = profile::planned(plan).unwrap_or(JOBS_MAX).min(JOBS_MAX);
        Self { plan: Arc::new(only(plan, cell, ttft)), jobs, last: None }
    }

    /// The plan with its first jobs; `None` is as many as a hunt runs.
    pub(super) fn first_jobs(&mut self, jobs: Option<u64>) -> Arc<Plan> {
        let jobs = jobs.unwrap_or(self.jobs);
        match &self.last {
            Some((known, plan)) if *known == jobs => plan.clone(),
            _ => {
                let plan = Arc::new(first_jobs(&self.plan, jobs));
                self.last = Some((jobs, plan.clone()));
                plan
            }
        }
    }

    /// How it is hunted, with holds past whatever runs out by itself. Its origin names target, strategy and seed.
    pub(super) fn config(&self, budget: Budget) -> Config {
        let (plan, strategy) = (&self.plan, &self.plan.strategies[0]);
        Config {
            stalls: stalls(strategy),
            permits: strategy.cap().or(plan.declared.concurrency),
            origin: Origin {
                seed: plan.seed,
                target: plan.targets[0].name.clone(),
                strategy: strategy.name().to_owned(),
                ..Origin::default()
            },
            ..Config::new(plan.seed, budget, self.jobs)
        }
    }
}

/// Past the end of a lock that nobody renews, and past the moment of a second attempt.
fn stalls(strategy: &StrategyPlan) -> Vec<Duration> {
    let times = match &strategy.way {
        Way::RedisLock(lock) => vec![lock.ttl],
        Way::Broken(broken) => broken.lock.iter().map(|lock| lock.ttl).collect(),
        Way::Hedged { after, .. } => vec![*after],
        _ => Vec::new(),
    };
    times.into_iter().map(|time| time * 3 / 2).collect()
}

/// The plan without its other cells.
fn only(plan: &Plan, cell: Cell, ttft: Dist) -> Plan {
    let (mut target, strategy) = (plan.targets[cell.target].clone(), plan.strategies[cell.strategy].clone());
    if let Place::Mock(mock) = &mut target.place {
        (mock.ttft, mock.itl, mock.stall) = (ttft, Dist::Constant(Duration::ZERO), None);
    }
    let mut plan = plan.clone();
    plan.faults.retain(|rule| rule.target.as_ref().is_none_or(|name| *name == target.name));
    plan.nemeses.retain(|nemesis| nemesis.strategy.as_deref().is_none_or(|name| name == strategy.name()));
    (plan.targets, plan.strategies, plan.blocks, plan.threads) = (vec![target], vec![strategy], 1, 1);
    plan
}

/// The plan with no more jobs than these, all in its first phase.
fn first_jobs(plan: &Plan, jobs: u64) -> Plan {
    let mut plan = plan.clone();
    plan.phases.truncate(1);
    plan.workload.jobs = Some(plan.workload.jobs.map_or(jobs, |all| all.min(jobs)));
    for Phase { executor, .. } in &mut plan.phases {
        match executor {
            Executor::SharedIterations { iterations, .. } => *iterations = (*iterations).min(jobs),
            Executor::PerVuIterations { vus, iterations, .. } => {
                *vus = u32::try_from(jobs).unwrap_or(u32::MAX).min(*vus).max(1);
                *iterations = (*iterations).min((jobs / u64::from(*vus)).max(1));
            }
            Executor::Barrier { size, rounds } => {
                *size = u32::try_from(jobs).unwrap_or(u32::MAX).min(*size).max(1);
                *rounds = (*rounds).min((jobs / u64::from(*size)).max(1));
            }
            _ => {}
        }
    }
    plan
}
