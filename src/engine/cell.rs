//! What all engine threads share while they make load for one cell.

use super::nemesis::Nemeses;
use super::part::{ProcessPart, Split};
use super::ranges::Ranges;
use super::stop::Stop;
use super::worker_protocol::{Redelivery, Resumed};
use crate::history::{CellEnd, Claim, NotIssued};
use crate::plan::Cell;
use crate::profile::{Load, Piece};
use crate::shared::{Numbers, Tally, Totals};
use crate::strategy::{Books, OwnCounts, PermitQueue, Strategy, StrategyPlan};
use crate::sync::lock;
use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::watch;

/// Builds the strategy under test for a cell.
pub type BuildStrategy<'a> = dyn Fn(&StrategyPlan, BuildContext<'_>) -> Arc<dyn Strategy> + 'a;

/// What a strategy is built for.
#[derive(Debug, Clone, Copy)]
pub struct BuildContext<'a> {
    /// Which cell.
    pub cell: Cell,
    /// What the cell's names in a shared store begin with.
    pub prefix: &'a str,
    /// Which of its processes; always 0 outside of virtual time, where this process stands for all of them.
    pub process: u32,
}

/// One cell, over all its blocks. In virtual time: one of its processes.
pub(super) struct CellState {
    pub(super) cell: Cell,
    pub(super) strategy: Arc<dyn Strategy>,
    pub(super) totals: Totals,
    pub(super) tally: Arc<Tally>,
    /// Stops this cell only, when its client is stuck.
    pub(super) stuck: Arc<Stop>,
    /// Faults around those of its jobs that hold locks.
    pub(super) nemeses: Arc<Nemeses>,
    /// In virtual time: until when the process is paused, in nanoseconds since the run's epoch.
    pub(super) paused_until_ns: AtomicU64,
}

/// One piece of one block, as the threads share it.
pub(super) struct PieceState {
    /// Which of its jobs are this process's.
    pub(super) split: Split,
    /// This process's jobs of a closed profile, in order.
    numbers: Numbers,
    first_job: u64,
    /// Jobs that an earlier worker has begun or turned away, and how many of them have been passed over.
    taken: Ranges,
    passed: AtomicU64,
    /// Jobs that are delivered again.
    again: Mutex<VecDeque<Redelivery>>,
    /// The cap on jobs in progress of an open profile.
    pub(super) in_flight: Option<Arc<PermitQueue>>,
    /// Jobs of the current barrier round still in progress, and the rounds released so far.
    pub(super) left: Arc<AtomicU64>,
    pub(super) round: Arc<watch::Sender<(u64, Duration)>>,
}

impl PieceState {
    pub(super) fn new(piece: &Piece, start: Duration, part: ProcessPart, resumed: Resumed) -> Self {
        let split = part.of(&piece.load);
        let room = |cap: u32| Arc::new(PermitQueue::new(split.share(cap.into()).try_into().unwrap_or(cap)));
        let none = Numbers::new(0, Some(0));
        let (numbers, first_job, in_flight, left, round) = match &piece.load {
            Load::Open { open, .. } => (none, 0, open.max_in_flight.map(room), 0, 0),
            Load::Vus { jobs, .. } if split.works() => {
                (Numbers::new(0, jobs.count.map(|n| split.share(n))), jobs.first, None, 0, 0)
            }
            Load::Vus { .. } | Load::PerVu { .. } => (none, 0, None, 0, 0),
            Load::Barrier { size, rounds, .. } => (none, 0, None, u64::from(*size), rounds.start),
        };
        let begun = resumed.round.map(|(round, release_ns)| (round, Duration::from_nanos(release_ns)));
        Self {
            split,
            numbers,
            first_job,
            taken: resumed.taken,
            passed: AtomicU64::new(0),
            again: Mutex::new(resumed.again.into()),
            in_flight,
            left: Arc::new(AtomicU64::new(left)),
            round: Arc::new(watch::Sender::new(begun.unwrap_or((round, start + piece.start)))),
        }
    }

