//! `deadheat init`: write a commented scenario that runs.

/// Write a commented scenario that runs
#[derive(Debug, clap::Args)]
pub(super) struct Args {}

pub(super) fn run(_args: &Args) -> u8 {
    1
}
