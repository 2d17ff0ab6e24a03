//! Rate cards as TOML: `[[card]]`, one row each; every number in quotes, so that none passes through a float.

use super::card::{Above, Card, Counted, When};
use super::{Component, Days, Rates, Schedule, Unit, decimal, price_text};
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The version of the file that this build reads.
const VERSION: u32 = 1;

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawBook {
    version: u32,
    set: String,
    #[serde(default)]
    card: Vec<RawCard>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCard {
    provider: String,
    model: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    aliases: Vec<String>,
    #[serde(default = "usd")]
    currency: String,
    #[serde(default = "per_mtok", skip_serializing_if = "is_per_mtok")]
    unit: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    valid_from: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    valid_to: Option<String>,
    source_url: String,
    checked_on: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    note: Option<String>,
    rates: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    when: Vec<RawWhen>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawWhen {
    #[serde(skip_serializing_if = "Option::is_none")]
    service_tier: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    batch: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    valid_from: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    valid_to: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    multiplier: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tier: Option<RawTier>,
    #[serde(skip_serializing_if = "Option::is_none")]
    schedule: Option<RawSchedule>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    rates: BTreeMap<String, String>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTier {
    threshold: u64,
    inclusive: bool,
    #[serde(default)]
    counts: RawCounted,
}

#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum RawCounted {
    #[default]
    InputInclCache,
    InputExclCache,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSchedule {
    tz_offset: String,
    #[serde(default)]
    weekdays: Vec<String>,
    #[serde(default)]
    windows: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    except_dates: Vec<String>,
}

fn usd() -> String {
    "USD".to_owned()
}

fn per_mtok() -> String {
    Unit::PerMtok.name().to_owned()
}

fn is_per_mtok(unit: &str) -> bool {
    unit == Unit::PerMtok.name()
}

/// Reads cards; the error says which one, what is wrong and what to write.
pub(super) fn read(text: &str) -> Result<Vec<Card>, String> {
    let raw: RawBook = toml::from_str(text).map_err(|error| {
        let hint = if error.message().contains("expected a string") {
            "\nwrite numbers of rates in quotes, such as \"2.00\": a float would not be exact"
        } else {
            ""
        };
        format!("{}{hint}", error.to_string().trim_end())
    })?;
    if raw.version != VERSION {
        return Err(format!("`version` is {}: this deadheat reads version = {VERSION}", raw.version));
    }
    let set = &raw.set;
    let card = |raw: RawCard| {
        let name = format!("{}/{}", raw.provider, raw.model);
        card(raw, set).map_err(|what| format!("card {name}: {what}"))
    };
    raw.card.into_iter().map(card).collect()
}

fn card(raw: RawCard, set: &str) -> Result<Card, String> {
    let unit = Unit::ALL.into_iter().find(|unit| unit.name() == raw.unit);
    if raw.provider.is_empty() || raw.model.is_empty() || raw.provider.contains('/') {
        return Err(
            "`provider` and `model` must not be empty, and no \"/\" may stand in `provider`".to_owned()
        );
    }
    if raw.source_url.is_empty() {
        return Err("`source_url` is empty: say where the price was read".to_owned());
    }
    if raw.when.len() > Card::MOST_WHENS {
        return Err(format!("more than {} `when`: split it by date", Card::MOST_WHENS));
    }
    let card = Card {
        rates: rates(&raw.rates)?,
        provider: raw.provider,
        model: raw.model,
        aliases: raw.aliases,
        currency: raw
            .currency
            .parse()
            .map_err(|_| format!("\"{}\" is no ISO 4217 code: write three capital letters", raw.currency))?,
        unit: unit.ok_or_else(|| {
            format!("\"{}\" is no unit: write {}", raw.unit, Unit::ALL.map(Unit::name).join(", "))
        })?,
        days: days(raw.valid_from.as_deref(), raw.valid_to.as_deref())?,
        source_url: raw.source_url,
        checked_on: date(&raw.checked_on)?,
        set: set.to_owned(),
        whens: raw.when.into_iter().map(when).collect::<Result<_, _>>()?,
        note: raw.note,
    };
    if card.rates.is_empty() {
        return Err("`rates` is empty: a card without a price is no card".to_owned());
    }
    Ok(card)
}

fn when(raw: RawWhen) -> Result<When, String> {
    let schedule = raw.schedule.map(|raw| {
        Schedule::read(&raw.tz_offset, &raw.weekdays, &raw.windows, &raw.except_dates)
            .map_err(|what| format!("`schedule`: {what}"))
    });
    let above = raw.tier.map(|raw| Above {
        threshold: raw.threshold,
        inclusive: raw.inclusive,
        counts: match raw.counts {
            RawCounted::InputInclCache => Counted::InputInclCache,
            RawCounted::InputExclCache => Counted::InputExclCache,
        },
    });
    let when = When {
        above,
        service_tier: raw.service_tier,
        batch: raw.batch,
        region: raw.region,
        schedule: schedule.transpose()?,
        days: days(raw.valid_from.as_deref(), raw.valid_to.as_deref())?,
        rates: rates(&raw.rates)?,
        multiplier: raw.multiplier.map(|text| number("multiplier", &text)).transpose()?,
    };
    let named =
        when.service_tier.as_deref().is_some_and(|tier| ["default", "standard", "auto"].contains(&tier));
    if named {
        return Err(
            "`service_tier` is the card's own: leave it out, and put its rates into `rates`".to_owned()
        );
    }
    if when.rates.is_empty() && when.multiplier.is_none() {
        return Err("a `when` without `rates` or `multiplier` changes nothing".to_owned());
    }
    Ok(when)
}

fn rates(raw: &BTreeMap<String, String>) -> Result<Rates, String> {
    raw.iter().try_fold(Rates::default(), |rates, (name, text)| {
        let component = Component::from_name(name).ok_or_else(|| {
            let known = Component::ALL.map(Component::name).join(", ");
            format!("`{name}` is no part of a price: write one of {known}")
        })?;
        Ok(rates.with(component, number(name, text)?))
    })
}

fn number(name: &str, text: &str) -> Result<Decimal, String> {
    decimal(text)
        .ok_or_else(|| format!("`{name}` = \"{text}\" is no number: write a decimal such as \"2.00\""))
}

fn date(text: &str) -> Result<Date, String> {
    text.parse().map_err(|_| format!("\"{text}\" is no date: write it as 2026-11-20"))
}

fn days(from: Option<&str>, to: Option<&str>) -> Result<Days, String> {
    let days = Days { from: from.map(date).transpose()?, to: to.map(date).transpose()? };
    match (days.from, days.to) {
        (Some(from), Some(to)) if to < from => Err(format!("it ends on {to}, before it begins on {from}")),
        _ => Ok(days),
    }
}

/// The text of a file that holds these cards.
pub(super) fn write(set: &str, cards: &[&Card]) -> Result<String, toml::ser::Error> {
    let texts = |rates: &Rates| {
        rates.iter().map(|(component, rate)| (component.name().to_owned(), price_text(rate))).collect()
    };
    let day = |date: Option<Date>| date.map(|date| date.to_string());
    let when = |when: &When| RawWhen {
        service_tier: when.service_tier.clone(),
        batch: when.batch,
        region: when.region.clone(),
        valid_from: day(when.days.from),
        valid_to: day(when.days.to),
        multiplier: when.multiplier.map(price_text),
        tier: when.above.map(|above| RawTier {
            threshold: above.threshold,
            inclusive: above.inclusive,
            counts: match above.counts {
                Counted::InputInclCache => RawCounted::InputInclCache,
                Counted::InputExclCache => RawCounted::InputExclCache,
            },
        }),
        schedule: when.schedule.as_ref().map(|schedule| {
            let (tz_offset, weekdays, windows, except_dates) = schedule.parts();
            RawSchedule { tz_offset, weekdays, windows, except_dates }
        }),
        rates: texts(&when.rates),
    };
    let card = |card: &&Card| RawCard {
        provider: card.provider.clone(),
        model: card.model.clone(),
        aliases: card.aliases.clone(),
        currency: card.currency.to_string(),
        unit: card.unit.name().to_owned(),
        valid_from: day(card.days.from),
        valid_to: day(card.days.to),
        source_url: card.source_url.clone(),
        checked_on: card.checked_on.to_string(),
        note: card.note.clone(),
        rates: texts(&card.rates),
        when: card.whens.iter().map(when).collect(),
    };
    toml::to_string(&RawBook {
        version: VERSION,
        set: set.to_owned(),
        card: cards.iter().map(card).collect(),
    })
}
