//! What changed between two sets of prices.

use super::{Book, Card};
use rust_decimal::Decimal;
use std::collections::BTreeMap;

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PriceChange {
    /// `provider/model`.
    pub name: String,
    /// Which part of the price, such as `output` or `when 2 input`; empty if the whole card came or went.
    pub part: String,
    /// Before; `None` if it was not there.
    pub old: Option<Decimal>,
    /// After; `None` if it is not there.
    pub new: Option<Decimal>,
}

/// Cards and rates that differ on a day, in order of name. Cards of the same name are compared as they hold
/// then.
#[must_use]
pub fn diff(old: &Book, new: &Book, day: jiff::civil::Date) -> Vec<PriceChange> {
    let held = |book: &'_ Book| -> BTreeMap<String, Card> {
        let cards = book.cards().iter().filter(|card| card.days.hold(day));
        cards.map(|card| (card.name(), card.clone())).collect()
    };
    let (old, new) = (held(old), held(new));
    let mut changes = Vec::new();
    for name in old.keys().chain(new.keys().filter(|name| !old.contains_key(*name))) {
        let (before, after) = (parts(old.get(name)), parts(new.get(name)));
        if before.is_empty() || after.is_empty() {
            let gone =
                |parts: &BTreeMap<String, Decimal>| parts.get("output").or(parts.get("input")).copied();
            let (old, new) = (gone(&before), gone(&after));
            changes.push(PriceChange { name: name.clone(), part: String::new(), old, new });
            continue;
        }
        for part in before.keys().chain(after.keys().filter(|part| !before.contains_key(*part))) {
            let (old, new) = (before.get(part).copied(), after.get(part).copied());
            if old != new {
                changes.push(PriceChange { name: name.clone(), part: part.clone(), old, new });
            }
        }
    }
    changes.sort_by(|a, b| (&a.name, &a.part).cmp(&(&b.name, &b.part)));
    changes
}

/// Every rate of a card by what it is for.
fn parts(card: Option<&Card>) -> BTreeMap<String, Decimal> {
    let Some(card) = card else { return BTreeMap::new() };
    let own = card.rates.iter().map(|(component, rate)| (component.name().to_owned(), rate));
    let others = card.whens.iter().enumerate().flat_map(|(at, when)| {
        let label = when.label().unwrap_or_else(|| format!("when {}", at + 1));
        let factor = when.multiplier.map(|factor| (format!("{label}: multiplier"), factor));
        let rates =
            when.rates.iter().map(move |(component, rate)| (format!("{label}: {}", component.name()), rate));
        rates.chain(factor).collect::<Vec<_>>()
    });
    own.chain(others).collect()
}
