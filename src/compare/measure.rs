//! What is measured per run, and compared pair by pair.

use super::family::Series;
use crate::summary::{CounterRow, MetricRow, Summary};
use crate::units::Currency;
use std::fmt;
use std::str::FromStr;

/// Differences of error rates below this are no regression: one in a hundred, whatever the floor of the
/// others.
pub const POINTS: f64 = 0.01;

/// Fewest samples behind a percentile for it to be compared: ten of them beyond it.
const BEYOND: f64 = 10.0;

const KNOWN: &str = "write METRIC.POINT, such as ttft.p50 or response.p95 (metrics: ttft, itl, tpot, \
    first-byte, response, \
    service; points: p50, p90, p95, p99, p999, mean), or error-rate, cost-per-job, tokens-per-job, \
    attempts-per-job";

/// A figure of one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Measure {
    /// A point of a distribution of times, compared as a ratio.
    Time {
        /// `ttft`, `response`, …
        metric: String,
        /// `p50`, …, `mean`.
        point: Point,
    },
    /// Attempts that did not end well, of all; compared as a difference.
    ErrorRate,
    /// What was paid per job begun, compared as a ratio.
    CostPerJob,
    /// Attempts per job begun, compared as a ratio.
    AttemptsPerJob,
    /// Tokens billed per job begun (what the client was told of, without a ledger), compared as a ratio.
    TokensPerJob,
}

/// A point of a distribution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Point {
    P50,
    P90,
    P95,
    P99,
    P999,
    Mean,
}

const POINTS_NAMED: [(&str, Point, f64); 6] = [
    ("p50", Point::P50, 0.5),
    ("p90", Point::P90, 0.9),
    ("p95", Point::P95, 0.95),
    ("p99", Point::P99, 0.99),
    ("p999", Point::P999, 0.999),
    ("mean", Point::Mean, 0.0),
];

const METRICS: [&str; 6] = ["ttft", "itl", "tpot", "first-byte", "response", "service"];

impl FromStr for Measure {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "error-rate" => return Ok(Self::ErrorRate),
            "cost-per-job" => return Ok(Self::CostPerJob),
            "attempts-per-job" => return Ok(Self::AttemptsPerJob),
            "tokens-per-job" => return Ok(Self::TokensPerJob),
            _ => {}
        }
        let (metric, point) = text.split_once('.').ok_or(KNOWN)?;
        let metric = METRICS.into_iter().find(|known| *known == metric).ok_or(KNOWN)?;
        let (_, point, _) = POINTS_NAMED.into_iter().find(|(name, ..)| *name == point).ok_or(KNOWN)?;
        Ok(Self::Time { metric: metric.to_owned(), point })
    }
}

impl fmt::Display for Measure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ErrorRate => out.write_str("error-rate"),
            Self::CostPerJob => out.write_str("cost-per-job"),
            Self::AttemptsPerJob => out.write_str("attempts-per-job"),
            Self::TokensPerJob => out.write_str("tokens-per-job"),
            Self::Time { metric, point } => {
                let name =
                    POINTS_NAMED.iter().find(|(_, known, _)| known == point).map_or("", |(name, ..)| name);
                write!(out, "{metric}.{name}")
            }
        }
    }
}

impl Measure {
    /// The family that is judged if none is declared: small, because each further member costs power. What is
    /// bought is judged once: by its cost in cells with a price, by its tokens in those without.
    #[must_use]
    pub fn usual() -> Vec<Self> {
        let time = |metric: &str, point| Self::Time { metric: metric.to_owned(), point };
        vec![
            time("ttft", Point::P50),
            time("response", Point::P50),
            time("response", Point::P95),
            Self::ErrorRate,
            Self::CostPerJob,
            Self::TokensPerJob,
            Self::AttemptsPerJob,
        ]
    }

    /// Whether another of the [`usual`](Self::usual) measures says the same in this cell.
    pub(super) fn is_spared(&self, run: &Summary, target: &str, strategy: &str) -> bool {
        *self == Self::TokensPerJob && Self::CostPerJob.of(run, target, strategy).is_some()
    }

    /// What it is counted in, in one cell of a run: money has the run's currency.
    #[must_use]
    pub fn unit(&self, run: &Summary, target: &str, strategy: &str) -> String {
        let name = match self {
            Self::Time { .. } => "ms",
            Self::ErrorRate => "share",
            Self::CostPerJob => {
                return spent(run, target, strategy)
                    .map_or_else(|| "money".to_owned(), |(_, currency)| currency.to_string());
            }
            Self::AttemptsPerJob => "attempts",
            Self::TokensPerJob => "tokens",
        };
        name.to_owned()
    }

