//! What a list price comes to where it is paid: every factor by itself, in the order in which it is applied.

use super::{Card, Rates};
use crate::units::Currency;
use rust_decimal::Decimal;
use rust_decimal::RoundingStrategy::MidpointNearestEven;
use std::collections::BTreeMap;

/// A rate of exchange that the user gave, and of which day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fx {
    /// Units of the one currency for one of the other; above 0.
    pub rate: Decimal,
    /// The day that it is of, as `2026-11-20`.
    pub date: String,
}

/// How much of each currency a US dollar buys.
pub type FxTable = BTreeMap<Currency, Fx>;

/// What stands between a list price and a bill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentTerms {
    /// Taken off the list price, 0 to below 1.
    pub discount: Decimal,
    /// Credit that one unit of money buys; above 0.
    pub top_up: Decimal,
    /// Added by the service that takes the payment.
    pub fee: Decimal,
    /// Added by the state.
    pub tax: Decimal,
    /// Paid each month whatever is used, in the currency of the bill. Prepaid credit that expires is such a
    /// cost, less what is used of it: [`PaymentTerms::prepaid_per_month`].
    pub fixed_per_month: Decimal,
    /// Credit paid for each month that expires with it, in the currency of the bill: used up first.
    pub prepaid_per_month: Decimal,
    /// The target's own rate of exchange, from its price's currency to that of the bill.
    pub fx: Option<Fx>,
}

impl Default for PaymentTerms {
    /// Those under which the list price is the bill.
    fn default() -> Self {
        Self {
            discount: Decimal::ZERO,
            top_up: Decimal::ONE,
            fee: Decimal::ZERO,
            tax: Decimal::ZERO,
            fixed_per_month: Decimal::ZERO,
            prepaid_per_month: Decimal::ZERO,
            fx: None,
        }
    }
}

/// Decimal places of a landed price per million tokens that are kept.
const PLACES: u32 = 12;

/// One factor of a landed price.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Factor {
    /// `discount`, `exchange rate`, `top-up`, `fee`, `tax`.
    pub name: &'static str,
    /// What the list price is multiplied by; rounded at the 12th place where it is a quotient.
    pub times: Decimal,
    /// Where it comes from.
    pub note: String,
}

/// From list price to bill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Landed {
    /// The currency of the bill.
    pub currency: Currency,
    /// list × (1 − discount) × exchange rate ÷ top-up × (1 + fee) × (1 + tax): all five, whether they change
    /// anything or not.
    pub factors: Vec<Factor>,
    /// Product of what is multiplied.
    times: Decimal,
    /// Product of what is divided by, kept apart so that one division rounds once.
    by: Decimal,
}

impl Landed {
    /// The landed price of a list price, rounded once, half to even, at the 12th place; `None` if it is
    /// beyond what can be counted.
    #[must_use]
    pub fn price(&self, list: Decimal) -> Option<Decimal> {
        let exact = list.checked_mul(self.times)?.checked_div(self.by)?;
        Some(exact.round_dp_with_strategy(PLACES, MidpointNearestEven).normalize())
    }

    /// A card with every rate landed, those under conditions too; `None` if one is beyond what can be
    /// counted.
    #[must_use]
    pub fn card(&self, list: &Card) -> Option<Card> {
        let rates = |rates: &Rates| {
            rates.iter().try_fold(Rates::default(), |out, (component, rate)| {
                Some(out.with(component, self.price(rate)?))
            })
        };
        let mut card = Card { rates: rates(&list.rates)?, currency: self.currency, ..list.clone() };
        for when in &mut card.whens {
            when.rates = rates(&when.rates)?;
        }
        Some(card)
    }

    /// The way from a price to itself.
    pub(super) fn same(currency: Currency) -> Self {
        Self { currency, factors: Vec::new(), times: Decimal::ONE, by: Decimal::ONE }
    }

    /// Whether any factor changes anything.
    #[must_use]
    pub fn changes(&self) -> bool {
        self.times != self.by
    }
}

/// Why there is no landed price.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LandedError {
    /// No rate of exchange.
    #[error("there is no rate of exchange for {0}: add it to [cost.fx], with its date")]
    NoRate(Currency),
    /// Factors beyond 28 digits.
    #[error("the factors of the price are beyond what can be counted")]
    TooMuch,
}

