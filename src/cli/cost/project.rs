//! `deadheat cost project`: from a run to a month.

use super::{Done, book, finish, today};
use crate::cli::output::Format;
use crate::cost::{
    LEAST_JOBS, PriceContext, Projection, age_days, as_decimal, fresh, job_uses, minor, project,
};
use crate::metrics::Gaps;
use crate::plan::{Cell, ClockKind, Plan, Source};
use crate::prices::{Card, Component, LIST, Price, day_of, decimal};
use crate::scenario::load_stored;
use crate::summary::Exit;
use jiff::civil::{Date, Time};
use jiff::tz::Offset;
use serde_json::{Value, json};
use std::path::PathBuf;

/// From a run's measured tokens, attempts and waste to a month, with its uncertainty
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Directory of a finished run
    run_dir: PathBuf,
    /// Jobs a month
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1_000_000_000_000))]
    jobs_per_month: u64,
    /// Only this target
    #[arg(long)]
    target: Option<String>,
    /// Only this strategy
    #[arg(long)]
    strategy: Option<String>,
    /// Price by this card instead of the scenario's price, such as openai/gpt-4.1
    #[arg(long, value_name = "PROVIDER/MODEL")]
    card: Option<String>,
    /// The set or TOML file that the card stands in
    #[arg(long, value_name = "SET", default_value = LIST)]
    from: String,
    /// Price the run as if it had begun on this day at midnight UTC, or at this moment [default: when it
    /// began; today, if it ran in virtual time]
    #[arg(long, value_name = "DATE", value_parser = moment)]
    on: Option<Moment>,
    /// Price of a million prompt tokens read from a cache, to vary the share of them
    #[arg(long, value_name = "PRICE")]
    cached_read: Option<String>,
    /// Refuse a rate card that was checked more than so many days ago
    #[arg(long, value_name = "DAYS")]
    max_price_age: Option<u32>,
    /// Seeds the bootstrap [default: the run's seed]
    #[arg(long)]
    seed: Option<u64>,
    /// How to print it
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

pub(super) fn run(args: &Args) -> u8 {
    finish(args.format, projected(args))
}

fn projected(args: &Args) -> Result<Done, String> {
    let source = Source::read(&args.run_dir.join("plan.toml")).map_err(|error| error.to_string())?;
    let plan = load_stored(&source).map_err(|faults| faults.render(false))?;
    let (loaded, _) = Gaps::read(&args.run_dir, &plan).map_err(|error| error.to_string())?;
    if !loaded.warnings.is_empty() {
        return Err(format!("the evidence is not whole: {}", loaded.warnings.join("; ")));
    }
    let cells = meant(&plan, args)?;
    let start_utc_s = start(&plan, args, loaded.evidence.meta.started_utc_s)?;
    let mut done = Done { text: String::new(), json: json!([]), exit: Exit::Pass };
    let mut rows = Vec::new();
    for cell in cells {
        let (target, strategy) = (&plan.targets[cell.target], &plan.strategies[cell.strategy]);
        let name = format!("{}/{}", target.name, strategy.name());
        let list = list_card(&plan, cell, args, start_utc_s)?;
        if list.checked_on != Date::ZERO {
            fresh(&list, today()?, args.max_price_age).map_err(|error| error.to_string())?;
        }
        let terms = target.price.as_ref().map(|price| price.terms.clone()).unwrap_or_default();
        let into = plan.cost.currency.unwrap_or(list.currency);
        let fx = list.currency != into;
        let price = Price::new(list, into, &plan.cost.fx, terms).map_err(|error| error.to_string())?;
        let card = &price.landed;
        let uses = job_uses(&plan, cell, &loaded.evidence, card, start_utc_s)
            .map_err(|error| format!("{name}: {error}"))?;
        let seed = args.seed.unwrap_or(plan.seed);
        let projection =
            project(&uses, card, args.jobs_per_month, seed, &PriceContext { terms: &price.terms, fx })
                .map_err(|error| format!("{name}: {error}"))?;
        done.text.push_str(&text(&name, &projection, args.jobs_per_month, &price));
        rows.push(json_of(&name, &projection, args.jobs_per_month, &price));
    }
    done.json = Value::Array(rows);
    Ok(done)
}

/// When the run is taken to have begun. Virtual time has an epoch of its own, for which there are no prices.
fn start(plan: &Plan, args: &Args, started_utc_s: u64) -> Result<u64, String> {
    let midnight = |day: Date| {
        let stamp =
            Offset::UTC.to_timestamp(day.to_datetime(Time::MIN)).map_err(|error| error.to_string())?;
        Ok::<i64, String>(stamp.as_second())
    };
    let second = match (&args.on, plan.cost.start_utc_s, plan.clock) {
        (Some(Moment::At(second)), ..) => *second,
        (Some(Moment::Day(day)), ..) => midnight(*day)?,
        (None, Some(start), _) => start,
        (None, None, ClockKind::Virtual) => midnight(today()?)?,
        (None, None, ClockKind::Real) => return Ok(started_utc_s),
    };
    u64::try_from(second).map_err(|_| "that is before 1970".to_owned())
}

/// A day, or a moment of it.
#[derive(Debug, Clone, Copy)]
enum Moment {
    Day(Date),
    At(i64),
}