    /// Its value in one cell of a run; the error says why there is none. `None` if the cell has nothing of
    /// the kind, as answers in one piece have no gaps between chunks.
    pub fn of(&self, run: &Summary, target: &str, strategy: &str) -> Option<Result<f64, String>> {
        let counters = run.counters.iter().find(|row| row.target == target && row.strategy == strategy);
        let ratio = |pick: &dyn Fn(&CounterRow) -> (u64, u64)| {
            counters.map(pick).filter(|(_, of)| *of > 0).map(|(some, of)| Ok(some as f64 / of as f64))
        };
        match self {
            Self::ErrorRate => ratio(&|row| (row.attempts.saturating_sub(row.attempts_ok), row.attempts)),
            Self::CostPerJob => {
                let jobs = counters.map(|row| row.jobs).filter(|jobs| *jobs > 0)?;
                let (paid, _) = spent(run, target, strategy)?;
                Some(Ok(paid / jobs as f64))
            }
            Self::AttemptsPerJob => ratio(&|row| (row.attempts, row.jobs)),
            Self::TokensPerJob => ratio(&|row| {
                let told = row.tokens.client_prompt + row.tokens.client_completion;
                (row.tokens.billed.unwrap_or(told), row.jobs)
            }),
            Self::Time { metric, point } => {
                let of_cell = |row: &&MetricRow| {
                    row.target == target && row.strategy == strategy && row.metric == *metric
                };
                let row = run.metrics.iter().find(of_cell).filter(|row| row.count > 0)?;
                Some(value(row, *point))
            }
        }
    }

    /// The paired differences of its values, with the floor on their scale.
    #[must_use]
    pub fn series(&self, pairs: &[(f64, f64)], floor: f64) -> Series {
        match self {
            Self::ErrorRate => {
                let differences = pairs.iter().map(|(base, new)| new - base).collect();
                Series { differences, floor: POINTS }
            }
            // Nothing takes no time, and what is free has no ratio: half the finest step keeps it finite.
            _ => {
                let half = if *self == Self::CostPerJob { 5e-13 } else { 5e-7 };
                let least = |value: f64| value.max(half);
                let log = |(base, new): &(f64, f64)| (least(*new) / least(*base)).ln();
                Series { differences: pairs.iter().map(log).collect(), floor: floor.ln_1p() }
            }
        }
    }

    /// A difference of [`series`](Self::series) as a share of BASE, or in points.
    #[must_use]
    pub fn effect(&self, difference: f64) -> f64 {
        match self {
            Self::ErrorRate => difference,
            _ => difference.exp_m1(),
        }
    }
}

/// What a cell cost, in units of its currency.
fn spent(run: &Summary, target: &str, strategy: &str) -> Option<(f64, Currency)> {
    let row = run.cost.iter().find(|row| row.target == target && row.strategy == strategy)?;
    let paid = row.paid()?;
    Some((paid.pico as f64 / 1e12, paid.currency))
}

fn value(row: &MetricRow, point: Point) -> Result<f64, String> {
    let quantile = POINTS_NAMED.iter().find(|(_, known, _)| *known == point).map_or(0.0, |(.., q)| *q);
    let beyond = row.count as f64 * (1.0 - quantile);
    if beyond < BEYOND && point != Point::P50 {
        let needed = (BEYOND / (1.0 - quantile)).round();
        return Err(format!(
            "{} samples a run, and {needed} are needed to compare this percentile",
            row.count
        ));
    }
    let value = match point {
        Point::Mean => Some(row.mean),
        Point::P50 => row.p50,
        Point::P90 => row.p90,
        Point::P95 => row.p95,
        Point::P99 => row.p99,
        Point::P999 => row.p999,
    };
    value.filter(|value| value.is_finite()).ok_or_else(|| format!("too few samples: {}", row.count))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        let counts = ["error-rate", "cost-per-job", "tokens-per-job", "attempts-per-job"];
        for name in ["ttft.p50", "response.p999", "first-byte.mean"].into_iter().chain(counts) {
            assert_eq!(name.parse::<Measure>().map(|measure| measure.to_string()).as_deref(), Ok(name));
        }
        for wrong in ["ttft", "ttft.p42", "lag.p50", "", "."] {
            assert!(wrong.parse::<Measure>().is_err_and(|error| error.contains("ttft.p50")), "{wrong}");
        }
    }

    #[test]
    fn swapped_arms_flip_the_sign() {
        for measure in Measure::usual() {
            let (there, back) = (measure.series(&[(0.2, 0.3)], 0.05), measure.series(&[(0.3, 0.2)], 0.05));
            assert!((there.differences[0] + back.differences[0]).abs() < 1e-12);
        }
    }
}
