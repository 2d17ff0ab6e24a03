//! Exact sums of money, finer than any price.

use super::Unit;
use super::component::whole;
use crate::units::{Currency, Money};
use rust_decimal::Decimal;
use std::fmt;

/// Decimal places that are kept: a price per million tokens with 18 of them is a whole number per token.
const PLACES: usize = 24;

/// One unit of a currency.
const ONE: i128 = 10i128.pow(24);

/// 10⁻²⁴ of a unit to 10⁻¹².
const TO_PICO: i128 = 10i128.pow(12);

/// An exact amount in one currency, in whole 10⁻²⁴ units. Sums are integers: the same in any order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Amount {
    /// Amount in 10⁻²⁴ of the currency's unit.
    pub yocto: i128,
    /// The currency of the amount.
    pub currency: Currency,
}

impl Amount {
    /// Nothing, in this currency.
    #[must_use]
    pub fn zero(currency: Currency) -> Self {
        Self { yocto: 0, currency }
    }

    /// The sum; `None` if the currencies differ or it is beyond what can be counted (10¹⁴ units).
    #[must_use]
    pub fn plus(self, other: Self) -> Option<Self> {
        let same = self.currency == other.currency;
        same.then(|| self.yocto.checked_add(other.yocto))?.map(|yocto| Self { yocto, ..self })
    }

    /// Split over so many, rounded half to even at the 24th place; `None` for none.
    #[must_use]
    pub fn per(self, many: u64) -> Option<Self> {
        (many > 0).then(|| Self { yocto: divided(self.yocto, i128::from(many)), ..self })
    }

    /// The exact decimal with at least two places, without the currency.
    #[must_use]
    pub fn decimal(&self) -> String {
        let sign = if self.yocto < 0 { "-" } else { "" };
        let magnitude = self.yocto.unsigned_abs();
        let fraction = format!("{:0PLACES$}", magnitude % ONE.unsigned_abs());
        let kept = fraction.trim_end_matches('0').len().max(2);
        format!("{sign}{}.{}", magnitude / ONE.unsigned_abs(), &fraction[..kept])
    }

    /// For display: rounded half to even at so many places, at most 24.
    #[must_use]
    pub fn rounded(&self, places: usize) -> String {
        let places = places.min(PLACES);
        let step = 10i128.pow(u32::try_from(PLACES - places).unwrap_or(0));
        let steps = divided(self.yocto, step);
        let sign = if steps < 0 { "-" } else { "" };
        let unit = 10u128.pow(u32::try_from(places).unwrap_or(0));
        let magnitude = steps.unsigned_abs();
        match places {
            0 => format!("{sign}{magnitude}"),
            _ => format!("{sign}{}.{:0places$}", magnitude / unit, magnitude % unit),
        }
    }

    /// A number of the currency's units; `None` if it is finer than 10⁻²⁴ or beyond what can be counted.
    #[must_use]
    pub fn of(units: Decimal, currency: Currency) -> Option<Self> {
        Some(Self { yocto: whole(units, Unit::PerImage)?, currency })
    }

    /// Reads what [`Amount::decimal`] wrote; `None` if it did not.
    #[must_use]
    pub fn read(text: &str, currency: Currency) -> Option<Self> {
        let (whole, fraction) = text.split_once('.')?;
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        if !digits(whole.trim_start_matches('-')) || !digits(fraction) || fraction.len() > PLACES {
            return None;
        }
        let yocto: i128 = format!("{whole}{fraction:0<PLACES$}").parse().ok()?;
        Some(Self { yocto, currency })
    }

    /// Rounded up to the 12 places that budgets count in: what it costs at the most.
    #[must_use]
    pub fn money_up(&self) -> Money {
        let pico = self.yocto.div_euclid(TO_PICO) + i128::from(self.yocto.rem_euclid(TO_PICO) > 0);
        Money { pico, currency: self.currency }
    }

    /// Rounded half to even to the 12 places that budgets and thresholds count in.
    #[must_use]
    pub fn money(&self) -> Money {
        Money { pico: divided(self.yocto, TO_PICO), currency: self.currency }
    }
}

impl From<Money> for Amount {
    fn from(money: Money) -> Self {
        Self { yocto: money.pico.saturating_mul(TO_PICO), currency: money.currency }
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{} {}", self.decimal(), self.currency))
    }
}

/// Rounded half to even; `by` is above 0.
fn divided(value: i128, by: i128) -> i128 {
    let (whole, rest) = (value.div_euclid(by), value.rem_euclid(by));
    let up = match (rest).cmp(&(by - rest)) {
        std::cmp::Ordering::Less => false,
        std::cmp::Ordering::Equal => whole % 2 != 0,
        std::cmp::Ordering::Greater => true,
    };
    whole + i128::from(up)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usd(yocto: i128) -> Amount {
        Amount { yocto, currency: "USD".parse().expect("a currency") }
    }

    #[test]
    fn prints_the_last_digit_and_rounds_half_to_even_only_when_asked() {
        assert_eq!(usd(1).to_string(), "0.000000000000000000000001 USD");
        assert_eq!(usd(80 * ONE).to_string(), "80.00 USD");
        assert_eq!(usd(-ONE / 2).to_string(), "-0.50 USD");
        let cents = |text: &str| Amount::from(text.parse::<Money>().expect(text)).rounded(2);
        assert_eq!([cents("0.125 USD"), cents("0.135 USD"), cents("0.1251 USD")], ["0.12", "0.14", "0.13"]);
        assert_eq!(usd(5 * ONE / 2).rounded(0), "2");
        assert_eq!(usd(-7 * ONE / 2).rounded(0), "-4");
    }

    #[test]
    fn is_read_from_what_it_wrote() {
        for yocto in [0, 1, -1, ONE, 7 * ONE / 2, i128::MAX, -ONE / 3] {
            assert_eq!(Amount::read(&usd(yocto).decimal(), usd(0).currency), Some(usd(yocto)));
        }
        for text in ["", "1", "1.", ".5", "1.x", "--1.00", "0.0000000000000000000000001"] {
            assert_eq!(Amount::read(text, usd(0).currency), None, "{text}");
        }
        assert_eq!(usd(1).money_up().pico, 1);
        assert_eq!(usd(TO_PICO).money_up().pico, 1);
        assert_eq!(Amount::of(Decimal::TWO, usd(0).currency), Some(usd(2 * ONE)));
    }

    #[test]
    fn adds_only_what_is_of_one_currency_and_divides_by_something() {
        let yuan = Amount { currency: "CNY".parse().expect("a currency"), ..usd(1) };
        assert_eq!(usd(1).plus(yuan), None);
        assert_eq!(usd(i128::MAX).plus(usd(1)), None);
        assert_eq!(usd(1).plus(usd(2)), Some(usd(3)));
        assert_eq!(usd(7).per(0), None);
        assert_eq!(usd(7).per(2), Some(usd(4)));
        assert_eq!(usd(5).per(2), Some(usd(2)));
    }
}
