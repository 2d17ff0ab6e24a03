//! `deadheat completions`: print a completion script for a shell.

use clap::CommandFactory;

/// Print a completion script for a shell
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Which shell
    shell: clap_complete::Shell,
}

pub(super) fn run(args: &Args) -> u8 {
    clap_complete::generate(args.shell, &mut super::Cli::command(), "deadheat", &mut std::io::stdout());
    0
}
