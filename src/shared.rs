//! Everything two tasks may touch at once: small synchronous structs on [`crate::sync`].
//!
//! What a strategy decides, it decides here, under a lock that is never held across a wait; the async
//! shell around it only waits. So loom can check the very code that the engine runs: each struct has a
//! `tests/loom_*.rs` with the real struct, which must pass, and planted bugs, which loom must catch.

mod budget;
mod permits;
mod progress;
mod tally;
mod totals;

pub use budget::{Budget, Caps, Charge};
pub use permits::{Acquired, Permits, Ticket};
pub use progress::{Progress, Snapshot};
pub use tally::{Numbers, Tally};
pub use totals::Totals;
