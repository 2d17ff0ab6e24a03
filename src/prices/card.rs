//! One dated rate card, and what a request costs by it.

use super::{Amount, Component, Counts, Days, Rates, Unit, UsageError, WeekHours, day_of};
use crate::units::Currency;
use jiff::civil::Date;
use rust_decimal::Decimal;

/// Why something could not be priced. There is no price of 0 for what is not known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PriceError {
    /// Something was used that the card has no rate for.
    #[error("there is no rate for `{0}`: add one to the card")]
    NoRate(&'static str),
    /// A rate that cannot be counted in whole units.
    #[error("the rate for `{0}` is finer than 10^-24 of a unit: round it in the card")]
    TooFine(&'static str),
    /// Beyond 10^14 units of the currency.
    #[error("the sum is beyond what can be counted, 10^14 units")]
    TooMuch,
    /// The service tier was named by no part of the card that holds on that day.
    #[error("the card has no service tier \"{0}\" on that day: name the tier that served the request")]
    NoServiceTier(String),
    /// The card has no batch prices on that day.
    #[error("the card has no batch prices on that day")]
    NoBatch,
    /// The region was named by no part of the card.
    #[error("the card has no region \"{0}\"")]
    NoRegion(String),
    /// A day outside the card's.
    #[error("the card does not hold on {0}")]
    NotThen(Date),
    /// A moment that is no date.
    #[error("{0} seconds since 1970 is no date")]
    NoDate(i64),
    /// Usage that cannot be.
    #[error(transparent)]
    Usage(#[from] UsageError),
}

/// Which prompt tokens count towards a threshold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Counted {
    /// All, cached ones too.
    #[default]
    InputInclCache,
    /// Those that were not read from a cache.
    InputExclCache,
}

/// A cliff: beyond it *all* tokens of a request have other rates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Above {
    /// Tokens.
    pub threshold: u64,
    /// Whether a request of exactly so many is beyond it.
    pub inclusive: bool,
    /// What counts.
    pub counts: Counted,
}

impl Above {
    pub(super) fn holds(&self, counts: &Counts) -> bool {
        let parts = [
            Component::Input,
            Component::CachedRead,
            Component::CacheWrite5m,
            Component::CacheWrite1h,
            Component::AudioIn,
            Component::ImageIn,
        ];
        let left =
            |part: &&Component| self.counts == Counted::InputInclCache || **part != Component::CachedRead;
        let tokens: u128 = parts.iter().filter(left).map(|part| u128::from(counts.get(*part))).sum();
        tokens > self.threshold.into() || (self.inclusive && tokens == self.threshold.into())
    }
}

/// Other rates under conditions, all of which must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct When {
    /// A long prompt.
    pub above: Option<Above>,
    /// The service tier that served the request.
    pub service_tier: Option<String>,
    /// Sent as a batch.
    pub batch: bool,
    /// Served in a region.
    pub region: Option<String>,
    /// At hours of the week.
    pub schedule: Option<WeekHours>,
    /// On days.
    pub days: Days,
    /// The rates that take the place of others.
    pub rates: Rates,
    /// A factor on every rate that is left.
    pub multiplier: Option<Decimal>,
}

/// Under what a request was served.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Circumstances<'a> {
    /// When, in seconds since 1970 UTC.
    pub at_utc_s: i64,
    /// The service tier that the answer named; `None`, `default` and `standard` are the card's own rates.
    pub service_tier: Option<&'a str>,
    /// Whether it was sent as a batch.
    pub batch: bool,
    /// Where it was served.
    pub region: Option<&'a str>,
}

/// Which of a card's [`When`]s hold for a request: requests of one regime can be added up before they are
/// priced.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Regime(u64);

/// One model's prices at one provider, from a day on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Card {
    /// The provider that sells it.
    pub provider: String,
    /// The model's id.
    pub model: String,
    /// Other ids of it.
    pub aliases: Vec<String>,
    /// Of all its rates.
    pub currency: Currency,
    /// Of its rates, apart from the fees.
    pub unit: Unit,
    /// When it holds.
    pub days: Days,
    /// Where it was read.
    pub source_url: String,
    /// When.
    pub checked_on: Date,
    /// The set that it belongs to.
    pub set: String,
    /// The rates that hold where nothing else is said.
    pub rates: Rates,
    /// Other rates; where several hold, the later takes the place of the earlier, rate by rate.
    pub whens: Vec<When>,
    /// What a reader should know.
    pub note: Option<String>,
}

