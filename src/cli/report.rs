//! `deadheat report`: render stored evidence.

use crate::gate::Exit;
use crate::history::Summary;
use crate::report::{Context, error_json, json, render, stored};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

/// Render stored evidence: text or json
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Directory of a finished run
    run_dir: PathBuf,
    /// How to print it
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// How a verb prints its result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Format {
    /// For people
    Text,
    /// For programs
    Json,
}

pub(super) fn run(args: &Args) -> u8 {
    match stored(&args.run_dir) {
        Ok(summary) => print(&summary, args.format, &args.run_dir, None, Exit::Pass.code()),
        Err(error) => fail(args.format, Exit::Usage, &error.to_string()),
    }
}

/// Prints a summary on standard output. Returns `code`, or 1 if it could not be printed.
pub(super) fn print(summary: &Summary, format: Format, dir: &Path, hint: Option<&str>, code: u8) -> u8 {
    let text = match format {
        Format::Text => render(summary, &Context { dir, hint }),
        Format::Json => match json(summary) {
            Ok(text) => text,
            Err(error) => return fail(format, Exit::Internal, &format!("cannot write the summary: {error}")),
        },
    };
    say(&mut anstream::stdout(), &text, code)
}

/// Prints why there is no result: to standard error for people, as JSON on standard output for programs.
pub(super) fn fail(format: Format, exit: Exit, message: &str) -> u8 {
    match format {
        Format::Text => say(&mut anstream::stderr(), &format!("error: {message}\n"), exit.code()),
        Format::Json => say(&mut anstream::stdout(), &error_json(exit.code(), message), exit.code()),
    }
}

/// A reader that has seen enough (`| head`) is no error; a full disk is.
fn say(out: &mut impl Write, text: &str, code: u8) -> u8 {
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Exit::Internal.code(),
        _ => code,
    }
}
