//! `api.json` of models.dev: dollars per million tokens, by provider.

use super::{CardCollector, Row, number, put};
use crate::prices::{Above, Component, Counted, Rates, When};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

#[derive(Deserialize)]
struct Provider<'a> {
    doc: Option<String>,
    #[serde(borrow, default)]
    models: BTreeMap<String, Model<'a>>,
}

#[derive(Deserialize)]
struct Model<'a> {
    #[serde(borrow)]
    cost: Option<BTreeMap<String, &'a RawValue>>,
}

#[derive(Deserialize)]
struct TierHead {
    tier: Option<TierOf>,
}

#[derive(Deserialize)]
struct TierOf {
    #[serde(rename = "type")]
    kind: Option<String>,
    size: Option<u64>,
}

pub(super) fn read(text: &str, shelf: &mut CardCollector) -> Result<(), serde_json::Error> {
    let providers: BTreeMap<String, Provider<'_>> = serde_json::from_str(text)?;
    for (provider, held) in providers {
        let url = held.doc.unwrap_or_else(|| "https://models.dev/api.json".to_owned());
        for (model, row) in held.models {
            let name = format!("{provider}/{model}");
            let Some(cost) = row.cost else {
                shelf.read += 1;
                shelf.drop_row(name, "it has no price");
                continue;
            };
            let row = Row { provider: provider.clone(), model, source_url: url.clone(), ..priced(&cost) };
            shelf.row(name, vec![row]);
        }
    }
    Ok(())
}

fn priced(cost: &BTreeMap<String, &RawValue>) -> Row {
    let mut row = Row::default();
    for (field, raw) in cost {
        match component(field) {
            Some(component) => put(&mut row, component, number(raw), field),
            None if field == "context_over_200k" => match serde_json::from_str(raw.get()) {
                Ok(rates) => long(&mut row, 200_000, &rates),
                Err(_) => row.without.push(field.clone()),
            },
            None if field == "tiers" => tiers(&mut row, raw),
            None => row.without.push(field.clone()),
        }
    }
    // The same tier may stand there in both ways.
    let mut seen = Vec::new();
    row.whens.retain(|when| {
        let new = !seen.contains(&when.above);
        seen.push(when.above);
        new
    });
    row.whens.sort_by_key(|when| when.above.map(|above| above.threshold));
    row
}

fn tiers(row: &mut Row, raw: &RawValue) {
    // A flattened map cannot hold raw text, so the tier is read twice.
    let Ok(list) = serde_json::from_str::<Vec<&RawValue>>(raw.get()) else {
        return row.without.push("tiers".to_owned());
    };
    for text in list {
        let of = serde_json::from_str::<TierHead>(text.get()).ok().and_then(|head| head.tier);
        let size =
            of.filter(|of| of.kind.as_deref().is_none_or(|kind| kind == "context")).and_then(|of| of.size);
        let rates = serde_json::from_str::<BTreeMap<String, &RawValue>>(text.get());
        match (size, rates) {
            (Some(size), Ok(mut rates)) => {
                rates.remove("tier");
                long(row, size, &rates);
            }
            _ => row.without.push("a tier".to_owned()),
        }
    }
}

/// Rates beyond a length; which side the edge itself is on the file does not say, and most vendors exclude
/// it.
fn long(row: &mut Row, threshold: u64, fields: &BTreeMap<String, &RawValue>) {
    let mut rates = Rates::default();
    for (field, raw) in fields {
        match (component(field), number(raw)) {
            (Some(component), Some(rate)) => rates = rates.with(component, rate),
            _ => row.without.push(format!("{field} beyond {threshold} tokens")),
        }
    }
    let above = Above { threshold, inclusive: false, counts: Counted::InputInclCache };
    row.whens.push(When { above: Some(above), rates, ..When::default() });
}

fn component(field: &str) -> Option<Component> {
    Some(match field {
        "input" => Component::Input,
        "output" => Component::Output,
        "reasoning" => Component::Reasoning,
        "cache_read" => Component::CachedRead,
        "cache_write" => Component::CacheWrite5m,
        "input_audio" => Component::AudioIn,
        "output_audio" => Component::AudioOut,
        _ => return None,
    })
}
