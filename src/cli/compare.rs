//! `deadheat compare`: is NEW slower, wronger or dearer than BASE?

pub(super) mod arm;
pub(super) mod blocks;
pub(super) mod interrupt;
pub(super) mod pairing;

use super::output::{Format, fail, print};
use super::render;
use crate::clock::utc_now_s;
use crate::compare::{
    Design, Facts, Measure, Noise, Pair, Terms, family_size, ground, incomparable, interrupted, paired,
    pairs_needed, stored,
};
use crate::history::{Meta, RunDir};
use crate::judge;
use crate::report::{self, compared, compared_json, compared_junit, compared_markdown};
use crate::summary::Exit;
use crate::summary::{Compared, Summary, TimedVerdict};
use crate::units::shown::percent;
use arm::{Arm, NoSummary};
use blocks::Blocks;
use interrupt::Interrupt;
use pairing::{Order, Pairing};
use std::path::{Path, PathBuf};

/// Compare two stored runs, or two arms in interleaved pairs: exit code 3 for a regression, 6 for a newly
/// broken invariant
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Directories of two stored runs: BASE and NEW. Only what is exact is gated
    #[arg(value_names = ["BASE", "NEW"], num_args = 2, required_unless_present = "pairs",
        conflicts_with = "pairs")]
    runs: Vec<PathBuf>,
    /// BASE of every pair: a scenario with flags of `deadheat run`, or a command that prints a run's summary
    /// as JSON
    #[arg(long, value_name = "SCENARIO|CMD", requires = "pairs")]
    base: Option<String>,
    /// NEW of every pair
    #[arg(long, value_name = "SCENARIO|CMD", requires = "pairs")]
    new: Option<String>,
    /// How many pairs to make; fewer than five can show nothing
    #[arg(long, value_name = "N", requires_all = ["base", "new"])]
    pairs: Option<u64>,
    /// Look after so many pairs too, and stop once all is shown; each look spends an equal part of the error
    /// rate
    #[arg(long, value_name = "N,…", value_delimiter = ',', requires = "pairs")]
    looks: Vec<u64>,
    /// Which arm of a pair goes first
    #[arg(long, value_enum, default_value_t = Order::Random, requires = "pairs")]
    order: Order,
    /// A measure of the family, such as ttft.p50; repeatable (default: ttft.p50, response.p50, response.p95,
    /// error-rate, attempts-per-job, and cost-per-job, or tokens-per-job without a price)
    #[arg(long = "measure", value_name = "MEASURE")]
    measures: Vec<Measure>,
    /// Chance of any false alarm of the measured values together
    #[arg(long, value_name = "SHARE", default_value = "5%", value_parser = share, requires = "pairs")]
    alpha: f64,
    /// Effects below this are no regression; of error rates those below one percentage point never are
    #[arg(long, value_name = "SHARE", default_value = "5%", value_parser = share)]
    floor: f64,
    /// Seed of the order and of every pair's work
    #[arg(long, default_value_t = 42)]
    seed: u64,
    /// What `deadheat calibrate` found here: measures that are too noisy are not gated
    #[arg(long, value_name = "FILE", requires = "pairs")]
    calibration: Option<PathBuf>,
    /// Exit with 8 where neither a regression nor its absence could be shown
    #[arg(long, requires = "pairs")]
    require_conclusive: bool,
    /// Directory for the pairs and comparison.json; must not exist or be empty (default:
    /// reports/compare-UTC-SEED)
    #[arg(long, value_name = "DIR", requires = "pairs")]
    out: Option<PathBuf>,
    /// How to print it
    #[arg(long, value_enum, default_value_t = Form::Text)]
    format: Form,
    /// No line for each pair
    #[arg(long, short)]
    quiet: bool,
}

/// How to print a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Form {
    /// For people
    Text,
    /// For programs: comparison.json
    Json,
    /// Markdown, for a comment on a pull request or a job's summary
    Md,
    /// JUnit XML: a case per value
    Junit,
}

/// Prints a comparison. Returns `code`, or 1 if it could not be printed.
pub(super) fn print_comparison(comparison: &Compared, form: Form, code: u8) -> u8 {
    let text = match form {
        Form::Text => compared(comparison),
        Form::Json => compared_json(comparison),
        Form::Md => compared_markdown(comparison),
        Form::Junit => match compared_junit(comparison) {
            Ok(text) => text,
            Err(error) => return fail(Format::Text, Exit::Internal, &error.to_string()),
        },
    };
    print(&text, code)
}

/// A share between 0 and 1, such as `5%` or `0.05`.
pub(super) fn share(text: &str) -> Result<f64, String> {
    let wrong = || "write a share above 0% and below 100%, such as 5%".to_owned();
    let value: f64 = match text.strip_suffix('%') {
        Some(percent) => percent.trim().parse::<f64>().map_err(|_| wrong())? / 100.0,
        None => text.trim().parse().map_err(|_| wrong())?,
    };
    (value > 0.0 && value < 1.0).then_some(value).ok_or_else(wrong)
}

