//! The command line: one file per verb; flags in, exit code out. No rule of the domain lives here.

mod check;
mod completions;
mod init;
mod mock;
mod output;
mod plan;
mod report;
mod run;
mod schema;

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
    Plan(plan::Args),
    Mock(mock::Args),
    Check(check::Args),
    Report(report::Args),
    Init(init::Args),
    Schema(schema::Args),
    Completions(completions::Args),
}

/// Parses the process's arguments, runs the verb and returns the process's exit code.
#[must_use]
pub fn main() -> u8 {
    match Cli::parse().verb {
        Verb::Run(args) => run::run(&args),
        Verb::Plan(args) => plan::run(&args),
        Verb::Mock(args) => mock::run(&args),
        Verb::Check(args) => check::run(&args),
        Verb::Report(args) => report::run(&args),
        Verb::Init(args) => init::run(&args),
        Verb::Schema(args) => schema::run(&args),
        Verb::Completions(args) => completions::run(&args),
    }
}
