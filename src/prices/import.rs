//! Prices that others have collected, read from a local file: what was kept, what was dropped, and why.
//!
//! Numbers are taken from the text of the JSON, never through a float. What cannot be said by a rate card is
//! dropped with its reason; a card of which only a part could be said is kept with a note.

mod genai_prices;
mod litellm;
mod models_dev;
mod openrouter;

use super::component::whole;
use super::{Book, BookError, Card, Component, Days, Rates, Unit, When, decimal};
use crate::units::Currency;
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// Least plausible rate above 0, per million tokens: a thousandth of the cheapest cache read.
const LEAST: Decimal = Decimal::from_parts(1, 0, 0, false, 5);

/// Most plausible rate, per million tokens.
const MOST: Decimal = Decimal::from_parts(10_000, 0, 0, false, 0);

/// Whose file it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `data.json` of genai-prices.
    GenaiPrices,
    /// `model_prices_and_context_window.json` of LiteLLM.
    Litellm,
    /// `api.json` of models.dev.
    ModelsDev,
    /// `/api/v1/models` of OpenRouter.
    Openrouter,
}

/// What became of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// The cards.
    pub book: Book,
    /// Rows in the file.
    pub read: usize,
    /// Rows of which nothing was kept.
    pub dropped: Vec<Dropped>,
    /// Rows of which something was not kept.
    pub partly: Vec<Dropped>,
}

/// A row, or a part of it, that was not kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dropped {
    /// `provider/model`.
    pub name: String,
    /// Why.
    pub why: String,
}

/// Why a file could not be read at all.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// It is not of that form.
    #[error("this is not the JSON that {format:?} publishes: {error}")]
    Json {
        /// Which form was expected.
        format: Format,
        /// What is wrong with it.
        error: serde_json::Error,
    },
    /// The cards contradict each other.
    #[error(transparent)]
    Book(#[from] BookError),
}

/// Reads a file; `set` names the cards' set, `checked_on` is the day on which the file was fetched.
///
/// # Errors
/// If it is not JSON of that form.
pub fn import(format: Format, text: &str, set: &str, checked_on: Date) -> Result<Imported, ImportError> {
    let mut shelf = CardCollector::new(set, checked_on);
    match format {
        Format::GenaiPrices => genai_prices::read(text, &mut shelf),
        Format::Litellm => litellm::read(text, &mut shelf),
        Format::ModelsDev => models_dev::read(text, &mut shelf),
        Format::Openrouter => openrouter::read(text, &mut shelf),
    }
    .map_err(|error| ImportError::Json { format, error })?;
    Ok(shelf.finish()?)
}

/// A row on its way to a card.
#[derive(Debug, Default)]
struct Row {
    provider: String,
    model: String,
    aliases: Vec<String>,
    source_url: String,
    days: Days,
    rates: Rates,
    whens: Vec<When>,
    /// What could not be said.
    without: Vec<String>,
}

/// Collects cards.
struct CardCollector {
    set: String,
    checked_on: Date,
    read: usize,
    cards: Vec<Card>,
    dropped: Vec<Dropped>,
    partly: Vec<Dropped>,
    /// Days that are taken, by name.
    taken: BTreeMap<String, Vec<Days>>,
}

impl CardCollector {
    fn new(set: &str, checked_on: Date) -> Self {
        Self {
            set: set.to_owned(),
            checked_on,
            read: 0,
            cards: Vec::new(),
            dropped: Vec::new(),
            partly: Vec::new(),
            taken: BTreeMap::new(),
        }
    }

    fn drop_row(&mut self, name: String, why: impl Into<String>) {
        self.dropped.push(Dropped { name, why: why.into() });
    }

    /// Keeps one row of the file, which may be several dated cards, or says why not.
    fn row(&mut self, name: String, rows: Vec<Row>) {
        self.read += 1;
        let mut without: Vec<String> = Vec::new();
        let mut kept = Vec::new();
        for mut row in rows {
            if let Err(why) = plausible(&row) {
                return self.drop_row(name, why);
            }
            without.append(&mut row.without);
            let full = format!("{}/{}", row.provider, row.model);
            if self.meets(&full, row.days) {
                return self.drop_row(name, "its name is taken by an earlier row");
            }
            row.aliases.retain(|alias| *alias != row.model);
            kept.push(row);
        }
        if kept.is_empty() {
            return self.drop_row(name, "it has no price");
        }
        for row in kept {
            self.keep(row, &mut without);
        }
        if !without.is_empty() {
            self.partly.push(Dropped { name, why: format!("without {}", listed(without)) });
        }
    }

