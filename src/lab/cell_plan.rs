//! The plan of one cell for a hunt: the cell alone, with few jobs, against a provider that answers at once.

use crate::explore::{HuntBudget, HuntConfig, Origin};
use crate::plan::{Cell, Dist, Executor, Nemesis, NemesisKind, Phase, Place, Plan};
use crate::profile;
use crate::schedule::Schedule;
use crate::strategy::StrategyPlan;
use std::sync::Arc;
use std::time::Duration;

/// Most jobs of a hunt. A bug that needs more jobs to show is found sooner by load than by schedules.
pub const JOBS_MAX: u64 = 20;
/// How long an answer takes that is not held back: long enough that simultaneous requests are in flight
/// together.
const ANSWER: Duration = Duration::from_millis(1);

/// A cell on its own.
#[derive(Debug, Clone)]
pub(super) struct CellPlan {
    plan: Arc<Plan>,
    jobs: u64,
    /// Which jobs of the plan are left out, if any.
    left_out: Option<String>,
    /// The scenario's faults around locks. They are part of the schedules of a hunt, so that a finding can be
    /// tried without them.
    nemeses: Vec<Nemesis>,
    /// The plan of the last call, with its number of jobs.
    last: Option<(u64, Vec<Nemesis>, Arc<Plan>)>,
}

impl CellPlan {
    /// The provider answers at once: only the schedule delays answers.
    pub(super) fn new(plan: &Plan, cell: Cell) -> Self {
        let mut cell_plan = Self::answering(plan, cell, Dist::Constant(ANSWER));
        let mut plan = (*cell_plan.plan).clone();
        let nemeses = std::mem::take(&mut plan.nemeses).into_iter().filter(|_| plan.strategies[0].locks());
        cell_plan.nemeses = nemeses.map(|nemesis| Nemesis { strategy: None, ..nemesis }).collect();
        cell_plan.plan = Arc::new(plan);
        cell_plan
    }

    /// The same with these times of answers, and with the scenario's faults around locks in every run.
    pub(super) fn answering(plan: &Plan, cell: Cell, ttft: Dist) -> Self {
        let few = few(&only(plan, cell, ttft));
        let jobs = profile::planned(&few).unwrap_or(JOBS_MAX);
        let left_out = match profile::planned(plan) {
            Some(all) if all > jobs => Some(format!("{} more jobs of the scenario", all - jobs)),
            Some(_) => None,
            None => Some(format!("jobs beyond the first {jobs}, of as many as time allows")),
        };
        Self { plan: Arc::new(few), jobs, left_out, nemeses: Vec::new(), last: None }
    }

    /// The plan with its first jobs and the schedule's faults around locks; `None` is as many jobs as a hunt
    /// runs.
    pub(super) fn under(&mut self, schedule: &Schedule, jobs: Option<u64>) -> Arc<Plan> {
        let (jobs, nemeses) = (jobs.unwrap_or(self.jobs), &schedule.nemeses);
        match &self.last {
            Some((known, same, plan)) if *known == jobs && same == nemeses => plan.clone(),
            _ => {
                let mut plan = first_jobs(&self.plan, jobs);
                plan.nemeses.extend(nemeses.iter().cloned());
                let plan = Arc::new(plan);
                self.last = Some((jobs, nemeses.clone(), plan.clone()));
                plan
            }
        }
    }

    /// How the cell is hunted, with holds beyond each of its time limits. Its origin names target, strategy
    /// and seed.
    pub(super) fn config(&self, budget: HuntBudget) -> HuntConfig {
        let (plan, strategy) = (&self.plan, &self.plan.strategies[0]);
        HuntConfig {
            stalls: stalls(strategy),
            nemeses: self.nemeses.clone(),
            lock_faults: lock_faults(strategy),
            lease: strategy.lock_ttl(),
            left_out: self.left_out.iter().cloned().collect(),
            permits: strategy.cap().or(plan.declared.concurrency),
            origin: Origin {
                seed: plan.seed,
                target: plan.targets[0].name.clone(),
                strategy: strategy.name().to_owned(),
                ..Origin::default()
            },
            ..HuntConfig::new(plan.seed, budget, self.jobs)
        }
    }
}

/// Holds beyond the end of a lock that is not renewed, or beyond the moment of a hedged attempt.
fn stalls(strategy: &StrategyPlan) -> Vec<Duration> {
    strategy.hedge_after().or_else(|| strategy.lock_ttl()).into_iter().map(past).collect()
}

fn past(time: Duration) -> Duration {
    time * 3 / 2
}

/// The faults around a lock that are tried: its holder is paused beyond the lock's end, or the answer to its
/// unlock is lost. With a single process a pause changes nothing: no other process takes the lock.
fn lock_faults(strategy: &StrategyPlan) -> Vec<NemesisKind> {
    let Some(ttl) = strategy.lock_ttl() else { return Vec::new() };
    let pause = (strategy.processes() > 1).then(|| NemesisKind::PauseHolder(past(ttl)));
    pause.into_iter().chain([NemesisKind::LoseUnlock]).collect()
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

/// The plan with [`JOBS_MAX`] jobs at the most, which its phases share: the same bound for each.
fn few(plan: &Plan) -> Plan {
    let fits = |plan: &Plan| profile::planned(plan).is_some_and(|jobs| jobs <= JOBS_MAX);
    let bounded = |most: u64| {
        let mut plan = plan.clone();
        plan.phases.iter_mut().for_each(|phase| bound(&mut phase.executor, most));
        plan.workload.jobs = Some(plan.workload.jobs.map_or(most, |all| all.min(most)));
        plan
    };
    (1..=JOBS_MAX).rev().map(bounded).find(fits).unwrap_or_else(|| first_jobs(&bounded(1), JOBS_MAX))
}

/// The plan with its first jobs, at the most these: whole phases first, and of the last one as many as are
/// left.
fn first_jobs(plan: &Plan, jobs: u64) -> Plan {
    let with = |phases: usize| {
        let mut plan = plan.clone();
        plan.phases.truncate(phases);
        plan
    };
    let count = |phases: usize| profile::planned(&with(phases)).unwrap_or(u64::MAX);
    let whole = (1..plan.phases.len()).take_while(|phases| count(*phases) < jobs).count();
    let left = jobs.saturating_sub(count(whole)).max(1);
    let mut plan = with(whole + 1);
    if let Some(Phase { executor, .. }) = plan.phases.last_mut() {
        bound(executor, left);
        if whole == 0 || by_workload(executor) {
            plan.workload.jobs = Some(plan.workload.jobs.map_or(left, |all| all.min(left)));
        }
    }
    plan
}

/// Whether only the workload bounds its number of jobs.
fn by_workload(executor: &Executor) -> bool {
    use Executor as E;
    !matches!(executor, E::SharedIterations { .. } | E::PerVuIterations { .. } | E::Barrier { .. })
}

/// No more jobs than these, as far as the executor counts them itself.
fn bound(executor: &mut Executor, jobs: u64) {
    let workers = |all: u32| u32::try_from(jobs).unwrap_or(u32::MAX).min(all).max(1);
    match executor {
        Executor::SharedIterations { iterations, .. } => *iterations = (*iterations).min(jobs),
        Executor::PerVuIterations { vus, iterations, .. } => {
            *vus = workers(*vus);
            *iterations = (*iterations).min((jobs / u64::from(*vus)).max(1));
        }
        Executor::Barrier { size, rounds } => {
            *size = workers(*size);
            *rounds = (*rounds).min((jobs / u64::from(*size)).max(1));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests;
