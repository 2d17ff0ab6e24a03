//! Broken twins: each of these strategies has one planted bug, as people write it.
//!
//! They are here to be found. A checker that was never shown a bug proves nothing, and a team that sees
//! which rule its own way of calling breaks knows what to mend.

mod abort_on_error;
mod budget;
mod cache;
mod counter;
mod lock_counter_only;
mod no_idempotency_key;
mod permit_leak;
mod result_order;
mod retry_in_permit;
mod totals;

pub use abort_on_error::AbortOnError;
pub use budget::CheckedBudget;
pub use cache::CheckedCache;
pub use counter::StaleCounter;
pub use lock_counter_only::LockedCounter;
pub use no_idempotency_key::FreshKeys;
pub use permit_leak::LeakyPermit;
pub use result_order::CompletionOrder;
pub use retry_in_permit::NestedPermit;
pub use totals::UnlockedTotals;
