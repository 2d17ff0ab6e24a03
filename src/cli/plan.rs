//! `deadheat plan`: say what a scenario would do, before anything is sent.

mod text;

use crate::gate::Exit;
use crate::profile::{Forecast, forecast};
use crate::scenario::{Plan, Source, load};
use std::io::{ErrorKind, IsTerminal, Write};
use std::path::PathBuf;

/// Show arrivals, jobs, tokens and the most a scenario can cost, before anything is sent
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Scenario file; `-` reads standard input
    scenario: PathBuf,
    /// Replace a value of the file, such as `workload.jobs=100`; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = key_value)]
    set: Vec<(String, String)>,
    /// Replace the file's seed
    #[arg(long)]
    seed: Option<u64>,
    /// How to print it
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For people
    Text,
    /// For programs
    Json,
}

pub(super) fn run(args: &Args) -> u8 {
    let plan = match checked(args) {
        Ok(plan) => plan,
        Err(why) => return say(&mut anstream::stderr(), &why, Exit::Usage),
    };
    match render(&forecast(&plan), args.format) {
        Ok(text) => say(&mut anstream::stdout(), &text, Exit::Pass),
        Err(why) => {
            say(&mut anstream::stderr(), &format!("error: cannot write JSON: {why}\n"), Exit::Internal)
        }
    }
}

fn checked(args: &Args) -> Result<Plan, String> {
    let source = Source::read(&args.scenario).map_err(|error| format!("error: {error}\n"))?;
    let seed = args.seed.map(|seed| ("seed".to_owned(), seed.to_string()));
    let set: Vec<_> = args.set.iter().cloned().chain(seed).collect();
    let color = std::io::stderr().is_terminal();
    load(&source, &set, &|name| std::env::var(name).ok()).map_err(|faults| faults.render(color))
}

fn render(forecast: &Forecast, format: Format) -> serde_json::Result<String> {
    match format {
        Format::Text => Ok(text::render(forecast)),
        Format::Json => serde_json::to_string_pretty(forecast).map(|json| json + "\n"),
    }
}

fn key_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => Ok((key.trim().to_owned(), value.to_owned())),
        _ => Err("write a key of the scenario, \"=\" and its value, such as workload.jobs=100".to_owned()),
    }
}

/// A reader that has seen enough is no error; a full disk is.
fn say(out: &mut impl Write, text: &str, exit: Exit) -> u8 {
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Exit::Internal.code(),
        _ => exit.code(),
    }
}
