//! What a target charges: a card, and what it comes to where it is paid.

use super::component::whole;
use super::{Amount, Card, Circumstances, Component, Counts, Days, FxTable, Landed, LandedError};
use super::{PaymentTerms, PriceError, Rates, Regime, Unit, When, landed};
use crate::units::{Currency, PricePerMtok};
use jiff::civil::Date;
use rust_decimal::Decimal;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

/// Where a price that stands in the scenario itself was read.
const STATED: &str = "the scenario";

/// What a target charges.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Price {
    /// By the vendor's list. It is held to be right on every day: whether it is, is asked once, before a run.
    pub list: Card,
    /// What the list comes to where it is paid: what budgets and thresholds count in.
    pub landed: Card,
    /// From the one to the other.
    pub way: Landed,
    /// On which terms.
    pub terms: PaymentTerms,
    /// The days that the list is said to hold on.
    pub days: Days,
}

impl Price {
    /// A card's price, paid in `into`.
    ///
    /// # Errors
    /// If a rate of exchange is missing, or a factor is beyond what can be counted.
    pub fn new(list: Card, into: Currency, fx: &FxTable, terms: PaymentTerms) -> Result<Self, LandedError> {
        let way = landed(list.currency, into, fx, &terms)?;
        let days = list.days;
        let list = Card { days: Days::default(), ..list };
        let landed = way.card(&list).ok_or(LandedError::TooMuch)?;
        Ok(Self { list, landed, way, terms, days })
    }

    /// A price from the scenario, paid as it stands.
    #[must_use]
    pub fn flat(price: PricePerMtok) -> Self {
        let list = stated("", "", &price);
        let same = landed(list.currency, list.currency, &FxTable::new(), &PaymentTerms::default());
        let way = same.unwrap_or_else(|_| Landed::same(list.currency));
        Self { landed: list.clone(), list, way, terms: PaymentTerms::default(), days: Days::default() }
    }

    /// Whether it is a card of a price list, and not two figures in the scenario.
    #[must_use]
    pub fn is_listed(&self) -> bool {
        self.list.source_url != STATED
    }

    /// The most that a request can cost where it is paid, whenever it is served: what a budget sets aside.
    ///
    /// # Errors
    /// If something has no rate, or the sum is beyond what can be counted.
    pub fn most(&self, prompt: u64, completion: u64) -> Result<Amount, PriceError> {
        let counts = self.landed.request(prompt, completion);
        self.landed.dearest(Some(&counts))?.cost(&counts, self.landed.unit, self.landed.currency)
    }

    /// The most that so many requests with so many tokens between them can cost where it is paid.
    ///
    /// # Errors
    /// As [`Price::most`].
    pub fn most_of(&self, requests: u64, prompt: u64, completion: u64) -> Result<Amount, PriceError> {
        let counts = self.landed.request(prompt, completion);
        let fees = if counts.get(Component::RequestFee) > 0 { requests } else { 0 };
        let counts = counts.with(Component::RequestFee, fees);
        self.landed.dearest(None)?.cost(&counts, self.landed.unit, self.landed.currency)
    }
}

/// Two figures as a card that always holds.
pub(crate) fn stated(provider: &str, model: &str, price: &PricePerMtok) -> Card {
    // A millionth of a currency's unit per million tokens is a whole number per token.
    let rate = |pico: i128| Decimal::try_from_i128_with_scale(pico, 6).unwrap_or(Decimal::MAX);
    Card {
        provider: provider.to_owned(),
        model: model.to_owned(),
        aliases: Vec::new(),
        currency: price.currency,
        unit: Unit::PerMtok,
        days: Days::default(),
        source_url: STATED.to_owned(),
        checked_on: Date::ZERO,
        set: "scenario".to_owned(),
        rates: Rates::default()
            .with(Component::Input, rate(price.input_pico))
            .with(Component::Output, rate(price.output_pico)),
        whens: Vec::new(),
        note: None,
    }
}

