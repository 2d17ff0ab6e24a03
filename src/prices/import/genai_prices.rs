//! `data.json` of genai-prices: dollars per million tokens, with tiers, variants, dates and hours.

use super::{CardCollector, Row, number};
use crate::prices::{Above, Component, Counted, Days, Rates, WeekHours, When};
use jiff::ToSpan;
use jiff::civil::Date;
use serde::de::Error;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use std::collections::BTreeMap;

#[derive(Deserialize)]
struct Provider<'a> {
    id: String,
    #[serde(default)]
    pricing_urls: Vec<String>,
    #[serde(borrow)]
    models: Vec<Model<'a>>,
}

#[derive(Deserialize)]
struct Model<'a> {
    id: String,
    #[serde(default, rename = "match")]
    names: serde_json::Value,
    #[serde(borrow)]
    prices: &'a RawValue,
    #[serde(borrow, default)]
    price_variants: Vec<Variant<'a>>,
}

type Prices<'a> = BTreeMap<String, &'a RawValue>;

#[derive(Deserialize)]
struct Conditional<'a> {
    constraint: Option<Constraint>,
    #[serde(borrow)]
    prices: Prices<'a>,
}

#[derive(Deserialize)]
struct Variant<'a> {
    when: BTreeMap<String, String>,
    constraint: Option<Constraint>,
    #[serde(borrow)]
    prices: Prices<'a>,
}

#[derive(Deserialize)]
struct Constraint {
    #[serde(default, deserialize_with = "date")]
    start_date: Option<Date>,
    start_time: Option<String>,
    end_time: Option<String>,
}

fn date<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Date>, D::Error> {
    let text = Option::<String>::deserialize(d)?;
    text.map(|text| text.parse().map_err(D::Error::custom)).transpose()
}

#[derive(Deserialize)]
struct Tiered<'a> {
    #[serde(borrow)]
    base: &'a RawValue,
    #[serde(borrow)]
    tiers: Vec<Tier<'a>>,
}

#[derive(Deserialize)]
struct Tier<'a> {
    start: u64,
    #[serde(borrow)]
    price: &'a RawValue,
}

pub(super) fn read(text: &str, shelf: &mut CardCollector) -> Result<(), serde_json::Error> {
    let providers: Vec<Provider<'_>> = serde_json::from_str(text)?;
    for provider in &providers {
        let url = provider.pricing_urls.first().map_or("genai-prices", String::as_str);
        for model in &provider.models {
            let name = format!("{}/{}", provider.id, model.id);
            let rows = rows(model)?.into_iter().map(|row| Row {
                provider: provider.id.clone(),
                model: model.id.clone(),
                aliases: equals(&model.names),
                source_url: url.to_owned(),
                ..row
            });
            let rows = rows.collect();
            shelf.row(name, rows);
        }
    }
    Ok(())
}

/// Names that match exactly; a pattern is no name.
fn equals(names: &serde_json::Value) -> Vec<String> {
    let mut found: Vec<String> = names["equals"].as_str().map(str::to_owned).into_iter().collect();
    found.extend(names["or"].as_array().into_iter().flatten().flat_map(equals));
    found
}

/// One row per start date; hours of the day are conditions of each.
fn rows(model: &Model<'_>) -> Result<Vec<Row>, serde_json::Error> {
    let list: Vec<Conditional<'_>> = if model.prices.get().trim_start().starts_with('[') {
        serde_json::from_str(model.prices.get())?
    } else {
        vec![Conditional { constraint: None, prices: serde_json::from_str(model.prices.get())? }]
    };
    let start = |entry: &Conditional<'_>| match &entry.constraint {
        None => Some(None),
        Some(constraint) => constraint.start_date.map(Some),
    };
    let dated: Vec<(Option<Date>, usize)> =
        list.iter().enumerate().filter_map(|(at, entry)| Some((start(entry)?, at))).collect();
    let mut rows = Vec::new();
    for (nth, (from, at)) in dated.iter().enumerate() {
        let next = dated.get(nth + 1).and_then(|(next, _)| *next);
        let to = next.and_then(|next| next.checked_sub(1.day()).ok());
        let mut row = Row { days: Days { from: *from, to }, ..Row::default() };
        fill(&mut row, &list[*at].prices, &When::default(), true)?;
        // Entries after this one win while their hours last, whatever the date: that is what the file says.
        for entry in &list[at + 1..] {
            let Some(hours) = entry.constraint.as_ref().filter(|hours| hours.start_date.is_none()) else {
                continue;
            };
            for schedule in schedules(hours, &mut row) {
                let when = When { schedule: Some(schedule), ..When::default() };
                fill(&mut row, &entry.prices, &when, false)?;
            }
        }
        // The first that matches wins there, the last here.
        for variant in model.price_variants.iter().rev() {
            if let Some(when) = condition(variant, &mut row) {
                fill(&mut row, &variant.prices, &when, false)?;
            }
        }
        rows.push(row);
    }
    Ok(rows)
}

