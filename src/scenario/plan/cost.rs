//! What a price comes to where it is paid.

use crate::units::Currency;
use rust_decimal::Decimal;
use std::collections::BTreeMap;

/// In which currency costs are compared, at which rates, and what each target asks beyond its list price.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CostPlan {
    /// The currency of the comparison; `None` is that of each price.
    pub currency: Option<Currency>,
    /// How much of each currency a US dollar buys.
    pub fx: BTreeMap<Currency, Fx>,
    /// Jobs per month that costs are projected to.
    pub jobs_per_month: Option<u64>,
    /// The terms of the targets that have some, by name.
    pub terms: BTreeMap<String, Terms>,
}

/// A rate of exchange that the user gave, and of which day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fx {
    /// Units of the one currency for one of the other; above 0.
    pub rate: Decimal,
    /// The day that it is of, as `2026-11-20`.
    pub date: String,
}

/// What stands between a list price and a bill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// Taken off the list price, 0 to below 1.
    pub discount: Decimal,
    /// Credit that one unit of money buys; above 0.
    pub top_up: Decimal,
    /// Added by whoever takes the payment.
    pub fee: Decimal,
    /// Added by the state.
    pub tax: Decimal,
    /// Paid each month whatever is used, in the currency of the comparison. Prepaid credit that expires is such a cost.
    pub fixed_per_month: Decimal,
    /// The target's own rate of exchange, from its price's currency to that of the comparison.
    pub fx: Option<Fx>,
}

impl Default for Terms {
    /// Those under which the list price is the bill.
    fn default() -> Self {
        Self {
            discount: Decimal::ZERO,
            top_up: Decimal::ONE,
            fee: Decimal::ZERO,
            tax: Decimal::ZERO,
            fixed_per_month: Decimal::ZERO,
            fx: None,
        }
    }
}
