//! What is charged for, how much of it there was, and at which rate.

use super::{Amount, PriceError};
use crate::units::Currency;
use rust_decimal::Decimal;

/// A part of a request that has a rate of its own. The parts are disjoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Component {
    /// Prompt tokens (or units) that nothing else below covers.
    Input,
    /// Prompt tokens read from a cache.
    CachedRead,
    /// Prompt tokens written to a cache that lasts five minutes, or as long as the vendor's only kind.
    CacheWrite5m,
    /// Prompt tokens written to a cache that lasts an hour.
    CacheWrite1h,
    /// Prompt tokens of audio.
    AudioIn,
    /// Prompt tokens of images.
    ImageIn,
    /// Completion tokens (or units) that nothing else below covers.
    Output,
    /// Completion tokens of reasoning; at the rate of output unless they have one.
    Reasoning,
    /// Completion tokens of audio.
    AudioOut,
    /// Completion tokens of images.
    ImageOut,
    /// Requests, per thousand.
    RequestFee,
    /// Searches, per thousand.
    SearchFee,
}

impl Component {
    /// How many there are.
    pub const COUNT: usize = 12;

    /// All, in the order of files.
    pub const ALL: [Self; Self::COUNT] = [
        Self::Input,
        Self::CachedRead,
        Self::CacheWrite5m,
        Self::CacheWrite1h,
        Self::AudioIn,
        Self::ImageIn,
        Self::Output,
        Self::Reasoning,
        Self::AudioOut,
        Self::ImageOut,
        Self::RequestFee,
        Self::SearchFee,
    ];

    /// The name in files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::CachedRead => "cached_read",
            Self::CacheWrite5m => "cache_write_5m",
            Self::CacheWrite1h => "cache_write_1h",
            Self::AudioIn => "audio_in",
            Self::ImageIn => "image_in",
            Self::Output => "output",
            Self::Reasoning => "reasoning",
            Self::AudioOut => "audio_out",
            Self::ImageOut => "image_out",
            Self::RequestFee => "request_fee",
            Self::SearchFee => "search_fee",
        }
    }

    /// The component of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|component| component.name() == name)
    }

    /// Whether it is a fee per thousand, whatever the card's unit.
    #[must_use]
    pub fn is_fee(self) -> bool {
        matches!(self, Self::RequestFee | Self::SearchFee)
    }
}

/// What a card's rates, apart from its fees, are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// A million tokens.
    PerMtok,
    /// A thousand requests.
    PerKRequests,
    /// A second.
    PerSecond,
    /// An image.
    PerImage,
}

impl Unit {
    /// All.
    pub const ALL: [Self; 4] = [Self::PerMtok, Self::PerKRequests, Self::PerSecond, Self::PerImage];

    /// The name in files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::PerMtok => "per_mtok",
            Self::PerKRequests => "per_k_requests",
            Self::PerSecond => "per_second",
            Self::PerImage => "per_image",
        }
    }

    /// Decimal places of a rate that still make whole 10⁻²⁴ units of one thing counted.
    fn places(self) -> u32 {
        match self {
            Self::PerMtok => 18,
            Self::PerKRequests => 21,
            Self::PerSecond | Self::PerImage => 24,
        }
    }
}

/// How many of each component; disjoint, so that their costs add up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts([u64; Component::COUNT]);

impl Counts {
    /// How many of it.
    #[must_use]
    pub fn get(&self, component: Component) -> u64 {
        self.0[component as usize]
    }

    /// These, with so many of a component.
    #[must_use]
    pub fn with(mut self, component: Component, many: u64) -> Self {
        self.0[component as usize] = many;
        self
    }

    /// Adds others; `None` beyond 64 bits.
    #[must_use]
    pub fn plus(mut self, other: &Self) -> Option<Self> {
        for (mine, theirs) in self.0.iter_mut().zip(other.0) {
            *mine = mine.checked_add(theirs)?;
        }
        Some(self)
    }
}

/// A rate for each component that has one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rates([Option<Decimal>; Component::COUNT]);

impl Rates {
    /// The rate that stands there; reasoning that has none is charged as output.
    #[must_use]
    pub fn get(&self, component: Component) -> Option<Decimal> {
        let own = self.own(component);
        if component == Component::Reasoning { own.or(self.own(Component::Output)) } else { own }
    }

    /// The rate that stands there.
    #[must_use]
    pub fn own(&self, component: Component) -> Option<Decimal> {
        self.0[component as usize]
    }

    /// These, with a rate.
    #[must_use]
    pub fn with(mut self, component: Component, rate: Decimal) -> Self {
        self.0[component as usize] = Some(rate);
        self
    }

    /// These, where the others have none.
    #[must_use]
    pub fn under(&self, others: &Self) -> Self {
        Self(std::array::from_fn(|at| others.0[at].or(self.0[at])))
    }

