//! The worker processes of one cell, as the dispatcher sees them: one order, one history, one ledger of what is
//! under way.

mod life;
mod strike;

use self::strike::Strikes;
use super::account::Account;
use super::cell::{CellState, Purse, Shared};
use super::dispatch::EngineError;
use super::part::Part;
use super::process::{Heard, Process};
use super::stop::Cause;
use super::threads::WATCH;
use super::wire::{BlockOrder, Down, Figures, Notes, Seat, Shares, Up, charge};
use crate::clock::ns;
use crate::history::BatchSender;
use crate::profile::{Load, Piece};
use crate::shared::Progress;
use crate::strategy::Booked;
use std::path::PathBuf;
use std::sync::{Arc, mpsc};
use std::time::Duration;

/// Messages that may wait for the dispatcher before workers wait too.
const INBOX_MAX: usize = 256;
/// A round is announced so long before its release, so that every process is there.
const ROUND_LEAD: Duration = Duration::from_millis(3);
/// Deaths of one worker in one cell after which it is not started again: it would never come to an end.
const DEATHS_MAX: u32 = 20;
/// How long a worker may take to start, to say that it lives, or to say its last word.
const PATIENCE: Duration = Duration::from_secs(30);

/// All workers of one cell.
pub(super) struct Workers {
    program: PathBuf,
    seat: Seat,
    shared: Arc<Shared>,
    cell: Arc<CellState>,
    history: BatchSender,
    workers: Vec<Worker>,
    messages: mpsc::SyncSender<(usize, Heard)>,
    inbox: mpsc::Receiver<(usize, Heard)>,
    strikes: Strikes,
    order: Option<Underway>,
    patience: Duration,
    stopped: Option<Cause>,
}

/// One worker, over all its lives.
#[derive(Default)]
struct Worker {
    process: Option<Process>,
    ready: bool,
    deaths: u32,
    account: Account,
    seen: Figures,
    /// The totals that the engine keeps for it, in this life and in those before.
    totals: (u64, u64, u64),
    buried: (u64, u64, u64),
    booked: Option<(u64, u64, u64)>,
    /// When it last said anything.
    heard: Duration,
    shares: Option<Shares>,
}

/// The order that is being made.
struct Underway {
    block: usize,
    start: Duration,
    rounds: Vec<Round>,
}

/// Where a barrier is.
struct Round {
    current: u64,
    /// Its jobs that are home, of all processes.
    home: u64,
    /// How many there are; `None` where a piece is no barrier.
    size: Option<u64>,
    release_ns: Option<u64>,
}

impl Workers {
    pub(super) fn new(
        program: PathBuf,
        seat: Seat,
        shared: Arc<Shared>,
        cell: Arc<CellState>,
        history: BatchSender,
    ) -> Self {
        let (messages, inbox) = mpsc::sync_channel(INBOX_MAX);
        let workers = (0..seat.processes).map(|_| Worker::default()).collect();
        let (strikes, order, stopped) = (Strikes::default(), None, None);
        Self {
            program,
            seat,
            shared,
            cell,
            history,
            workers,
            messages,
            inbox,
            strikes,
            order,
            patience: PATIENCE,
            stopped,
        }
    }

    /// Makes one block on all processes. `look` is called now and then until they are done.
    pub(super) fn make(
        &mut self,
        block: usize,
        pieces: &[Piece],
        look: &mut dyn FnMut(),
    ) -> Result<Vec<Shares>, EngineError> {
        self.wait_until_ready()?;
        let processes = self.seat.processes;
        for (process, worker) in (0..).zip(&mut self.workers) {
            worker.account = Account::new(Part { process, processes }, pieces);
            (worker.shares, worker.heard) = (None, self.shared.clock.now());
        }
        let start = self.shared.clock.now() + super::dispatch::LEAD;
        let order = BlockOrder { block, start_ns: ns(start), pieces: Vec::new() };
        self.order = Some(Underway { block, start, rounds: pieces.iter().map(Round::of).collect() });
        self.tell_all(&Down::Order(order));
        while self.workers.iter().any(|worker| worker.shares.is_none()) {
            self.attend()?;
            self.check_alive()?;
            self.relay_stop();
            look();
        }
        self.order = None;
        Ok(self.workers.iter_mut().filter_map(|worker| worker.shares.take()).collect())
    }

    /// All jobs of the cell are home: what each process has on its books. The processes end.
    pub(super) fn finish(mut self) -> Result<(Vec<Booked>, u32), EngineError> {
        self.tell_all(&Down::Finish);
        let deadline = self.shared.clock.now() + self.patience;
        while self.workers.iter().any(|worker| worker.process.is_some() && worker.booked.is_none()) {
            if self.shared.clock.now() > deadline {
                return Err(self.silent("has closed its books"));
            }
            self.attend()?;
        }
        for process in self.workers.iter_mut().filter_map(|worker| worker.process.as_mut()) {
            process.dismiss();
        }
        let deadline = self.shared.clock.now() + self.patience;
        while self.workers.iter().any(|worker| worker.process.is_some()) && self.shared.clock.now() < deadline
        {
            self.attend()?;
        }
        // One that died instead of answering had said what it had on its books with the last of its jobs.
        let booked = |worker: &Worker| {
            let own = worker.booked.unwrap_or_default();
            let (requests, prompt_tokens, completion_tokens) = sum(own, worker.buried);
            Booked { requests, prompt_tokens, completion_tokens }
        };
        Ok((self.workers.iter().map(booked).collect(), self.workers.iter().map(|worker| worker.deaths).sum()))
    }

