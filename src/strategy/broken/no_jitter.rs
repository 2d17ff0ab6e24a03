//! `broken-no-jitter`: all refused attempts come back after the same wait.
//!
//! `await sleep(2 ** n)`: jobs that were refused together come back together, and are refused again.

use crate::strategy::{Backoff, Jitter, ProcessContext, Retry, RetryPolicy, Semaphore, Single, Strategy};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

// `[strategy.broken-no-jitter]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Parameters(pub Single);

impl crate::strategy::Parameters for Parameters {
    fn build(&self, retry: &Retry, _: &ProcessContext) -> Arc<dyn Strategy> {
        let mut retry = retry.clone();
        if let Backoff::Fixed { jitter, .. } | Backoff::Exponential { jitter, .. } = &mut retry.backoff {
            *jitter = Jitter::None;
        }
        Arc::new(Semaphore::new(self.0.permits, RetryPolicy::new(retry)))
    }

    fn cap(&self) -> Option<u32> {
        Some(self.0.permits)
    }

    fn bug(&self) -> Option<&'static str> {
        Some("back-off without jitter")
    }
}
