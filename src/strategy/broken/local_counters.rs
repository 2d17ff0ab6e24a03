//! `broken-local-counters`: every process counts for itself, and one count is taken for the sum.
//!
//! `total += usage` at module level, and then several workers: the total that is reported is that of one of
//! them. The strategy is a right semaphore; the bug is which counts are taken for the total.

use super::Spread;
use crate::strategy::{Counters, ProcessContext, Retry, RetryPolicy, Semaphore, Strategy};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

// `[strategy.broken-local-counters]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Parameters(pub Spread);

impl crate::strategy::Parameters for Parameters {
    fn build(&self, retry: &Retry, process: &ProcessContext) -> Arc<dyn Strategy> {
        let permits = process.share(self.0.permits, self.0.processes);
        Arc::new(Semaphore::new(permits, RetryPolicy::new(retry.clone())))
    }

    fn cap(&self) -> Option<u32> {
        Some(self.0.permits)
    }

    fn bug(&self) -> Option<&'static str> {
        Some("process-local counters")
    }

    fn processes(&self) -> u32 {
        self.0.processes
    }

    fn counters(&self) -> Counters {
        Counters::Local
    }
}
