//! `deadheat calibrate`: how noisy is this machine?

use super::compare::arm::Arm;
use super::compare::blocks::Blocks;
use super::compare::interrupt::Interrupt;
use super::compare::pairing::{Order, Pairing};
use super::compare::{directory, family, interrupted_in_the_first, share};
use super::output::{self, Format, fail, print};
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
    /// Directory for the pairs and calibration.json; must not exist or be empty (default:
    /// reports/calibrate-UTC-SEED)
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

/// Fewest pairs from which noise is estimated.
const LEAST_PAIRS: usize = 5;

pub(super) fn run(args: &Args) -> u8 {
    match made(args) {
        Ok((noise, exit)) => {
            let text = match args.format {
                Format::Text => calibrated(&noise),
                Format::Json => calibrated_json(&noise),
            };
            print(&text, exit.code())
        }
        Err((code, message)) => fail(args.format, Exit::from_code(code).unwrap_or(Exit::Internal), &message),
    }
}

/// The noise of the pairs that were made, and [`Exit::Interrupted`] if that are fewer than were asked for.
fn made(args: &Args) -> Result<(Noise, Exit), (u8, String)> {
    let arm = Arm::of(&args.arm);
    let dir = directory(args.out.as_deref(), "calibrate", args.seed)?;
    let interrupt = Interrupt::watch();
    let pairing = Pairing {
        interrupt: &interrupt,
        base: &arm,
        new: &arm,
        order: Order::Random,
        seed: args.seed,
        dir: dir.path(),
        quiet: args.quiet,
        blocks: Blocks::of([&arm, &arm], args.pairs),
    };
    let internal = |error: crate::history::HistoryError| (Exit::Internal.code(), error.to_string());
    let mut pairs: Vec<Pair> = Vec::new();
    for number in 1..=args.pairs {
        let made = pairing.pair(number, args.pairs);
        match made.map_err(|why| (why.exit_code.unwrap_or(Exit::Unreachable.code()), why.message))? {
            Some(pair) => pairs.push(pair),
            None if pairs.is_empty() => return Err(interrupted_in_the_first(args.pairs, dir.path())),
            None => break,
        }
    }
    let exit = if (pairs.len() as u64) < args.pairs { Exit::Interrupted } else { Exit::Pass };
    let so_far = format!("interrupted after {} of {} pairs", pairs.len(), args.pairs);
    let void = pairs.iter().filter_map(Pair::void).collect::<Vec<_>>();
    if pairs.len() - void.len() < LEAST_PAIRS && exit == Exit::Interrupted {
        let place = dir.final_path().to_owned();
        dir.finish().map_err(internal)?;
        let message = format!(
            "{so_far}: a calibration needs {LEAST_PAIRS}; the runs that were made are in {}",
            place.display()
        );
        return Err((exit.code(), message));
    }
    if pairs.len() - void.len() < LEAST_PAIRS {
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
    dir.write("calibration.json", &calibrated_json(&noise)).map_err(internal)?;
    dir.finish().map_err(internal)?;
    if exit == Exit::Interrupted {
        output::say(&format!("{so_far}: the calibration is that of these"));
    }
    Ok((noise, exit))
}
