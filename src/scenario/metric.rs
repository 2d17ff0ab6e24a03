//! The metrics that a threshold may name, what may be asked of each, and in which unit.

use crate::plan::Aggregate;

/// What a metric measures; decides its unit and its aggregates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Measure {
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

/// The known metrics.
pub(super) const METRICS: [(&str, Measure); 17] = [
    ("ttft", Measure::Time),
    ("itl", Measure::Time),
    ("tpot", Measure::Time),
    ("first_byte", Measure::Time),
    ("response", Measure::Time),
    ("service", Measure::Time),
    ("lag", Measure::Time),
    ("error_rate", Measure::Share),
    ("throughput", Measure::PerSecond),
    ("goodput", Measure::PerSecond),
    ("tokens_per_s", Measure::PerSecond),
    ("attempts", Measure::Count),
    ("jobs", Measure::Count),
    ("dropped", Measure::Count),
    ("attempts_per_job", Measure::Ratio),
    ("in_flight", Measure::Peak),
    ("cost", Measure::Cost),
];

impl Measure {
    /// Whether this aggregate can be asked of it.
    pub(super) fn has(self, aggregate: Aggregate) -> bool {
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
    pub(super) fn example(self) -> &'static str {
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
pub(super) fn min_samples(aggregate: Aggregate) -> u64 {
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
