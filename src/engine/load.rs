//! One piece of load on one engine thread: begins its jobs when they are due, and waits for their ends.

use super::cell::PieceState;
use super::hands::{EarlierAttempts, JobHands};
use super::pacer::Pacer;
use super::pending::{DueJobs, JobSequence, OwnJobs, Pending, RoundJobs};
use super::stop::{Halt, StopCause};
use super::task_set::TaskSet;
use super::thread_context::{JobInProgress, ThreadContext};
use super::worker_protocol::{Begun, Redelivery};
use crate::clock::ns;
use crate::plan::{OnSaturation, Open};
use crate::profile::{ArrivalTimes, Load, Piece, VusCurve};
use crate::strategy::{Permit, Task};
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

/// How long strategies may take to return once the attempts in flight have been cancelled.
const LAST_CALL: Duration = Duration::from_secs(1);
/// Jobs begun in one go before other tasks may run.
const BURST: u32 = 64;
/// A barrier round is announced this long before its release, so that every thread waits for it.
const ROUND_LEAD: Duration = Duration::from_millis(2);

/// One piece of load, as one engine thread sees it.
pub(super) struct PieceRun {
    pub(super) context: Rc<ThreadContext>,
    /// Which piece of its block it is.
    pub(super) index: usize,
    pub(super) piece: Piece,
    pub(super) state: Arc<PieceState>,
    /// Start of the block, since the run's epoch.
    pub(super) start: Duration,
    /// Which lane this is, of how many: the jobs of a profile are dealt to lanes in turn.
    pub(super) lane: u32,
    pub(super) lanes: u32,
    pub(super) halt: Rc<Halt>,
    pub(super) tasks: Rc<TaskSet>,
}

impl PieceRun {
    /// Runs the piece to its end, or until the run is stopped.
    pub(super) async fn run(self: Rc<Self>) {
        let begun = self.clone().begin_jobs();
        tokio::select! {
            biased;
            () = begun => {}
            () = self.context.stopped() => self.halt.drain(),
        }
        // The profile's grace starts at its end or at the stop, whichever comes first. A closed profile
        // without an end has used up its jobs, and each of them ends by its own deadlines.
        tokio::select! {
            biased;
            () = self.clone().all_ended() => return,
            () = self.grace() => {}
            () = async { self.context.stopped().await; self.after_stop().await } => {}
        }
        self.halt.cancel();
        if tokio::time::timeout(LAST_CALL, self.clone().all_ended()).await.is_err() {
            self.tasks.abort_all().await;
        }
    }

    /// Resolves when every job has ended, those that are delivered again included.
    async fn all_ended(self: Rc<Self>) {
        loop {
            self.tasks.join_all().await;
            if !self.clone().redeliver() {
                return;
            }
        }
    }

    /// Begins the jobs that are delivered again; `false` if there are none.
    fn redeliver(self: Rc<Self>) -> bool {
        let mut any = false;
        while let Some(again) = self.state.again() {
            any = true;
            let run = self.clone();
            self.tasks.spawn(async move { run.job_again(again).await });
        }
        any
    }

    /// Resolves when the piece's end and its grace are over; never if it has no end.
    async fn grace(&self) {
        let end = match &self.piece.load {
            Load::Open { end, .. } => Some(*end),
            Load::Vus { end, .. } | Load::PerVu { end, .. } => *end,
            Load::Barrier { .. } => None,
        };
        match end {
            Some(end) => {
                let until = self.context.run.clock.at(self.start + end + self.piece.graceful_stop);
                tokio::time::sleep_until(until.into()).await;
            }
            None => std::future::pending().await,
        }
    }

    async fn after_stop(&self) {
        self.halt.drain();
        if !matches!(self.context.stop_cause(), Some(StopCause::Stuck | StopCause::CannotWork)) {
            tokio::time::sleep(self.piece.graceful_stop).await;
        }
    }

