//! When each job is due: pure, seeded, closed form.
//!
//! No clock is read here. An open executor is one unit-mean renewal process `S_k` (how many mean gaps
//! lie before the k-th arrival) sent through the inverse of its integrated rate, so no rounding ever
//! adds up and any rate curve can be combined with any spread of arrivals.
//!
//! [`blocks()`] cuts the load of a cell into blocks, so that cells can be interleaved; put end to end the
//! blocks are exactly the load that was cut.

mod arrivals;
mod barrier;
mod blocks;
mod constant_arrival_rate;
mod constant_vus;
mod curve;
mod frame;
mod gaps;
mod open;
mod per_vu_iterations;
mod ramping_arrival_rate;
mod ramping_vus;
mod shared_iterations;
mod timeline;
mod vus;

pub use arrivals::{ArrivalTime, ArrivalTimes, Stripe};
pub use blocks::{Jobs, Load, Piece, RESERVED_JOBS, blocks, planned};
pub(crate) use blocks::{planned_in, whole};
pub use timeline::TimelineStep;
pub(crate) use timeline::timeline;
pub use vus::VusCurve;
