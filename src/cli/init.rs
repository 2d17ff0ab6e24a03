//! `deadheat init`: write a commented scenario that runs.

use crate::scenario::TEMPLATE;
use crate::summary::Exit;
use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::PathBuf;

/// Write a commented scenario that runs
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Where to write it; an existing file is left as it is
    #[arg(default_value = "deadheat.toml")]
    path: PathBuf,
}

pub(super) fn run(args: &Args) -> u8 {
    let path = args.path.display();
    // `create_new` refuses in the same step that creates, so two processes cannot overwrite each other.
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&args.path)
        .and_then(|mut file| file.write_all(TEMPLATE.as_bytes()));
    let (exit, text) = match written {
        Ok(()) => (Exit::Pass, format!("wrote {path}; run it with: deadheat run {path}")),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            (Exit::Usage, format!("{path} exists and is left as it is: name another path"))
        }
        Err(error) => (Exit::Usage, format!("cannot write {path}: {error}")),
    };
    // With nowhere to talk to, the exit code still tells.
    let _ = writeln!(anstream::stderr(), "{text}");
    exit.code()
}
