//! The metrics by name, and how many samples a percentile needs.

/// A duration measured once per chunk, attempt or job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Metric {
    /// From sent to the first content; of attempts with content, whatever became of them later.
    Ttft,
    /// From sent to the first byte of the answer; of attempts that had one.
    FirstByte,
    /// Between two content chunks; of all streams.
    Itl,
    /// From the first to the last content chunk, per token after the first, by the provider's usage; of
    /// streams with at least two chunks and two tokens.
    Tpot,
    /// From sent to done; of all attempts that were sent, failed ones too.
    Service,
    /// From due to done; of all jobs, waits, retries and failed jobs included.
    Response,
    /// From due to sent; of all attempts that were sent.
    Lag,
}

impl Metric {
    /// All, in the order of reports.
    pub const ALL: [Self; 7] =
        [Self::Ttft, Self::FirstByte, Self::Itl, Self::Tpot, Self::Service, Self::Response, Self::Lag];

    /// The name in scenarios and summaries.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ttft => "ttft",
            Self::FirstByte => "first-byte",
            Self::Itl => "itl",
            Self::Tpot => "tpot",
            Self::Service => "service",
            Self::Response => "response",
            Self::Lag => "lag",
        }
    }

    /// The metric of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|metric| metric.name() == name)
    }
}

/// How many samples the quantile `q` (0 to 1) needs before it is shown: three beyond it, so 30 for p90, 60
/// for p95, 300 for p99 and 3,000 for p99.9; two for the median and below.
#[must_use]
pub fn samples_needed(q: f64) -> u64 {
    if q <= 0.5 {
        return 2;
    }
    if q >= 1.0 {
        return 1;
    }
    // Rounded first: 1 - 0.9 is a little less than 0.1 in binary.
    let needed = (3.0 / (1.0 - q) * 1e6).round() / 1e6;
    needed.ceil() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_needs_three_samples_beyond_it() {
        let table = [(0.5, 2), (0.9, 30), (0.95, 60), (0.99, 300), (0.999, 3000), (0.75, 12), (1.0, 1)];
        for (q, needed) in table {
            assert_eq!(samples_needed(q), needed, "{q}");
        }
    }

    #[test]
    fn every_name_leads_back() {
        for metric in Metric::ALL {
            assert_eq!(Metric::from_name(metric.name()), Some(metric));
        }
        assert_eq!(Metric::from_name("speed"), None);
    }
}
