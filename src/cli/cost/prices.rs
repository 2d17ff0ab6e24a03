//! `deadheat cost prices`: list, filter and diff sets of prices; read those of others.

use super::import::{self, Whose, whose};
use super::table::table;
use super::{Done, book, days_between, finish, today};
use crate::cli::output::Format;
use crate::prices::{Book, Card, Component, LIST, diff, price_text};
use crate::summary::Exit;
use crate::units::shown::plain;
use jiff::civil::Date;
use serde_json::{Value, json};
use std::path::PathBuf;

/// Fewest cards of which each is shown with all of its conditions.
const IN_FULL: usize = 6;

/// List, filter and compare prices; read those that others have collected, from a local file
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Only models whose name contains all of these
    filter: Vec<String>,
    /// A set by name (list-2026-11, article-2026), or a TOML file of cards
    #[arg(long, value_name = "SET", default_value = LIST)]
    from: String,
    /// Read prices from another project's JSON instead, such as litellm=model_prices.json
    #[arg(long, value_name = "WHOSE=FILE", value_parser = whose, requires = "fetched",
        conflicts_with = "from")]
    import: Option<(Whose, PathBuf)>,
    /// The day on which the imported file was fetched
    #[arg(long, value_name = "DATE")]
    fetched: Option<Date>,
    /// Compare with another set or file: what changed from it to this one
    #[arg(long, value_name = "SET")]
    diff: Option<String>,
    /// Prices of this day [default: today]
    #[arg(long, value_name = "DATE")]
    on: Option<Date>,
    /// Prices that were checked longer ago are an error (exit 5)
    #[arg(long, value_name = "DAYS")]
    max_price_age: Option<u32>,
    /// Write the cards that are shown to a TOML file, of all days
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
    /// How to print it
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

pub(super) fn run(args: &Args) -> u8 {
    finish(args.format, prices(args))
}

fn prices(args: &Args) -> Result<Done, String> {
    let today = today()?;
    let on = args.on.unwrap_or(today);
    let (all, imported) = match (&args.import, args.fetched) {
        (Some((whose, file)), Some(fetched)) => {
            let imported = import::read(*whose, file, fetched)?;
            (imported.book.clone(), Some(imported))
        }
        _ => (book(&args.from)?, None),
    };
    let named = filtered(&all, &args.filter)?;
    if named.cards().is_empty() {
        return Err(match args.filter.first() {
            Some(name) => match all.find(name, on) {
                Err(error) => error.to_string(),
                Ok(_) => "no model has a name with all of these in it".to_owned(),
            },
            None => "there is no price in it".to_owned(),
        });
    }
    if let Some(file) = &args.write {
        let text = named.write(&named.cards()[0].set).map_err(|error| error.to_string())?;
        std::fs::write(file, text).map_err(|error| format!("{}: {error}", file.display()))?;
    }
    let mut done = match &args.diff {
        Some(other) => changes(&filtered(&book(other)?, &args.filter)?, &named, on),
        None => list(&named, on, today),
    };
    if let Some(imported) = &imported {
        done.text.insert_str(0, &format!("{}\n", import::told(imported)));
        done.json["import"] = import::json(imported);
    }
    age(args, &named, on, today, &mut done);
    Ok(done)
}

fn filtered(book: &Book, words: &[String]) -> Result<Book, String> {
    let fits = |card: &&Card| {
        let names: Vec<String> = std::iter::once(card.name())
            .chain(card.aliases.iter().cloned())
            .map(|n| n.to_lowercase())
            .collect();
        words.iter().all(|word| names.iter().any(|name| name.contains(&word.to_lowercase())))
    };
    Book::new(book.cards().iter().filter(fits).cloned().collect()).map_err(|error| error.to_string())
}

/// Says how old the prices are; beyond `--max-price-age` that is an error.
fn age(args: &Args, named: &Book, on: Date, today: Date, done: &mut Done) {
    let held: Vec<&Card> = named.cards().iter().filter(|card| card.days.hold(on)).collect();
    let ages: Vec<i64> = held.iter().map(|card| days_between(card.checked_on, today)).collect();
    let (Some(least), Some(most)) = (ages.iter().min(), ages.iter().max()) else { return };
    done.text.push_str(&match least == most {
        true => format!("\nchecked {most} days ago\n"),
        false => format!("\nchecked {least} to {most} days ago\n"),
    });
    done.json["age_days"] = json!({ "least": least, "most": most });
    let Some(limit) = args.max_price_age else { return };
    let stale = held.iter().zip(&ages).filter(|(_, age)| **age > i64::from(limit));
    let stale: Vec<String> = stale.map(|(card, age)| format!("{} ({age} days)", card.name())).collect();
    if let Some(first) = stale.first() {
        let many = stale.len();
        done.text.push_str(&format!("✗ {many} prices are older than {limit} days: {} …\n", plain(first)));
        done.json["stale"] = json!(stale);
        done.exit = Exit::Threshold;
    }
}

