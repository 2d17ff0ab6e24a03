//! Folds evidence into histograms, counters and fidelity.

mod conservation;
mod counters;
mod fidelity;
mod fold;
mod gaps;
mod good;
mod histogram;
mod in_flight;
mod latency;
mod metric;
mod pairs;
mod sample;

pub use conservation::conservation;
pub use fold::{Folded, fold};
pub use gaps::Gaps;
pub use histogram::{HdrError, hdr_blob, hdr_read, merged, new_histogram, percentile, record};
pub use metric::{Metric, samples_needed};
