//! `broken-local-limit`: every process has the whole limit for itself.
//!
//! `semaphore = Semaphore(10)` at module level, and then four workers: forty calls at once.

use super::Spread;
use crate::strategy::{ProcessContext, Retry, RetryPolicy, Semaphore, Strategy};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

// `[strategy.broken-local-limit]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Parameters(pub Spread);

impl crate::strategy::Parameters for Parameters {
    fn build(&self, retry: &Retry, _: &ProcessContext) -> Arc<dyn Strategy> {
        Arc::new(Semaphore::new(self.0.permits, RetryPolicy::new(retry.clone())))
    }

    fn cap(&self) -> Option<u32> {
        Some(self.0.permits)
    }

    fn bug(&self) -> Option<&'static str> {
        Some("process-local limit")
    }

    fn processes(&self) -> u32 {
        self.0.processes
    }
}