impl Card {
    /// Most [`When`]s of a card.
    pub const MOST_WHENS: usize = 64;

    /// `openai/gpt-4.1`.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}/{}", self.provider, self.model)
    }

    /// Under which of its conditions a request falls.
    ///
    /// # Errors
    /// If the card does not hold then, or knows nothing of the tier, batch or region.
    pub fn regime(&self, counts: &Counts, now: &Circumstances<'_>) -> Result<Regime, PriceError> {
        let day = day_of(now.at_utc_s).ok_or(PriceError::NoDate(now.at_utc_s))?;
        if !self.days.hold(day) {
            return Err(PriceError::NotThen(day));
        }
        let tier = now.service_tier.filter(|tier| !["default", "standard"].contains(tier));
        let then = || self.whens.iter().filter(|when| when.days.hold(day));
        if let Some(tier) = tier.filter(|tier| then().all(|when| when.service_tier.as_deref() != Some(tier)))
        {
            return Err(PriceError::NoServiceTier(tier.to_owned()));
        }
        if let Some(region) =
            now.region.filter(|name| then().all(|when| when.region.as_deref() != Some(name)))
        {
            return Err(PriceError::NoRegion(region.to_owned()));
        }
        if now.batch && then().all(|when| !when.batch) {
            return Err(PriceError::NoBatch);
        }
        let holds = |when: &When| {
            when.days.hold(day)
                && (when.service_tier.is_none() || when.service_tier.as_deref() == tier)
                && (when.region.is_none() || when.region.as_deref() == now.region)
                && (!when.batch || now.batch)
                && when.schedule.as_ref().is_none_or(|schedule| schedule.holds(now.at_utc_s))
                && when.above.is_none_or(|above| above.holds(counts))
        };
        let held = self.whens.iter().zip(0u32..).filter(|(when, _)| holds(when));
        Ok(Regime(held.fold(0, |mask, (_, at)| mask | 1u64.checked_shl(at).unwrap_or(0))))
    }

    /// The rates of a regime.
    ///
    /// # Errors
    /// If a factor makes a rate that cannot be counted.
    pub fn rates(&self, regime: Regime) -> Result<Rates, PriceError> {
        let held = self.whens.iter().zip(0u32..).filter(|(_, at)| regime.0 >> at.min(&63) & 1 == 1);
        held.map(|(when, _)| when).try_fold(self.rates, |rates, when| {
            let rates = rates.under(&when.rates);
            when.multiplier.map_or(Some(rates), |factor| rates.times(factor)).ok_or(PriceError::TooMuch)
        })
    }

    /// What so many cost in a regime: the counts of any number of requests of it.
    ///
    /// # Errors
    /// If something was used that has no rate, or the sum is beyond what can be counted.
    pub fn cost_in(&self, counts: &Counts, regime: Regime) -> Result<Amount, PriceError> {
        self.rates(regime)?.cost(counts, self.unit, self.currency)
    }

    /// What one request costs.
    ///
    /// # Errors
    /// As [`Card::regime`] and [`Card::cost_in`].
    pub fn cost(&self, counts: &Counts, now: &Circumstances<'_>) -> Result<Amount, PriceError> {
        self.cost_in(counts, self.regime(counts, now)?)
    }
}

impl When {
    /// Whether it may hold for a request that is no batch and asks for no service tier and no region.
    pub(super) fn is_plain(&self) -> bool {
        self.service_tier.is_none() && !self.batch && self.region.is_none()
    }

    /// Its conditions in a few words; `None` if it has none but days.
    #[must_use]
    pub fn label(&self) -> Option<String> {
        let mut parts = Vec::new();
        parts.extend(self.service_tier.clone());
        parts.extend(self.batch.then(|| "batch".to_owned()));
        parts.extend(self.region.clone());
        parts.extend(self.schedule.as_ref().map(|schedule| {
            let (offset, days, windows, _) = schedule.parts();
            let days = if days.len() == 7 { "daily".to_owned() } else { days.join(",") };
            format!("{} {days} (UTC{offset})", windows.join(","))
        }));
        parts.extend(
            self.above.map(|above| format!("{}{}", if above.inclusive { "≥" } else { ">" }, above.threshold)),
        );
        (!parts.is_empty()).then(|| parts.join(" "))
    }
}
