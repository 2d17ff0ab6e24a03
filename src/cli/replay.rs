//! `deadheat replay`: run one finding's schedule again.

use super::output::{self, Format, fail};
use super::run::hunt;
use crate::explore::{Budget, Finding, Replayed, replay};
use crate::gate::Exit;
use crate::scenario::{Cell, Plan};
use std::path::PathBuf;

/// Run one finding's schedule again: exit code 6 while the rule breaks, 0 once it is mended, 7 if the schedule did not
/// happen
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A finding-N.toml that a hunt wrote
    finding: PathBuf,
    /// How often to run it
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    /// How to print the result
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub(super) fn run(args: &Args) -> u8 {
    let finding = match read(args) {
        Ok(finding) => finding,
        Err(message) => return fail(args.format, Exit::Usage, &message),
    };
    let set = finding.origin.set.iter().map(|text| output::setting(text)).collect::<Result<Vec<_>, _>>();
    let (Some(scenario), Ok(set)) = (finding.origin.scenario.as_deref(), set) else {
        let message = "the finding names no scenario that could be run again";
        return fail(args.format, Exit::Usage, message);
    };
    let plan = match output::load_plan(scenario.as_ref(), &set, Some(finding.origin.seed), args.format) {
        Ok(plan) => plan,
        Err(code) => return code,
    };
    if let Err(failure) = hunt::check(&plan) {
        return fail(args.format, failure.exit(), failure.message());
    }
    let Some(cell) = cell(&plan, &finding) else {
        let message = format!(
            "{scenario} has no target {} with a strategy {}, where the finding was made",
            finding.origin.target, finding.origin.strategy
        );
        return fail(args.format, Exit::Usage, &message);
    };
    let ground = match hunt::Ground::open(&plan) {
        Ok(ground) => ground,
        Err(failure) => return fail(args.format, failure.exit(), failure.message()),
    };
    let budget = Budget::Schedules(u64::from(args.runs));
    let replayed = ground.with(cell, budget, |subject, _| replay(subject, &finding, args.runs));
    ground.close();
    match replayed {
        Ok(replayed) => told(args, &finding, &replayed),
        Err(why) => fail(args.format, Exit::Internal, &why),
    }
}

fn read(args: &Args) -> Result<Finding, String> {
    let name = args.finding.display().to_string();
    let text = std::fs::read_to_string(&args.finding)
        .map_err(|error| format!("cannot read {name}: {error}; give a finding-N.toml"))?;
    Finding::from_toml(&name, &text).map_err(|error| error.to_string())
}

/// The cell in which it was found.
fn cell(plan: &Plan, finding: &Finding) -> Option<Cell> {
    plan.cells().into_iter().find(|cell| {
        plan.targets[cell.target].name == finding.origin.target
            && plan.strategies[cell.strategy].name() == finding.origin.strategy
    })
}

/// Prints what became of it; the exit code.
fn told(args: &Args, finding: &Finding, replayed: &Replayed) -> u8 {
    let rule = finding.invariant.name();
    let (exit, word, text) = match replayed {
        Replayed::Still { times, runs, seen } => {
            (Exit::Invariant, "still", format!("{rule} broke in {times} of {runs} runs: {seen}"))
        }
        Replayed::Mended { runs } => {
            (Exit::Pass, "mended", format!("{rule} broke in none of {runs} runs, and the schedule happened"))
        }
        Replayed::Unreproduced { why } => (Exit::LoadInvalid, "unreproduced", format!("{rule}: {why}")),
    };
    match args.format {
        Format::Text => output::print(&format!("{word}: {text}\n"), exit.code()),
        Format::Json => {
            let result = serde_json::json!({
                "replayed": word, "invariant": rule, "text": text, "exit_code": exit.code(),
            });
            output::print(&format!("{result:#}\n"), exit.code())
        }
    }
}
