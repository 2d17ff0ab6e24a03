//! An engine thread's place of work: what it needs to bring jobs of one cell to their end.

use super::cell::{CellState, Shared};
use super::hands::{JobHands, Past};
use super::recorder::Recorder;
use super::stop::{Cause, Halt};
use super::wire;
use crate::clock::ns;
use crate::history::JobId;
use crate::provider::{Client, Endpoint};
use crate::seed;
use crate::shared::{Charge, Progress};
use crate::strategy::Task;
use crate::sync::lock;
use rand::Rng;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// What one engine thread needs to make load for one cell.
pub(super) struct Bench {
    pub(super) shared: Arc<Shared>,
    pub(super) cell: Arc<CellState>,
    pub(super) client: Rc<Client>,
    pub(super) endpoint: Endpoint,
    pub(super) recorder: Rc<Recorder>,
}

impl Bench {
    /// The job's size, drawn from the seed and its question only: every cell faces the same jobs.
    pub(super) fn task(&self, index: u64, due: Duration, warmup: bool) -> Task {
        let workload = &self.shared.plan.workload;
        let job = JobId { cell: self.cell.cell.index, index };
        let question = self.shared.plan.question(index);
        let (prompt, output) = (&workload.prompt_tokens, &workload.output_tokens);
        let (mut prompt_tokens, mut output_tokens) = (prompt.min, output.min);
        if prompt.min < prompt.max || output.min < output.max {
            let mut draw = seed::stream(self.shared.plan.seed, "job", question);
            prompt_tokens = draw.random_range(prompt.min..=prompt.max);
            output_tokens = draw.random_range(output.min..=output.max);
        }
        let begun = self.shared.clock.now();
        Task { job, due, begun, prompt_tokens, output_tokens, question, warmup }
    }

    /// Why the cell is stopped, or the whole run, if it is.
    pub(super) fn stop_cause(&self) -> Option<Cause> {
        self.cell.stuck.cause().or_else(|| self.shared.stop.cause())
    }

    /// Resolves when the cell is stopped, or the whole run.
    pub(super) async fn stopped(&self) {
        tokio::select! {
            biased;
            () = self.cell.stuck.stopped() => {}
            () = self.shared.stop.stopped() => {}
        }
    }

    /// Stops the whole run, from whichever process.
    pub(super) fn stop(&self, cause: Cause) {
        self.shared.stop.stop(cause);
        if let Some(uplink) = &self.shared.uplink {
            uplink.stop(cause);
        }
    }

    /// Ends the whole run, in which load cannot be made. The first reason stands.
    pub(super) fn fail(&self, why: String) {
        lock(&self.shared.failed).get_or_insert(why);
        self.stop(Cause::CannotWork);
    }

    /// Brings one job to its end with the cell's strategy. `past` is what became of it in a worker that
    /// died.
    pub(super) async fn run(self: Rc<Self>, task: Task, piece: usize, past: Past, halt: Rc<Halt>) {
        let job = task.job.index;
        self.cell.tally.issue();
        let (due_ns, begun_ns) = (ns(task.due), ns(task.begun));
        self.recorder.begun(wire::Begun { piece, job, due_ns, begun_ns, warmup: task.warmup });
        let _begun = Begun::new(&self.shared.progress);
        let hands = Rc::new(JobHands::new(self.clone(), halt, past));
        self.cell.strategy.run(task, hands).await;
        self.recorder.ended(job);
    }

    /// What an attempt of the job can cost at the most: the whole prompt and all the output asked for.
    pub(super) fn most(&self, task: &Task) -> Charge {
        self.charge(u64::from(task.prompt_tokens), u64::from(task.output_tokens))
    }

    /// What an attempt of so many tokens counts for: in money, at the dearest hour of its price, so that a budget
    /// ends a run too early rather than too late.
    pub(super) fn charge(&self, prompt_tokens: u64, completion_tokens: u64) -> Charge {
        let price = self.shared.plan.targets[self.cell.cell.target].price.as_ref();
        // What cannot be counted is over any budget.
        let most = price.map(|price| price.most(prompt_tokens, completion_tokens));
        let yocto = most.map_or(0, |most| most.map_or(i128::MAX, |most| most.yocto));
        Charge { requests: 1, tokens: prompt_tokens + completion_tokens, yocto }
    }
}

/// Marks a job in progress for as long as it lives: one that is given up, or panics, must not look stuck in
/// all blocks that follow.
struct Begun<'a>(&'a Progress);

impl<'a> Begun<'a> {
    fn new(progress: &'a Progress) -> Self {
        progress.job_begun();
        Self(progress)
    }
}

impl Drop for Begun<'_> {
    fn drop(&mut self) {
        self.0.job_ended();
    }
}

/// Marks an attempt in flight, or a wait on purpose, for as long as it lives.
pub(super) struct Busy<'a> {
    progress: &'a Progress,
    waits: bool,
}

impl<'a> Busy<'a> {
    pub(super) fn new(progress: &'a Progress) -> Self {
        progress.busy();
        Self { progress, waits: false }
    }

    pub(super) fn waiting(progress: &'a Progress) -> Self {
        progress.busy();
        progress.waits();
        Self { progress, waits: true }
    }
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        if self.waits {
            self.progress.waited();
        }
        self.progress.idle();
    }
}