pub(super) fn run(args: &Args) -> u8 {
    let compared = match (&args.runs[..], args.pairs) {
        ([base, new], _) => of_stored(args, base, new),
        (_, Some(pairs)) => of_pairs(args, pairs),
        _ => Err((Exit::Usage.code(), "give two runs, or --base, --new and --pairs".to_owned())),
    };
    match compared {
        Ok(comparison) => print_comparison(&comparison, args.format, comparison.exit_code),
        Err((code, message)) => {
            let format = if args.format == Form::Json { Format::Json } else { Format::Text };
            fail(format, Exit::from_code(code).unwrap_or(Exit::Internal), &message)
        }
    }
}

type Failed = (u8, String);

fn usage(message: impl Into<String>) -> Failed {
    (Exit::Usage.code(), message.into())
}

fn of_stored(args: &Args, base: &Path, new: &Path) -> Result<Compared, Failed> {
    let read = |dir: &Path| -> Result<Summary, Failed> {
        report::stored(dir).map_err(|error| usage(error.to_string()))
    };
    let (old, now) = (read(base)?, read(new)?);
    let why = incomparable(&Facts::of(&old), &Facts::of(&now));
    if !why.is_empty() {
        return Err(usage(format!("these runs cannot be compared:\n  {}", why.join("\n  "))));
    }
    let terms = terms(args, Vec::new(), None);
    let design = Design {
        base: base.display().to_string(),
        new: new.display().to_string(),
        order: "stored".to_owned(),
        planned: 0,
        host: now.host.clone(),
    };
    Ok(stored(&old, &now, &terms, design))
}

fn terms(args: &Args, looks: Vec<u64>, noise: Option<Noise>) -> Terms {
    let (measures, declared) = family(&args.measures);
    Terms { alpha: args.alpha, looks, floor: args.floor, measures, declared, seed: args.seed, noise }
}

/// The measures that were asked for, each once, else the usual ones; and whether they were asked for.
pub(super) fn family(asked: &[Measure]) -> (Vec<Measure>, bool) {
    let mut measures: Vec<Measure> = Vec::new();
    for measure in asked {
        if !measures.contains(measure) {
            measures.push(measure.clone());
        }
    }
    if measures.is_empty() { (Measure::usual(), false) } else { (measures, true) }
}

/// After how many pairs to look.
fn looks(args: &Args, pairs: u64) -> Result<Vec<u64>, Failed> {
    let mut looks = args.looks.clone();
    looks.push(pairs);
    looks.sort_unstable();
    looks.dedup();
    if looks.last() != Some(&pairs) {
        return Err(usage(format!("a look after {:?} pairs of {pairs}: raise --pairs", looks.last())));
    }
    Ok(looks)
}

/// Whether the first look could reject anything at all.
fn any(first: u64, alpha: f64) -> Result<(), Failed> {
    let needed = pairs_needed(alpha) as u64;
    if first >= needed {
        return Ok(());
    }
    let outcomes = 2_u64.saturating_pow(u32::try_from(first).unwrap_or(u32::MAX));
    let why = if 1.0 / outcomes as f64 > alpha {
        format!(
            "of {first} pairs even the worst outcome has a chance of 1 in {outcomes}, and {} is asked for",
            percent(alpha)
        )
    } else {
        "from fewer than five nothing is concluded, whatever error rate is asked for".to_owned()
    };
    Err(usage(format!("{first} pairs can show nothing: {why}; make at least {needed}")))
}

fn of_pairs(args: &Args, pairs: u64) -> Result<Compared, Failed> {
    let (Some(base), Some(new)) = (&args.base, &args.new) else {
        return Err(usage("pairs need --base and --new"));
    };
    let looks = looks(args, pairs)?;
    let (base, new) = (Arm::of(base), Arm::of(new));
    let noise = args.calibration.as_deref().map(|path| noise(path, &base)).transpose()?;
    let terms = terms(args, looks, noise);
    any(terms.looks[0], terms.alpha_of_a_look())?;
    let dir = directory(args.out.as_deref(), "compare", args.seed)?;
    let interrupt = Interrupt::watch();
    let pairing = Pairing {
        interrupt: &interrupt,
        base: &base,
        new: &new,
        order: args.order,
        seed: args.seed,
        dir: dir.path(),
        quiet: args.quiet,
        blocks: Blocks::of([&base, &new], pairs),
    };
    let design = Design {
        base: base.text.clone(),
        new: new.text.clone(),
        order: args.order.name().to_owned(),
        planned: pairs,
        host: judge::here(&Meta::default()),
    };
    let comparison = made(args, &pairing, &terms, &design).map_err(|(failed, keep)| match keep {
        true => failed,
        false => refused(failed, &dir),
    })?;
    render::write_comparison(&dir, &comparison)
        .map_err(|error| (Exit::Internal.code(), error.to_string()))?;
    dir.finish().map_err(|error| (Exit::Internal.code(), error.to_string()))?;
    Ok(comparison)
}

