//! Timeouts, thresholds, and what the run may and must do.

use crate::units::Money;
use std::collections::BTreeMap;
use std::time::Duration;

/// When an attempt is given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// To open a connection.
    pub connect: Duration,
    /// From sent to the first byte of the answer.
    pub first_byte: Duration,
    /// Between two reads of a body.
    pub idle: Duration,
    /// From sent to done.
    pub total: Duration,
}

/// One line under `[thresholds]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Threshold {
    /// The metric's name, without filters.
    pub metric: String,
    /// Only these tags, such as `target` → `mock`.
    pub filters: BTreeMap<String, String>,
    /// The aggregate compared.
    pub aggregate: Aggregate,
    /// How it is compared.
    pub comparison: Comparison,
    /// With what.
    pub bound: Bound,
    /// As the file has it: `ttft{target=mock}: p(99) < 1500ms`.
    pub text: String,
    /// Fewest samples for a verdict.
    pub min_samples: u64,
}

/// With what an aggregate is compared.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Bound {
    /// A value in the metric's base unit: nanoseconds, a ratio, a count, 10⁻¹² of the currency.
    Value(f64),
    /// The same aggregate of the baseline, and this share of it on top; negative for less.
    Baseline(f64),
}

/// An aggregate of a metric.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Aggregate {
    /// `p(95)`, in percent.
    Percentile(f64),
    /// `avg`.
    Avg,
    /// `min`.
    Min,
    /// `med`.
    Med,
    /// `max`.
    Max,
    /// `rate`: a share of all, or per second.
    Rate,
    /// `count`.
    Count,
    /// `total` or `value`.
    Total,
}

/// A comparison of a threshold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `<`
    Less,
    /// `<=`
    LessEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterEqual,
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
}

/// What the run may spend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BudgetPlan {
    /// Most money, over the whole run.
    pub max_cost: Option<Money>,
    /// Most requests, over the whole run.
    pub max_requests: Option<u64>,
    /// Most tokens, over the whole run.
    pub max_tokens: Option<u64>,
}

/// What the client promises. What is not declared is not judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declared {
    /// Most attempts in flight at one target; `None` judges a strategy only by its own number of permits.
    pub concurrency: Option<u32>,
    /// Longest time without any event while work is pending.
    pub progress: Duration,
}

/// Which answers count as good; `None` asks nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Slo {
    /// Most time to first token.
    pub ttft: Option<Duration>,
    /// Most time from due to done.
    pub response: Option<Duration>,
}

/// What the measurement must reach; beyond it the run is *load invalid*.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FidelityBudget {
    /// Most client minus ledger at the 99th percentile of TTFT; of the whole attempt where nothing streams.
    pub ttft_error_p99: Duration,
    /// Most lag at the 99th percentile, for open profiles.
    pub lag_p99: Duration,
    /// Least share of the offered load that was achieved, for open profiles.
    pub achieved: f64,
    /// Most CPU used by the engine's busiest thread, as a share of one core.
    pub cpu: f64,
}
