//! `[[nemesis]]` and `optimise`.

use crate::units::text::Span;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Something that goes wrong around a client that holds a lock.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct Nemesis {
    /// What: `kind.pause-holder = { for = "600ms" }`.
    pub(in crate::scenario) kind: NemesisKind,
    /// At which acquisition of a lock in each cell, from 1.
    #[serde(default = "first")]
    #[schemars(range(min = 1, max = 1_000_000_000))]
    pub(in crate::scenario) acquisition: u64,
    /// Only with this strategy (default: with every one that holds locks).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::scenario) strategy: Option<String>,
}

/// What goes wrong around a holder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(in crate::scenario) enum NemesisKind {
    /// Its process is stopped right after it acquired the lock: `kind.pause-holder = { for = "600ms" }`.
    PauseHolder {
        /// For how long.
        r#for: Span,
    },
    /// Its process is killed right after it acquired the lock: `kind.kill-holder = {}`.
    KillHolder {},
    /// Redis is killed and started again, empty: `kind.restart-redis = {}`.
    RestartRedis {},
    /// The answer to its unlock is lost: `kind.lose-unlock = {}`.
    LoseUnlock {},
}

/// By what strategies are ranked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(in crate::scenario) enum Optimise {
    /// Most good jobs per second.
    #[default]
    Goodput,
    /// Least response at the 99th percentile.
    P99,
    /// Least cost per good job.
    Cost,
}

fn first() -> u64 {
    1
}
