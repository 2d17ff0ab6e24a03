//! `broken-no-backoff`: a refused attempt comes back at once.
//!
//! `while status == 429: status = await call()`: the retries of all jobs add to the load that is refused.

use crate::strategy::{Backoff, ProcessContext, Retry, RetryPolicy, Semaphore, Single, Strategy};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

// `[strategy.broken-no-backoff]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Parameters(pub Single);

impl crate::strategy::Parameters for Parameters {
    fn build(&self, retry: &Retry, _: &ProcessContext) -> Arc<dyn Strategy> {
        let policy = RetryPolicy::new(Retry { backoff: Backoff::None, ..retry.clone() });
        Arc::new(Semaphore::new(self.0.permits, policy))
    }

    fn cap(&self) -> Option<u32> {
        Some(self.0.permits)
    }

    fn bug(&self) -> Option<&'static str> {
        Some("retries without back-off")
    }
}
