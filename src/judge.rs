//! Thresholds, the summary, the exit code.

mod assemble;
mod audited;
mod baseline;
mod evidence;
mod findings;
mod host;
mod observed;
mod reasons;
mod threshold;
mod validity;

pub use assemble::{Parts, assemble};
pub use audited::{Audited, audited};
pub use baseline::{BASELINE, Baseline, baseline_faults};
pub use evidence::{judge, judge_and_draw, summarise};
pub use findings::Hunted;
pub use host::{here, host, machines};
pub use observed::Observed;
pub use reasons::{ExitInput, exit_reasons};
pub use threshold::thresholds;
pub use validity::{fidelity_faults, validity};
