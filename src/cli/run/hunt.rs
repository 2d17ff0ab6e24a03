//! `--explore` and `--time`: after the run itself, hunt each cell for schedules under which it breaks a rule.

use super::{Args, Failure, redis};
use crate::clock::{Clock, utc_now_s};
use crate::engine::{Berth, Stop};
use crate::explore::{self, Budget, Config, Report, Subject};
use crate::gate::Exit;
use crate::history::{ExploredRow, FindingRow, RunDir};
use crate::lab::{SocketCell, VirtualCell};
use crate::scenario::{Cell, ClockKind, Place, Plan, StrategyPlan};
use crate::strategy;
use std::time::Duration;

/// How long to hunt, if at all.
#[derive(Debug, Clone, Copy)]
pub(super) enum Asked {
    /// So many schedules for each cell.
    Schedules(u64),
    /// So long for all cells together.
    Time(Duration),
}

/// What came of it, for the summary.
#[derive(Debug, Default)]
pub(super) struct Hunted {
    pub(super) findings: Vec<FindingRow>,
    pub(super) explored: Vec<ExploredRow>,
}

/// Hunts every cell, and writes `finding-N.toml` into the run's directory for each rule that breaks.
pub(super) fn hunt(
    args: &Args,
    plan: &Plan,
    asked: Asked,
    dir: &RunDir,
    stop: &Stop,
) -> Result<Hunted, Failure> {
    let mut hunted = Hunted::default();
    let (ground, cells) = (Ground::open(plan)?, plan.cells());
    for cell in &cells {
        if stop.cause().is_some() {
            break;
        }
        let report = hunt_cell(args, &ground, *cell, asked, cells.len())?;
        hunted.explored.push(report.explored);
        for finding in report.findings {
            let file = format!("finding-{}.toml", hunted.findings.len() + 1);
            let written = dir.write(&file, &finding.to_toml());
            written.map_err(|error| Failure::new(Exit::Internal, &error))?;
            let place = dir.final_path().join(&file);
            hunted.findings.push(finding.row(&place.display().to_string()));
        }
    }
    ground.close();
    Ok(hunted)
}

fn hunt_cell(
    args: &Args,
    ground: &Ground<'_>,
    cell: Cell,
    asked: Asked,
    cells: usize,
) -> Result<Report, Failure> {
    let (target, strategy) = (&ground.plan.targets[cell.target], &ground.plan.strategies[cell.strategy]);
    let budget = match asked {
        Asked::Schedules(n) => Budget::Schedules(n),
        Asked::Time(time) => Budget::Time(time / u32::try_from(cells).unwrap_or(u32::MAX).max(1)),
    };
    let report = ground.with(cell, budget, |subject, mut config| {
        config.origin.scenario = Some(args.scenario.display().to_string());
        config.origin.set = args.set.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let clock = Clock::start();
        explore::explore(subject, &config, &|| clock.now())
    });
    let mut report = report.map_err(|why| {
        Failure::new(Exit::Internal, &format!("{}/{}: {why}", target.name, strategy.name()))
    })?;
    (report.explored.target, report.explored.strategy) = (target.name.clone(), strategy.name().to_owned());
    Ok(report)
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
        budget: Budget,
        hunt: impl FnOnce(&mut dyn Subject, Config) -> T,
    ) -> T {
        let Some(redis) = &self.redis else {
            let mut subject = VirtualCell::new(self.plan, cell);
            let config = subject.config(budget);
            return hunt(&mut subject, config);
        };
        let strategies = |strategy: &StrategyPlan, berth: Berth<'_>| {
            let prefix = format!("{}{}:{}", redis.prefix, cell.index, berth.prefix);
            strategy::build(strategy, &self.plan.retry, &redis.around(cell, &prefix))
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
        return wrong(format!("target {} is a real endpoint, whose answers nobody schedules", target.name));
    }
    match plan.strategies.iter().find(|strategy| strategy.processes > 1) {
        Some(strategy) if plan.clock == ClockKind::Real => wrong(format!(
            "{} runs over several processes, which are hunted in virtual time only: add --set clock=virtual",
            strategy.name()
        )),
        _ => Ok(()),
    }
}
