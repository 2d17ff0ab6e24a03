//! The worker processes of one cell: makes blocks of load by them, and keeps account of what each has begun.

mod holder_faults;
mod lifecycle;

use self::holder_faults::HolderFaults;
use super::account::Account;
use super::cell::CellState;
use super::error::EngineError;
use super::maker::{Block, BlockMaker, LEAD};
use super::part::ProcessPart;
use super::process::{Process, WorkerEvent};
use super::run_context::{BudgetKeeper, RunContext};
use super::stop::StopCause;
use super::threads::WATCH;
use super::worker_protocol::{Assignment, BlockOrder, BlockReport, Figures, Notes, ToRun, ToWorker, charge};
use crate::clock::ns;
use crate::history::BatchSender;
use crate::profile::{Load, Piece};
use crate::shared::Progress;
use crate::strategy::OwnCounts;
use std::path::PathBuf;
use std::sync::{Arc, mpsc};
use std::time::Duration;

/// Messages that may wait for the dispatcher; then workers wait too.
const INBOX_MAX: usize = 256;
/// A round is announced this long before its release, so that every process waits for it.
const ROUND_LEAD: Duration = Duration::from_millis(3);
/// How often one worker is started again in one cell before the run is given up.
const RESTARTS_MAX: u32 = 20;
/// How long a worker may take to start, to show that it is alive, or to report its counts.
const TIMEOUT: Duration = Duration::from_secs(30);

/// All workers of one cell.
pub(super) struct Workers {
    program: PathBuf,
    assignment: Assignment,
    run: Arc<RunContext>,
    cell: Arc<CellState>,
    history: BatchSender,
    workers: Vec<Worker>,
    messages: mpsc::SyncSender<(usize, WorkerEvent)>,
    inbox: mpsc::Receiver<(usize, WorkerEvent)>,
    holder_faults: HolderFaults,
    order: Option<CurrentOrder>,
    timeout: Duration,
    stopped: Option<StopCause>,
}

/// One worker, over all the processes that it has had.
#[derive(Default)]
struct Worker {
    process: Option<Process>,
    ready: bool,
    deaths: u32,
    account: Account,
    seen: Figures,
    /// What the current process has counted, and what its predecessors had.
    totals: (u64, u64, u64),
    earlier: (u64, u64, u64),
    booked: Option<(u64, u64, u64)>,
    /// When its last message came.
    last_message: Duration,
    report: Option<BlockReport>,
}

/// The order that is being made.
struct CurrentOrder {
    block: usize,
    start: Duration,
    rounds: Vec<BarrierRound>,
}

/// Where a barrier is.
struct BarrierRound {
    current: u64,
    /// Its jobs that have ended, of all processes.
    ended: u64,
    /// How many there are; `None` where a piece is no barrier.
    size: Option<u64>,
    release_ns: Option<u64>,
}

impl Workers {
    pub(super) fn new(
        program: PathBuf,
        assignment: Assignment,
        run: Arc<RunContext>,
        cell: Arc<CellState>,
        history: BatchSender,
    ) -> Self {
        let (messages, inbox) = mpsc::sync_channel(INBOX_MAX);
        let workers = (0..assignment.processes).map(|_| Worker::default()).collect();
        let (holder_faults, order, stopped) = (HolderFaults::default(), None, None);
        Self {
            program,
            assignment,
            run,
            cell,
            history,
            workers,
            messages,
            inbox,
            holder_faults,
            order,
            timeout: TIMEOUT,
            stopped,
        }
    }

    /// Ends the processes once all jobs of the cell have ended. Returns what each has counted, and how often
    /// one died.
    pub(super) fn finish(mut self) -> Result<(Vec<OwnCounts>, u32), EngineError> {
        self.send_all(&ToWorker::Finish);
        let deadline = self.run.clock.now() + self.timeout;
        while self.workers.iter().any(|worker| worker.process.is_some() && worker.booked.is_none()) {
            if self.run.clock.now() > deadline {
                return Err(self.no_answer("its counts"));
            }
            self.receive()?;
        }
        for process in self.workers.iter_mut().filter_map(|worker| worker.process.as_mut()) {
            process.dismiss();
        }
        let deadline = self.run.clock.now() + self.timeout;
        while self.workers.iter().any(|worker| worker.process.is_some()) && self.run.clock.now() < deadline {
            self.receive()?;
        }
        // One that died instead of answering had sent its counts with its last message.
        let booked = |worker: &Worker| {
            let own = worker.booked.unwrap_or_default();
            let (requests, prompt_tokens, completion_tokens) = sum(own, worker.earlier);
            OwnCounts { requests, prompt_tokens, completion_tokens }
        };
        Ok((self.workers.iter().map(booked).collect(), self.workers.iter().map(|worker| worker.deaths).sum()))
    }

    /// Waits for a message for a while, and handles it.
    fn receive(&mut self) -> Result<(), EngineError> {
        let now = self.run.clock.now();
        let pause = self.holder_faults.next().map(|until| until.saturating_sub(now));
        let event = self.inbox.recv_timeout(pause.map_or(WATCH, |pause| pause.min(WATCH)));
        self.resume_due();
        match event {
            Ok((index, event)) => self.handle(index, event),
            Err(_) => Ok(()),
        }
    }