    /// Waits for a message for a while, and works it off.
    fn attend(&mut self) -> Result<(), EngineError> {
        let now = self.shared.clock.now();
        let pause = self.strikes.next().map(|until| until.saturating_sub(now));
        let heard = self.inbox.recv_timeout(pause.map_or(WATCH, |pause| pause.min(WATCH)));
        self.resume_due();
        match heard {
            Ok((index, heard)) => self.hear(index, heard),
            Err(_) => Ok(()),
        }
    }

    fn hear(&mut self, index: usize, heard: Heard) -> Result<(), EngineError> {
        self.workers[index].heard = self.shared.clock.now();
        let up = match heard {
            Heard::Up(up) => up,
            Heard::Garbled(why) => {
                return Err(EngineError::Worker(format!("it says what is no message: {why}")));
            }
            Heard::Gone => return self.died(index),
            Heard::Restarted(stroke) => return self.restarted(index, &stroke),
        };
        match up {
            Up::Ready => self.workers[index].ready = true,
            Up::Notes(notes) => self.take_notes(index, notes),
            Up::Seen(figures) => {
                let last = std::mem::replace(&mut self.workers[index].seen, figures);
                advance(&self.shared.progress, last, figures);
            }
            Up::Reserve { job, most } => {
                let granted = match &self.shared.purse {
                    Purse::Own(budget) => budget.reserve(charge(most)),
                    Purse::Bottomless | Purse::Parent => true,
                };
                if granted {
                    self.workers[index].account.set_aside(job, most);
                }
                self.tell(index, &Down::Granted(granted));
            }
            Up::Settle { job, reserved, spent } => {
                self.workers[index].account.settle(job);
                if let Purse::Own(budget) = &self.shared.purse {
                    budget.settle(charge(reserved), charge(spent));
                }
            }
            Up::Holding { id, .. } => return self.strike(index, id),
            Up::Stop(cause) => self.shared.stop.stop(cause),
            Up::Share(shares) => {
                let worker = &mut self.workers[index];
                worker.account = Account::default();
                self.cell.tally.leave(shares.left);
                worker.shares = Some(shares);
            }
            Up::Booked(booked) => self.workers[index].booked = Some(booked),
            Up::Failed(why) => return Err(EngineError::CannotWork(why)),
        }
        Ok(())
    }

    fn take_notes(&mut self, index: usize, notes: Notes) {
        let worker = &mut self.workers[index];
        let change = worker.account.note(&notes);
        worker.totals = notes.totals;
        (0..change.begun).for_each(|_| self.cell.tally.issue());
        (0..change.dropped).for_each(|_| self.cell.tally.drop_one());
        // A file that can no longer be whole is seen by who watches it.
        self.history.send(notes.events);
        self.came_home(&change.home);
    }

    /// Counts jobs of barriers that are home, and announces the next round after the last.
    fn came_home(&mut self, pieces: &[usize]) {
        for piece in pieces {
            let Some(round) = self.order.as_mut().and_then(|order| order.rounds.get_mut(*piece)) else {
                continue;
            };
            round.home += 1;
            if round.size == Some(round.home) {
                let release_ns = ns(self.shared.clock.now() + ROUND_LEAD);
                (round.current, round.home, round.release_ns) = (round.current + 1, 0, Some(release_ns));
                let next = Down::Round { piece: *piece, round: round.current, release_ns };
                self.tell_all(&next);
            }
        }
    }

    /// Once, after the run or the cell was stopped.
    fn relay_stop(&mut self) {
        let cause = self.shared.stop.cause().or_else(|| self.cell.stuck.cause());
        if cause != self.stopped
            && let Some(cause) = cause
        {
            self.stopped = Some(cause);
            self.tell_all(&Down::Stop(cause));
        }
    }

    fn tell(&mut self, index: usize, down: &Down) {
        if let Some(process) = &mut self.workers[index].process {
            process.say(down);
        }
    }

    fn tell_all(&mut self, down: &Down) {
        for process in self.workers.iter_mut().filter_map(|worker| worker.process.as_mut()) {
            process.say(down);
        }
    }
}

impl Round {
    fn of(piece: &Piece) -> Self {
        let (current, size) = match &piece.load {
            Load::Barrier { size, rounds, .. } => (rounds.start, Some(u64::from(*size))),
            _ => (0, None),
        };
        Self { current, home: 0, size, release_ns: None }
    }
}

fn sum(a: (u64, u64, u64), b: (u64, u64, u64)) -> (u64, u64, u64) {
    (a.0 + b.0, a.1 + b.1, a.2 + b.2)
}

/// Brings the run's live figures from what a worker showed last to what it shows now.
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
