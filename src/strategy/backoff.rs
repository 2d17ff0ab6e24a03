//! How long a client waits before the next attempt.

use crate::units::text::{Span, span};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How long to wait before the next attempt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Backoff {
    /// Not at all: `"none"`.
    None,
    /// Always this long: `{ fixed = { wait = "1s" } }`.
    Fixed {
        /// The wait.
        #[serde(with = "span")]
        #[schemars(with = "Span")]
        wait: Duration,
        /// How it is spread.
        #[serde(default)]
        jitter: Jitter,
    },
    /// Doubling: `{ exponential = { base = "500ms", cap = "8s", jitter = "full" } }`.
    Exponential {
        /// The first wait.
        #[serde(with = "span")]
        #[schemars(with = "Span")]
        base: Duration,
        /// The longest wait.
        #[serde(with = "span")]
        #[schemars(with = "Span")]
        cap: Duration,
        /// How it is spread.
        #[serde(default)]
        jitter: Jitter,
    },
}

impl Default for Backoff {
    fn default() -> Self {
        let (base, cap) = (Duration::from_millis(500), Duration::from_secs(8));
        Self::Exponential { base, cap, jitter: Jitter::Full }
    }
}

/// How a wait is spread, so that clients do not come back together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Jitter {
    /// Exactly the wait.
    None,
    /// Anything from zero to the wait.
    #[default]
    Full,
    /// Half of the wait, plus anything up to the other half.
    Equal,
    /// Anything from `base` to three times the previous wait, capped.
    Decorrelated,
}

/// The wait after attempt `n`, before the provider's hint is looked at.
pub(super) fn wait_after(backoff: &Backoff, n: u32, previous: Duration, draw: f64) -> Duration {
    match *backoff {
        Backoff::None => Duration::ZERO,
        Backoff::Fixed { wait, jitter } => spread(jitter, wait, wait, wait, previous, draw),
        Backoff::Exponential { base, cap, jitter } => {
            let doubled = base.saturating_mul(1u32.checked_shl(n - 1).unwrap_or(u32::MAX)).min(cap);
            spread(jitter, doubled, base, cap, previous, draw)
        }
    }
}

/// Spreads `wait` by `jitter`. Decorrelated jitter follows M. Brooker, "Exponential Backoff and Jitter".
fn spread(
    jitter: Jitter,
    wait: Duration,
    base: Duration,
    cap: Duration,
    previous: Duration,
    draw: f64,
) -> Duration {
    match jitter {
        Jitter::None => wait,
        Jitter::Full => wait.mul_f64(draw),
        Jitter::Equal => wait / 2 + (wait / 2).mul_f64(draw),
        Jitter::Decorrelated => {
            let most = previous.max(base).saturating_mul(3).min(cap).max(base);
            base + (most - base).mul_f64(draw)
        }
    }
}
