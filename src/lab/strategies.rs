//! deadheat's own strategies as what is hunted: one cell of a plan, again and again.

use super::memory::{Kept, run_in_memory};
use crate::clock::Clock;
use crate::explore::{Budget, Config, Entry, Line, Origin, Subject, Trial};
use crate::history::{Event, JobKey, LedgerEntry, Outcome};
use crate::invariants;
use crate::profile;
use crate::scenario::{Cell, Dist, Executor, Phase, Place, Plan, StrategyPlan, Way};
use crate::schedule::{RequestKey, Schedule, Trace};
use std::sync::Arc;
use std::time::Duration;

/// A hunt runs so many jobs at the most: what needs more to show is found sooner by load than by schedules.
pub const JOBS_MAX: u64 = 20;
/// Virtual time costs nothing to wait for.
const STALL_MAX: Duration = Duration::from_secs(24 * 3600);
/// Silence after which an order releases the next answer: a tick of virtual time.
const QUIET: Duration = Duration::from_millis(1);
/// How long an answer takes that nobody holds back: long enough that those who ask at once are in flight together.
const ANSWER: Duration = Duration::from_millis(1);

/// One cell of a plan, in virtual time. The provider answers at once: what it takes is the schedule's to say.
#[derive(Debug, Clone)]
pub struct VirtualCell {
    plan: Arc<Plan>,
    jobs: u64,
}

impl VirtualCell {
    /// The cell alone, with no more than the first [`JOBS_MAX`] of the plan's jobs.
    #[must_use]
    pub fn new(plan: &Plan, cell: Cell) -> Self {
        Self::answering(plan, cell, Dist::Constant(ANSWER))
    }

    /// The same with answers that take such times, as a client meets them that nobody schedules.
    #[must_use]
    pub fn answering(plan: &Plan, cell: Cell, ttft: Dist) -> Self {
        let jobs = profile::planned(plan).unwrap_or(JOBS_MAX).min(JOBS_MAX);
        Self { plan: Arc::new(only(plan, cell, ttft)), jobs }
    }

    /// How it is hunted: with silences of one tick, as virtual time costs nothing, and holds past whatever runs out
    /// by itself. Its origin names target, strategy and seed.
    #[must_use]
    pub fn config(&self, budget: Budget) -> Config {
        let (plan, strategy) = (&self.plan, &self.plan.strategies[0]);
        Config {
            quiet: QUIET,
            stalls: stalls(strategy),
            stall_max: STALL_MAX,
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

impl Subject for VirtualCell {
    fn run(&mut self, schedule: &Schedule, jobs: Option<u64>) -> Result<Trial, String> {
        let clock = Clock::start();
        let plan = Arc::new(first_jobs(&self.plan, jobs.unwrap_or(self.jobs)));
        let kept = run_in_memory(&plan, Some(schedule)).map_err(|error| error.to_string())?;
        let mut trial = trial(&plan, &kept);
        trial.elapsed = clock.now();
        Ok(trial)
    }
}

/// What a run of one cell came to.
fn trial(plan: &Plan, kept: &Kept) -> Trial {
    Trial {
        trace: kept.ran.traces.first().cloned().unwrap_or_else(Trace::default),
        verdicts: invariants::judge(plan, &kept.evidence(plan)),
        books: books(kept),
        timeout: Some(plan.timeouts.first_byte.min(plan.timeouts.total)),
        elapsed: Duration::ZERO,
    }
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

/// Both sides' books, in the order of time.
fn books(kept: &Kept) -> Vec<Line> {
    let mut lines: Vec<Line> = kept.entries.iter().map(ledger_line).collect();
    lines.extend(kept.events.iter().filter_map(client_line));
    lines.sort_by_key(|line| line.at);
    lines
}

fn ledger_line(entry: &LedgerEntry) -> Line {
    let request = RequestKey { job: entry.job.clone(), attempt: entry.attempt, repeat: 0 };
    Line {
        at: Duration::from_nanos(entry.ended_ns),
        job: entry.job.clone(),
        entry: Entry::Ledger {
            request,
            status: entry.status,
            delivered: entry.delivered_tokens,
            billed: entry.billed_prompt_tokens + entry.billed_completion_tokens,
        },
    }
}

fn client_line(event: &Event) -> Option<Line> {
    let (at_ns, job, text) = match event {
        Event::Attempt(a) if a.outcome != Outcome::Ok => {
            let why = a.error.map_or("failed", |class| class.name());
            (a.done_ns, a.job, format!("#{} {why}", a.n))
        }
        Event::Job(job) => {
            let result = match job.outcome {
                Outcome::Ok => "result: ok",
                Outcome::Failed => "result: failed",
                Outcome::Unknown => "result: in doubt",
            };
            (job.done_ns, job.job, result.to_owned())
        }
        Event::Attempt(_) | Event::CellEnd(_) => return None,
    };
    Some(Line { at: Duration::from_nanos(at_ns), job: JobKey::Own(job), entry: Entry::Client(text) })
}