    fn keep(&mut self, row: Row, without: &mut Vec<String>) {
        let Ok(currency) = "USD".parse::<Currency>() else { return };
        self.taken.entry(format!("{}/{}", row.provider, row.model)).or_default().push(row.days);
        let (mut aliases, mut seen) = (Vec::new(), Vec::new());
        for alias in row.aliases {
            let full = format!("{}/{alias}", row.provider);
            if seen.contains(&alias) {
                continue;
            }
            if self.meets(&full, row.days) {
                without.push(format!("alias {alias}, which is taken"));
                continue;
            }
            self.taken.entry(full).or_default().push(row.days);
            seen.push(alias.clone());
            aliases.push(alias);
        }
        self.cards.push(Card {
            provider: row.provider,
            model: row.model,
            aliases,
            currency,
            unit: Unit::PerMtok,
            days: row.days,
            source_url: row.source_url,
            checked_on: self.checked_on,
            set: self.set.clone(),
            rates: row.rates,
            whens: row.whens,
            note: None,
        });
    }

    fn meets(&self, full: &str, days: Days) -> bool {
        self.taken.get(full).is_some_and(|taken| taken.iter().any(|other| other.meet(&days)))
    }

    fn finish(mut self) -> Result<Imported, BookError> {
        // A name of its own comes before another's alias, whichever row stood first.
        let own: std::collections::BTreeSet<String> = self.cards.iter().map(Card::name).collect();
        for card in &mut self.cards {
            let provider = card.provider.clone();
            card.aliases.retain(|alias| !own.contains(&format!("{provider}/{alias}")));
        }
        Ok(Imported {
            book: Book::new(self.cards)?,
            read: self.read,
            dropped: self.dropped,
            partly: self.partly,
        })
    }
}

/// Catches slips of units, which are by factors of a thousand or a million.
fn plausible(row: &Row) -> Result<(), String> {
    if row.rates.is_empty() {
        return Err(if row.without.is_empty() {
            "it has no price".to_owned()
        } else {
            format!("nothing of its price fits a card: {}", listed(row.without.clone()))
        });
    }
    if row.provider.is_empty() || row.provider.contains('/') || row.model.is_empty() {
        return Err("it has no usable name".to_owned());
    }
    if row.whens.len() > Card::MOST_WHENS {
        return Err(format!("more than {} conditions", Card::MOST_WHENS));
    }
    let all = row.rates.iter().chain(row.whens.iter().flat_map(|when| when.rates.iter()));
    for (component, rate) in all {
        let unit = if component.is_fee() { Unit::PerKRequests } else { Unit::PerMtok };
        if whole(rate, unit).is_none() {
            return Err(format!("its rate for `{}` is finer than 10^-24 of a unit", component.name()));
        }
        if !component.is_fee() && (rate > MOST || (rate < LEAST && !rate.is_zero())) {
            let name = component.name();
            return Err(format!("{rate} per million tokens for `{name}` is not plausible: a slip of units?"));
        }
    }
    Ok(())
}

fn listed(mut parts: Vec<String>) -> String {
    parts.sort();
    parts.dedup();
    parts.join(", ")
}

/// The text of a number, or of a string that holds one.
fn number(raw: &RawValue) -> Option<Decimal> {
    decimal(raw.get().trim().trim_matches('"'))
}

/// A number per token, as one per million.
fn per_mtok(raw: &RawValue) -> Option<Decimal> {
    Some(number(raw)?.checked_mul(Decimal::from(1_000_000))?.normalize())
}

/// A number per one, as one per thousand.
fn per_thousand(raw: &RawValue) -> Option<Decimal> {
    Some(number(raw)?.checked_mul(Decimal::from(1000))?.normalize())
}

/// Puts a rate there, or says that it could not be read.
fn put(row: &mut Row, component: Component, rate: Option<Decimal>, field: &str) {
    match rate {
        Some(rate) => row.rates = row.rates.with(component, rate),
        None => row.without.push(format!("{field}, which is no number")),
    }
}
