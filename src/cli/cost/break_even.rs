//! `deadheat cost break-even`: which of two suppliers is cheaper at which volume.

use super::{Done, finish};
use crate::cli::output::Format;
use crate::cost::{Supplier, break_even, sentence};
use crate::prices::decimal;
use crate::report::stored;
use crate::summary::Exit;
use rust_decimal::Decimal;
use serde_json::json;
use std::path::PathBuf;

/// Which of two suppliers is cheaper, and from which volume on
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// One: `name=a,each=58.40,fixed=0,prepaid=0`; all in one currency. With --run, `name` is a target and
    /// its landed cost per job stands for `each`
    #[arg(long, value_name = "SUPPLIER", value_parser = spec)]
    a: SupplierSpec,
    /// The other
    #[arg(long, value_name = "SUPPLIER", value_parser = spec)]
    b: SupplierSpec,
    /// A finished run, whose targets are meant
    #[arg(long, value_name = "RUN_DIR")]
    run: Option<PathBuf>,
    /// Only this strategy of the run
    #[arg(long, requires = "run")]
    strategy: Option<String>,
    /// What a volume counts
    #[arg(long, default_value = "million tokens a month", conflicts_with = "run")]
    unit: String,
    /// How to print it
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Debug, Clone)]
struct SupplierSpec {
    name: String,
    each: Option<Decimal>,
    fixed: Decimal,
    prepaid: Decimal,
}

fn spec(text: &str) -> Result<SupplierSpec, String> {
    let mut spec =
        SupplierSpec { name: String::new(), each: None, fixed: Decimal::ZERO, prepaid: Decimal::ZERO };
    for part in text.split(',') {
        let (key, value) = part.split_once('=').ok_or("write name=…,each=…,fixed=…,prepaid=…")?;
        let number =
            || decimal(value.trim()).ok_or_else(|| format!("`{key}` = {value}: write a decimal number"));
        match key.trim() {
            "name" => value.trim().clone_into(&mut spec.name),
            "each" => spec.each = Some(number()?),
            "fixed" => spec.fixed = number()?,
            "prepaid" => spec.prepaid = number()?,
            other => return Err(format!("`{other}` is none of name, each, fixed, prepaid")),
        }
    }
    if spec.name.is_empty() { Err("write name=… first".to_owned()) } else { Ok(spec) }
}

pub(super) fn run(args: &Args) -> u8 {
    finish(args.format, compared(args))
}

fn compared(args: &Args) -> Result<Done, String> {
    let (a, b) = (supplier(args, &args.a)?, supplier(args, &args.b)?);
    let ranges = break_even(&a, &b).ok_or("the figures are beyond what can be counted")?;
    let unit = if args.run.is_some() { "jobs a month" } else { &args.unit };
    let json = ranges.iter().map(|range| json!({ "from": range.from.to_string(), "cheaper": range.cheaper }));
    Ok(Done {
        text: format!("{}\n", crate::units::shown::plain(&sentence(&ranges, unit))),
        json: json!({ "unit": unit, "ranges": json.collect::<Vec<_>>() }),
        exit: Exit::Pass,
    })
}

fn supplier(args: &Args, spec: &SupplierSpec) -> Result<Supplier, String> {
    let whole =
        |each, fixed: Decimal| Supplier { name: spec.name.clone(), each, fixed, prepaid: spec.prepaid };
    let Some(dir) = &args.run else {
        let each = spec.each.ok_or_else(|| format!("{}: write each=…, what one unit costs", spec.name))?;
        return Ok(whole(each, spec.fixed));
    };
    if let Some(each) = spec.each {
        return Ok(whole(each, spec.fixed));
    }
    let summary = stored(dir).map_err(|error| error.to_string())?;
    let fits = |strategy: &str| args.strategy.as_ref().is_none_or(|name| name == strategy);
    let rows: Vec<_> =
        summary.cost.iter().filter(|row| row.target == spec.name && fits(&row.strategy)).collect();
    let [row] = rows.as_slice() else {
        return Err(format!(
            "{} rows of costs in that run are of target \"{}\": name one target, and one --strategy",
            rows.len(),
            spec.name
        ));
    };
    let landed = row.landed.as_ref();
    let each = landed.map_or(&row.per_job, |landed| &landed.per_job).as_deref().and_then(decimal);
    let fixed = landed.and_then(|landed| landed.fixed_per_month.as_deref()).and_then(decimal);
    let prepaid = landed.and_then(|landed| landed.prepaid_per_month.as_deref()).and_then(decimal);
    let each = each.ok_or_else(|| format!("target \"{}\" has no cost per job there", spec.name))?;
    let plus = |own: Decimal, more: Option<Decimal>| {
        own.checked_add(more.unwrap_or(Decimal::ZERO)).unwrap_or(Decimal::MAX)
    };
    Ok(Supplier { prepaid: plus(spec.prepaid, prepaid), ..whole(each, plus(spec.fixed, fixed)) })
}
