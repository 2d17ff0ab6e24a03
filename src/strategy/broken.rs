//! Broken twins: each of these strategies has one planted bug, as people write it.
//!
//! They are here to be found. A checker that was never shown a bug proves nothing, and a team that sees
//! which rule its own way of calling breaks knows what to mend.

pub(super) mod abort_on_error;
pub(super) mod budget;
pub(super) mod cache;
pub(super) mod counter;
pub(super) mod ignores_retry_after;
pub(super) mod local_counters;
pub(super) mod local_limit;
pub(super) mod lock_counter_only;
pub(super) mod lock_release;
pub(super) mod lock_unfenced;
pub(super) mod no_backoff;
pub(super) mod no_idempotency_key;
pub(super) mod no_jitter;
pub(super) mod permit_leak;
pub(super) mod result_order;
pub(super) mod retry_in_permit;
pub(super) mod totals;

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

use super::parameters::{Missing, check_share, check_ttl, is_one, one, ten, thirty_seconds};
use super::{Problem, Redis};
use crate::units::text::{Span, span};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Attempts at once, in several processes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spread {
    /// Attempts at once.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub permits: u32,
    /// Over how many processes it is spread.
    #[schemars(range(min = 2, max = 64))]
    pub processes: u32,
}

/// A lock in Redis.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Lock {
    /// "spawn" starts a private redis-server; else the URL of your own, `redis://` or `rediss://`, with
    /// `${VARIABLE}` for its password.
    #[serde(default)]
    #[schemars(with = "String", extend("format" = "deadheat-url"))]
    pub redis: Redis,
    /// How long a lock lasts that is not renewed.
    #[serde(default = "thirty_seconds", with = "span")]
    #[schemars(with = "Span")]
    pub ttl: Duration,
    /// Attempts at once, over all processes.
    #[serde(default = "ten")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub permits: u32,
    /// Over how many processes it is spread.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    #[schemars(range(min = 1, max = 64))]
    pub processes: u32,
}

impl Lock {
    fn check(&self) -> Vec<Problem> {
        let permits = check_share("permits", self.permits.into(), 1, self.processes);
        check_ttl(self.ttl).into_iter().chain(permits).collect()
    }
}

/// Why a twin has no parameter `key` although others have it.
pub(super) fn without(key: &str) -> Option<Missing> {
    match key {
        "processes" => Some((
            "one process is enough for its bug",
            "leave it out; the twins for several processes are broken-local-limit, broken-local-counters and \
             those with a lock",
        )),
        "counters" => Some((
            "a twin has one bug, and it has another",
            "leave it out; the twin with local counters is broken-local-counters",
        )),
        _ => None,
    }
}
