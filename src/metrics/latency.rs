//! Histograms of one cell, and their rows in the summary.

use super::histogram::{hdr_blob, new_histogram, percentile, record};
use super::{Gaps, Metric};
use crate::history::{Evidence, JobId, JobRow};
use crate::summary::MetricRow;
use hdrhistogram::Histogram;

/// Nanoseconds in a millisecond.
const NS_PER_MS: f64 = 1e6;

/// The histograms of one cell, in the order of [`Metric::ALL`].
pub(super) type Histograms = [Histogram<u64>; Metric::ALL.len()];

/// Fills the histograms of every cell. Warm-ups are left out.
pub(super) fn histograms(cells: usize, evidence: &Evidence, gaps: &Gaps) -> Vec<Histograms> {
    let mut all: Vec<Histograms> = (0..cells).map(|_| std::array::from_fn(|_| new_histogram())).collect();
    let zipped = all.iter_mut().zip(gaps.client.itl.iter().zip(&gaps.client.tpot));
    for (cell, (itl, tpot)) in zipped {
        cell[Metric::Itl as usize].clone_from(itl);
        cell[Metric::Tpot as usize].clone_from(tpot);
    }
    let mut warmups = Warmups::new(&evidence.jobs);
    for attempt in &evidence.attempts {
        if warmups.has(attempt.job) {
            continue;
        }
        let Some(cell) = all.get_mut(usize::from(attempt.job.cell)) else { continue };
        let Some(sent) = attempt.sent_ns else { continue };
        let mut add = |metric: Metric, from: u64, until: Option<u64>| {
            if let Some(until) = until {
                record(&mut cell[metric as usize], until.saturating_sub(from));
            }
        };
        add(Metric::Ttft, sent, attempt.first_content_ns);
        add(Metric::FirstByte, sent, attempt.first_byte_ns);
        add(Metric::Service, sent, Some(attempt.done_ns));
        add(Metric::Lag, attempt.due_ns, Some(sent));
    }
    for job in first_results(&evidence.jobs).filter(|job| !job.warmup) {
        if let Some(cell) = all.get_mut(usize::from(job.job.cell)) {
            record(&mut cell[Metric::Response as usize], job.done_ns.saturating_sub(job.due_ns));
        }
    }
    all
}

/// The first result of each job: a job counts once, whatever its client does with it.
pub(super) fn first_results(jobs: &[JobRow]) -> impl Iterator<Item = &JobRow> {
    jobs.chunk_by(|a, b| a.job == b.job).map(|group| &group[0])
}

/// Tells which jobs were warm-ups, to a caller that asks in ascending order.
pub(super) struct Warmups<'a>(std::iter::Peekable<std::slice::Iter<'a, JobRow>>);

impl<'a> Warmups<'a> {
    /// `jobs` must be sorted, as those of [`Evidence`] are.
    pub(super) fn new(jobs: &'a [JobRow]) -> Self {
        Self(jobs.iter().peekable())
    }

    /// Whether `job` was due in a warm-up; a job without a result was not.
    pub(super) fn has(&mut self, job: JobId) -> bool {
        while self.0.next_if(|row| row.job < job).is_some() {}
        self.0.peek().is_some_and(|row| row.job == job && row.warmup)
    }
}

/// The rows of one cell; a metric without samples has none.
pub(super) fn rows(target: &str, strategy: &str, cell: &Histograms) -> Vec<MetricRow> {
    let filled = Metric::ALL.into_iter().zip(cell).filter(|(_, histogram)| !histogram.is_empty());
    filled.map(|(metric, histogram)| row(target, strategy, metric, histogram)).collect()
}

fn row(target: &str, strategy: &str, metric: Metric, histogram: &Histogram<u64>) -> MetricRow {
    let at = |q| percentile(histogram, q).map(|ns| ns as f64 / NS_PER_MS);
    MetricRow {
        target: target.to_owned(),
        strategy: strategy.to_owned(),
        metric: metric.name().to_owned(),
        unit: "ms".to_owned(),
        count: histogram.len(),
        mean: histogram.mean() / NS_PER_MS,
        min: histogram.min() as f64 / NS_PER_MS,
        p50: at(0.5),
        p90: at(0.9),
        p95: at(0.95),
        p99: at(0.99),
        p999: at(0.999),
        max: histogram.max() as f64 / NS_PER_MS,
        hdr: hdr_blob(histogram),
    }
}
