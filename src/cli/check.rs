//! `deadheat check`: judge stored evidence again.

/// Judge stored evidence again, under other thresholds or prices
#[derive(Debug, clap::Args)]
pub(super) struct Args {}

pub(super) fn run(_args: &Args) -> u8 {
    1
}
