//! What every verb prints: results to stdout, talk to stderr, both in the format asked for.

use crate::document::{Diagnostics, SourceError};
use crate::judge::baseline_faults;
use crate::plan::{Plan, Source};
use crate::report::{Context, error_json, json, render, stored};
use crate::scenario;
use crate::schedule::Schedule;
use crate::summary::{Exit, Summary};
use crate::units::shown::{plain_json, plain_lines};
use std::io::{ErrorKind, IsTerminal, Write};
use std::path::Path;

/// How to print a result.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Format {
    /// For people
    #[default]
    Text,
    /// For programs
    Json,
}

/// Prints a result on stdout. Returns `code`, or 1 if it could not be printed.
pub(super) fn print(text: &str, code: u8) -> u8 {
    write(&mut anstream::stdout(), text, code)
}

/// Prints JSON on stdout, with foreign text in it made safe. Returns `code`, or 1 if it could not be printed.
pub(super) fn print_json(json: &str, code: u8) -> u8 {
    print(&(plain_json(json) + "\n"), code)
}

/// Prints a judged run. Returns `code`, or 1 if it could not be printed.
pub(super) fn print_summary(
    summary: &Summary,
    format: Format,
    dir: &Path,
    hint: Option<&str>,
    code: u8,
) -> u8 {
    match format {
        Format::Text => print(&render(summary, &Context { dir, hint }), code),
        Format::Json => match json(summary) {
            Ok(text) => print(&text, code),
            Err(error) => fail(format, Exit::Internal, &format!("cannot write the summary: {error}")),
        },
    }
}

/// Prints why there is no result: on stderr for people, as JSON on stdout for programs.
pub(super) fn fail(format: Format, exit: Exit, message: &str) -> u8 {
    match format {
        Format::Text => {
            write(&mut anstream::stderr(), &format!("error: {}\n", plain_lines(message)), exit.code())
        }
        Format::Json => print(&error_json(exit.code(), message), exit.code()),
    }
}

/// Why a stored run cannot be judged or rendered.
#[derive(Debug)]
pub(super) enum Unread {
    /// A plan has these faults.
    Plan(Diagnostics),
    /// Another reason, and what to do.
    Because(String),
}

impl Unread {
    pub(super) fn because(error: &dyn std::error::Error) -> Self {
        Self::Because(error.to_string())
    }
}

/// Prints why a stored run cannot be read. Returns the exit code.
pub(super) fn refuse(unread: &Unread, format: Format) -> u8 {
    match unread {
        Unread::Plan(faults) => wrong(faults, format),
        Unread::Because(message) => fail(format, Exit::Usage, message),
    }
}

/// Prints a message on stderr.
pub(super) fn say(text: &str) {
    write(&mut anstream::stderr(), &format!("deadheat: {}\n", plain_lines(text.trim_end())), 0);
}

/// A reader that has seen enough (`| head`) is no error; a full disk is.
fn write(out: &mut impl Write, text: &str, code: u8) -> u8 {
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Exit::Internal.code(),
        _ => code,
    }
}

/// A `--set KEY=VALUE` flag.
pub(super) fn setting(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => Ok((key.trim().to_owned(), value.trim().to_owned())),
        _ => Err("write a key of the scenario, \"=\" and its value, such as workload.jobs=100".to_owned()),
    }
}

/// Loads a scenario, with `--set` and `--seed` on top; prints all its faults.
///
/// # Errors
/// The exit code to end with.
pub(super) fn load_plan(
    path: &Path,
    set: &[(String, String)],
    seed: Option<u64>,
    format: Format,
) -> Result<Plan, u8> {
    let source = Source::read(path).map_err(|error| fail(format, Exit::Usage, &error.to_string()))?;
    let seed = seed.map(|seed| ("seed".to_owned(), seed.to_string()));
    let set: Vec<_> = set.iter().cloned().chain(seed).collect();
    read_plan(&source, &set).map_err(|faults| wrong(&faults, format))
}

/// The plan of a scenario, with the environment's variables in their places.
///
/// # Errors
/// All its faults.
pub(super) fn read_plan(source: &Source, set: &[(String, String)]) -> Result<Plan, Diagnostics> {
    scenario::load(source, set, &|name| std::env::var(name).ok())
}

/// Reads a stored run that a run of `plan` is to be held against.
///
/// # Errors
/// What to print: it cannot be read, or not be compared.
pub(super) fn load_baseline(dir: &Path, plan: &Plan) -> Result<Summary, String> {
    let baseline = stored(dir).map_err(|error| error.to_string())?;
    let faults = baseline_faults(plan, &baseline);
    if faults.is_empty() {
        return Ok(baseline);
    }
    Err(format!("{} is no baseline for this run:\n  {}", dir.display(), faults.join("\n  ")))
}

/// Loads a schedule; prints all its faults.
///
/// # Errors
/// The exit code to end with.
pub(super) fn load_schedule(path: &Path, format: Format) -> Result<Schedule, u8> {
    let source = Source::read(path).map_err(|error| {
        let name = path.display();
        let message = match error {
            SourceError::Missing(_) => format!("no file {name}: give a schedule, or a finding-N.toml"),
            SourceError::Directory(_) => format!("{name} is a directory: name the schedule in it"),
            SourceError::NotUtf8(_) => format!("{name} is not UTF-8 text: save the schedule as UTF-8"),
            SourceError::TooLong(_) => format!("{name} is longer than 1 MiB: that is no schedule"),
            error @ SourceError::Io { .. } => error.to_string(),
        };
        fail(format, Exit::Usage, &message)
    })?;
    Schedule::read(&source).map_err(|faults| wrong(&faults, format))
}

/// Prints what is wrong with a file.
fn wrong(faults: &Diagnostics, format: Format) -> u8 {
    match format {
        Format::Text => {
            let color = std::io::stderr().is_terminal();
            let mut text = faults.render(color);
            if std::env::var_os("GITHUB_ACTIONS").is_some_and(|on| on == "true") {
                text.push_str(&faults.to_github());
            }
            write(&mut anstream::stderr(), &text, Exit::Usage.code())
        }
        Format::Json => {
            let error = serde_json::json!({ "exit_code": Exit::Usage.code(), "message": faults.to_string() });
            let all = serde_json::json!({ "error": error, "faults": faults.to_json() });
            print_json(&format!("{all:#}"), Exit::Usage.code())
        }
    }
}
