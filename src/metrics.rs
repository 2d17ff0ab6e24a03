//! Folds evidence into histograms, counters and fidelity.

mod conservation;
mod counters;
mod course;
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
mod scene;

pub use conservation::conservation;
pub use course::course;
pub use fidelity::writers_behind;
pub use fold::{Folded, fold};
pub use gaps::Gaps;
pub use histogram::{HdrError, hdr_blob, hdr_read, merged, new_histogram, percentile, record};
pub use latency::TimeHistograms;
pub use metric::{AttemptTimes, Metric, samples_needed};
