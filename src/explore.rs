//! Hunts for the schedule under which a client breaks a rule, makes it small, says why, and says what a clean
//! pass is worth.
//!
//! Pure: it knows a [`Subject`] and nothing of engines, providers or clocks. Calm runs tell which requests
//! there are and which of them cause which; sweeps that have an end come next, each stall, each pair, each
//! fault; then random orders until the budget ends. What breaks is shrunk and shown again, with its schedule
//! and without.

mod calm;
mod cause;
mod family;
mod finding;
mod hunt;
mod lives;
mod order;
mod plan;
mod replay;
mod runner;
mod seen;
mod shrink;
mod subject;
mod sweep;
mod terms;

pub use cause::{Cause, Consequence};
pub use family::Family;
pub use finding::{FINDING_VERSION, Finding, FindingError, Found, Origin};
pub use hunt::{Report, explore};
pub use replay::{Replayed, replay};
pub use subject::{Entry, Line, Subject, Trial};
pub use terms::{HuntBudget, HuntConfig, alphabet, alphabet_for};
