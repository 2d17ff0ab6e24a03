//! Everything two tasks may touch at once: small synchronous structs on `crate::sync`.
//!
//! What a strategy decides, it decides here, under a lock that is never held across a wait; the async
//! shell around it only waits. So loom can check the very code that the engine runs: each struct has a
//! `tests/loom/*.rs` with the real struct, which must pass, and planted bugs, which loom must catch.

mod breaker;
mod bucket;
mod budget;
mod drain;
mod fence;
mod flights;
mod keys;
mod limit;
mod lock_server;
mod permits;
mod progress;
mod results;
mod retry_budget;
mod slot;
mod tally;
mod totals;

pub use breaker::{Admission, Breaker, Pass};
pub use bucket::RateBucket;
pub use budget::{Budget, Caps, Charge};
pub use drain::Queue;
pub use fence::Fence;
pub use flights::{Flights, Joined, Ticket as FlightTicket, Woken};
pub use keys::{KeyError, Keys};
pub use limit::{AdaptiveLimit, LoadSignal, Rule, Sample};
pub use lock_server::{Absence, LockServer};
pub use permits::{Acquired, PermitPool, Ticket};
pub use progress::{BlockBegun, Progress, Snapshot};
pub use results::Results;
pub use retry_budget::RetryBudget;
pub use slot::Slot;
pub use tally::{Numbers, Tally};
pub use totals::Totals;
