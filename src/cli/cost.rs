//! `deadheat cost`: prices, projections, break-even.

mod break_even;
mod import;
mod prices;
mod project;
mod table;

use super::output::{Format, fail, print, print_json};
use crate::clock::utc_now_s;
use crate::prices::{Book, day_of, snapshot, snapshots};
use crate::summary::Exit;
use jiff::civil::Date;
use std::path::Path;

/// Prices, projections, break-even
#[derive(Debug, clap::Args)]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    Prices(prices::Args),
    Project(project::Args),
    BreakEven(break_even::Args),
}

pub(super) fn run(args: &Args) -> u8 {
    match &args.what {
        What::Prices(args) => prices::run(args),
        What::Project(args) => project::run(args),
        What::BreakEven(args) => break_even::run(args),
    }
}

/// What became of a verb: what to print, and with which exit code.
struct Done {
    text: String,
    json: serde_json::Value,
    exit: Exit,
}

fn finish(format: Format, done: Result<Done, String>) -> u8 {
    match (done, format) {
        (Ok(done), Format::Text) => print(&done.text, done.exit.code()),
        (Ok(done), Format::Json) => print_json(&format!("{:#}", done.json), done.exit.code()),
        (Err(message), _) => fail(format, Exit::Usage, &message),
    }
}

/// Today, in UTC.
fn today() -> Result<Date, String> {
    i64::try_from(utc_now_s())
        .ok()
        .and_then(day_of)
        .ok_or_else(|| "this machine's clock has no date".to_owned())
}

/// A set of prices: one that stands in the binary, by name, or a TOML file.
fn book(name: &str) -> Result<Book, String> {
    if let Some(set) = snapshot(name) {
        return set.map_err(|error| error.to_string());
    }
    let path = Path::new(name);
    if !path.is_file() {
        let known = snapshots().join(", ");
        return Err(format!("there is no set and no file \"{name}\": the sets are {known}"));
    }
    let text = std::fs::read_to_string(path).map_err(|error| format!("{name}: {error}"))?;
    Book::read(name, &text).map_err(|error| error.to_string())
}

/// Days from one to another; below 0 if the other is before it.
fn days_between(from: Date, to: Date) -> i64 {
    i64::from((to - from).get_days())
}
