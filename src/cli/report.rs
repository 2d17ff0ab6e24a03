//! `deadheat report`: render stored evidence.

use super::output::{Format, fail, print_summary};
use crate::gate::Exit;
use crate::report::stored;
use std::path::PathBuf;

/// Render stored evidence: text or json
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Directory of a finished run
    run_dir: PathBuf,
    /// How to print it
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

pub(super) fn run(args: &Args) -> u8 {
    match stored(&args.run_dir) {
        Ok(summary) => print_summary(&summary, args.format, &args.run_dir, None, Exit::Pass.code()),
        Err(error) => fail(args.format, Exit::Usage, &error.to_string()),
    }
}