/// How a price in `from` lands in `into`, by a target's terms and the user's rates of exchange.
///
/// # Errors
/// If a rate of exchange is needed and not given: there is no default rate.
pub fn landed(
    from: Currency,
    into: Currency,
    fx: &FxTable,
    terms: &PaymentTerms,
) -> Result<Landed, LandedError> {
    let (up, down, note) = exchange(from, into, fx, terms)?;
    let one = Decimal::ONE;
    let steps = [one - terms.discount, up, one + terms.fee, one + terms.tax];
    let times = steps.iter().try_fold(one, |product, step| product.checked_mul(*step));
    let by = down.checked_mul(terms.top_up);
    let quotient = |a: Decimal, b: Decimal| {
        a.checked_div(b).map(|q| q.round_dp_with_strategy(PLACES, MidpointNearestEven).normalize())
    };
    let (times, by) = times.zip(by).ok_or(LandedError::TooMuch)?;
    let rate = quotient(up, down).ok_or(LandedError::TooMuch)?;
    let top_up = quotient(one, terms.top_up).ok_or(LandedError::TooMuch)?;
    let factor = |name, times, note| Factor { name, times, note };
    Ok(Landed {
        currency: into,
        factors: vec![
            factor("discount", one - terms.discount, format!("1 − {}", terms.discount.normalize())),
            factor("exchange rate", rate, note),
            factor("top-up", top_up, format!("1 ÷ {}", terms.top_up.normalize())),
            factor("fee", one + terms.fee, format!("1 + {}", terms.fee.normalize())),
            factor("tax", one + terms.tax, format!("1 + {}", terms.tax.normalize())),
        ],
        times,
        by,
    })
}

/// What to multiply by, what to divide by, and where both come from.
fn exchange(
    from: Currency,
    into: Currency,
    table: &FxTable,
    terms: &PaymentTerms,
) -> Result<(Decimal, Decimal, String), LandedError> {
    if from == into {
        return Ok((Decimal::ONE, Decimal::ONE, format!("{from} is {into}")));
    }
    if let Some(own) = &terms.fx {
        let rate = own.rate.normalize();
        return Ok((own.rate, Decimal::ONE, format!("{rate} {into} per {from}, its own, of {}", own.date)));
    }
    let per_dollar = |currency: Currency| -> Result<(Decimal, Option<&Fx>), LandedError> {
        if currency.to_string() == "USD" {
            return Ok((Decimal::ONE, None));
        }
        let fx = table.get(&currency).ok_or(LandedError::NoRate(currency))?;
        Ok((fx.rate, Some(fx)))
    };
    let ((down, first), (up, second)) = (per_dollar(from)?, per_dollar(into)?);
    let said = [(from, first), (into, second)];
    let notes: Vec<String> = said
        .into_iter()
        .filter_map(|(currency, fx)| {
            fx.map(|fx| format!("{} {currency} per USD of {}", fx.rate.normalize(), fx.date))
        })
        .collect();
    Ok((up, down, notes.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decimal(text: &str) -> Decimal {
        Decimal::from_str_exact(text).expect(text)
    }

    fn table(rates: &[(&str, &str)]) -> FxTable {
        let fx = rates.iter().map(|(name, rate)| {
            let fx = Fx { rate: decimal(rate), date: "2026-11-20".to_owned() };
            (name.parse().expect(name), fx)
        });
        fx.collect()
    }

    fn of(code: &str) -> Currency {
        code.parse().expect("a currency")
    }

    fn usd() -> Currency {
        of("USD")
    }

    #[test]
    fn every_factor_of_one_is_a_no_op() {
        let landed = landed(usd(), usd(), &table(&[]), &PaymentTerms::default()).expect("terms");
        assert!(!landed.changes());
        assert!(landed.factors.iter().all(|factor| factor.times == Decimal::ONE));
        assert_eq!(landed.factors.len(), 5, "all are printed all the same");
        assert_eq!(landed.price(decimal("0.42")), Some(decimal("0.42")));
    }

    #[test]
    fn the_formula_is_kept_to_the_last_digit() {
        let terms = PaymentTerms {
            discount: decimal("0.15"),
            top_up: decimal("1.25"),
            fee: decimal("0.055"),
            tax: decimal("0.06"),
            ..PaymentTerms::default()
        };
        let landed = landed(usd(), of("CNY"), &table(&[("CNY", "7.30")]), &terms).expect("terms");
        // 8 × 0.85 × 7.3 ÷ 1.25 × 1.055 × 1.06
        assert_eq!(landed.price(decimal("8")), Some(decimal("44.4099296")));
        assert_eq!(landed.factors[1].note, "7.3 CNY per USD of 2026-11-20");
    }

    #[test]
    fn a_rate_that_is_missing_is_an_error_and_never_one() {
        let missing = landed(usd(), of("CNY"), &table(&[]), &PaymentTerms::default());
        assert_eq!(missing, Err(LandedError::NoRate("CNY".parse().expect("a currency"))));
        let through = landed(of("EUR"), of("CNY"), &table(&[("CNY", "7.2")]), &PaymentTerms::default());
        assert_eq!(through, Err(LandedError::NoRate("EUR".parse().expect("a currency"))));
    }

    #[test]
    fn a_cross_rate_goes_through_the_dollar_and_rounds_once() {
        let table = table(&[("CNY", "7.2"), ("EUR", "0.9")]);
        let landed = landed(of("EUR"), of("CNY"), &table, &PaymentTerms::default()).expect("terms");
        assert_eq!(landed.price(decimal("0.9")), Some(decimal("7.2")));
        let thirds = PaymentTerms { top_up: decimal("3"), ..PaymentTerms::default() };
        let third = super::landed(usd(), usd(), &table, &thirds).expect("terms");
        assert_eq!(third.price(decimal("1")), Some(decimal("0.333333333333")));
        assert_eq!(third.price(decimal("3")), Some(decimal("1")), "one division, at the end");
    }
}
