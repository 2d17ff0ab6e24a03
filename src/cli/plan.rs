//! `deadheat plan`: say what a scenario would do, before anything is sent.

/// Show arrivals, jobs, tokens and the most a scenario can cost, before anything is sent
#[derive(Debug, clap::Args)]
pub(super) struct Args {}

pub(super) fn run(_args: &Args) -> u8 {
    1
}
