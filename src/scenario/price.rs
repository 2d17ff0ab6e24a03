//! From what a target says of its price to a card, and what that comes to where it is paid.

use super::cost::{self, FX};
use super::raw::{self, Clock, Scenario};
use crate::document::Findings;
use crate::plan::{CostPlan, TokenRange};
use crate::prices::{
    Book, Card, Component, FxTable, LIST, PaymentTerms, Price, RawCard, Unit, day_of, snapshot, stated,
};
use crate::units::{Currency, PricePerMtok};
use jiff::Timestamp;

const EITHER: &str =
    "write input = \"2.00\", output = \"8.00\", per million tokens, or card = \"PROVIDER/MODEL\"";

/// Puts the cards that prices name, and that the scenario itself has not, into it: so that the plan says
/// everything, and is priced the same by a later deadheat.
pub(super) fn fill(scenario: &mut Scenario) {
    let start = scenario.cost.start.as_ref().and_then(|text| text.parse::<Timestamp>().ok());
    let named = scenario.target.0.iter().filter_map(|(_, target)| target.price.as_ref()?.card.clone());
    for name in named.collect::<Vec<_>>() {
        let (Ok(own), Some(Ok(list))) = (own(&scenario.cost.card), snapshot(LIST)) else { return };
        if !own.knows(&name)
            && let Ok(card) = list.on(&name, start.and_then(|start| day_of(start.as_second())))
        {
            scenario.cost.card.push(RawCard::from(card));
        }
    }
}

/// The scenario's own cards.
pub(super) fn own(cards: &[RawCard]) -> Result<Book, String> {
    let cards = cards.iter().map(|raw| raw.card("scenario")).collect::<Result<_, _>>()?;
    Book::new(cards).map_err(|error| error.to_string())
}

/// What builds the prices of all targets.
pub(super) struct Prices<'a> {
    pub(super) cost: &'a CostPlan,
    pub(super) scenario: &'a Scenario,
    own: Book,
}

impl<'a> Prices<'a> {
    pub(super) fn new(scenario: &'a Scenario, cost: &'a CostPlan, findings: &mut Findings<'_>) -> Self {
        let own = own(&scenario.cost.card).unwrap_or_else(|what| {
            findings.sense(&["cost", "card"], what, "see `deadheat cost prices --write FILE` for the form");
            Book::default()
        });
        Self { cost, scenario, own }
    }

