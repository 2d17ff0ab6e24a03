//! `[cost]`: the currency of the comparison, rates of exchange, and rate cards.

use super::Named;
use crate::prices::RawCard;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Decimal numbers in quotes.
pub(in crate::scenario) const DECIMAL: &str = "^[0-9]{1,12}(\\.[0-9]{1,12})?$";

/// In which currency costs are compared, at which rates of exchange.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(in crate::scenario) struct Cost {
    /// ISO 4217 code of the comparison (default: each price's own).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("pattern" = "^[A-Z]{3}$"))]
    pub(in crate::scenario) currency: Option<String>,
    /// Jobs per month that costs are projected to.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000_000_000_i64))]
    pub(in crate::scenario) jobs_per_month: Option<u64>,
    /// When the run is taken to begin, for prices that have days or hours: "2026-11-24T02:00:00Z" (default:
    /// when it does begin; virtual time has no date of its own).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::scenario) start: Option<String>,
    /// How much of a currency one US dollar buys, by ISO 4217 code: `CNY = { rate = "7.30", date =
    /// "2026-11-20" }`. There is no default rate.
    #[serde(skip_serializing_if = "none")]
    pub(in crate::scenario) fx: Named<Fx>,
    /// Rate cards of your own; those that a `price` names and that stand here come before those in the
    /// binary. A run's `plan.toml` holds every card that it was priced by.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(in crate::scenario) card: Vec<RawCard>,
}

impl Cost {
    /// Whether nothing was said.
    pub(in crate::scenario) fn is_blank(&self) -> bool {
        *self == Self::default()
    }
}

fn none(fx: &Named<Fx>) -> bool {
    fx.0.is_empty()
}

/// A rate of exchange, and of which day: `{ rate = "7.30", date = "2026-11-20" }`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct Fx {
    /// A decimal number.
    #[schemars(extend("pattern" = DECIMAL))]
    pub(in crate::scenario) rate: String,
    /// The day that it is of.
    #[schemars(extend("pattern" = "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"))]
    pub(in crate::scenario) date: String,
}
