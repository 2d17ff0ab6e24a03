//! `deadheat mock`: serve the built-in provider on a port.

/// Serve the built-in provider on a port, with ledger and admin API
#[derive(Debug, clap::Args)]
pub(super) struct Args {}

pub(super) fn run(_args: &Args) -> u8 {
    1
}
