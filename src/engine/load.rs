//! One piece of load on one engine thread: begins its jobs when they are due, and sees them home.

use super::bench::Bench;
use super::cell::PieceState;
use super::crew::Crew;
use super::hands::Past;
use super::pacer::Pacer;
use super::pending::{DueJobs, Lane, OwnJobs, Pending, RoundJobs};
use super::stop::{Cause, Halt};
use super::wire::{Again, Begun};
use crate::plan::{OnSaturation, Open};
use crate::profile::{Arrivals, Load, Piece, VusCurve};
use crate::strategy::Permit;
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

/// After what is in flight was given up, a strategy has this long to come home by itself.
const LAST_CALL: Duration = Duration::from_secs(1);
/// Jobs begun in one go before other tasks get their turn.
const BURST: u32 = 64;
/// A barrier round is announced so long before its release, so that every thread is there.
const ROUND_LEAD: Duration = Duration::from_millis(2);

/// One piece of load, as one engine thread sees it.
pub(super) struct PieceRun {
    pub(super) bench: Rc<Bench>,
    /// Which piece of its block it is.
    pub(super) index: usize,
    pub(super) piece: Piece,
    pub(super) state: Arc<PieceState>,
    /// Start of the block, since the run's epoch.
    pub(super) start: Duration,
    /// Which lane it is, of how many: the arrivals are dealt to lanes in turn.
    pub(super) lane: u32,
    pub(super) lanes: u32,
    pub(super) halt: Rc<Halt>,
    pub(super) crew: Rc<Crew>,
}

impl PieceRun {
    /// Runs the piece to its end, or until the run is stopped.
    pub(super) async fn run(self: Rc<Self>) {
        let begun = self.clone().begin_jobs();
        tokio::select! {
            biased;
            () = begun => {}
            () = self.bench.stopped() => self.halt.drain(),
        }
        // The profile's grace starts at its end or at the stop, whichever came; a closed profile without
        // an end has used up its jobs, and each ends by its own deadlines.
        tokio::select! {
            biased;
            () = self.clone().home() => return,
            () = self.grace() => {}
            () = async { self.bench.stopped().await; self.after_stop().await } => {}
        }
        self.halt.cancel();
        if tokio::time::timeout(LAST_CALL, self.clone().home()).await.is_err() {
            self.crew.give_up().await;
        }
    }

    /// Resolves when every job is home, and those that are delivered again have been begun too.
    async fn home(self: Rc<Self>) {
        loop {
            self.crew.all_home().await;
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
            self.crew.spawn(async move { run.job_again(again).await });
        }
        any
    }

    /// Resolves when the piece's end and its grace are over; never without an end.
    async fn grace(&self) {
        let end = match &self.piece.load {
            Load::Open { end, .. } => Some(*end),
            Load::Vus { end, .. } | Load::PerVu { end, .. } => *end,
            Load::Barrier { .. } => None,
        };
        match end {
            Some(end) => {
                let until = self.bench.shared.clock.at(self.start + end + self.piece.graceful_stop);
                tokio::time::sleep_until(until.into()).await;
            }
            None => std::future::pending().await,
        }
    }

    async fn after_stop(&self) {
        self.halt.drain();
        if !matches!(self.bench.stop_cause(), Some(Cause::Stuck | Cause::CannotWork)) {
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
        self.halt.is_draining() || self.bench.stop_cause().is_some()
    }

    fn now(&self) -> Duration {
        self.bench.shared.clock.now()
    }

    /// Runs one job here and now.
    async fn job(&self, index: u64, due: Duration) {
        let warmup = due < self.start + self.piece.warmup_until;
        let task = self.bench.task(index, due, warmup);
        self.bench.clone().run(task, self.index, Past::NONE, self.halt.clone()).await;
    }

    /// Runs a job whose worker died with it.
    async fn job_again(&self, again: Again) {
        let Begun { job, due_ns, begun_ns, warmup, .. } = again.begun;
        let mut task = self.bench.task(job, Duration::from_nanos(due_ns), warmup);
        task.begun = Duration::from_nanos(begun_ns);
        let past = Past::of(&again);
        self.bench.clone().run(task, self.index, past, self.halt.clone()).await;
    }

    /// Open profiles: due times are absolute, never re-anchored; a late thread begins everything that is
    /// due and lets lag show it.
    async fn open(self: Rc<Self>, arrivals: Arrivals, open: &Open) {
        let pacer = Pacer::new(self.bench.shared.clock);
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

    /// Begins the job if the cap on jobs in progress has room; `false` ends the profile.
    async fn admit(self: Rc<Self>, index: u64, due: Duration, on_saturation: OnSaturation) -> bool {
        let run = self.clone();
        let Some(queue) = &self.state.in_flight else {
            self.crew.spawn(async move { run.job(index, due).await });
            return true;
        };
        let slot = match (Permit::try_acquire(queue.clone()), on_saturation) {
            (Some(slot), _) => slot,
            // Only who waits for room is turned away by the end of the grace, never who is merely late.
            (None, OnSaturation::Queue) => tokio::select! {
                biased;
                slot = Permit::acquire(queue.clone()) => slot,
                () = self.grace() => return false,
            },
            (None, OnSaturation::Drop) => {
                self.bench.cell.tally.drop_one();
                self.bench.recorder.dropped(self.index, index);
                return true;
            }
            (None, OnSaturation::Abort) => {
                self.bench.stop(Cause::Saturated);
                return false;
            }
        };
        self.crew.spawn(async move {
            let _slot = slot;
            run.job(index, due).await;
        });
        true
    }

    fn vus(self: Rc<Self>, curve: &VusCurve, end: Option<Duration>) {
        for vu in (self.lane..curve.max()).step_by(self.lanes as usize) {
            let (run, curve) = (self.clone(), curve.clone());
            self.crew.spawn(async move { run.vu(vu, &curve, end).await });
        }
    }

    /// One worker of a closed profile: one job after the other, while the curve wants it.
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
            self.crew.spawn(async move {
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

    /// Barrier rounds: every thread releases its share at the same moment; whoever sees the last job of a
    /// round home announces the next.
    async fn barrier(self: Rc<Self>, size: u32, rounds: Range<u64>, first_job: u64) {
        let pacer = Pacer::new(self.bench.shared.clock);
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
                self.crew.spawn(async move {
                    run.job(job, release).await;
                    // Over several processes the run sees a round home, and announces the next.
                    let alone = run.bench.shared.uplink.is_none();
                    if alone && run.state.left.fetch_sub(1, SeqCst) == 1 {
                        run.state.left.store(u64::from(size), SeqCst);
                        run.state.round.send_replace((round + 1, run.now() + ROUND_LEAD));
                    }
                });
            }
        }
    }

    fn pending<L: Lane>(&self, lane: L) -> Pending<'_, L> {
        Pending::new(lane, self.state.clone(), &self.bench.cell.tally)
    }

    async fn sleep_until(&self, at: Duration) {
        tokio::select! {
            biased;
            () = tokio::time::sleep_until(self.bench.shared.clock.at(at).into()) => {}
            () = self.halt.draining() => {}
        }
    }
}
