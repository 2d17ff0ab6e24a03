//! `model_prices_and_context_window.json` of LiteLLM: dollars per token, flat fields with suffixes.

use super::{CardCollector, Row, per_mtok, per_thousand, put};
use crate::prices::{Above, Component, Counted, Rates, When};
use rust_decimal::Decimal;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

const URL: &str = "https://github.com/BerriAI/litellm/blob/main/model_prices_and_context_window.json";

pub(super) fn read(text: &str, shelf: &mut CardCollector) -> Result<(), serde_json::Error> {
    let models: BTreeMap<String, BTreeMap<String, &RawValue>> = serde_json::from_str(text)?;
    for (id, fields) in models {
        // The file's own description of its fields.
        if id == "sample_spec" {
            continue;
        }
        let name = |field: &str| fields.get(field).map(|raw| raw.get().trim_matches('"').to_owned());
        let provider = name("litellm_provider").unwrap_or_default();
        let model = id.strip_prefix(&format!("{provider}/")).unwrap_or(&id).to_owned();
        let row = Row { source_url: name("source").unwrap_or_else(|| URL.to_owned()), model, ..row(&fields) };
        let row = Row { provider, ..row };
        // There 0 stands for what was not entered as often as for what is free.
        let free = row.rates.iter().all(|(_, rate)| rate.is_zero());
        if free && !row.rates.is_empty() {
            shelf.read += 1;
            shelf.drop_row(id, "all of its prices are 0, which there also stands for an unknown price");
            continue;
        }
        shelf.row(id, vec![row]);
    }
    Ok(())
}

/// What a field says beyond its stem: `_above_200k_tokens`, `_batches`, `_priority`, `_flex`.
#[derive(Debug, Default, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Suffix {
    tier: Option<String>,
    batch: bool,
    above: Option<u64>,
}

fn row(fields: &BTreeMap<String, &RawValue>) -> Row {
    let mut row = Row::default();
    let mut others: BTreeMap<Suffix, Rates> = BTreeMap::new();
    let free = |raw: &RawValue| raw.get().parse::<f64>().is_ok_and(|value| value == 0.0);
    for (field, raw) in fields.iter().filter(|(field, _)| field.contains("cost") || field.contains("pric")) {
        // "Not charged" and "no such thing" are both written as 0 or null.
        if raw.get() == "null" || (free(raw) && !field.ends_with("put_cost_per_token")) {
            continue;
        }
        if field == "search_context_cost_per_query" || field == "source" {
            row.without.push(field.clone());
            continue;
        }
        match stem(field) {
            Some((component, suffix)) if suffix == Suffix::default() => {
                put(&mut row, component, rate(component, raw), field);
            }
            Some((component, suffix)) => match rate(component, raw) {
                Some(rate) => {
                    let rates = others.entry(suffix).or_default();
                    *rates = rates.with(component, rate);
                }
                None => row.without.push(format!("{field}, which is no number")),
            },
            None => row.without.push(field.clone()),
        }
    }
    row.whens = others.into_iter().map(|(suffix, rates)| when(suffix, rates)).collect();
    row
}

fn rate(component: Component, raw: &RawValue) -> Option<Decimal> {
    if component.is_fee() { per_thousand(raw) } else { per_mtok(raw) }
}

fn when(suffix: Suffix, rates: Rates) -> When {
    let above = |threshold| Above { threshold, inclusive: false, counts: Counted::InputInclCache };
    When {
        above: suffix.above.map(above),
        service_tier: suffix.tier,
        batch: suffix.batch,
        rates,
        ..When::default()
    }
}

/// The component and what the rest of the name says; `None` if any of it is not known.
fn stem(field: &str) -> Option<(Component, Suffix)> {
    // Longest first: one is the beginning of another.
    const STEMS: [(&str, Component); 11] = [
        ("cache_creation_input_token_cost_above_1hr", Component::CacheWrite1h),
        ("cache_creation_input_token_cost", Component::CacheWrite5m),
        ("cache_read_input_token_cost", Component::CachedRead),
        ("input_cost_per_audio_token", Component::AudioIn),
        ("input_cost_per_image_token", Component::ImageIn),
        ("input_cost_per_token", Component::Input),
        ("input_cost_per_request", Component::RequestFee),
        ("output_cost_per_reasoning_token", Component::Reasoning),
        ("output_cost_per_audio_token", Component::AudioOut),
        ("output_cost_per_image_token", Component::ImageOut),
        ("output_cost_per_token", Component::Output),
    ];
    let (rest, component) =
        STEMS.iter().find_map(|(stem, component)| Some((field.strip_prefix(stem)?, *component)))?;
    let mut suffix = Suffix::default();
    let mut rest = rest;
    while !rest.is_empty() {
        rest = if let Some(rest) = rest.strip_prefix("_batches") {
            suffix.batch = true;
            rest
        } else if let Some(rest) = rest.strip_prefix("_priority") {
            suffix.tier = Some("priority".to_owned());
            rest
        } else if let Some(rest) = rest.strip_prefix("_flex") {
            suffix.tier = Some("flex".to_owned());
            rest
        } else {
            let (thousands, rest) = rest.strip_prefix("_above_")?.split_once("k_tokens")?;
            suffix.above = Some(thousands.parse::<u64>().ok()?.checked_mul(1000)?);
            rest
        };
    }
    Some((component, suffix))
}
