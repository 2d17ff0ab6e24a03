//! Thresholds, the summary, the exit code.

mod assemble;
mod cost;
mod exit;
mod host;
mod observed;
mod reasons;
mod sums;
mod threshold;
mod validity;

pub use assemble::{Parts, assemble};
pub use cost::cost;
pub use exit::Exit;
pub use host::host;
pub use observed::Observed;
pub use reasons::{Grounds, exit_reasons};
pub use sums::{CellSums, sums};
pub use threshold::thresholds;
pub use validity::{fidelity_faults, validity};