    /// What a target charges; `None` without a price, or if `findings` has the reason.
    pub(super) fn of(&self, name: &str, target: &raw::Target, findings: &mut Findings<'_>) -> Option<Price> {
        let price = target.price.as_ref()?;
        let terms = cost::terms(name, price, findings);
        let list = match (&price.card, &price.input, &price.output) {
            (Some(card), None, None) if price.currency.is_none() => self.card(name, card, findings)?,
            (None, Some(input), Some(output)) => {
                let price = figures(name, (input, output), price.currency.as_deref(), findings)?;
                stated(name, target.model.as_deref().unwrap_or_default(), &price)
            }
            (Some(_), ..) => {
                let what = "a card says everything, and something stands beside it";
                findings.sense(&["target", name, "price", "card"], what, EITHER);
                return None;
            }
            _ => {
                findings.sense(&["target", name, "price"], "the price is not whole", EITHER);
                return None;
            }
        };
        let into = self.into(name, &list, &terms, findings)?;
        let wrong = |error: String, findings: &mut Findings<'_>| {
            findings.sense(&["target", name, "price"], error, "write prices and factors of this world");
        };
        let price = Price::new(list, into, &self.cost.fx, terms);
        let price = price.map_err(|error| wrong(error.to_string(), findings)).ok()?;
        let most = |range: &raw::Tokens| u64::from(TokenRange { min: range.min, max: range.max }.max);
        let workload = &self.scenario.workload;
        let most = price.most_of(1, most(&workload.prompt_tokens), most(&workload.output_tokens));
        most.map_err(|error| wrong(error.to_string(), findings)).ok()?;
        Some(price)
    }

    /// A card that a run can be priced by.
    fn card(&self, target: &str, name: &str, findings: &mut Findings<'_>) -> Option<Card> {
        let mut sense = |what: &str, help: &str| {
            findings.sense(&["target", target, "price", "card"], what, help);
            None
        };
        let card = match self.own.on(name, self.cost.start_utc_s.and_then(day_of)) {
            Ok(card) => card,
            Err(error) => {
                // What the own cards do not know was not in the binary either.
                let listed = snapshot(LIST).and_then(Result::ok);
                let error = match listed.filter(|_| !self.own.knows(name)) {
                    Some(list) => {
                        list.on(name, self.cost.start_utc_s.and_then(day_of)).err().unwrap_or(error)
                    }
                    None => error,
                };
                let text = error.to_string();
                let (what, help) =
                    text.split_once(": ").unwrap_or((&text, "`deadheat cost prices` lists them"));
                return sense(what, help);
            }
        };
        if card.unit != Unit::PerMtok {
            let what = format!("\"{name}\" is priced {}, and a run counts tokens", card.unit.name());
            return sense(&what, "take a card with unit = \"per_mtok\"");
        }
        for needed in [Component::Input, Component::Output] {
            if card.rates.own(needed).is_none() {
                let what = format!("the card of \"{name}\" has no rate for `{}`", needed.name());
                return sense(&what, "write a card of your own, as [[cost.card]], that has one");
            }
        }
        if card.changes_with_time()
            && self.scenario.clock == Clock::Virtual
            && self.cost.start_utc_s.is_none()
        {
            let what = format!("\"{name}\" has prices by day or hour, and virtual time has no date");
            return sense(
                &what,
                "say when the run is taken to begin: [cost] start = \"2026-11-24T02:00:00Z\"",
            );
        }
        Some(card.clone())
    }

    /// The currency in which it is paid; a rate of exchange that is needed and not given is a fault, and
    /// never 1.
    fn into(
        &self,
        name: &str,
        list: &Card,
        terms: &PaymentTerms,
        findings: &mut Findings<'_>,
    ) -> Option<Currency> {
        let (from, fx): (Currency, &FxTable) = (list.currency, &self.cost.fx);
        let Some(into) = self.cost.currency else {
            if terms.fx.is_some() {
                let help = "add [cost] with currency = \"CNY\", or leave `fx` out";
                let what = "a rate of exchange, and no currency to compare in";
                findings.sense_at(&["target", name, "price", "fx"], &["cost"], what, help);
            }
            return Some(from);
        };
        if from == into || terms.fx.is_some() {
            return Some(into);
        }
        let mut whole = true;
        for needed in [from, into].into_iter().filter(|one| one.to_string() != "USD" && !fx.contains_key(one))
        {
            let what =
                format!("there is no rate of exchange for {needed}, and the price of `{name}` needs one");
            findings.sense(&["target", name, "price"], what, format!("in [cost.fx] {FX}"));
            whole = false;
        }
        whole.then_some(into)
    }
}

fn figures(
    name: &str,
    (input, output): (&String, &String),
    currency: Option<&str>,
    findings: &mut Findings<'_>,
) -> Option<PricePerMtok> {
    let path = |field| ["target", name, "price", field];
    let Ok(currency) = currency.unwrap_or("USD").parse() else {
        let help = "write three capital letters, such as \"USD\"";
        findings.sense(&path("currency"), "`currency` is no ISO 4217 code", help);
        return None;
    };
    for (field, text) in [("input", input), ("output", output)] {
        if PricePerMtok::parse(text, "0", currency).is_err() {
            let what = format!("`{field}` is no price per million tokens");
            let help = "write a decimal number in quotes with at most six decimal places, such as \"2.00\"";
            findings.sense(&path(field), what, help);
        }
    }
    PricePerMtok::parse(input, output, currency).ok()
}
