//! `deadheat report`: render stored evidence.

use super::output::{Format, fail, print, print_summary};
use crate::gate::Exit;
use crate::report::{focus_csv, stored};
use std::path::PathBuf;

/// Render stored evidence: text, json, or costs as CSV
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Directory of a finished run
    run_dir: PathBuf,
    /// How to print it
    #[arg(long, value_enum, default_value_t = Form::Text)]
    format: Form,
}

/// How to print a stored run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Form {
    /// For people
    Text,
    /// For programs
    Json,
    /// What it cost, in the columns of FOCUS, for tools that read bills
    FocusCsv,
}

pub(super) fn run(args: &Args) -> u8 {
    let format = if args.format == Form::Json { Format::Json } else { Format::Text };
    match stored(&args.run_dir) {
        Ok(summary) if args.format == Form::FocusCsv => print(&focus_csv(&summary), Exit::Pass.code()),
        Ok(summary) => print_summary(&summary, format, &args.run_dir, None, Exit::Pass.code()),
        Err(error) => fail(format, Exit::Usage, &error.to_string()),
    }
}