    /// Every rate times a factor, fees included; `None` if one is beyond what can be counted.
    #[must_use]
    pub fn times(&self, factor: Decimal) -> Option<Self> {
        let mut out = *self;
        for rate in out.0.iter_mut().flatten() {
            *rate = rate.checked_mul(factor)?.normalize();
        }
        Some(out)
    }

    /// The higher rate of each component.
    #[must_use]
    pub fn dearer(&self, others: &Self) -> Self {
        Self(std::array::from_fn(|at| self.0[at].max(others.0[at])))
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(Option::is_none)
    }

    /// Those that there are, in the order of files.
    pub fn iter(&self) -> impl Iterator<Item = (Component, Decimal)> + '_ {
        Component::ALL.into_iter().filter_map(|component| Some((component, self.own(component)?)))
    }

    /// What so many cost.
    ///
    /// # Errors
    /// If something was counted that has no rate, or the sum is beyond what can be counted.
    pub fn cost(&self, counts: &Counts, unit: Unit, currency: Currency) -> Result<Amount, PriceError> {
        let mut yocto = 0i128;
        for component in Component::ALL {
            let many = counts.get(component);
            if many == 0 {
                continue;
            }
            let rate = self.get(component).ok_or(PriceError::NoRate(component.name()))?;
            let unit = if component.is_fee() { Unit::PerKRequests } else { unit };
            let each = whole(rate, unit).ok_or(PriceError::TooFine(component.name()))?;
            let part = each.checked_mul(i128::from(many)).ok_or(PriceError::TooMuch)?;
            yocto = yocto.checked_add(part).ok_or(PriceError::TooMuch)?;
        }
        Ok(Amount { yocto, currency })
    }
}

/// A rate per thing counted, in whole 10⁻²⁴ units; `None` if it is finer than that, or too large.
pub(super) fn whole(rate: Decimal, unit: Unit) -> Option<i128> {
    let rate = rate.normalize();
    let shift = unit.places().checked_sub(rate.scale())?;
    rate.mantissa().checked_mul(10i128.checked_pow(shift)?)
}

/// Reads a decimal from its text, never through a float: `2.00`, `2.8e-07`. Zero or more.
#[must_use]
pub fn decimal(text: &str) -> Option<Decimal> {
    let digits = |b: u8| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'-' | b'+');
    if !text.bytes().all(digits) || !text.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let value = match text.contains(['e', 'E']) {
        true => Decimal::from_scientific(text).ok()?,
        false => Decimal::from_str_exact(text).ok()?,
    };
    (!value.is_sign_negative()).then(|| value.normalize())
}

/// As prices are written: at least two decimal places.
#[must_use]
pub fn price_text(rate: Decimal) -> String {
    let rate = rate.normalize();
    if rate.scale() >= 2 { rate.to_string() } else { format!("{rate:.2}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_read_from_its_text() {
        assert_eq!(decimal("2.8e-07"), decimal("0.00000028"));
        assert_eq!(decimal("0.00000008333333333333334").map(|d| d.scale()), Some(23));
        assert_eq!(decimal("2.00"), Some(Decimal::from(2)));
        for text in ["", "-1", "+1", ".5", "1,5", "0x1", "NaN", "1e999", "2.0 "] {
            assert_eq!(decimal(text), None, "{text}");
        }
    }

    #[test]
    fn what_has_no_rate_is_an_error_and_never_free() {
        let usd = "USD".parse().expect("a currency");
        let rates = Rates::default().with(Component::Output, Decimal::from(8));
        let counts = Counts::default().with(Component::Output, 10_000_000);
        assert_eq!(rates.cost(&counts, Unit::PerMtok, usd).expect("priced").to_string(), "80.00 USD");
        let thought = counts.with(Component::Reasoning, 1_000_000);
        assert_eq!(rates.cost(&thought, Unit::PerMtok, usd).expect("as output").to_string(), "88.00 USD");
        let prompted = counts.with(Component::Input, 1);
        assert_eq!(rates.cost(&prompted, Unit::PerMtok, usd), Err(PriceError::NoRate("input")));
    }

    #[test]
    fn sums_beyond_what_can_be_counted_are_errors() {
        let usd = "USD".parse().expect("a currency");
        let rates = Rates::default().with(Component::Input, Decimal::from(1_000_000));
        let counts = Counts::default().with(Component::Input, u64::MAX);
        assert_eq!(rates.cost(&counts, Unit::PerMtok, usd), Err(PriceError::TooMuch));
        assert_eq!(counts.plus(&counts), None);
        let fine = Rates::default().with(Component::Input, decimal("1e-19").expect("a decimal"));
        let one = Counts::default().with(Component::Input, 1);
        assert_eq!(fine.cost(&one, Unit::PerMtok, usd), Err(PriceError::TooFine("input")));
    }
}