impl Card {
    /// The counts of one request. What was neither asked nor answered has no fee.
    #[must_use]
    pub fn request(&self, prompt: u64, completion: u64) -> Counts {
        let counts = Counts::default().with(Component::Input, prompt).with(Component::Output, completion);
        let fee = |rates: &Rates| rates.own(Component::RequestFee).is_some();
        let asks = fee(&self.rates) || self.whens.iter().any(|when| fee(&when.rates));
        let fees = u64::from(asks && (prompt > 0 || completion > 0));
        counts.with(Component::RequestFee, fees)
    }

    /// Whether a plain request (no batch, service tier or region) costs more at some times than at others.
    #[must_use]
    pub fn changes_with_time(&self) -> bool {
        let timed = |when: &When| when.schedule.is_some() || when.days != Days::default();
        self.whens.iter().any(|when| when.is_plain() && timed(when))
    }

    /// Rates that no plain request (no batch, service tier or region) can pass, at whatever hour it is
    /// served. With `counts` the cliffs are taken as they fall for it, else as if any might.
    ///
    /// # Errors
    /// If a factor makes a rate that cannot be counted.
    pub fn dearest(&self, counts: Option<&Counts>) -> Result<Rates, PriceError> {
        self.whens.iter().filter(|when| when.is_plain()).try_fold(self.rates, |rates, when| {
            let above = when.above.map(|above| counts.map(|counts| above.holds(counts)));
            if above == Some(Some(false)) {
                return Ok(rates);
            }
            let certain = above != Some(None) && when.schedule.is_none() && when.days == Days::default();
            let then = rates.under(&when.rates);
            let then = when.multiplier.map_or(Some(then), |factor| then.times(factor));
            let then = then.ok_or(PriceError::TooMuch)?;
            Ok(if certain { then } else { rates.dearer(&then) })
        })
    }
}

/// Prices the requests of a card one by one: the rates of each regime are worked out once.
#[derive(Debug)]
pub struct Meter<'a> {
    card: &'a Card,
    known: BTreeMap<Regime, Each>,
}

/// What one of each component costs, in 10⁻²⁴ of the currency; `None` where there is no such rate.
type Each = [Option<i128>; Component::COUNT];

impl<'a> Meter<'a> {
    /// A meter for this card.
    #[must_use]
    pub fn new(card: &'a Card) -> Self {
        Self { card, known: BTreeMap::new() }
    }

    /// The currency that it counts in.
    #[must_use]
    pub fn currency(&self) -> Currency {
        self.card.currency
    }

    /// What one request costs.
    ///
    /// # Errors
    /// As [`Card::cost`].
    pub fn cost(&mut self, counts: &Counts, at_utc_s: i64) -> Result<Amount, PriceError> {
        let each = *self.each(counts, at_utc_s)?;
        self.sum(&each, counts)
    }

    /// What so many prompt and completion tokens of one request cost, its fee included.
    ///
    /// # Errors
    /// As [`Card::cost`].
    pub fn request(&mut self, prompt: u64, completion: u64, at_utc_s: i64) -> Result<Amount, PriceError> {
        self.cost(&self.card.request(prompt, completion), at_utc_s)
    }

    /// The same in two parts: what the prompt and the fee cost, and what the completion costs.
    ///
    /// # Errors
    /// As [`Card::cost`].
    pub fn parts(
        &mut self,
        prompt: u64,
        completion: u64,
        at_utc_s: i64,
    ) -> Result<(Amount, Amount), PriceError> {
        let whole = self.card.request(prompt, completion);
        let each = *self.each(&whole, at_utc_s)?;
        let answer = Counts::default().with(Component::Output, completion);
        Ok((self.sum(&each, &whole.with(Component::Output, 0))?, self.sum(&each, &answer)?))
    }

