//! The concurrency strategies under test, and the retry policy beside them.
//!
//! A strategy turns a job into attempts. It decides with the synchronous structs of `shared/` and waits
//! through [`Hands`], which the engine implements; it never touches a clock or a socket itself.

mod hands;
mod permit;
pub mod redis;
mod retry;
mod semaphore;
mod unbounded;

pub use hands::{Answer, Hands, LocalFuture, Strategy, Task, Usage};
pub use permit::{Permit, PermitQueue};
pub use retry::{Decision, RetryPolicy, drive, send};
pub use semaphore::Semaphore;
pub use unbounded::Unbounded;

use crate::scenario::{Retry, StrategyPlan};
use std::sync::Arc;

/// The strategy that the plan names, with the plan's retry policy beside it.
#[must_use]
pub fn build(plan: &StrategyPlan, retry: &Retry) -> Arc<dyn Strategy> {
    let retry = RetryPolicy::new(retry.clone());
    match plan {
        StrategyPlan::Unbounded => Arc::new(Unbounded::new(retry)),
        StrategyPlan::Semaphore { permits } => Arc::new(Semaphore::new(*permits, retry)),
    }
}
