//! What all engine threads share while they make load for one cell.

use super::stop::Stop;
use crate::clock::Clock;
use crate::history::{CellEnd, Claim, NotIssued};
use crate::profile::{Load, Piece};
use crate::scenario::{Cell, Plan, StrategyPlan};
use crate::shared::{Budget, Numbers, Progress, Tally, Totals};
use crate::strategy::{Booked, Books, PermitQueue, Strategy};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;
use tokio::sync::watch;

/// Builds the strategy under test for a cell.
pub type BuildStrategy<'a> = dyn Fn(&StrategyPlan) -> Arc<dyn Strategy> + 'a;

/// What the whole run shares.
pub(super) struct Shared {
    pub(super) plan: Arc<Plan>,
    pub(super) clock: Clock,
    pub(super) stop: Arc<Stop>,
    pub(super) progress: Arc<Progress>,
    pub(super) budget: Option<Budget>,
}

/// One cell, over all its blocks.
pub(super) struct CellState {
    pub(super) cell: Cell,
    pub(super) strategy: Arc<dyn Strategy>,
    pub(super) totals: Totals,
    pub(super) tally: Tally,
    /// Stops this cell only, when its client is stuck.
    pub(super) stuck: Stop,
}

/// One piece of one block, as the threads share it.
pub(super) struct PieceState {
    /// Jobs of a closed profile.
    pub(super) numbers: Numbers,
    /// The cap on jobs in progress of an open profile.
    pub(super) in_flight: Option<Arc<PermitQueue>>,
    /// Jobs of the current barrier round still in progress, and the rounds released so far.
    pub(super) left: AtomicU64,
    pub(super) round: watch::Sender<(u64, Duration)>,
}

impl PieceState {
    pub(super) fn new(piece: &Piece, start: Duration) -> Self {
        let (numbers, in_flight, left, round) = match &piece.load {
            Load::Open { open, .. } => (
                Numbers::new(0, Some(0)),
                open.max_in_flight.map(|cap| Arc::new(PermitQueue::new(cap))),
                0,
                0,
            ),
            Load::Vus { jobs, .. } => (Numbers::new(jobs.first, jobs.count), None, 0, 0),
            Load::PerVu { .. } => (Numbers::new(0, Some(0)), None, 0, 0),
            Load::Barrier { size, rounds, .. } => {
                (Numbers::new(0, Some(0)), None, u64::from(*size), rounds.start)
            }
        };
        let round = watch::Sender::new((round, start + piece.start));
        Self { numbers, in_flight, left: AtomicU64::new(left), round }
    }
}

/// Jobs that a piece wants; `None` if only time decides.
pub(super) fn planned(piece: &Piece) -> Option<u64> {
    match &piece.load {
        Load::Open { arrivals, .. } => Some(arrivals.clone().count() as u64),
        Load::Vus { jobs, .. } => jobs.count,
        Load::PerVu { vus, iterations, .. } => Some(u64::from(*vus) * (iterations.end - iterations.start)),
        Load::Barrier { size, rounds, .. } => Some(u64::from(*size) * (rounds.end - rounds.start)),
    }
}

/// What the threads report of one block, and the sums over all blocks of a cell.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Spent {
    pub(super) elapsed: Duration,
    pub(super) cpu: Duration,
    pub(super) cpu_busiest: Duration,
    /// Since when the client was stuck, if it was.
    pub(super) stuck_since: Option<Duration>,
}

impl CellState {
    /// The cell's last word: what was planned, done and not done.
    pub(super) fn end(
        &self,
        planned: Option<u64>,
        offered: Option<f64>,
        spent: Spent,
        rest: NotIssued,
    ) -> CellEnd {
        let (issued, dropped, left) = (self.tally.issued(), self.tally.dropped(), self.tally.left());
        let planned = planned.unwrap_or(issued + dropped + left);
        let mut not_issued = BTreeMap::new();
        for (reason, n) in [(NotIssued::Dropped, dropped), (rest, left)] {
            if n > 0 {
                *not_issued.entry(reason).or_insert(0) += n;
            }
        }
        let ns = |d: Duration| u64::try_from(d.as_nanos()).unwrap_or(u64::MAX);
        CellEnd {
            cell: self.cell.index,
            planned,
            issued,
            not_issued,
            elapsed_ns: ns(spent.elapsed),
            offered_per_1000_s: offered.map(|per_s| (per_s * 1000.0).round() as u64),
            cpu_busiest_ppm: (spent.cpu_busiest.as_secs_f64() / spent.elapsed.as_secs_f64().max(1e-9) * 1e6)
                as u64,
            cpu_ns: ns(spent.cpu),
            stuck_since_ns: spent.stuck_since.map(ns),
        }
    }

    /// What the cell's strategy put on its own books.
    ///
    /// `None` if they cannot be read: it then claims nothing.
    pub(super) fn claim(&self) -> Option<Claim> {
        let Booked { requests, prompt_tokens, completion_tokens } = match self.strategy.books() {
            Books::Engine => {
                let (requests, prompt_tokens, completion_tokens) = self.totals.read();
                Booked { requests, prompt_tokens, completion_tokens }
            }
            Books::Own(booked) | Books::Central(Ok(booked)) => booked,
            Books::Central(Err(_)) => return None,
        };
        Some(Claim {
            cell: self.cell.index,
            requests,
            prompt_tokens,
            completion_tokens,
            total_tokens: prompt_tokens + completion_tokens,
        })
    }
}