    /// What one of each component costs in the regime of a request.
    fn each(&mut self, counts: &Counts, at_utc_s: i64) -> Result<&Each, PriceError> {
        let regime = match self.card.whens.as_slice() {
            [] => Regime::default(),
            _ => self.card.regime(counts, &Circumstances { at_utc_s, ..Circumstances::default() })?,
        };
        Ok(match self.known.entry(regime) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(free) => {
                let rates = self.card.rates(regime)?;
                free.insert(Component::ALL.map(|component| {
                    let unit = if component.is_fee() { Unit::PerKRequests } else { self.card.unit };
                    whole(rates.get(component)?, unit)
                }))
            }
        })
    }

    fn sum(&self, each: &Each, counts: &Counts) -> Result<Amount, PriceError> {
        let mut yocto = 0i128;
        for (component, each) in Component::ALL.into_iter().zip(each) {
            let many = counts.get(component);
            if many == 0 {
                continue;
            }
            let each = each.ok_or(PriceError::NoRate(component.name()))?;
            let part = each.checked_mul(i128::from(many)).ok_or(PriceError::TooMuch)?;
            yocto = yocto.checked_add(part).ok_or(PriceError::TooMuch)?;
        }
        Ok(Amount { yocto, currency: self.card.currency })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prices::{Book, decimal};

    const CARDS: &str = r#"
version = 1
set = "test"
[[card]]
provider = "a"
model = "hours"
source_url = "https://a.example/prices"
checked_on = "2026-11-20"
rates = { input = "1.00", output = "2.00", request_fee = "5.00" }
[[card.when]]
schedule = { tz_offset = "+00:00", windows = ["08:00-10:00"] }
multiplier = "2"
[[card.when]]
tier = { threshold = 1000, inclusive = false }
rates = { input = "3.00" }
[[card.when]]
batch = true
rates = { input = "90.00" }
"#;

    fn card() -> Card {
        Book::read("test.toml", CARDS).expect("sound").cards()[0].clone()
    }

    fn at(text: &str) -> i64 {
        text.parse::<jiff::Timestamp>().expect(text).as_second()
    }

    #[test]
    fn what_is_set_aside_is_the_most_that_any_hour_can_cost() {
        let price =
            Price::new(card(), card().currency, &FxTable::new(), PaymentTerms::default()).expect("a price");
        let mut meter = Meter::new(&price.landed);
        for (prompt, completion) in [(1000, 10), (1001, 10), (0, 0), (5, 0)] {
            let most = price.most(prompt, completion).expect("a sum");
            let dearest = ["2026-11-20T07:00:00Z", "2026-11-20T09:00:00Z"]
                .map(|hour| meter.request(prompt, completion, at(hour)).expect("a sum").yocto);
            assert_eq!(most.yocto, dearest.into_iter().max().expect("two"), "{prompt} {completion}");
        }
        let all = price.most_of(2, 2000, 20).expect("a sum");
        assert!(all.yocto >= 2 * price.most(1000, 10).expect("a sum").yocto);
        // 2 fees at 2 × 5.00 a thousand, 2000 at 3.00, 20 at 2 × 2.00.
        assert_eq!(all.decimal(), "0.02608");
    }

    #[test]
    fn a_meter_and_its_card_agree_to_the_last_digit() {
        let card = card();
        let mut meter = Meter::new(&card);
        for hour in ["2026-11-20T07:59:59Z", "2026-11-20T08:00:00Z", "2026-11-20T10:00:00Z"] {
            for prompt in [0, 1, 999, 1000, 1001, 70_000] {
                let (counts, at_utc_s) = (card.request(prompt, 7), at(hour));
                let now = Circumstances { at_utc_s, ..Circumstances::default() };
                let whole = card.cost(&counts, &now);
                assert_eq!(meter.cost(&counts, at_utc_s), whole, "{hour} {prompt}");
                let (asked, answered) = meter.parts(prompt, 7, at_utc_s).expect("two sums");
                assert_eq!(asked.plus(answered), whole.ok(), "{hour} {prompt}");
            }
        }
        let none = Counts::default().with(Component::SearchFee, 1);
        assert_eq!(meter.cost(&none, 0), Err(PriceError::NoRate("search_fee")));
    }

    #[test]
    fn what_stands_in_the_scenario_is_paid_as_it_stands() {
        let usd = "USD".parse().expect("a currency");
        let price = Price::flat(PricePerMtok::parse("2.00", "8.00", usd).expect("a price"));
        assert!(!price.is_listed() && !price.way.changes());
        assert_eq!(price.list.rates.own(Component::Output), decimal("8"));
        assert_eq!(price.most(1, 10_000_000).expect("a sum").to_string(), "80.000002 USD");
    }
}
