//! In which currency a run's cost is compared.

use crate::prices::FxTable;
use crate::units::Currency;

/// In which currency costs are compared, and at which rates.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CostPlan {
    /// The currency of the comparison; `None` is that of each price.
    pub currency: Option<Currency>,
    /// How much of each currency a US dollar buys.
    pub fx: FxTable,
    /// Jobs per month that costs are projected to.
    pub jobs_per_month: Option<u64>,
    /// When the run is taken to begin, in seconds since 1970 UTC; `None` is when it did.
    pub start_utc_s: Option<i64>,
}

impl CostPlan {
    /// The moment at which something `after_ns` into a run is priced; `started_utc_s` is when it did begin.
    #[must_use]
    pub fn at(&self, started_utc_s: u64, after_ns: u64) -> i64 {
        let start = self.start_utc_s.unwrap_or(i64::try_from(started_utc_s).unwrap_or(i64::MAX));
        start.saturating_add(i64::try_from(after_ns / 1_000_000_000).unwrap_or(i64::MAX))
    }
}
