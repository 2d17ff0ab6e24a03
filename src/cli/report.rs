//! `deadheat report`: render stored evidence.

/// Render stored evidence: text or json
#[derive(Debug, clap::Args)]
pub(super) struct Args {}

pub(super) fn run(_args: &Args) -> u8 {
    1
}
