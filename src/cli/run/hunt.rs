//! `--explore` and `--time`: after the run itself, hunt each cell for schedules under which it breaks a rule.

use super::hunting::Hunting;
use super::{Args, Failure, redis};
use crate::clock::{Clock, utc_now_s};
use crate::engine::{BuildContext, Stop, StopCause};
use crate::explore::{self, HuntBudget, HuntConfig, Report, Subject, Trial};
use crate::history::RunDir;
use crate::judge::Hunted;
use crate::lab::{SocketCell, VirtualCell};
use crate::plan::{Cell, ClockKind, Place, Plan};
use crate::report;
use crate::schedule::Schedule;
use crate::strategy::StrategyPlan;
use crate::summary::{Exit, ExploredRow};

/// Hunts every cell, and writes `finding-N.toml` into the run's directory for each rule that breaks.
pub(super) fn hunt(
    args: &Args,
    plan: &Plan,
    budget: HuntBudget,
    dir: &RunDir,
    stop: &Stop,
) -> Result<Hunted, Failure> {
    let mut hunted = Hunted::default();
    let (ground, cells) = (Ground::open(plan)?, plan.cells());
    let clock = Clock::start();
    let mut shown = Hunting::new(args.quiet, cells.len(), budget.to_string(), clock.now());
    for (number, cell) in (1..).zip(&cells) {
        if stop.cause().is_some() {
            hunted.explored.push(not_hunted(plan, *cell));
            continue;
        }
        let (target, strategy) = (&plan.targets[cell.target].name, plan.strategies[cell.strategy].name());
        shown.cell(number, format!("{target}/{strategy}"));
        let watch = Watched { stop, shown: &mut shown, clock };
        let Some(found) = hunt_cell(args, &ground, *cell, budget.for_each_of(cells.len()), watch)? else {
            hunted.explored.push(not_hunted(plan, *cell));
            continue;
        };
        for finding in found.findings.iter().map(report::finding) {
            let file = format!("finding-{}.toml", hunted.findings.len() + 1);
            let written = dir.write(&file, &finding.to_toml());
            written.map_err(|error| Failure::new(Exit::Internal, &error))?;
            shown.found(finding.invariant.name(), &finding.cause);
            let place = dir.final_path().join(&file);
            hunted.findings.push(finding.row(&place.display().to_string()));
        }
        hunted.explored.push(found.explored);
    }
    shown.end();
    ground.close();
    if stop.cause().is_none() {
        hunted.failed = hunted.explored.iter().find_map(|row| row.stopped.clone());
    }
    hunted.interrupted = stop.cause() == Some(StopCause::Interrupted);
    Ok(hunted)
}

/// The row of a cell that a stopped hunt did not come to.
fn not_hunted(plan: &Plan, cell: Cell) -> ExploredRow {
    ExploredRow {
        target: plan.targets[cell.target].name.clone(),
        strategy: plan.strategies[cell.strategy].name().to_owned(),
        stopped: Some("it was stopped".to_owned()),
        ..ExploredRow::default()
    }
}

/// Who stops a hunt, and who shows it.
struct Watched<'a> {
    stop: &'a Stop,
    shown: &'a mut Hunting,
    clock: Clock,
}

/// A subject whose runs are shown, and that is not run any more once the hunt was stopped.
struct Stoppable<'a> {
    subject: &'a mut dyn Subject,
    watched: Watched<'a>,
}

impl Subject for Stoppable<'_> {
    fn run(&mut self, schedule: &Schedule, jobs: Option<u64>) -> Result<Trial, String> {
        if self.watched.stop.cause().is_some() {
            return Err("it was stopped".to_owned());
        }
        let trial = self.subject.run(schedule, jobs)?;
        self.watched.shown.trial(&trial, self.watched.clock.now());
        Ok(trial)
    }
}

/// Hunts one cell; `None` if it was stopped before anything was learnt.
fn hunt_cell(
    args: &Args,
    ground: &Ground<'_>,
    cell: Cell,
    budget: HuntBudget,
    watched: Watched<'_>,
) -> Result<Option<Report>, Failure> {
    let (stop, clock) = (watched.stop, watched.clock);
    let (target, strategy) = (&ground.plan.targets[cell.target], &ground.plan.strategies[cell.strategy]);
    let report = ground.with(cell, budget, |subject, mut config| {
        config.origin.scenario = Some(args.scenario.display().to_string());
        config.origin.set = args.set.iter().map(|(key, value)| format!("{key}={value}")).collect();
        explore::explore(&mut Stoppable { subject, watched }, &config, &|| clock.now())
    });
    let mut report = match report {
        Ok(report) => report,
        Err(_) if stop.cause().is_some() => return Ok(None),
        Err(why) => {
            let message = format!("{}/{}: {why}", target.name, strategy.name());
            return Err(Failure::new(Exit::Internal, &message));
        }
    };
    (report.explored.target, report.explored.strategy) = (target.name.clone(), strategy.name().to_owned());
    Ok(Some(report))
}

/// Where cells are hunted: in virtual time or over sockets, as the plan's clock says.
pub(in crate::cli) struct Ground<'a> {
    plan: &'a Plan,
    /// In real time.
    redis: Option<redis::Servers>,
}

impl<'a> Ground<'a> {
    /// Starts what the plan's strategies need.
    pub(in crate::cli) fn open(plan: &'a Plan) -> Result<Self, Failure> {
        let redis = match plan.clock {
            ClockKind::Virtual => None,
            ClockKind::Real => Some(redis::start(plan, utc_now_s())?),
        };
        Ok(Self { plan, redis })
    }

    /// Lends the cell to a hunt.
    pub(in crate::cli) fn with<T>(
        &self,
        cell: Cell,
        budget: HuntBudget,
        hunt: impl FnOnce(&mut dyn Subject, HuntConfig) -> T,
    ) -> T {
        let Some(redis) = &self.redis else {
            let mut subject = VirtualCell::new(self.plan, cell);
            let config = subject.config(budget);
            return hunt(&mut subject, config);
        };
        let strategies = |strategy: &StrategyPlan, context: BuildContext<'_>| {
            let prefix = format!("{}{}:{}", redis.prefix, cell.index, context.prefix);
            strategy.build(&self.plan.retry, &redis.process(cell, &prefix))
        };
        let own = redis.cells().remove(&cell.index);
        let mut subject = SocketCell::new(self.plan, cell, &strategies, own);
        let config = subject.config(budget);
        hunt(&mut subject, config)
    }

    /// Ends what was started.
    pub(in crate::cli) fn close(self) {
        if let Some(redis) = self.redis {
            redis.stop();
        }
    }
}

/// Whether the plan's cells can be hunted at all.
pub(in crate::cli) fn check(plan: &Plan) -> Result<(), Failure> {
    let wrong = |what: String| Err(Failure::new(Exit::Usage, &what));
    if let Some(target) = plan.targets.iter().find(|target| matches!(target.place, Place::Url { .. })) {
        return wrong(format!(
            "target {} is a real endpoint, whose answers cannot be scheduled",
            target.name
        ));
    }
    match plan.strategies.iter().find(|strategy| strategy.processes() > 1) {
        Some(strategy) if plan.clock == ClockKind::Real => wrong(format!(
            "{} runs over several processes, which are hunted in virtual time only: add --set clock=virtual",
            strategy.name()
        )),
        _ => Ok(()),
    }
}
