//! `--explore` and `--time`: after the run itself, hunt each cell for schedules under which it breaks a rule.

use super::{Args, Failure};
use crate::clock::Clock;
use crate::engine::Stop;
use crate::explore::{self, Budget, Report};
use crate::gate::Exit;
use crate::history::{ExploredRow, FindingRow, RunDir};
use crate::lab::VirtualCell;
use crate::scenario::{Cell, ClockKind, Plan};
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
    let cells = plan.cells();
    for cell in &cells {
        if stop.cause().is_some() {
            break;
        }
        let report = hunt_cell(args, plan, *cell, asked, cells.len())?;
        hunted.explored.push(report.explored);
        for finding in report.findings {
            let file = format!("finding-{}.toml", hunted.findings.len() + 1);
            let written = dir.write(&file, &finding.to_toml());
            written.map_err(|error| Failure::new(Exit::Internal, &error))?;
            let place = dir.final_path().join(&file);
            hunted.findings.push(finding.row(&place.display().to_string()));
        }
    }
    Ok(hunted)
}

fn hunt_cell(args: &Args, plan: &Plan, cell: Cell, asked: Asked, cells: usize) -> Result<Report, Failure> {
    let (target, strategy) = (&plan.targets[cell.target], &plan.strategies[cell.strategy]);
    let mut subject = VirtualCell::new(plan, cell);
    let budget = match asked {
        Asked::Schedules(n) => Budget::Schedules(n),
        Asked::Time(time) => Budget::Time(time / u32::try_from(cells).unwrap_or(u32::MAX).max(1)),
    };
    let mut config = subject.config(budget);
    config.origin.scenario = Some(args.scenario.display().to_string());
    config.origin.set = args.set.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let clock = Clock::start();
    let report = explore::explore(&mut subject, &config, &|| clock.now());
    let mut report = report.map_err(|why| {
        Failure::new(Exit::Internal, &format!("{}/{}: {why}", target.name, strategy.name()))
    })?;
    (report.explored.target, report.explored.strategy) = (target.name.clone(), strategy.name().to_owned());
    Ok(report)
}

/// Whether the plan's cells can be hunted at all.
pub(in crate::cli) fn check(plan: &Plan) -> Result<(), Failure> {
    match plan.clock {
        ClockKind::Virtual => Ok(()),
        ClockKind::Real => {
            let message = "schedules are hunted in virtual time: write clock = \"virtual\" in the scenario, or add \
                           --set clock=virtual";
            Err(Failure::new(Exit::Usage, &message))
        }
    }
}
