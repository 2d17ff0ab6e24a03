//! What an engine thread needs to bring jobs of one cell to their end.

use super::cell::CellState;
use super::recorder::Recorder;
use super::run_context::RunContext;
use super::stop::StopCause;
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
pub(super) struct ThreadContext {
    pub(super) run: Arc<RunContext>,
    pub(super) cell: Arc<CellState>,
    pub(super) client: Rc<Client>,
    pub(super) endpoint: Endpoint,
    pub(super) recorder: Rc<Recorder>,
}

impl ThreadContext {
    /// A job, whose size is drawn from the seed and its question alone: every cell has the same jobs.
    pub(super) fn task(&self, index: u64, due: Duration, warmup: bool) -> Task {
        let workload = &self.run.plan.workload;
        let job = JobId { cell: self.cell.cell.index, index };
        let question = self.run.plan.question(index);
        let (prompt, output) = (&workload.prompt_tokens, &workload.output_tokens);
        let (mut prompt_tokens, mut output_tokens) = (prompt.min, output.min);
        if prompt.min < prompt.max || output.min < output.max {
            let mut draw = seed::stream(self.run.plan.seed, "job", question);
            prompt_tokens = draw.random_range(prompt.min..=prompt.max);
            output_tokens = draw.random_range(output.min..=output.max);
        }
        let begun = self.run.clock.now();
        Task { job, due, begun, prompt_tokens, output_tokens, question, warmup }
    }

    /// Why the cell is stopped, or the whole run, if it is.
    pub(super) fn stop_cause(&self) -> Option<StopCause> {
        self.cell.stuck.cause().or_else(|| self.run.stop.cause())
    }

    /// Resolves when the cell is stopped, or the whole run.
    pub(super) async fn stopped(&self) {
        tokio::select! {
            biased;
            () = self.cell.stuck.stopped() => {}
            () = self.run.stop.stopped() => {}
        }
    }

    /// Stops the whole run, also from a worker process.
    pub(super) fn stop(&self, cause: StopCause) {
        self.run.stop.stop(cause);
        if let Some(connection) = &self.run.connection {
            connection.stop(cause);
        }
    }

    /// Ends the whole run because load cannot be made. The first reason is kept.
    pub(super) fn fail(&self, why: String) {
        lock(&self.run.failed).get_or_insert(why);
        self.stop(StopCause::CannotWork);
    }

    /// The most that an attempt of the job can cost: the whole prompt and all the output asked for.
    pub(super) fn most(&self, task: &Task) -> Charge {
        self.charge(u64::from(task.prompt_tokens), u64::from(task.output_tokens))
    }

    /// What an attempt of these tokens counts for. Money is counted at the dearest hour of the price, so that
    /// a budget ends a run too early rather than too late.
    pub(super) fn charge(&self, prompt_tokens: u64, completion_tokens: u64) -> Charge {
        let price = self.run.plan.targets[self.cell.cell.target].price.as_ref();
        // A price that cannot be computed exceeds any budget.
        let most = price.map(|price| price.most(prompt_tokens, completion_tokens));
        let yocto = most.map_or(0, |most| most.map_or(i128::MAX, |most| most.yocto));
        Charge { requests: 1, tokens: prompt_tokens + completion_tokens, yocto }
    }
}

/// Counts a job as in progress while it lives: a job that is given up, or panics, must not look stuck in all
/// blocks that follow.
pub(super) struct JobInProgress<'a>(&'a Progress);

impl<'a> JobInProgress<'a> {
    pub(super) fn new(progress: &'a Progress) -> Self {
        progress.job_begun();
        Self(progress)
    }
}

impl Drop for JobInProgress<'_> {
    fn drop(&mut self) {
        self.0.job_ended();
    }
}

/// Counts an attempt in flight, or a wait on purpose, while it lives.
pub(super) struct CountGuard<'a> {
    progress: &'a Progress,
    waits: bool,
}

impl<'a> CountGuard<'a> {
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

impl Drop for CountGuard<'_> {
    fn drop(&mut self) {
        if self.waits {
            self.progress.waited();
        }
        self.progress.idle();
    }
}
