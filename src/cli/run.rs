//! `deadheat run`: make load, judge, report.

/// Make load, judge, report
#[derive(Debug, clap::Args)]
pub(super) struct Args {}

pub(super) fn run(_args: &Args) -> u8 {
    1
}
