//! `deadheat plan`: say what a scenario would do, before anything is sent.

mod text;

use super::output::{Format, fail, load_plan, print, print_json, setting};
use crate::cost::forecast;
use crate::summary::Exit;
use std::path::PathBuf;

/// Show arrivals, jobs, tokens and the most a scenario can cost, before anything is sent
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Scenario file; `-` reads standard input
    scenario: PathBuf,
    /// Replace a value of the file, such as `workload.jobs=100`; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = setting)]
    set: Vec<(String, String)>,
    /// Replace the file's seed
    #[arg(long)]
    seed: Option<u64>,
    /// How to print it
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

pub(super) fn run(args: &Args) -> u8 {
    let plan = match load_plan(&args.scenario, &args.set, args.seed, args.format) {
        Ok(plan) => plan,
        Err(code) => return code,
    };
    let forecast = forecast(&plan);
    match args.format {
        Format::Text => print(&text::render(&forecast), Exit::Pass.code()),
        Format::Json => match serde_json::to_string_pretty(&forecast) {
            Ok(json) => print_json(&json, Exit::Pass.code()),
            Err(why) => fail(args.format, Exit::Internal, &format!("cannot write JSON: {why}")),
        },
    }
}