/// Removes what a refused comparison made: it is evidence of nothing.
fn refused((code, message): Failed, dir: &RunDir) -> Failed {
    let left = std::fs::remove_dir_all(dir.path()).err();
    let left =
        left.map_or_else(String::new, |error| format!("; cannot remove {}: {error}", dir.path().display()));
    (code, message + &left)
}

/// Makes the pairs, and looks when it was agreed to. An error says whether what was made is worth keeping.
fn made(
    args: &Args,
    pairing: &Pairing<'_>,
    terms: &Terms,
    design: &Design,
) -> Result<Compared, (Failed, bool)> {
    let mut pairs: Vec<Pair> = Vec::new();
    let last = design.planned;
    for number in 1..=last {
        let pair = pairing.pair(number, last).map_err(|why| (failed(why), true))?;
        let Some(pair) = pair else {
            return match pairs.len() {
                0 => Err((interrupted_in_the_first(last, pairing.dir), true)),
                _ => interrupted(&pairs, terms, design.clone()).map_err(|why| (usage(why), true)),
            };
        };
        if number == 1 {
            first(args, &pair, terms, last).map_err(|refused| (refused, false))?;
        }
        pairs.push(pair);
        if !terms.looks.contains(&number) {
            continue;
        }
        let comparison = paired(&pairs, terms, design.clone(), args.require_conclusive);
        let comparison = comparison.map_err(|why| (usage(why), true))?;
        let open =
            comparison.timed.iter().any(|row| row.p.is_some() && row.verdict == TimedVerdict::Inconclusive);
        if number == last || (!open && comparison.pairs.iter().all(|pair| pair.void.is_none())) {
            return Ok(comparison);
        }
    }
    Err((usage("no pairs were asked for"), false))
}

/// Checks on the first pair, before the others are made, that such pairs can be compared, and that the
/// planned number of them can show anything about so many values.
fn first(args: &Args, pair: &Pair, terms: &Terms, planned: u64) -> Result<(), Failed> {
    if let (Some(noise), Some(path)) = (&terms.noise, &args.calibration) {
        fitting(noise, path, Some(&pair.base.name), None)?;
    }
    ground(std::slice::from_ref(pair)).map_err(usage)?;
    enough(family_size(pair, terms, planned), terms.looks[0], terms.alpha_of_a_look())
}

/// Whether the first look could reject anything of a family of this size.
fn enough(family: usize, pairs: u64, alpha: f64) -> Result<(), Failed> {
    let needed = pairs_needed(alpha / family.max(1) as f64) as u64;
    if pairs >= needed {
        return Ok(());
    }
    Err(usage(format!(
        "{pairs} pairs can show nothing about {family} measured values together: make at least {needed} \
         pairs, or name fewer \
         values (--measure)"
    )))
}

/// Nothing can be reported; what the pair's runs wrote stays where it is.
pub(super) fn interrupted_in_the_first(of: u64, dir: &Path) -> Failed {
    let message = format!("interrupted in pair 1 of {of}; its runs are left in {}", dir.display());
    (Exit::Interrupted.code(), message)
}

fn failed(why: NoSummary) -> Failed {
    (why.exit_code.unwrap_or(Exit::Unreachable.code()), why.message)
}

/// Reads a calibration, which must be of BASE and this machine.
fn noise(path: &Path, base: &Arm) -> Result<Noise, Failed> {
    let text = std::fs::read(path).map_err(|error| usage(format!("{}: {error}", path.display())))?;
    let noise: Noise = serde_json::from_slice(&text).map_err(|error| {
        usage(format!("{} is no calibration: {error}; make one with `deadheat calibrate`", path.display()))
    })?;
    let plan = base.at_seed_0();
    let (name, hash) = (plan.as_ref().map(|plan| &*plan.name), plan.as_ref().map(|plan| &*plan.hash));
    fitting(&noise, path, name, hash)?;
    Ok(noise)
}

fn fitting(noise: &Noise, path: &Path, name: Option<&str>, plan_hash: Option<&str>) -> Result<(), Failed> {
    let why = noise.faults(name, plan_hash, &judge::here(&Meta::default()));
    if why.is_empty() {
        return Ok(());
    }
    let what = "says nothing about this comparison";
    let advice = "make one here with `deadheat calibrate` and BASE";
    Err(usage(format!("{} {what}:\n  {}\n{advice}", path.display(), why.join("\n  "))))
}

/// The directory for pairs. One that holds a comparison is refused: its result stands.
pub(super) fn directory(out: Option<&Path>, name: &str, seed: u64) -> Result<RunDir, Failed> {
    match out {
        Some(path) => RunDir::create_at(path).map_err(|error| {
            let stands = path.join("comparison.json").exists();
            let again =
                "; it holds a comparison, whose result stands: more pairs must be planned before (--looks)";
            usage(format!("{error}{}", if stands { again } else { "" }))
        }),
        None => RunDir::create(Path::new("reports"), name, utc_now_s(), seed)
            .map_err(|error| (Exit::Internal.code(), error.to_string())),
    }
}
