//! `deadheat completions`: print a completion script for a shell.

use super::output::print;
use crate::summary::Exit;
use clap::CommandFactory;

/// Print a completion script for a shell
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Which shell
    shell: clap_complete::Shell,
}

pub(super) fn run(args: &Args) -> u8 {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut super::Cli::command(), "deadheat", &mut script);
    print(&String::from_utf8_lossy(&script), Exit::Pass.code())
}
