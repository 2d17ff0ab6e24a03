//! What every verb prints: results to stdout, talk to stderr, both in the format asked for.

use crate::gate::Exit;
use crate::history::Summary;
use crate::report;
use crate::scenario::{self, Plan, Source};
use serde_json::json;
use std::io::{IsTerminal, Write};
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

/// Prints a result to stdout. A reader that has gone away (`| head`) is no error.
pub(super) fn print(text: &str) {
    let _ = writeln!(anstream::stdout(), "{}", text.trim_end());
}

/// Says something to the person at the terminal, on stderr.
pub(super) fn say(text: &str) {
    let _ = writeln!(anstream::stderr(), "deadheat: {}", text.trim_end());
}

/// Prints an error in the format asked for.
pub(super) fn print_error(message: &str, format: Format) {
    match format {
        Format::Text => say(message),
        Format::Json => print(&json!({ "error": message }).to_string()),
    }
}

/// Prints a judged run.
pub(super) fn print_summary(summary: &Summary, place: &Path, next: Option<&str>, format: Format) {
    match format {
        Format::Text => print(&report::text(summary, place, next)),
        Format::Json => print(&report::json(summary)),
    }
}

/// Loads a scenario, with `--set` and `--seed` on top; prints all its faults.
///
/// # Errors
/// The exit code to end with.
pub(super) fn load_plan(path: &Path, set: &[String], seed: Option<u64>, format: Format) -> Result<Plan, Exit> {
    let usage = |message: &str| {
        print_error(message, format);
        Exit::Usage
    };
    let mut overrides = Vec::new();
    for pair in set {
        let (key, value) = pair
            .split_once('=')
            .ok_or_else(|| usage(&format!("--set {pair}: write KEY=VALUE, such as seed=7")))?;
        overrides.push((key.trim().to_owned(), value.trim().to_owned()));
    }
    overrides.extend(seed.map(|seed| ("seed".to_owned(), seed.to_string())));
    let source = Source::read(path).map_err(|error| usage(&error.to_string()))?;
    scenario::load(&source, &overrides, &|name| std::env::var(name).ok()).map_err(|faults| {
        match format {
            Format::Text => {
                let _ = write!(anstream::stderr(), "{}", faults.render(std::io::stderr().is_terminal()));
            }
            Format::Json => print(&faults.to_json()),
        }
        Exit::Usage
    })
}