fn moment(text: &str) -> Result<Moment, String> {
    if let Ok(stamp) = text.parse::<jiff::Timestamp>() {
        return Ok(Moment::At(stamp.as_second()));
    }
    let help = "write a day such as 2026-11-24, or a moment such as 2026-11-24T02:00:00Z";
    text.parse().map(Moment::Day).map_err(|_| help.to_owned())
}

fn meant(plan: &Plan, args: &Args) -> Result<Vec<Cell>, String> {
    let fits = |cell: &Cell| {
        let (target, strategy) = (&plan.targets[cell.target].name, plan.strategies[cell.strategy].name());
        args.target.as_ref().is_none_or(|name| name == target)
            && args.strategy.as_ref().is_none_or(|name| name == strategy)
    };
    let cells: Vec<Cell> = plan.cells().into_iter().filter(fits).collect();
    if cells.is_empty() {
        let targets: Vec<&str> = plan.targets.iter().map(|target| target.name.as_str()).collect();
        let strategies: Vec<&str> = plan.strategies.iter().map(|strategy| strategy.name()).collect();
        return Err(format!("the run has the targets {targets:?} and the strategies {strategies:?}"));
    }
    Ok(cells)
}

/// The card to price by: the one that was asked for, else the scenario's price.
fn list_card(plan: &Plan, cell: Cell, args: &Args, started_utc_s: u64) -> Result<Card, String> {
    let target = &plan.targets[cell.target];
    let card = match &args.card {
        Some(name) => {
            let day = i64::try_from(started_utc_s).ok().and_then(day_of).ok_or("the run has no date")?;
            book(&args.from)?.find(name, day).map_err(|error| error.to_string())?.clone()
        }
        None => target.price.as_ref().map(|price| price.list.clone()).ok_or_else(|| {
            format!("target `{}` has no price: give one with --card, such as openai/gpt-4.1", target.name)
        })?,
    };
    let Some(text) = &args.cached_read else { return Ok(card) };
    let rate = decimal(text).ok_or_else(|| format!("--cached-read {text}: write a decimal such as 0.50"))?;
    Ok(Card { rates: card.rates.with(Component::CachedRead, rate), ..card })
}

fn text(name: &str, projection: &Projection, jobs: u64, price: &Price) -> String {
    let (currency, terms) = (price.landed.currency, &price.terms);
    let money =
        |amount| as_decimal(amount).map_or_else(|| "unknown".to_owned(), |value| minor(value, currency));
    let mut text = format!("{name}: {jobs} jobs a month\n");
    text.push_str(&format!(
        "  {}, 95 % between {} and {}\n",
        money(projection.month),
        money(projection.low),
        money(projection.high)
    ));
    text.push_str(&format!(
        "  from {} jobs (bootstrap, {} resamples), {} {currency} a job; sampling error only, no drift of \
         traffic or prices\n",
        projection.sample,
        projection.resamples,
        projection.per_job.rounded(9),
    ));
    if let (true, Ok(today)) = (price.is_listed(), today()) {
        let (name, age) = (price.list.name(), age_days(&price.list, today));
        text.push_str(&format!(
            "  by {name} of {}, {}, checked {} ({age} days ago)\n",
            price.list.set, price.list.source_url, price.list.checked_on
        ));
    }
    if price.way.changes() {
        let factors: Vec<String> = price
            .way
            .factors
            .iter()
            .map(|f| format!("{} × {} ({})", f.name, f.times.normalize(), f.note))
            .collect();
        text.push_str(&format!("  list price, {}\n", factors.join(", ")));
    }
    if !terms.fixed_per_month.is_zero() {
        text.push_str(&format!("  of which {} whatever is used\n", minor(terms.fixed_per_month, currency)));
    }
    if !terms.prepaid_per_month.is_zero() {
        let prepaid = minor(terms.prepaid_per_month, currency);
        text.push_str(&format!("  of which at least {prepaid} for credit that expires with the month\n"));
    }
    for (what, amount) in &projection.if_else {
        text.push_str(&format!("  if {what}: {}\n", money(*amount)));
    }
    for what in &projection.unknown {
        text.push_str(&format!("  not varied: {what}\n"));
    }
    text
}

fn json_of(name: &str, projection: &Projection, jobs: u64, price: &Price) -> Value {
    let if_else =
        projection.if_else.iter().map(|(what, sum)| json!({ "if": what, "month": sum.rounded(12) }));
    json!({
        "cell": name,
        "jobs_per_month": jobs,
        "currency": projection.month.currency.to_string(),
        "sample": projection.sample,
        "least_sample": LEAST_JOBS,
        "resamples": projection.resamples,
        "per_job": projection.per_job.rounded(12),
        "month": projection.month.rounded(12),
        "low_95": projection.low.rounded(12),
        "high_95": projection.high.rounded(12),
        "fixed_per_month": price.terms.fixed_per_month.to_string(),
        "prepaid_per_month": price.terms.prepaid_per_month.to_string(),
        "card": price.list.name(),
        "checked_on": price.is_listed().then(|| price.list.checked_on.to_string()),
        "if_else": if_else.collect::<Vec<_>>(),
        "not_varied": projection.unknown,
    })
}