fn list(named: &Book, on: Date, today: Date) -> Done {
    let held: Vec<&Card> = named.cards().iter().filter(|card| card.days.hold(on)).collect();
    let elsewhen = named.cards().len() - held.len();
    let rows: Vec<Vec<String>> = held.iter().map(|card| row(card)).collect();
    let head = ["", "input", "cached", "write", "output", "", "conditions", "checked"];
    let mut text = table(&head, &rows);
    if held.len() < IN_FULL {
        text.push('\n');
        for card in &held {
            text.push_str(&in_full(card, today));
        }
    }
    if elsewhen > 0 {
        text.push_str(&format!(
            "\n{elsewhen} more hold on other days than {on}; --on DATE shows those of a day\n"
        ));
    }
    let json =
        json!({ "on": on.to_string(), "cards": held.iter().map(|card| card_json(card)).collect::<Vec<_>>() });
    Done { text, json, exit: Exit::Pass }
}

fn row(card: &Card) -> Vec<String> {
    let rate = |component| card.rates.own(component).map_or_else(|| "—".to_owned(), price_text);
    vec![
        plain(&card.name()),
        rate(Component::Input),
        rate(Component::CachedRead),
        rate(Component::CacheWrite5m),
        rate(Component::Output),
        format!(
            "{}/{}",
            card.currency,
            if card.unit.name() == "per_mtok" { "MTok" } else { card.unit.name() }
        ),
        if card.whens.is_empty() { String::new() } else { card.whens.len().to_string() },
        card.checked_on.to_string(),
    ]
}

/// Every rate, every condition, and a line to put into a scenario.
fn in_full(card: &Card, today: Date) -> String {
    let rates = |rates: &crate::prices::Rates| -> String {
        let each = rates.iter().map(|(component, rate)| format!("{} {}", component.name(), price_text(rate)));
        each.collect::<Vec<_>>().join(" · ")
    };
    let mut text = format!("{}  {}\n", plain(&card.name()), card.days.text());
    if !card.aliases.is_empty() {
        text.push_str(&format!("  also        {}\n", plain(&card.aliases.join(", "))));
    }
    text.push_str(&format!("  rates       {}\n", rates(&card.rates)));
    for when in &card.whens {
        let label = when.label().unwrap_or_else(|| "always".to_owned());
        let factor = when.multiplier.map_or_else(String::new, |factor| format!(" × {factor}"));
        let days = match when.days.from.or(when.days.to) {
            Some(_) => format!(" ({})", when.days.text()),
            None => String::new(),
        };
        text.push_str(&format!("  {}{days}: {}{factor}\n", plain(&label), rates(&when.rates)));
    }
    if let Some(note) = &card.note {
        text.push_str(&format!("  note        {}\n", plain(note)));
    }
    let age = days_between(card.checked_on, today);
    let source = plain(&card.source_url);
    text.push_str(&format!("  source      {source}, checked {} ({age} days ago)\n", card.checked_on));
    if card.set == LIST {
        text.push_str(&format!("  scenario    price = {{ card = \"{}\" }}\n", plain(&card.name())));
    }
    text
}

fn card_json(card: &Card) -> Value {
    let rates = |rates: &crate::prices::Rates| -> Value {
        rates.iter().map(|(component, rate)| (component.name().to_owned(), json!(rate.to_string()))).collect()
    };
    let whens = card.whens.iter().map(|when| {
        json!({
            "when": when.label(),
            "days": when.days.text(),
            "rates": rates(&when.rates),
            "multiplier": when.multiplier.map(|factor| factor.to_string()),
        })
    });
    json!({
        "provider": card.provider,
        "model": card.model,
        "aliases": card.aliases,
        "currency": card.currency.to_string(),
        "unit": card.unit.name(),
        "days": card.days.text(),
        "rates": rates(&card.rates),
        "when": whens.collect::<Vec<_>>(),
        "source_url": card.source_url,
        "checked_on": card.checked_on.to_string(),
        "set": card.set,
    })
}

fn changes(old: &Book, new: &Book, on: Date) -> Done {
    let changes = diff(old, new, on);
    let shown = |rate: Option<rust_decimal::Decimal>| rate.map_or_else(|| "—".to_owned(), price_text);
    let percent = |old: Option<rust_decimal::Decimal>, new: Option<rust_decimal::Decimal>| {
        let (old, new) = old.zip(new).filter(|(old, _)| !old.is_zero())?;
        let times = new.checked_div(old)?.checked_sub(rust_decimal::Decimal::ONE)?;
        Some(format!("{:+.1}%", times.checked_mul(rust_decimal::Decimal::ONE_HUNDRED)?))
    };
    let rows: Vec<Vec<String>> = changes
        .iter()
        .map(|change| {
            let part = if change.part.is_empty() { "whole card" } else { &change.part };
            let by = percent(change.old, change.new).filter(|_| !change.part.is_empty()).unwrap_or_default();
            vec![plain(&change.name), plain(part), shown(change.old), shown(change.new), by]
        })
        .collect();
    let text = match rows.is_empty() {
        true => format!("no difference on {on}\n"),
        false => table(&["", "", "before", "after", ""], &rows),
    };
    let json = changes.iter().map(|change| {
        json!({
            "name": change.name,
            "part": change.part,
            "old": change.old.map(|rate| rate.to_string()),
            "new": change.new.map(|rate| rate.to_string()),
        })
    });
    Done {
        text,
        json: json!({ "on": on.to_string(), "changes": json.collect::<Vec<_>>() }),
        exit: Exit::Pass,
    }
}
