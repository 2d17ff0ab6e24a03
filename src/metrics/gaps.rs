//! What is folded from the gaps between chunks while the files are read, since no row keeps them.

use super::histogram::{new_histogram, record};
use super::sample::GapSample;
use crate::history::{ClientGaps, Evidence, HistoryError, JobId, JobKey, LedgerGaps, Loaded};
use crate::plan::Plan;
use hdrhistogram::Histogram;
use std::path::Path;

/// Streams of fewer gaps than this (8 chunks) may well arrive at once.
const BURST_GAPS_MIN: usize = 7;
/// A stream whose content all came within this time came in one burst.
const BURST_US: u64 = 1_000;

/// Gaps of both sides, folded: per-cell histograms of the client's, and a sample of both for a comparison.
/// Bounded memory, however many chunks there were.
#[derive(Debug, Clone)]
pub struct Gaps {
    pub(super) client: ClientGapFold,
    pub(super) ledger: LedgerGapFold,
}

/// The client's gaps, folded.
#[derive(Debug, Clone)]
pub(super) struct ClientGapFold {
    /// Per cell.
    pub(super) itl: Vec<Histogram<u64>>,
    /// Per cell.
    pub(super) tpot: Vec<Histogram<u64>>,
    pub(super) sample: GapSample,
    /// Attempts whose content came in one burst.
    pub(super) bursts: Vec<(JobId, u32)>,
}

/// The ledger's gaps, folded.
#[derive(Debug, Clone, Default)]
pub(super) struct LedgerGapFold {
    pub(super) sample: GapSample,
    /// Attempts whose content was handed over in one burst.
    pub(super) bursts: Vec<(JobId, u32)>,
}

impl Gaps {
    /// Nothing folded yet.
    #[must_use]
    pub fn new(plan: &Plan) -> Self {
        let cells = plan.cells().len();
        let histograms = || vec![new_histogram(); cells];
        Self {
            client: ClientGapFold {
                itl: histograms(),
                tpot: histograms(),
                sample: GapSample::default(),
                bursts: Vec::new(),
            },
            ledger: LedgerGapFold::default(),
        }
    }

    /// Loads the run in `dir` and folds its gaps on the way.
    ///
    /// # Errors
    /// As [`Evidence::read`].
    pub fn read(dir: &Path, plan: &Plan) -> Result<(Loaded, Self), HistoryError> {
        let mut gaps = Self::new(plan);
        let targets: Vec<String> = plan.targets.iter().map(|target| target.name.clone()).collect();
        let (client, ledger) = (&mut gaps.client, &mut gaps.ledger);
        let loaded = Evidence::read(dir, &targets, &mut |g| client.add(g), &mut |g| ledger.add(g))?;
        Ok((loaded, gaps.sorted()))
    }

    /// Folds gaps that are in memory.
    #[must_use]
    pub fn collect<'a>(
        plan: &Plan,
        client: impl IntoIterator<Item = ClientGaps<'a>>,
        ledger: impl IntoIterator<Item = LedgerGaps<'a>>,
    ) -> Self {
        let mut gaps = Self::new(plan);
        client.into_iter().for_each(|g| gaps.client.add(g));
        ledger.into_iter().for_each(|g| gaps.ledger.add(g));
        gaps.sorted()
    }

    fn sorted(mut self) -> Self {
        self.client.sort();
        self.ledger.sort();
        self
    }
}

impl ClientGapFold {
    /// Folds the gaps of one attempt. Warm-ups are left out.
    fn add(&mut self, gaps: ClientGaps<'_>) {
        if gaps.warmup {
            return;
        }
        let (attempt, cell) = (gaps.attempt, usize::from(gaps.attempt.job.cell));
        if let Some(itl) = self.itl.get_mut(cell) {
            gaps.gaps_us.iter().for_each(|us| record(itl, u64::from(*us) * 1000));
        }
        let sum_us = sum(gaps.gaps_us);
        let tokens_after_first = attempt.completion_tokens.unwrap_or(0).saturating_sub(1);
        if let (Some(tpot), 1..) = (self.tpot.get_mut(cell), tokens_after_first) {
            record(tpot, sum_us * 1000 / tokens_after_first);
        }
        self.sample.add(attempt.job, attempt.n, gaps.gaps_us);
        if is_burst(gaps.gaps_us.len(), sum_us) {
            self.bursts.push((attempt.job, attempt.n));
        }
    }

    fn sort(&mut self) {
        self.sample.sort();
        self.bursts.sort_unstable();
    }
}

impl LedgerGapFold {
    /// Folds the gaps of one attempt of deadheat's own engine.
    fn add(&mut self, gaps: LedgerGaps<'_>) {
        let JobKey::Own(job) = gaps.entry.job else { return };
        self.sample.add(job, gaps.entry.attempt, gaps.gaps_us);
        if is_burst(gaps.gaps_us.len(), sum(gaps.gaps_us)) {
            self.bursts.push((job, gaps.entry.attempt));
        }
    }

    fn sort(&mut self) {
        self.sample.sort();
        self.bursts.sort_unstable();
    }
}

fn sum(gaps_us: &[u32]) -> u64 {
    gaps_us.iter().map(|us| u64::from(*us)).sum()
}

fn is_burst(gaps: usize, sum_us: u64) -> bool {
    gaps >= BURST_GAPS_MIN && sum_us <= BURST_US
}
