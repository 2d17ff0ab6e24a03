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

pub use hands::{
    Answer, Blocking, Booked, Books, Call, Hands, Lease, LocalFuture, Strategy, Task, Unlock, Usage,
};
pub use permit::{Permit, PermitQueue};
pub use retry::{Decision, RetryPolicy, drive, send};
pub use semaphore::Semaphore;
pub use unbounded::Unbounded;

use crate::scenario::{Retry, StrategyPlan, Way};
use std::sync::Arc;

/// Where a strategy finds itself.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// Prefix of every key in Redis: no other cell of any run has it.
    pub prefix: String,
    /// Which of the strategy's processes this is, from 0.
    pub process: u32,
    /// Seeds what it draws.
    pub seed: u64,
}

impl Default for Surroundings {
    fn default() -> Self {
        Self { prefix: "deadheat:".to_owned(), process: 0, seed: 0 }
    }
}

/// This process's share of `n` permits, threads or the like: the first processes get one more.
#[must_use]
pub fn share(n: u32, process: u32, processes: u32) -> u32 {
    n / processes + u32::from(process < n % processes)
}

/// The strategy that the plan names, with the plan's retry policy beside it.
#[must_use]
pub fn build(plan: &StrategyPlan, retry: &Retry, around: &Surroundings) -> Arc<dyn Strategy> {
    let retry = RetryPolicy::new(retry.clone());
    let share = |n| share(n, around.process, plan.processes);
    match &plan.way {
        Way::Semaphore { permits } => Arc::new(Semaphore::new(share(*permits), retry)),
        _ => Arc::new(Unbounded::new(retry)),
    }
}
