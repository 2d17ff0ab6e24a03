//! How a worker is started, watched, and replaced when it dies.

use super::{RESTARTS_MAX, Workers, advance, sum};
use crate::clock::ns;
use crate::engine::account::LostWork;
use crate::engine::error::EngineError;
use crate::engine::process::Process;
use crate::engine::run_context::BudgetKeeper;
use crate::engine::worker_protocol::{Assignment, BlockOrder, Figures, ToWorker, charge};
use crate::shared::Charge;

impl Workers {
    pub(super) fn wait_until_ready(&mut self) -> Result<(), EngineError> {
        while let Ok((index, event)) = self.inbox.try_recv() {
            self.handle(index, event)?;
        }
        for index in 0..self.workers.len() {
            if self.workers[index].process.is_none() {
                self.start(index)?;
            }
        }
        let deadline = self.run.clock.now() + self.timeout;
        while self.workers.iter().any(|worker| !worker.ready) {
            if self.run.clock.now() > deadline {
                return Err(self.no_answer("that it is ready"));
            }
            self.receive()?;
        }
        Ok(())
    }

    fn start(&mut self, index: usize) -> Result<(), EngineError> {
        let process = u32::try_from(index).unwrap_or(u32::MAX);
        let successor = self.workers[index].deaths > 0;
        let assignment = Assignment { process, successor, ..self.assignment.clone() };
        let started = Process::start(&self.program, &assignment, &self.messages);
        let worker = &mut self.workers[index];
        (worker.ready, worker.seen, worker.totals) = (false, Figures::default(), (0, 0, 0));
        worker.last_message = self.run.clock.now();
        worker.process = Some(started.map_err(EngineError::WorkerStart)?);
        Ok(())
    }

    /// A worker that is making load sends a message every second, if only to show that it is alive.
    pub(super) fn check_alive(&self) -> Result<(), EngineError> {
        let now = self.run.clock.now();
        let silent = self.workers.iter().enumerate().any(|(index, worker)| {
            let waited_for = worker.process.is_some() && worker.report.is_none();
            waited_for
                && !self.holder_faults.is_paused(index)
                && now.saturating_sub(worker.last_message) > self.timeout
        });
        if silent { Err(self.no_answer("its figures")) } else { Ok(()) }
    }

    /// A worker is alive and has not sent what it should.
    pub(super) fn no_answer(&self, what: &str) -> EngineError {
        let secs = self.timeout.as_secs_f64();
        EngineError::Worker(format!("did not report {what} within {secs:.0} s"))
    }

    /// A worker has ended. Its attempts in flight end unknown. If an order is being made, the worker is
    /// started again with the rest of its jobs, and the jobs that it had begun are delivered again, as a task
    /// queue does.
    pub(super) fn exited(&mut self, index: usize) -> Result<(), EngineError> {
        let now_ns = self.run.clock.now_ns();
        self.holder_faults.forget(index);
        let worker = &mut self.workers[index];
        let status = worker.process.take().map(Process::reap);
        let finished = worker.booked.is_some();
        let [begun, ended, attempts, failed, _, _] = worker.seen;
        // Its jobs are no longer in progress, and its attempts no longer in flight.
        advance(&self.run.progress, worker.seen, [begun, begun.max(ended), attempts, failed, 0, 0]);
        if finished {
            return Ok(());
        }
        let LostWork { events, ended_jobs, unsent } = worker.account.reap(self.cell.cell.index, now_ns);
        let lost = (events.len() as u64, 0, 0);
        worker.earlier = sum(worker.earlier, sum(worker.totals, lost));
        (worker.totals, worker.seen) = ((0, 0, 0), Figures::default());
        worker.deaths += 1;
        if worker.deaths > RESTARTS_MAX {
            let how = status.and_then(Result::ok).map_or_else(String::new, |status| format!(" ({status})"));
            return Err(EngineError::Worker(format!("died more than {RESTARTS_MAX} times in one cell{how}")));
        }
        if let BudgetKeeper::Own(budget) = &self.run.budget {
            unsent.into_iter().for_each(|most| budget.settle(charge(most), Charge::default()));
        }
        let underway = self.order.is_some() && worker.report.is_none();
        let starting = self.order.is_none() && !worker.ready;
        self.history.send(events);
        self.jobs_ended(&ended_jobs);
        if underway || starting {
            self.start(index)?;
        }
        if underway {
            self.resume_order(index);
        }
        Ok(())
    }

    /// Gives a new process the rest of the order that its predecessor was making.
    fn resume_order(&mut self, index: usize) {
        let Some(order) = &self.order else { return };
        let mut pieces = self.workers[index].account.resumed();
        for (resumed, round) in pieces.iter_mut().zip(&order.rounds) {
            resumed.round = round.release_ns.map(|release_ns| (round.current, release_ns));
        }
        let order = BlockOrder { block: order.block, start_ns: ns(order.start), pieces };
        // The stop goes first, or the process would begin jobs after it.
        if let Some(cause) = self.stopped {
            self.send(index, &ToWorker::Stop(cause));
        }
        self.send(index, &ToWorker::Order(order));
    }
}
