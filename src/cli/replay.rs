//! `deadheat replay`: run one finding's schedule again.

use super::audit::interrupt;
use super::audit::options::Options;
use super::output::{self, Format, fail};
use super::run::hunt;
use crate::explore::{Finding, HuntBudget, Replayed, replay};
use crate::lab::check_lock_faults;
use crate::mock::NO_LOCKS;
use crate::plan::{Cell, Plan};
use crate::program::{ProgramSubject, Secrets, filled};
use crate::summary::Exit;
use crate::units::shown::plain_lines;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Run one finding's schedule again: exit code 6 while the rule breaks, 0 once it is mended, 7 if the
/// schedule did not happen
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A finding-N.toml that a hunt wrote
    finding: PathBuf,
    /// How often to run it [default: 5, or as often as it takes to see it again with 95 %]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    runs: Option<u32>,
    /// How to print the result
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// The program of an audit, if it is called otherwise by now
    #[arg(last = true, value_name = "CMD")]
    command: Vec<String>,
}

impl Args {
    fn runs(&self, finding: &Finding) -> u32 {
        self.runs.unwrap_or_else(|| finding.replay_runs())
    }
}

pub(super) fn run(args: &Args) -> u8 {
    let finding = match read(args) {
        Ok(finding) => finding,
        Err(message) => return fail(args.format, Exit::Usage, &message),
    };
    let Some(scenario) = finding.origin.scenario.as_deref() else {
        return program(args, &finding);
    };
    if !args.command.is_empty() {
        let message = format!("the finding was made from a scenario, {scenario}: leave the command out");
        return fail(args.format, Exit::Usage, &message);
    }
    let set = match settings(args, &finding) {
        Ok(set) => set,
        Err(message) => return fail(args.format, Exit::Usage, &message),
    };
    let path = beside(scenario, &args.finding);
    let plan = match output::load_plan(&path, &set, Some(finding.origin.seed), args.format) {
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
    if let Err(why) = check_lock_faults(&finding.schedule, &plan.strategies[cell.strategy], plan.clock) {
        return fail(args.format, Exit::Usage, &format!("{}, {why}", args.finding.display()));
    }
    let ground = match hunt::Ground::open(&plan) {
        Ok(ground) => ground,
        Err(failure) => return fail(args.format, failure.exit(), failure.message()),
    };
    let runs = args.runs(&finding);
    let budget = HuntBudget::Schedules(u64::from(runs));
    let replayed = ground.with(cell, budget, |subject, _| replay(subject, &finding, runs));
    ground.close();
    match replayed {
        Ok(replayed) => told(args, &finding, &replayed, &str::to_owned),
        Err(why) => fail(args.format, Exit::Internal, &why),
    }
}

/// What the run changed of the scenario.
fn settings(args: &Args, finding: &Finding) -> Result<Vec<(String, String)>, String> {
    let setting = |text: &String| {
        let place = args.finding.display();
        output::setting(text)
            .map_err(|help| format!("{place}, [run] set: \"{text}\" changes nothing: {help}"))
    };
    finding.origin.set.iter().map(setting).collect()
}

/// The scenario as the finding names it, else beside the finding: where both were committed together.
fn beside(scenario: &str, finding: &Path) -> PathBuf {
    let named = PathBuf::from(scenario);
    let (Some(folder), Some(file)) = (finding.parent(), named.file_name()) else { return named };
    let near = [folder.join(&named), folder.join(file)];
    match near.into_iter().find(|path| !named.exists() && path.exists()) {
        Some(near) => near,
        None => named,
    }
}

/// Runs the program of an audit again.
fn program(args: &Args, finding: &Finding) -> u8 {
    if args.command.is_empty() && finding.origin.command.is_empty() {
        let message = "the finding names neither a scenario nor a program: give the program behind `--`";
        return fail(args.format, Exit::Usage, message);
    }
    if !finding.schedule.nemeses.is_empty() {
        return fail(args.format, Exit::Usage, &format!("{}: {NO_LOCKS}", args.finding.display()));
    }
    let command = match args.command.is_empty() {
        true => filled(&finding.origin.command, &|name| std::env::var(name).ok()),
        false => Ok(args.command.clone()),
    };
    let secrets = Secrets::of_command(command.as_deref().unwrap_or_default());
    let options = Options::from_set(&finding.origin.set);
    let settings = command.and_then(|command| options?.settings(command));
    let mut settings = match settings {
        Ok(settings) => settings,
        Err(message) => return fail(args.format, Exit::Usage, &message),
    };
    settings.seed = finding.origin.seed;
    let stop = Arc::new(AtomicBool::new(false));
    interrupt::watch(stop.clone());
    let mut subject = match ProgramSubject::new(settings, stop) {
        Ok(subject) => subject,
        Err(why) => return fail(args.format, Exit::Internal, &why),
    };
    match replay(&mut subject, finding, args.runs(finding)) {
        Ok(replayed) => told(args, finding, &replayed, &|text| secrets.hide(text)),
        Err(_) if subject.seen().interrupted => fail(args.format, Exit::Interrupted, "interrupted"),
        Err(why) => fail(args.format, Exit::Unreachable, &secrets.hide(&why)),
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
fn told(args: &Args, finding: &Finding, replayed: &Replayed, hide: &dyn Fn(&str) -> String) -> u8 {
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
    let text = hide(&text);
    match args.format {
        Format::Text => output::print(&format!("{word}: {}\n", plain_lines(&text)), exit.code()),
        Format::Json => {
            let result = serde_json::json!({
                "replayed": word, "invariant": rule, "text": text, "exit_code": exit.code(),
            });
            output::print_json(&format!("{result:#}"), exit.code())
        }
    }
}
