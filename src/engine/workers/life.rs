//! The lives of a worker: how it is started, that it is alive, and what is left when it dies.

use super::{DEATHS_MAX, EngineError, Workers, advance, sum};
use crate::clock::ns;
use crate::engine::account::Buried;
use crate::engine::cell::Purse;
use crate::engine::process::Process;
use crate::engine::wire::{BlockOrder, Down, Figures, Seat, charge};
use crate::shared::Charge;

impl Workers {
    pub(super) fn wait_until_ready(&mut self) -> Result<(), EngineError> {
        while let Ok((index, heard)) = self.inbox.try_recv() {
            self.hear(index, heard)?;
        }
        for index in 0..self.workers.len() {
            if self.workers[index].process.is_none() {
                self.start(index)?;
            }
        }
        let deadline = self.shared.clock.now() + self.patience;
        while self.workers.iter().any(|worker| !worker.ready) {
            if self.shared.clock.now() > deadline {
                return Err(self.silent("is ready"));
            }
            self.attend()?;
        }
        Ok(())
    }

    fn start(&mut self, index: usize) -> Result<(), EngineError> {
        let process = u32::try_from(index).unwrap_or(u32::MAX);
        let successor = self.workers[index].deaths > 0;
        let seat = Seat { process, successor, ..self.seat.clone() };
        let started = Process::start(&self.program, &seat, &self.messages);
        let worker = &mut self.workers[index];
        (worker.ready, worker.seen, worker.totals) = (false, Figures::default(), (0, 0, 0));
        worker.heard = self.shared.clock.now();
        worker.process = Some(started.map_err(EngineError::WorkerStart)?);
        Ok(())
    }

    /// A worker whose order is under way says something every second, if only that it lives.
    pub(super) fn check_alive(&self) -> Result<(), EngineError> {
        let now = self.shared.clock.now();
        let silent = self.workers.iter().enumerate().any(|(index, worker)| {
            let waited_for = worker.process.is_some() && worker.shares.is_none();
            waited_for && !self.strikes.is_paused(index) && now.saturating_sub(worker.heard) > self.patience
        });
        if silent { Err(self.silent("is making load")) } else { Ok(()) }
    }

    /// It lives, and does not do what it should.
    pub(super) fn silent(&self, should: &str) -> EngineError {
        let secs = self.patience.as_secs_f64();
        EngineError::Worker(format!("for {secs:.0} s it has not said that it {should}"))
    }

    /// A worker is gone. What it had sent has an unknown end; while an order is made, it is started again with the
    /// rest of its jobs, and those that it had begun are delivered again, as a task queue does.
    pub(super) fn died(&mut self, index: usize) -> Result<(), EngineError> {
        let now_ns = self.shared.clock.now_ns();
        self.strikes.forget(index);
        let worker = &mut self.workers[index];
        let status = worker.process.take().map(Process::bury);
        let finished = worker.booked.is_some();
        let [begun, ended, attempts, failed, _, _] = worker.seen;
        // None of its jobs is in progress any more, and nothing in flight.
        advance(&self.shared.progress, worker.seen, [begun, begun.max(ended), attempts, failed, 0, 0]);
        if finished {
            return Ok(());
        }
        let Buried { events, home, unsent } = worker.account.bury(self.cell.cell.index, now_ns);
        let lost = (events.len() as u64, 0, 0);
        worker.buried = sum(worker.buried, sum(worker.totals, lost));
        (worker.totals, worker.seen) = ((0, 0, 0), Figures::default());
        worker.deaths += 1;
        if worker.deaths > DEATHS_MAX {
            let how = status.and_then(Result::ok).map_or_else(String::new, |status| format!(" ({status})"));
            return Err(EngineError::Worker(format!("it died {DEATHS_MAX} times in one cell{how}")));
        }
        if let Purse::Own(budget) = &self.shared.purse {
            unsent.into_iter().for_each(|most| budget.settle(charge(most), Charge::default()));
        }
        let underway = self.order.is_some() && worker.shares.is_none();
        let starting = self.order.is_none() && !worker.ready;
        self.history.send(events);
        self.came_home(&home);
        if underway || starting {
            self.start(index)?;
        }
        if underway {
            self.resume_order(index);
        }
        Ok(())
    }

    /// Gives a new process the rest of the order that its forerunner was making.
    fn resume_order(&mut self, index: usize) {
        let Some(order) = &self.order else { return };
        let mut pieces = self.workers[index].account.resumed();
        for (resumed, round) in pieces.iter_mut().zip(&order.rounds) {
            resumed.round = round.release_ns.map(|release_ns| (round.current, release_ns));
        }
        let order = BlockOrder { block: order.block, start_ns: ns(order.start), pieces };
        // First the stop, or it would begin what must not begin any more.
        if let Some(cause) = self.stopped {
            self.tell(index, &Down::Stop(cause));
        }
        self.tell(index, &Down::Order(order));
    }
}
