//! Rate cards as TOML: `[[card]]`, one row each; every number in quotes, so that none passes through a float.

use super::card::{Above, Card, Counted, When};
use super::{Component, Days, Rates, Unit, WeekHours, decimal, price_text};
use jiff::civil::Date;
use rust_decimal::Decimal;
use schemars::JsonSchema;
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

/// One model's prices at one provider, from a day on. Every number stands in quotes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawCard {
    /// The provider that sells it, as in `PROVIDER/MODEL`.
    provider: String,
    /// The model's id.
    model: String,
    /// Other ids of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    aliases: Vec<String>,
    /// ISO 4217 code.
    #[serde(default = "usd")]
    currency: String,
    /// What its rates are for, apart from fees: `per_mtok`, `per_k_requests`, `per_second`, `per_image`.
    #[serde(default = "per_mtok", skip_serializing_if = "is_per_mtok")]
    unit: String,
    /// First day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    valid_from: Option<String>,
    /// Last day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    valid_to: Option<String>,
    /// Where it was read.
    source_url: String,
    /// When: a day such as "2026-11-20".
    checked_on: String,
    /// The set that it was taken from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    set: Option<String>,
    /// What a reader should know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    note: Option<String>,
    /// The rates that hold where nothing else is said: `input`, `cached_read`, `output` and so on.
    rates: RawRates,
    /// Other rates under conditions; where several hold, the later takes the place of the earlier, rate by
    /// rate.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    when: Vec<RawWhen>,
}

/// A rate for each component that has one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
struct RawRates(BTreeMap<String, String>);

/// Other rates under conditions, all of which must hold.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct RawWhen {
    /// The service tier that served the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    service_tier: Option<String>,
    /// Sent as a batch.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    batch: bool,
    /// Served in a region.
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<String>,
    /// First day.
    #[serde(skip_serializing_if = "Option::is_none")]
    valid_from: Option<String>,
    /// Last day.
    #[serde(skip_serializing_if = "Option::is_none")]
    valid_to: Option<String>,
    /// A factor on every rate.
    #[serde(skip_serializing_if = "Option::is_none")]
    multiplier: Option<String>,
    /// A long prompt.
    #[serde(skip_serializing_if = "Option::is_none")]
    tier: Option<RawTier>,
    /// At hours of the week.
    #[serde(skip_serializing_if = "Option::is_none")]
    schedule: Option<RawSchedule>,
    /// The rates that take the place of others.
    #[serde(skip_serializing_if = "RawRates::is_empty")]
    rates: RawRates,
}

/// A cliff: beyond it all tokens of a request have other rates.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RawTier {
    /// Prompt tokens.
    threshold: u64,
    /// Whether a request of exactly so many is beyond it.
    inclusive: bool,
    /// Which tokens count.
    #[serde(default)]
    counts: RawCounted,
}

/// Which prompt tokens count towards a threshold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum RawCounted {
    /// All, cached ones too.
    #[default]
    InputInclCache,
    /// Those that were not read from a cache.
    InputExclCache,
}

/// Hours of the week by the vendor's clock.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RawSchedule {
    /// The vendor's clock, such as "+08:00".
    tz_offset: String,
    /// `mon` to `sun` (default: all).
    #[serde(default)]
    weekdays: Vec<String>,
    /// Such as "09:00-12:00" (default: the whole day).
    #[serde(default)]
    windows: Vec<String>,
    /// Days on which it does not hold, such as public holidays.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    except_dates: Vec<String>,
}

impl RawRates {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl RawCard {
    /// The card; the error says which one, what is wrong and what to write.
    pub(crate) fn card(&self, set: &str) -> Result<Card, String> {
        let name = format!("{}/{}", self.provider, self.model);
        card(self.clone(), set).map_err(|what| format!("card {name}: {what}"))
    }
}

impl From<&Card> for RawCard {
    fn from(card: &Card) -> Self {
        raw(card)
    }
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
    raw.card.iter().map(|raw| raw.card(set)).collect()
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
        set: raw.set.unwrap_or_else(|| set.to_owned()),
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
        WeekHours::read(&raw.tz_offset, &raw.weekdays, &raw.windows, &raw.except_dates)
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

fn rates(raw: &RawRates) -> Result<Rates, String> {
    raw.0.iter().try_fold(Rates::default(), |rates, (name, text)| {
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
    let card = |card: &&Card| RawCard { set: (card.set != set).then(|| card.set.clone()), ..raw(card) };
    toml::to_string(&RawBook {
        version: VERSION,
        set: set.to_owned(),
        card: cards.iter().map(card).collect(),
    })
}

fn raw(card: &Card) -> RawCard {
    let texts = |rates: &Rates| {
        let each = rates.iter();
        RawRates(each.map(|(component, rate)| (component.name().to_owned(), price_text(rate))).collect())
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
    RawCard {
        provider: card.provider.clone(),
        model: card.model.clone(),
        aliases: card.aliases.clone(),
        currency: card.currency.to_string(),
        unit: card.unit.name().to_owned(),
        valid_from: day(card.days.from),
        valid_to: day(card.days.to),
        source_url: card.source_url.clone(),
        checked_on: card.checked_on.to_string(),
        set: Some(card.set.clone()),
        note: card.note.clone(),
        rates: texts(&card.rates),
        when: card.whens.iter().map(when).collect(),
    }
}
