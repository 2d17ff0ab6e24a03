//! The metrics by name, and how many samples a percentile needs.

use super::gaps::ClientGapFold;
use hdrhistogram::Histogram;

/// The moments of an attempt, in nanoseconds since the run's epoch.
#[derive(Debug, Clone, Copy)]
pub struct AttemptTimes {
    /// When its job was due, or its wait before a retry was over.
    pub due_ns: u64,
    /// When it was sent, if it was.
    pub sent_ns: Option<u64>,
    /// When the first byte of its answer came.
    pub first_byte_ns: Option<u64>,
    /// When the first content came.
    pub first_content_ns: Option<u64>,
    /// When it was over.
    pub done_ns: u64,
}

/// Where the samples of a metric come from.
pub(super) enum Samples {
    /// Each attempt gives one, or none.
    Attempts(fn(AttemptTimes) -> Option<u64>),
    /// Each job gives one: from the moments when it was due and done.
    Jobs(fn(u64, u64) -> u64),
    /// They are folded per cell while the files are read, from the gaps between chunks.
    Gaps(fn(&ClientGapFold) -> &[Histogram<u64>]),
}

/// Makes [`Metric`] from one entry for each: what is measured, its name here and in files, and its samples.
macro_rules! metrics {
    ($($(#[doc = $what:literal])+ $metric:ident = $name:literal: $samples:expr;)*) => {
        /// A duration measured once per chunk, attempt or job.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Metric {
            $($(#[doc = $what])+ $metric,)*
        }

        impl Metric {
            /// All, in the order of reports.
            pub const ALL: [Self; [$($name),*].len()] = [$(Self::$metric),*];

            /// The name in scenarios and summaries.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$metric => $name,)*
                }
            }

            /// Where its samples come from.
            pub(super) fn samples(self) -> Samples {
                match self {
                    $(Self::$metric => $samples,)*
                }
            }
        }
    };
}

// In the order of reports. Which aggregates thresholds may ask of each is a line in `plan/metric.rs`.
metrics! {
    /// From sent to the first content; of attempts with content, whatever became of them later.
    Ttft = "ttft": Samples::Attempts(|at| since(at.sent_ns?, at.first_content_ns?));
    /// From sent to the first byte of the answer; of attempts that had one.
    FirstByte = "first-byte": Samples::Attempts(|at| since(at.sent_ns?, at.first_byte_ns?));
    /// Between two content chunks; of all streams.
    Itl = "itl": Samples::Gaps(|gaps| &gaps.itl);
    /// From the first to the last content chunk, per token after the first, by the provider's usage; of
    /// streams with at least two chunks and two tokens.
    Tpot = "tpot": Samples::Gaps(|gaps| &gaps.tpot);
    /// From sent to done; of all attempts that were sent, failed ones too.
    Service = "service": Samples::Attempts(|at| since(at.sent_ns?, at.done_ns));
    /// From due to done; of all jobs, waits, retries and failed jobs included.
    Response = "response": Samples::Jobs(|due_ns, done_ns| done_ns.saturating_sub(due_ns));
    /// From due to sent; of all attempts that were sent.
    Lag = "lag": Samples::Attempts(|at| since(at.due_ns, at.sent_ns?));
}

fn since(from_ns: u64, until_ns: u64) -> Option<u64> {
    Some(until_ns.saturating_sub(from_ns))
}

impl Metric {
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