    async fn begin_jobs(self: Rc<Self>) {
        if matches!(self.piece.load, Load::Open { .. } | Load::Barrier { .. }) {
            self.clone().redeliver();
        }
        if !self.state.split.works() {
            return;
        }
        match self.piece.load.clone() {
            Load::Open { arrivals, open, .. } => self.open(arrivals, &open).await,
            Load::Vus { vus, end, .. } => self.vus(&vus, end),
            Load::PerVu { vus, iterations, total_iterations, first_job, end } => {
                self.per_vu(vus, &iterations, total_iterations, first_job, end);
            }
            Load::Barrier { size, rounds, first_job } => self.barrier(size, rounds, first_job).await,
        }
    }

    fn halted(&self) -> bool {
        self.halt.is_draining() || self.context.stop_cause().is_some()
    }

    fn now(&self) -> Duration {
        self.context.run.clock.now()
    }

    /// Runs one job now.
    async fn job(&self, index: u64, due: Duration) {
        let warmup = due < self.start + self.piece.warmup_until;
        self.run_task(self.context.task(index, due, warmup), EarlierAttempts::NONE).await;
    }

    /// Runs a job again that a worker had begun before it died.
    async fn job_again(&self, again: Redelivery) {
        let Begun { job, due_ns, begun_ns, warmup, .. } = again.begun;
        let mut task = self.context.task(job, Duration::from_nanos(due_ns), warmup);
        task.begun = Duration::from_nanos(begun_ns);
        self.run_task(task, EarlierAttempts::of(&again)).await;
    }

    /// Brings one job to its end with the cell's strategy.
    async fn run_task(&self, task: Task, earlier: EarlierAttempts) {
        let ThreadContext { run, cell, recorder, .. } = &*self.context;
        let job = task.job.index;
        cell.tally.issue();
        let (due_ns, begun_ns) = (ns(task.due), ns(task.begun));
        recorder.begun(Begun { piece: self.index, job, due_ns, begun_ns, warmup: task.warmup });
        let _in_progress = JobInProgress::new(&run.progress);
        let hands = Rc::new(JobHands::new(self.context.clone(), self.halt.clone(), earlier));
        cell.strategy.run(task, hands).await;
        recorder.ended(job);
    }

    /// Open profiles. Due times are absolute: a late thread begins everything that is due, and lag shows it.
    async fn open(self: Rc<Self>, arrivals: ArrivalTimes, open: &Open) {
        let pacer = Pacer::new(self.context.run.clock);
        let mut burst = 0;
        let mut pending = self.pending(DueJobs(arrivals.stripe(self.lane, self.lanes)));
        while let Some((job, offset)) = pending.peek() {
            let due = self.start + offset;
            if self.now() < due {
                pacer.until(due).await;
                burst = 0;
            } else if burst >= BURST {
                tokio::task::yield_now().await;
                burst = 0;
            }
            burst += 1;
            if self.halted() || !self.clone().admit(job, due, open.on_saturation).await {
                return;
            }
            pending.pop();
        }
    }

    /// Begins the job if the cap on jobs in progress allows; `false` ends the profile.
    async fn admit(self: Rc<Self>, index: u64, due: Duration, on_saturation: OnSaturation) -> bool {
        let run = self.clone();
        let Some(queue) = &self.state.in_flight else {
            self.tasks.spawn(async move { run.job(index, due).await });
            return true;
        };
        let slot = match (Permit::try_acquire(queue.clone()), on_saturation) {
            (Some(slot), _) => slot,
            // The end of the grace drops a job that waits for room, never one that is only late.
            (None, OnSaturation::Queue) => tokio::select! {
                biased;
                slot = Permit::acquire(queue.clone()) => slot,
                () = self.grace() => return false,
            },
            (None, OnSaturation::Drop) => {
                self.context.cell.tally.drop_one();
                self.context.recorder.dropped(self.index, index);
                return true;
            }
            (None, OnSaturation::Abort) => {
                self.context.stop(StopCause::Saturated);
                return false;
            }
        };
        self.tasks.spawn(async move {
            let _slot = slot;
            run.job(index, due).await;
        });
        true
    }

