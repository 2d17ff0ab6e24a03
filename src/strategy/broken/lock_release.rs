//! `broken-lock-release`: a lock that is released without a look at its owner.
//!
//! `finally: redis.delete(lock)`: a holder whose lock has run out deletes the lock of the next one.

use super::Lock;
use crate::strategy::{Problem, ProcessContext, Redis, RedisLock, Retry, RetryPolicy, Strategy};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;

// `[strategy.broken-lock-release]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Parameters(pub Lock);

impl crate::strategy::Parameters for Parameters {
    fn build(&self, retry: &Retry, process: &ProcessContext) -> Arc<dyn Strategy> {
        let permits = process.share(self.0.permits, self.0.processes);
        let policy = RetryPolicy::new(retry.clone());
        let right = RedisLock::new(process.redis(), &process.prefix, self.0.ttl, permits, policy);
        Arc::new(right.release_unchecked())
    }

    fn cap(&self) -> Option<u32> {
        Some(self.0.permits)
    }

    fn bug(&self) -> Option<&'static str> {
        Some("lock released without owner check")
    }

    fn processes(&self) -> u32 {
        self.0.processes
    }

    fn shares_answers(&self) -> bool {
        true
    }

    fn lock_ttl(&self) -> Option<Duration> {
        Some(self.0.ttl)
    }

    fn redis(&self) -> Option<&Redis> {
        Some(&self.0.redis)
    }

    fn redis_mut(&mut self) -> Option<&mut Redis> {
        Some(&mut self.0.redis)
    }

    fn check(&self) -> Vec<Problem> {
        self.0.check()
    }
}