    fn handle(&mut self, index: usize, event: WorkerEvent) -> Result<(), EngineError> {
        self.workers[index].last_message = self.run.clock.now();
        let message = match event {
            WorkerEvent::Message(message) => message,
            WorkerEvent::Malformed(why) => {
                return Err(EngineError::Worker(format!("sent a line that is not a message: {why}")));
            }
            WorkerEvent::Gone => return self.exited(index),
            WorkerEvent::Restarted(fault) => return self.restarted(index, &fault),
        };
        match message {
            ToRun::Ready => self.workers[index].ready = true,
            ToRun::Notes(notes) => self.take_notes(index, notes),
            ToRun::Seen(figures) => {
                let last = std::mem::replace(&mut self.workers[index].seen, figures);
                advance(&self.run.progress, last, figures);
            }
            ToRun::Reserve { job, most } => {
                let granted = match &self.run.budget {
                    BudgetKeeper::Own(budget) => budget.reserve(charge(most)),
                    BudgetKeeper::None | BudgetKeeper::Parent => true,
                };
                if granted {
                    self.workers[index].account.reserve(job, most);
                }
                self.send(index, &ToWorker::Granted(granted));
            }
            ToRun::Settle { job, reserved, spent } => {
                self.workers[index].account.settle(job);
                if let BudgetKeeper::Own(budget) = &self.run.budget {
                    budget.settle(charge(reserved), charge(spent));
                }
            }
            ToRun::Holding { id, .. } => return self.lock_taken(index, id),
            ToRun::Stop(cause) => self.run.stop.stop(cause),
            ToRun::Share(shares) => {
                let worker = &mut self.workers[index];
                worker.account = Account::default();
                self.cell.tally.leave(shares.left);
                worker.report = Some(shares);
            }
            ToRun::Booked(booked) => self.workers[index].booked = Some(booked),
            ToRun::Failed(why) => return Err(EngineError::CannotWork(why)),
        }
        Ok(())
    }

    fn take_notes(&mut self, index: usize, notes: Notes) {
        let worker = &mut self.workers[index];
        let change = worker.account.note(&notes);
        worker.totals = notes.totals;
        (0..change.begun).for_each(|_| self.cell.tally.issue());
        (0..change.dropped).for_each(|_| self.cell.tally.drop_one());
        // A failed writer is noticed by its owner, not here.
        self.history.send(notes.events);
        self.jobs_ended(&change.ended_jobs);
    }

    /// Counts the ended jobs of barriers, and announces the next round after the last job of one.
    fn jobs_ended(&mut self, pieces: &[usize]) {
        for piece in pieces {
            let Some(round) = self.order.as_mut().and_then(|order| order.rounds.get_mut(*piece)) else {
                continue;
            };
            round.ended += 1;
            if round.size == Some(round.ended) {
                let release_ns = ns(self.run.clock.now() + ROUND_LEAD);
                (round.current, round.ended, round.release_ns) = (round.current + 1, 0, Some(release_ns));
                let next = ToWorker::Round { piece: *piece, round: round.current, release_ns };
                self.send_all(&next);
            }
        }
    }

    /// Once, after the run or the cell was stopped.
    fn relay_stop(&mut self) {
        let cause = self.run.stop.cause().or_else(|| self.cell.stuck.cause());
        if cause != self.stopped
            && let Some(cause) = cause
        {
            self.stopped = Some(cause);
            self.send_all(&ToWorker::Stop(cause));
        }
    }

    fn send(&mut self, index: usize, down: &ToWorker) {
        if let Some(process) = &mut self.workers[index].process {
            process.send(down);
        }
    }

    fn send_all(&mut self, down: &ToWorker) {
        for process in self.workers.iter_mut().filter_map(|worker| worker.process.as_mut()) {
            process.send(down);
        }
    }
}

impl BlockMaker for Workers {
    /// Makes the block on all processes.
    fn make(&mut self, block: &Block<'_>, look: &mut dyn FnMut()) -> Result<Vec<BlockReport>, EngineError> {
        let Block { number, pieces, .. } = block;
        self.wait_until_ready()?;
        let processes = self.assignment.processes;
        for (process, worker) in (0..).zip(&mut self.workers) {
            worker.account = Account::new(ProcessPart { process, processes }, pieces);
            (worker.report, worker.last_message) = (None, self.run.clock.now());
        }
        let start = self.run.clock.now() + LEAD;
        let order = BlockOrder { block: *number, start_ns: ns(start), pieces: Vec::new() };
        self.order = Some(CurrentOrder {
            block: *number,
            start,
            rounds: pieces.iter().map(BarrierRound::of).collect(),
        });
        self.send_all(&ToWorker::Order(order));
        while self.workers.iter().any(|worker| worker.report.is_none()) {
            self.receive()?;
            self.check_alive()?;
            self.relay_stop();
            look();
        }
        self.order = None;
        Ok(self.workers.iter_mut().filter_map(|worker| worker.report.take()).collect())
    }
}

impl BarrierRound {
    fn of(piece: &Piece) -> Self {
        let (current, size) = match &piece.load {
            Load::Barrier { size, rounds, .. } => (rounds.start, Some(u64::from(*size))),
            _ => (0, None),
        };
        Self { current, ended: 0, size, release_ns: None }
    }
}

fn sum(a: (u64, u64, u64), b: (u64, u64, u64)) -> (u64, u64, u64) {
    (a.0 + b.0, a.1 + b.1, a.2 + b.2)
}

/// Advances the run's live figures by what a worker's figures have grown.
fn advance(progress: &Progress, last: Figures, now: Figures) {
    let more = |at: usize| now[at].saturating_sub(last[at]);
    (0..more(0)).for_each(|_| progress.job_begun());
    (0..more(2)).for_each(|n| progress.attempt_ended(n >= more(3)));
    (0..more(4)).for_each(|_| progress.busy());
    (0..last[4].saturating_sub(now[4])).for_each(|_| progress.idle());
    (0..more(5)).for_each(|_| progress.waits());
    (0..last[5].saturating_sub(now[5])).for_each(|_| progress.waited());
    (0..more(1)).for_each(|_| progress.job_ended());
}

#[cfg(test)]
mod tests;
