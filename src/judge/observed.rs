//! What thresholds look at.

use crate::plan::Cell;
use crate::summary::CounterRow;
use crate::units::Money;
use hdrhistogram::Histogram;

/// The folded run, as thresholds see it. A `None` is no data, and no data fails.
pub trait Observed {
    /// Distribution of a time metric of one cell, in nanoseconds.
    fn histogram(&self, cell: Cell, metric: &str) -> Option<&Histogram<u64>>;

    /// Counts of one cell.
    fn counter(&self, cell: Cell) -> Option<&CounterRow>;

    /// What one cell cost: what the ledger charged, else what the client was told of. `None` without a
    /// price, or where no token was reported.
    fn cost(&self, cell: Cell) -> Option<Money>;
}
