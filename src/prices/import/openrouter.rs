//! `/api/v1/models` of OpenRouter: its route prices, not list prices; strings, in dollars per token.

use super::{CardCollector, Row, per_mtok, per_thousand, put};
use crate::prices::{Above, Component, Counted, Rates, When};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

#[derive(Deserialize)]
struct Models<'a> {
    #[serde(borrow)]
    data: Vec<Model<'a>>,
}

#[derive(Deserialize)]
struct Model<'a> {
    id: String,
    canonical_slug: Option<String>,
    #[serde(borrow)]
    pricing: Option<BTreeMap<String, &'a RawValue>>,
}

pub(super) fn read(text: &str, shelf: &mut CardCollector) -> Result<(), serde_json::Error> {
    let models: Models<'_> = serde_json::from_str(text)?;
    for model in models.data {
        let name = format!("openrouter/{}", model.id);
        let Some(pricing) = model.pricing else {
            shelf.read += 1;
            shelf.drop_row(name, "it has no price");
            continue;
        };
        // The router's own models cost whatever they choose: -1 says so.
        if pricing.values().any(|raw| raw.get().trim_matches('"').starts_with('-')) {
            shelf.read += 1;
            shelf.drop_row(name, "its price depends on the route");
            continue;
        }
        let row = Row {
            provider: "openrouter".to_owned(),
            aliases: model.canonical_slug.into_iter().collect(),
            source_url: format!("https://openrouter.ai/{}", model.id),
            model: model.id,
            ..priced(&pricing)
        };
        shelf.row(name, vec![row]);
    }
    Ok(())
}

fn priced(pricing: &BTreeMap<String, &RawValue>) -> Row {
    let mut row = Row::default();
    for (field, raw) in pricing {
        let free = raw.get().trim_matches('"').bytes().all(|b| matches!(b, b'0' | b'.'));
        match component(field) {
            // A fee of 0 is no fee; a token of 0 is free.
            Some(component) if component.is_fee() && free => {}
            Some(component) if component.is_fee() => put(&mut row, component, per_thousand(raw), field),
            Some(component) => put(&mut row, component, per_mtok(raw), field),
            None if field == "overrides" => overrides(&mut row, raw),
            None if free => {}
            None => row.without.push(field.clone()),
        }
    }
    row
}

/// Other rates from a length of prompt on: `min_prompt_tokens` is inside.
fn overrides(row: &mut Row, raw: &RawValue) {
    let Ok(list) = serde_json::from_str::<Vec<BTreeMap<String, &RawValue>>>(raw.get()) else {
        return row.without.push("overrides".to_owned());
    };
    for mut fields in list {
        let least = fields.remove("min_prompt_tokens").and_then(|raw| raw.get().parse().ok());
        let Some(threshold) = least else {
            row.without.push("an override".to_owned());
            continue;
        };
        let mut rates = Rates::default();
        for (field, raw) in fields {
            match (component(&field).filter(|component| !component.is_fee()), per_mtok(raw)) {
                (Some(component), Some(rate)) => rates = rates.with(component, rate),
                _ => row.without.push(format!("{field} from {threshold} tokens")),
            }
        }
        let above = Above { threshold, inclusive: true, counts: Counted::InputInclCache };
        row.whens.push(When { above: Some(above), rates, ..When::default() });
    }
}

fn component(field: &str) -> Option<Component> {
    Some(match field {
        "prompt" => Component::Input,
        "completion" => Component::Output,
        "internal_reasoning" => Component::Reasoning,
        "input_cache_read" => Component::CachedRead,
        "input_cache_write" => Component::CacheWrite5m,
        "input_cache_write_1h" => Component::CacheWrite1h,
        "audio" => Component::AudioIn,
        "audio_output" => Component::AudioOut,
        "request" => Component::RequestFee,
        "web_search" => Component::SearchFee,
        _ => return None,
    })
}