/// The hours, cut at midnight.
fn schedules(hours: &Constraint, row: &mut Row) -> Vec<WeekHours> {
    let clock = |text: &Option<String>| {
        let text = text.as_deref()?;
        Some(text.strip_suffix(":00Z").or(text.strip_suffix('Z'))?.to_owned())
    };
    let (Some(from), Some(below)) = (clock(&hours.start_time), clock(&hours.end_time)) else {
        row.without.push("hours of a price".to_owned());
        return Vec::new();
    };
    let windows = if from < below {
        vec![format!("{from}-{below}")]
    } else {
        vec![format!("{from}-24:00"), format!("00:00-{below}")]
    };
    WeekHours::read("+00:00", &[], &windows, &[]).into_iter().collect()
}

fn condition(variant: &Variant<'_>, row: &mut Row) -> Option<When> {
    let mut when = When::default();
    for (key, value) in &variant.when {
        match (key.as_str(), value.as_str()) {
            // The card's own rates.
            ("service_tier", "default" | "standard") => return None,
            ("service_tier", tier) => when.service_tier = Some(tier.to_owned()),
            ("processing", "batch") => when.batch = true,
            _ => {
                row.without.push(format!("prices for {key} = {value}"));
                return None;
            }
        }
    }
    match &variant.constraint {
        Some(Constraint { start_date: Some(from), .. }) => when.days.from = Some(*from),
        Some(_) => {
            row.without.push("hours of a variant".to_owned());
            return None;
        }
        None => {}
    }
    Some(when)
}

/// Puts prices into the row's own rates, or behind a condition; tiers become conditions of their own.
fn fill(row: &mut Row, prices: &Prices<'_>, when: &When, own: bool) -> Result<(), serde_json::Error> {
    let mut rates = Rates::default();
    let mut tiers: BTreeMap<u64, Rates> = BTreeMap::new();
    for (key, raw) in prices {
        let Some(component) = component(key) else {
            row.without.push(key.clone());
            continue;
        };
        if raw.get() == "null" {
            continue;
        }
        let (base, above) = if raw.get().starts_with('{') {
            let tiered: Tiered<'_> = serde_json::from_str(raw.get())?;
            (tiered.base, tiered.tiers)
        } else {
            (*raw, Vec::new())
        };
        let Some(base) = number(base) else {
            row.without.push(format!("{key}, which is no number"));
            continue;
        };
        rates = rates.with(component, base);
        for tier in above {
            if let Some(price) = number(tier.price) {
                let rates = tiers.entry(tier.start).or_default();
                *rates = rates.with(component, price);
            }
        }
    }
    if own {
        row.rates = rates;
    } else if !rates.is_empty() {
        row.whens.push(When { rates, ..when.clone() });
    }
    for (threshold, rates) in tiers {
        let above = Above { threshold, inclusive: false, counts: Counted::InputInclCache };
        row.whens.push(When { above: Some(above), rates, ..when.clone() });
    }
    Ok(())
}

fn component(key: &str) -> Option<Component> {
    Some(match key {
        "input_mtok" => Component::Input,
        "cache_read_mtok" => Component::CachedRead,
        "cache_write_mtok" => Component::CacheWrite5m,
        "cache_write_1h_mtok" => Component::CacheWrite1h,
        "input_audio_mtok" => Component::AudioIn,
        "input_image_mtok" => Component::ImageIn,
        "output_mtok" => Component::Output,
        "output_reasoning_mtok" => Component::Reasoning,
        "output_audio_mtok" => Component::AudioOut,
        "output_image_mtok" => Component::ImageOut,
        "requests_kcount" => Component::RequestFee,
        "web_searches_kcount" => Component::SearchFee,
        _ => return None,
    })
}
