//! Histograms of one cell, and their rows in the summary.

use super::histogram::{hdr_blob, new_histogram, percentile, record};
use super::metric::Samples;
use super::{AttemptTimes, Gaps, Metric};
use crate::history::{Evidence, JobId, JobRow};
use crate::summary::MetricRow;
use hdrhistogram::Histogram;

/// Nanoseconds in a millisecond.
const NS_PER_MS: f64 = 1e6;

/// A histogram in nanoseconds for each metric.
#[derive(Debug, Clone)]
pub struct TimeHistograms([Histogram<u64>; Metric::ALL.len()]);

impl Default for TimeHistograms {
    fn default() -> Self {
        Self(std::array::from_fn(|_| new_histogram()))
    }
}

impl TimeHistograms {
    /// Adds what one attempt shows.
    pub fn add_attempt(&mut self, times: AttemptTimes) {
        for (metric, histogram) in Metric::ALL.into_iter().zip(&mut self.0) {
            if let Samples::Attempts(sample) = metric.samples()
                && let Some(ns) = sample(times)
            {
                record(histogram, ns);
            }
        }
    }

    /// Adds what one job shows.
    pub fn add_job(&mut self, due_ns: u64, done_ns: u64) {
        for (metric, histogram) in Metric::ALL.into_iter().zip(&mut self.0) {
            if let Samples::Jobs(sample) = metric.samples() {
                record(histogram, sample(due_ns, done_ns));
            }
        }
    }

    /// The histogram of one metric.
    #[must_use]
    pub fn of(&self, metric: Metric) -> &Histogram<u64> {
        &self.0[metric as usize]
    }

    /// Takes what was folded from the gaps of a cell's streams.
    fn take_gaps(&mut self, gaps: &Gaps, cell: usize) {
        for (metric, histogram) in Metric::ALL.into_iter().zip(&mut self.0) {
            if let Samples::Gaps(folded) = metric.samples()
                && let Some(folded) = folded(&gaps.client).get(cell)
            {
                histogram.clone_from(folded);
            }
        }
    }
}

/// The histograms of every cell. Warm-ups are left out.
pub(super) fn histograms(cells: usize, evidence: &Evidence, gaps: &Gaps) -> Vec<TimeHistograms> {
    let mut all = vec![TimeHistograms::default(); cells];
    for (cell, histograms) in all.iter_mut().enumerate() {
        histograms.take_gaps(gaps, cell);
    }
    let mut warmups = Warmups::new(&evidence.jobs);
    for attempt in &evidence.attempts {
        if warmups.has(attempt.job) {
            continue;
        }
        let Some(cell) = all.get_mut(usize::from(attempt.job.cell)) else { continue };
        cell.add_attempt(AttemptTimes {
            due_ns: attempt.due_ns,
            sent_ns: attempt.sent_ns,
            first_byte_ns: attempt.first_byte_ns,
            first_content_ns: attempt.first_content_ns,
            done_ns: attempt.done_ns,
        });
    }
    for job in first_results(&evidence.jobs).filter(|job| !job.warmup) {
        if let Some(cell) = all.get_mut(usize::from(job.job.cell)) {
            cell.add_job(job.due_ns, job.done_ns);
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
pub(super) fn rows(target: &str, strategy: &str, cell: &TimeHistograms) -> Vec<MetricRow> {
    let filled = Metric::ALL.into_iter().zip(&cell.0).filter(|(_, histogram)| !histogram.is_empty());
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
