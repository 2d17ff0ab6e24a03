//! `deadheat calibrate`: how noisy is this machine?

use super::compare::arm::Arm;
use super::compare::blocks::Blocks;
use super::compare::pairing::{Order, Pairing};
use super::compare::{directory, family, share};
use super::output::{Format, fail, print};
use crate::compare::{Measure, Noise, Pair, Terms, ground};
use crate::history::Meta;
use crate::judge;
use crate::report::{calibrated, calibrated_json};
use crate::summary::Exit;
use std::path::PathBuf;

/// Run one scenario in pairs against itself: what effects can be found on this machine, by how many pairs
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A scenario with flags of `deadheat run`, or a command that prints a run's summary as JSON
    #[arg(value_name = "SCENARIO|CMD")]
    arm: String,
    /// How many pairs to make
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u64).range(5..))]
    pairs: u64,
    /// A measure, such as ttft.p50; repeatable (default: those that `deadheat compare` judges)
    #[arg(long = "measure", value_name = "MEASURE")]
    measures: Vec<Measure>,
    /// Effects below this are no regression: a measure that cannot find twice as much is advisory
    #[arg(long, value_name = "SHARE", default_value = "5%", value_parser = share)]
    floor: f64,
    /// Seed of every pair's work
    #[arg(long, default_value_t = 42)]
    seed: u64,
    /// Directory for the pairs and calibration.json; must not exist or be empty (default: reports/calibrate-UTC-SEED)
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// How to print it
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// No line for each pair
    #[arg(long, short)]
    quiet: bool,
}

/// The error rate for which the figures are stated: what `deadheat compare` asks for.
const ALPHA: f64 = 0.05;

pub(super) fn run(args: &Args) -> u8 {
    match made(args) {
        Ok(noise) => {
            let text = match args.format {
                Format::Text => calibrated(&noise),
                Format::Json => calibrated_json(&noise),
            };
            print(&text, Exit::Pass.code())
        }
        Err((code, message)) => fail(args.format, Exit::from_code(code).unwrap_or(Exit::Internal), &message),
    }
}

fn made(args: &Args) -> Result<Noise, (u8, String)> {
    let arm = Arm::of(&args.arm);
    let dir = directory(args.out.as_deref(), "calibrate", args.seed)?;
    let pairing = Pairing {
        base: &arm,
        new: &arm,
        order: Order::Random,
        seed: args.seed,
        dir: dir.path(),
        quiet: args.quiet,
        blocks: Blocks::of([&arm, &arm], args.pairs),
    };
    let mut pairs: Vec<Pair> = Vec::new();
    for number in 1..=args.pairs {
        let made = pairing.pair(number, args.pairs);
        let pair = made.map_err(|why| (why.exit_code.unwrap_or(Exit::Unreachable.code()), why.message))?;
        if pair.base.interrupted || pair.new.interrupted {
            return Err((
                Exit::Interrupted.code(),
                format!("interrupted in pair {number} of {}", args.pairs),
            ));
        }
        pairs.push(pair);
    }
    let void = pairs.iter().filter_map(Pair::void).collect::<Vec<_>>();
    if pairs.len() - void.len() < 5 {
        let why = void.first().map_or("", String::as_str);
        let message = format!("{} of {} pairs are void ({why}): too few are left", void.len(), pairs.len());
        return Err((Exit::LoadInvalid.code(), message));
    }
    ground(&pairs).map_err(|why| (Exit::Usage.code(), why))?;
    let (measures, declared) = family(&args.measures);
    let (floor, seed) = (args.floor, args.seed);
    let terms = Terms { alpha: ALPHA, looks: Vec::new(), floor, measures, declared, seed, noise: None };
    let plan_hash = arm.at_seed_0().map(|plan| plan.hash);
    let noise = Noise::of(&pairs, &terms, plan_hash, judge::here(&Meta::default()));
    let internal = |error: crate::history::HistoryError| (Exit::Internal.code(), error.to_string());
    dir.write("calibration.json", &calibrated_json(&noise)).map_err(internal)?;
    dir.finish().map_err(internal)?;
    Ok(noise)
}
