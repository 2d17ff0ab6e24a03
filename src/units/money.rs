//! Money as an exact integer, priced once, rounded only for display.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// One currency unit in the integer we count in: 10⁻¹² of a dollar is a millionth of a dollar per
/// million tokens, so any list price per token is a whole number.
const PICO: i128 = 1_000_000_000_000;

/// What was wrong with an amount of money, and what to write.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// Not a decimal number.
    #[error("\"{0}\" is not an amount: write a decimal number such as \"0.50\"")]
    Number(String),
    /// No three-letter currency after the number.
    #[error("\"{0}\" has no currency: write the ISO 4217 code behind the number, such as \"0.50 USD\"")]
    Currency(String),
}

/// An ISO 4217 code, such as `USD`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Currency([u8; 3]);

impl FromStr for Currency {
    type Err = MoneyError;

    fn from_str(text: &str) -> Result<Self, MoneyError> {
        match text.as_bytes() {
            [a, b, c] if text.bytes().all(|b| b.is_ascii_uppercase()) => Ok(Self([*a, *b, *c])),
            _ => Err(MoneyError::Currency(text.to_owned())),
        }
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(std::str::from_utf8(&self.0).unwrap_or("???"))
    }
}

/// An exact amount in one currency, counted in 10⁻¹² units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Money {
    /// Amount in 10⁻¹² of the currency's unit.
    pub pico: i128,
    /// The currency of the amount.
    pub currency: Currency,
}

impl Money {
    /// Nothing, in this currency.
    #[must_use]
    pub fn zero(currency: Currency) -> Self {
        Self { pico: 0, currency }
    }

    /// The exact decimal, without trailing zeros beyond the second decimal place, without the currency.
    #[must_use]
    pub fn decimal(&self) -> String {
        let sign = if self.pico < 0 { "-" } else { "" };
        let magnitude = self.pico.unsigned_abs();
        let whole = magnitude / PICO.unsigned_abs();
        let fraction = format!("{:012}", magnitude % PICO.unsigned_abs());
        let kept = fraction.trim_end_matches('0').len().max(2);
        format!("{sign}{whole}.{}", &fraction[..kept])
    }
}

/// Reads a plain decimal number, exactly, as 10⁻¹² units.
fn parse_pico(text: &str) -> Result<i128, MoneyError> {
    let wrong = || MoneyError::Number(text.to_owned());
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || whole.len() > 18 || fraction.len() > 12 || !digits(whole) || !digits(fraction) {
        return Err(wrong());
    }
    let whole: i128 = whole.parse().map_err(|_| wrong())?;
    let fraction: i128 = format!("{fraction:0<12}").parse().map_err(|_| wrong())?;
    Ok(whole * PICO + fraction)
}

impl FromStr for Money {
    type Err = MoneyError;

    /// Reads `0.50 USD`. At most 12 decimal places, never negative.
    fn from_str(text: &str) -> Result<Self, MoneyError> {
        let (number, currency) =
            text.trim().split_once(' ').ok_or_else(|| MoneyError::Currency(text.to_owned()))?;
        let currency = currency.trim().parse().map_err(|_| MoneyError::Currency(text.to_owned()))?;
        Ok(Self { pico: parse_pico(number)?, currency })
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{} {}", self.decimal(), self.currency))
    }
}

impl Serialize for Money {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Money {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Two prices, per million tokens, in one currency; held per token as whole 10⁻¹² units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PricePerMtok {
    /// One prompt token in 10⁻¹² of the currency.
    pub input_pico: i128,
    /// One completion token in 10⁻¹² of the currency.
    pub output_pico: i128,
    /// The currency of both.
    pub currency: Currency,
}

impl PricePerMtok {
    /// Reads two decimal prices per million tokens, such as `2.00` and `8.00`.
    ///
    /// # Errors
    /// If either is not a decimal with at most six decimal places: a finer price per million tokens
    /// could not be counted in whole units.
    pub fn parse(input: &str, output: &str, currency: Currency) -> Result<Self, MoneyError> {
        let per_token = |text: &str| {
            let per_mtok = parse_pico(text)?;
            if per_mtok % 1_000_000 == 0 {
                Ok(per_mtok / 1_000_000)
            } else {
                Err(MoneyError::Number(text.into()))
            }
        };
        Ok(Self { input_pico: per_token(input)?, output_pico: per_token(output)?, currency })
    }

    /// What this many tokens cost, exactly.
    #[must_use]
    pub fn cost(&self, input_tokens: u64, output_tokens: u64) -> Money {
        let pico = self.input_pico * i128::from(input_tokens) + self.output_pico * i128::from(output_tokens);
        Money { pico, currency: self.currency }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_million_tokens_at_eight_dollars_cost_eighty() {
        let usd = "USD".parse().expect("a currency");
        let price = PricePerMtok::parse("2.00", "8.00", usd).expect("a price");
        assert_eq!(price.cost(0, 10_000_000).to_string(), "80.00 USD");
    }

    #[test]
    fn amounts_survive_a_round_trip_to_the_last_digit() {
        for text in ["0.50 USD", "0.000000000001 CNY", "123456789.12 EUR", "7.30 CNY"] {
            assert_eq!(text.parse::<Money>().expect(text).to_string(), text);
        }
    }

    #[test]
    fn refuses_what_is_no_money() {
        for text in ["", "5", "1.0 usd", "x USD", "-1 USD", "1e3 USD", "0.0000000000001 USD", "1.00 DOLLARS"]
        {
            assert!(text.parse::<Money>().is_err(), "{text}");
        }
    }
}
