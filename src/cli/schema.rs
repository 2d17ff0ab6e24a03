//! `deadheat schema`: print the JSON Schema of scenarios or summaries.

/// Print the JSON Schema of scenarios or summaries
#[derive(Debug, clap::Args)]
pub(super) struct Args {}

pub(super) fn run(_args: &Args) -> u8 {
    1
}
