//! `deadheat merge`: parts of one plan, made by several processes or machines, as one run.

use super::output::{Format, fail, print_summary};
use crate::gate::{self, Exit};
use crate::history::{CellEnd, RunDir, Summary};
use crate::profile;
use crate::report;
use crate::scenario::{Plan, Source, load_stored};
use std::path::{Path, PathBuf};

/// Put the evidence of several runs together that made parts of one plan, and judge it as one run
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Directories of finished runs
    #[arg(value_name = "RUN", num_args = 2.., required = true)]
    runs: Vec<PathBuf>,
    /// Directory for the whole; must not exist or be empty
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// How to print it
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

pub(super) fn run(args: &Args) -> u8 {
    match merged(args) {
        Ok(summary) => print_summary(&summary, args.format, &args.out, None, summary.exit_code),
        Err((exit, message)) => fail(args.format, exit, &message),
    }
}

type Failed = (Exit, String);

fn merged(args: &Args) -> Result<Summary, Failed> {
    let usage = |message: String| (Exit::Usage, message);
    let (plan, text) = one_plan(&args.runs).map_err(usage)?;
    let dir = RunDir::create_at(&args.out).map_err(|error| usage(error.to_string()))?;
    let merged = crate::history::merge(&args.runs, &dir).map_err(|error| usage(error.to_string()))?;
    let mut faults = merged.cut;
    if let Some((job, a, b)) = merged.twice {
        let text =
            format!("{job} is in {} and in {}: they are no parts of one run", a.display(), b.display());
        faults.push(text);
    }
    faults.extend(uncovered(&plan, &merged.cells));
    if !faults.is_empty() {
        // Nothing that could be taken for a whole run is left behind.
        let left = std::fs::remove_dir_all(dir.path());
        faults.extend(left.err().map(|error| format!("cannot remove {}: {error}", dir.path().display())));
        return Err(usage(format!("these runs cannot be merged:\n  {}", faults.join("\n  "))));
    }
    let internal = |error: String| (Exit::Internal, error);
    dir.write("plan.toml", &text).map_err(|error| internal(error.to_string()))?;
    let summary = gate::judge(&plan, dir.path(), None).map_err(|error| internal(error.to_string()))?;
    let text = report::json(&summary).map_err(|error| internal(error.to_string()))?;
    dir.write("summary.json", &text).map_err(|error| internal(error.to_string()))?;
    dir.finish().map_err(|error| internal(error.to_string()))?;
    Ok(summary)
}

/// The plan that all runs share, and its text.
fn one_plan(runs: &[PathBuf]) -> Result<(Plan, String), String> {
    let plan = |dir: &Path| -> Result<(Plan, String), String> {
        let path = dir.join("plan.toml");
        let source = Source::read(&path).map_err(|error| error.to_string())?;
        let plan = load_stored(&source).map_err(|faults| faults.render(false))?;
        let text = plan.toml.clone();
        Ok((plan, text))
    };
    let plans = runs.iter().map(|dir| plan(dir)).collect::<Result<Vec<_>, _>>()?;
    let others = runs.iter().zip(&plans).filter(|(_, (other, _))| other.hash != plans[0].0.hash);
    let faults: Vec<String> = others
        .map(|(dir, _)| format!("{} ran another plan than {}", dir.display(), runs[0].display()))
        .collect();
    if !faults.is_empty() {
        return Err(faults.join("\n  "));
    }
    plans.into_iter().next().ok_or_else(|| "name the runs".to_owned())
}

/// Each cell whose parts do not add up to what the plan has.
fn uncovered(plan: &Plan, cells: &[CellEnd]) -> Vec<String> {
    let Some(planned) = profile::planned(plan) else { return Vec::new() };
    let lacks = |cell: &CellEnd| {
        let of = plan.cells().into_iter().find(|known| known.index == cell.cell)?;
        let name = format!("{}/{}", plan.targets[of.target].name, plan.strategies[of.strategy].name());
        let differ = cell.planned != planned;
        differ.then(|| format!("the parts of {name} have {} jobs, and the plan has {planned}", cell.planned))
    };
    cells.iter().filter_map(lacks).collect()
}
