//! `deadheat report`: render stored evidence.

use super::output::{Format, fail, print, print_summary};
use super::render::Drawn;
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
    /// One page that works offline, with pictures
    Html,
    /// What it cost, in the columns of FOCUS, for tools that read bills
    FocusCsv,
}

pub(super) fn run(args: &Args) -> u8 {
    let format = if args.format == Form::Json { Format::Json } else { Format::Text };
    let summary = match stored(&args.run_dir) {
        Ok(summary) => summary,
        Err(error) => return fail(format, Exit::Usage, &error.to_string()),
    };
    let text = match args.format {
        Form::Text | Form::Json => {
            return print_summary(&summary, format, &args.run_dir, None, Exit::Pass.code());
        }
        Form::Html => Drawn::stored(&args.run_dir).html(&summary, &args.run_dir),
        Form::FocusCsv => focus_csv(&summary),
    };
    print(&text, Exit::Pass.code())
}