    fn vus(self: Rc<Self>, curve: &VusCurve, end: Option<Duration>) {
        for vu in (self.lane..curve.max()).step_by(self.lanes as usize) {
            let (run, curve) = (self.clone(), curve.clone());
            self.tasks.spawn(async move { run.vu(vu, &curve, end).await });
        }
    }

    /// One worker of a closed profile: one job after the other, while the curve asks for this worker.
    async fn vu(&self, vu: u32, curve: &VusCurve, end: Option<Duration>) {
        self.sleep_until(self.start + self.piece.start).await;
        while !self.halted() {
            let now = self.now();
            let offset = now.saturating_sub(self.start);
            if end.is_some_and(|end| offset >= end) {
                return;
            }
            if vu < curve.at(offset) {
                if let Some(again) = self.state.again() {
                    self.job_again(again).await;
                    continue;
                }
                let Some(index) = self.state.take() else { return };
                self.job(index, now).await;
            } else {
                match curve.next_change(offset) {
                    Some(change) => self.sleep_until(self.start + change).await,
                    None => return,
                }
            }
        }
    }

    fn per_vu(
        self: Rc<Self>,
        vus: u32,
        iterations: &Range<u64>,
        total: u64,
        first_job: u64,
        end: Option<Duration>,
    ) {
        for vu in (self.lane..vus).step_by(self.lanes as usize) {
            let (run, iterations) = (self.clone(), iterations.clone());
            self.tasks.spawn(async move {
                run.sleep_until(run.start + run.piece.start).await;
                let first = first_job + u64::from(vu) * total;
                let mut pending = run.pending(OwnJobs(first + iterations.start..first + iterations.end));
                while let Some((job, ())) = pending.peek() {
                    let now = run.now();
                    if run.halted() || end.is_some_and(|end| now >= run.start + end) {
                        return;
                    }
                    if let Some(again) = run.state.again() {
                        run.job_again(again).await;
                        continue;
                    }
                    pending.pop();
                    run.job(job, now).await;
                }
            });
        }
    }

    /// Barrier rounds: every thread releases its share at the same moment. The thread that ends the last job
    /// of a round announces the next.
    async fn barrier(self: Rc<Self>, size: u32, rounds: Range<u64>, first_job: u64) {
        let pacer = Pacer::new(self.context.run.clock);
        let mut announced = self.state.round.subscribe();
        let (lane, lanes) = (self.lane, self.lanes);
        let mut pending = self.pending(RoundJobs { first_job, size, lane, lanes, rounds, taken: 0 });
        while let Some((_, round)) = pending.peek() {
            let Ok(release) = announced.wait_for(|(current, _)| *current >= round).await.map(|r| r.1) else {
                return;
            };
            pacer.until(release).await;
            if self.halted() {
                return;
            }
            while let Some((job, _)) = pending.peek().filter(|(_, next)| *next == round) {
                pending.pop();
                let run = self.clone();
                self.tasks.spawn(async move {
                    run.job(job, release).await;
                    // With several processes the run counts the jobs of a round, and announces the next.
                    let alone = run.context.run.connection.is_none();
                    if alone && run.state.left.fetch_sub(1, SeqCst) == 1 {
                        run.state.left.store(u64::from(size), SeqCst);
                        run.state.round.send_replace((round + 1, run.now() + ROUND_LEAD));
                    }
                });
            }
        }
    }

    fn pending<L: JobSequence>(&self, lane: L) -> Pending<'_, L> {
        Pending::new(lane, self.state.clone(), &self.context.cell.tally)
    }

    async fn sleep_until(&self, at: Duration) {
        tokio::select! {
            biased;
            () = tokio::time::sleep_until(self.context.run.clock.at(at).into()) => {}
            () = self.halt.draining() => {}
        }
    }
}