    /// In virtual time: another process's part of the same piece, with the same rounds.
    pub(super) fn beside(&self, piece: &Piece, start: Duration, part: ProcessPart) -> Self {
        let (left, round) = (self.left.clone(), self.round.clone());
        Self { left, round, ..Self::new(piece, start, part, Resumed::default()) }
    }

    /// The next job of a closed profile, to one caller only; `None` when all are taken.
    pub(super) fn take(&self) -> Option<u64> {
        loop {
            let job = self.first_job + self.split.nth(self.numbers.take()?);
            if !self.is_taken(job) {
                return Some(job);
            }
            self.passed.fetch_add(1, Relaxed);
        }
    }

    /// Whether an earlier worker has begun the job or turned it away.
    pub(super) fn is_taken(&self, job: u64) -> bool {
        self.taken.contains(self.split.place(job))
    }

    /// A number for the job by which [`Self::last_taken`] is compared.
    pub(super) fn place(&self, job: u64) -> u64 {
        self.split.place(job)
    }

    /// The place of the last job, up to `limit`, that an earlier worker has begun or turned away.
    pub(super) fn last_taken(&self, limit: Option<u64>) -> Option<u64> {
        self.taken.last(limit.map_or(u64::MAX, |job| self.split.place(job)))
    }

    /// Jobs of a closed profile that no worker has taken.
    pub(super) fn untaken(&self) -> u64 {
        self.numbers.left().saturating_sub(self.taken.count() - self.passed.load(Relaxed))
    }

    /// A job that is delivered again, to one caller only.
    pub(super) fn again(&self) -> Option<Redelivery> {
        lock(&self.again).pop_front()
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
    pub(super) fn new(cell: Cell, strategy: Arc<dyn Strategy>, nemeses: Nemeses) -> Self {
        Self {
            cell,
            strategy,
            totals: Totals::default(),
            tally: Arc::default(),
            stuck: Arc::default(),
            nemeses: Arc::new(nemeses),
            paused_until_ns: AtomicU64::new(0),
        }
    }

    /// Another process of the same cell.
    pub(super) fn beside(&self, strategy: Arc<dyn Strategy>) -> Self {
        Self {
            cell: self.cell,
            strategy,
            totals: Totals::default(),
            tally: self.tally.clone(),
            stuck: self.stuck.clone(),
            nemeses: self.nemeses.clone(),
            paused_until_ns: AtomicU64::new(0),
        }
    }

    /// What was planned for the cell, done and not done.
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

    /// What the cell's strategy has counted in this process.
    pub(super) fn booked(&self) -> OwnCounts {
        match self.strategy.books() {
            Books::Own(booked) => booked,
            Books::Engine | Books::Central(_) => self.engine_booked(),
        }
    }

    fn engine_booked(&self) -> OwnCounts {
        let (requests, prompt_tokens, completion_tokens) = self.totals.read();
        OwnCounts { requests, prompt_tokens, completion_tokens }
    }

    /// The claims of the cell's processes, or of the one account that they keep together.
    ///
    /// An account that cannot be read claims nothing. A client that reports the count of one process as the
    /// whole claims that count.
    pub(super) fn claims(&self, plan: &StrategyPlan, workers: Option<Vec<OwnCounts>>) -> Vec<Claim> {
        let cell = self.cell.index;
        match (self.strategy.books(), workers) {
            (Books::Central(account), _) => {
                account.into_iter().map(|booked| claim(cell, None, booked)).collect()
            }
            (Books::Own(booked), None) => vec![claim(cell, None, booked)],
            (Books::Engine, None) => vec![claim(cell, None, self.engine_booked())],
            (Books::Own(_) | Books::Engine, Some(workers)) => {
                let whole = workers.first().copied().filter(|_| plan.local_counters());
                let shares = (0..).zip(workers).map(|(process, booked)| claim(cell, Some(process), booked));
                shares.chain(whole.map(|booked| claim(cell, None, booked))).collect()
            }
        }
    }
}

fn claim(cell: u16, process: Option<u16>, booked: OwnCounts) -> Claim {
    let OwnCounts { requests, prompt_tokens, completion_tokens } = booked;
    let total_tokens = prompt_tokens + completion_tokens;
    Claim { cell, process, requests, prompt_tokens, completion_tokens, total_tokens }
}
