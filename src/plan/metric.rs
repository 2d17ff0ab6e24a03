//! The metrics that a threshold may name, what may be asked of each, and in which unit.

use super::Aggregate;

/// What a metric measures. It decides the metric's unit, its aggregates, and whether cells are summed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricKind {
    /// A distribution of durations.
    Time,
    /// A share of all attempts or jobs.
    Share,
    /// Something per second.
    PerSecond,
    /// A number of things.
    Count,
    /// A mean number of attempts for each job.
    Ratio,
    /// The most at once.
    Peak,
    /// Money.
    Cost,
}

/// The known metrics, one line each. How the samples of a time are read is a line in `metrics/metric.rs`;
/// which counts any other metric is made of, one in `judge/threshold/value.rs`.
pub const METRICS: [(&str, MetricKind); 17] = [
    ("ttft", MetricKind::Time),
    ("itl", MetricKind::Time),
    ("tpot", MetricKind::Time),
    ("first_byte", MetricKind::Time),
    ("response", MetricKind::Time),
    ("service", MetricKind::Time),
    ("lag", MetricKind::Time),
    ("error_rate", MetricKind::Share),
    ("throughput", MetricKind::PerSecond),
    ("goodput", MetricKind::PerSecond),
    ("tokens_per_s", MetricKind::PerSecond),
    ("attempts", MetricKind::Count),
    ("jobs", MetricKind::Count),
    ("dropped", MetricKind::Count),
    ("attempts_per_job", MetricKind::Ratio),
    ("in_flight", MetricKind::Peak),
    ("cost", MetricKind::Cost),
];

impl MetricKind {
    /// The kind of the metric of this name, in which `-` and `_` are alike.
    #[must_use]
    pub fn of(metric: &str) -> Option<Self> {
        let alike = |known: &str| metric.chars().map(|c| if c == '-' { '_' } else { c }).eq(known.chars());
        METRICS.into_iter().find(|(known, _)| alike(known)).map(|(_, kind)| kind)
    }

    /// Whether a threshold on it is judged once, over the sum of the selected cells. The sum of times,
    /// shares, ratios, rates or maxima would mean nothing.
    #[must_use]
    pub fn is_summed(self, aggregate: Aggregate) -> bool {
        match self {
            Self::Cost => true,
            Self::Count => aggregate != Aggregate::Rate,
            Self::Time | Self::Share | Self::PerSecond | Self::Ratio | Self::Peak => false,
        }
    }

    /// Whether a slow generator falsifies it: times, and what is counted per second.
    #[must_use]
    pub fn depends_on_load(self, aggregate: Aggregate) -> bool {
        match self {
            Self::Time | Self::PerSecond => true,
            Self::Count => aggregate == Aggregate::Rate,
            Self::Share | Self::Ratio | Self::Peak | Self::Cost => false,
        }
    }

    /// Whether this aggregate can be asked of it.
    #[must_use]
    pub fn has(self, aggregate: Aggregate) -> bool {
        use Aggregate as A;
        match self {
            Self::Time => matches!(aggregate, A::Percentile(_) | A::Avg | A::Min | A::Med | A::Max),
            Self::Share | Self::PerSecond => aggregate == A::Rate,
            Self::Count => aggregate == A::Count,
            Self::Ratio => matches!(aggregate, A::Total | A::Avg),
            Self::Peak => aggregate == A::Max,
            Self::Cost => aggregate == A::Total,
        }
    }

    /// Which aggregates it has, and an example.
    #[must_use]
    pub fn example(self) -> &'static str {
        match self {
            Self::Time => "p(N), avg, min, med or max, with a unit of time, such as \"p(99) < 1500ms\"",
            Self::Share => "rate, as a share, such as \"rate < 1%\"",
            Self::PerSecond => "rate, per second, such as \"rate > 50\" or \"rate > 50/s\"",
            Self::Count => "count, without a unit, such as \"count < 1000\"",
            Self::Ratio => "value or avg, without a unit, such as \"value < 1.2\"",
            Self::Peak => "max, without a unit, such as \"max <= 32\"",
            Self::Cost => "total, with a currency, such as \"total < 0.50 USD\"",
        }
    }
}

/// Fewest samples by default: three beyond the percentile, so 60 at p95 and 300 at p99; 1 for what is no
/// percentile.
#[must_use]
pub fn min_samples(aggregate: Aggregate) -> u64 {
    match aggregate {
        Aggregate::Percentile(percent) => {
            // The small difference takes back what 100 − 99.9 adds in binary.
            let wanted = (300.0 / (100.0 - percent) - 1e-6).ceil();
            (wanted.clamp(1.0, 1e9)) as u64
        }
        Aggregate::Med => 6,
        _ => 1,
    }
}
