//! Counts of many requests, by regime: added up as integers, priced once.

use super::{Amount, Card, Circumstances, Counts, PriceError, Regime};
use std::collections::BTreeMap;

/// What was used of one card. Neither the order of requests nor their grouping can change what it costs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PriceTally {
    counts: BTreeMap<Regime, Counts>,
}

impl PriceTally {
    /// Adds one request.
    ///
    /// # Errors
    /// If the card says nothing of its circumstances, or the counts are beyond 64 bits.
    pub fn add(&mut self, card: &Card, counts: &Counts, now: &Circumstances<'_>) -> Result<(), PriceError> {
        self.put(card.regime(counts, now)?, counts)
    }

    /// Adds another tally of the same card.
    ///
    /// # Errors
    /// If the counts are beyond 64 bits.
    pub fn merge(&mut self, other: &Self) -> Result<(), PriceError> {
        other.counts.iter().try_for_each(|(regime, counts)| self.put(*regime, counts))
    }

    fn put(&mut self, regime: Regime, counts: &Counts) -> Result<(), PriceError> {
        let sum = self.counts.entry(regime).or_default();
        *sum = sum.plus(counts).ok_or(PriceError::TooMuch)?;
        Ok(())
    }

    /// What all of it costs.
    ///
    /// # Errors
    /// If something was used that has no rate, or the sum is beyond what can be counted.
    pub fn cost(&self, card: &Card) -> Result<Amount, PriceError> {
        self.counts.iter().try_fold(Amount::zero(card.currency), |sum, (regime, counts)| {
            sum.plus(card.cost_in(counts, *regime)?).ok_or(PriceError::TooMuch)
        })
    }
}
