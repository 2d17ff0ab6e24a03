//! `broken-ignores-retry-after`: `Retry-After` is not read.
//!
//! A client that waits by its own schedule comes back before the provider has said it may, and is refused
//! again.

use crate::strategy::{ProcessContext, Retry, RetryPolicy, Semaphore, Single, Strategy};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

// `[strategy.broken-ignores-retry-after]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Parameters(pub Single);

impl crate::strategy::Parameters for Parameters {
    fn build(&self, retry: &Retry, _: &ProcessContext) -> Arc<dyn Strategy> {
        let policy = RetryPolicy::new(Retry { respect_retry_after: false, ..retry.clone() });
        Arc::new(Semaphore::new(self.0.permits, policy))
    }

    fn cap(&self) -> Option<u32> {
        Some(self.0.permits)
    }

    fn bug(&self) -> Option<&'static str> {
        Some("Retry-After ignored")
    }
}
