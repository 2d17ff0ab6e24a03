//! The command line: one file per verb; flags in, exit code out. No rule of the domain lives here.

mod audit;
mod calibrate;
mod check;
mod compare;
mod completions;
mod cost;
mod init;
mod merge;
mod mock;
mod output;
mod plan;
mod render;
mod replay;
mod report;
mod run;
mod schema;
mod signals;
mod worker;

use crate::summary::Exit;
use clap::{Parser, Subcommand};

/// Load-tests LLM APIs and finds the races in the programs that call them.
#[derive(Debug, Parser)]
#[command(name = "deadheat", version, arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Run(run::Args),
    Audit(Box<audit::Args>),
    Replay(replay::Args),
    Plan(plan::Args),
    Mock(mock::Args),
    Check(check::Args),
    Report(report::Args),
    Compare(Box<compare::Args>),
    Calibrate(calibrate::Args),
    Merge(merge::Args),
    Cost(cost::Args),
    Init(init::Args),
    Schema(schema::Args),
    Completions(completions::Args),
    /// One of a run's own worker processes
    #[command(hide = true)]
    Worker,
}

/// Parses the process's arguments, runs the verb and returns the process's exit code.
#[must_use]
pub fn main() -> u8 {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    match cli.verb {
        Verb::Run(args) => run::run(&args),
        Verb::Audit(args) => audit::run(&args),
        Verb::Replay(args) => replay::run(&args),
        Verb::Plan(args) => plan::run(&args),
        Verb::Mock(args) => mock::run(&args),
        Verb::Check(args) => check::run(&args),
        Verb::Report(args) => report::run(&args),
        Verb::Compare(args) => compare::run(&args),
        Verb::Calibrate(args) => calibrate::run(&args),
        Verb::Merge(args) => merge::run(&args),
        Verb::Cost(args) => cost::run(&args),
        Verb::Init(args) => init::run(&args),
        Verb::Schema(args) => schema::run(&args),
        Verb::Completions(args) => completions::run(&args),
        Verb::Worker => worker::run(),
    }
}

/// Prints what clap says: help and versions on stdout, faults on stderr, or as JSON where that was asked for.
fn usage(error: &clap::Error) -> u8 {
    let asked: Vec<String> = std::env::args().collect();
    let json = asked.iter().any(|arg| arg == "--format=json")
        || asked.windows(2).any(|pair| pair == ["--format", "json"]);
    if json && error.use_stderr() {
        let text = error.render().to_string();
        return output::fail(
            output::Format::Json,
            Exit::Usage,
            text.trim().strip_prefix("error: ").unwrap_or(text.trim()),
        );
    }
    // With nowhere to print to, the exit code still tells.
    let _ = error.print();
    u8::try_from(error.exit_code()).unwrap_or(Exit::Usage.code())
}
