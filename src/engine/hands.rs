//! The hands that the engine lends to a strategy for one job.

use super::cell::{CellState, Purse, Shared};
use super::recorder::Recorder;
use super::stop::{Cause, Halt};
use super::wire::{Begun as BegunNote, Sending};
use crate::clock::ns;
use crate::history::{Attempt, ErrorClass, Event, Job, JobEnd, Outcome};
use crate::provider::{Client, Request};
use crate::seed;
use crate::shared::{Charge, Progress};
use crate::strategy::{Answer, Hands, LocalFuture, Task, Usage};
use rand::Rng;
use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// What one engine thread needs to make load for one cell.
pub(super) struct Bench {
    pub(super) shared: Arc<Shared>,
    pub(super) cell: Arc<CellState>,
    pub(super) client: Rc<Client>,
    pub(super) recorder: Rc<Recorder>,
}

impl Bench {
    /// The job's size, drawn from the seed and its number only: every cell faces the same jobs.
    pub(super) fn task(&self, index: u64, due: Duration, warmup: bool) -> Task {
        let workload = &self.shared.plan.workload;
        let job = crate::history::JobId { cell: self.cell.cell.index, index };
        let (prompt, output) = (&workload.prompt_tokens, &workload.output_tokens);
        let (mut prompt_tokens, mut output_tokens) = (prompt.min, output.min);
        if prompt.min < prompt.max || output.min < output.max {
            let mut draw = seed::stream(self.shared.plan.seed, "job", index);
            prompt_tokens = draw.random_range(prompt.min..=prompt.max);
            output_tokens = draw.random_range(output.min..=output.max);
        }
        Task { job, due, begun: self.shared.clock.now(), prompt_tokens, output_tokens, warmup }
    }

    /// Why the cell is stopped, or the whole run, if it is.
    pub(super) fn stop_cause(&self) -> Option<Cause> {
        self.cell.stuck.cause().or_else(|| self.shared.stop.cause())
    }

    /// Resolves when the cell is stopped, or the whole run.
    pub(super) async fn stopped(&self) {
        tokio::select! {
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

    /// Brings one job to its end with the cell's strategy. `made` attempts of it were made before, by a worker
    /// that died.
    pub(super) async fn run(self: Rc<Self>, task: Task, piece: usize, made: u32, halt: Rc<Halt>) {
        let job = task.job.index;
        self.cell.tally.issue();
        let (due_ns, begun_ns) = (ns(task.due), ns(task.begun));
        self.recorder.begun(BegunNote { piece, job, due_ns, begun_ns, warmup: task.warmup });
        let _begun = Begun::new(&self.shared.progress);
        let hands = Rc::new(JobHands { bench: self.clone(), halt, made, reserved: Cell::default() });
        self.cell.strategy.run(task, hands).await;
        self.recorder.ended(job);
    }

    /// What an attempt of the job can cost at the most: the whole prompt and all the output asked for.
    fn most(&self, task: &Task) -> Charge {
        self.charge(u64::from(task.prompt_tokens), u64::from(task.output_tokens))
    }

    fn charge(&self, prompt_tokens: u64, completion_tokens: u64) -> Charge {
        let price = self.shared.plan.targets[self.cell.cell.target].price;
        let pico = price.map_or(0, |price| price.cost(prompt_tokens, completion_tokens).pico);
        Charge { requests: 1, tokens: prompt_tokens + completion_tokens, pico }
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
struct Busy<'a>(&'a Progress);

impl<'a> Busy<'a> {
    fn new(progress: &'a Progress) -> Self {
        progress.busy();
        Self(progress)
    }
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.idle();
    }
}

struct JobHands {
    bench: Rc<Bench>,
    halt: Rc<Halt>,
    /// Attempts that an earlier worker made of the job.
    made: u32,
    /// Set aside for the attempt that comes next or is in flight.
    reserved: Cell<Option<Charge>>,
}

impl JobHands {
    /// The attempt that was not made because the run had been stopped.
    fn not_sent(&self, task: &Task, n: u32, due: Duration) -> Attempt {
        Attempt {
            job: task.job,
            n,
            due_ns: ns(due),
            sent_ns: None,
            first_byte_ns: None,
            first_content_ns: None,
            done_ns: self.bench.shared.clock.now_ns(),
            gaps_us: Vec::new(),
            status: None,
            outcome: Outcome::Failed,
            error: Some(ErrorClass::Cancelled),
            message: None,
            id: None,
            prompt_tokens: None,
            completion_tokens: None,
            text_hash: None,
            retry_after_ms: None,
            warmup: task.warmup,
        }
    }

    /// Replaces what was set aside by what the provider said it cost; where it said nothing but may have
    /// charged, the reservation stands. What was never sent costs nothing, not even a request.
    fn settle(&self, attempt: &Attempt) {
        let Some(reserved) = self.reserved.take() else { return };
        let usage = attempt.prompt_tokens.zip(attempt.completion_tokens);
        let spent = match (attempt.outcome, usage) {
            _ if attempt.sent_ns.is_none() => Charge::default(),
            (_, Some((prompt, completion))) => self.bench.charge(prompt, completion),
            (Outcome::Failed, None) => Charge { requests: 1, ..Charge::default() },
            (_, None) => reserved,
        };
        match (&self.bench.shared.purse, &self.bench.shared.uplink) {
            (Purse::Own(budget), _) => budget.settle(reserved, spent),
            (Purse::Parent, Some(uplink)) => uplink.settle(reserved, spent),
            _ => {}
        }
    }
}

impl Hands for JobHands {
    fn now(&self) -> Duration {
        self.bench.shared.clock.now()
    }

    fn attempt<'a>(&'a self, task: &'a Task, n: u32, due: Duration) -> LocalFuture<'a, Answer> {
        Box::pin(async move {
            let n = n + self.made;
            let (mut attempt, retry_after, should_retry) = if self.halt.is_draining() {
                (self.not_sent(task, n, due), None, None)
            } else {
                let Task { job, prompt_tokens, output_tokens, .. } = *task;
                let request = Request { job, n, due, prompt_tokens, output_tokens };
                let _busy = Busy::new(&self.bench.shared.progress);
                let (due_ns, at_ns) = (ns(due), self.bench.shared.clock.now_ns());
                self.bench.recorder.sending(Sending { job: job.index, n, due_ns, at_ns });
                let done = self.bench.client.attempt(&request, self.halt.cancelled()).await;
                (done.attempt, done.retry_after, done.should_retry)
            };
            attempt.warmup = task.warmup;
            self.settle(&attempt);
            self.bench.shared.progress.attempt_ended(attempt.outcome == Outcome::Ok);
            let answer = answer(&attempt, retry_after, should_retry);
            self.bench.recorder.push(Event::Attempt(Box::new(attempt)));
            answer
        })
    }

    fn wait_until(&self, until: Duration) -> LocalFuture<'_, bool> {
        Box::pin(async move {
            if self.halt.is_draining() {
                return false;
            }
            let _busy = Busy::new(&self.bench.shared.progress);
            let until = tokio::time::Instant::from_std(self.bench.shared.clock.at(until));
            tokio::select! {
                () = tokio::time::sleep_until(until) => true,
                () = self.halt.draining() => false,
            }
        })
    }

    fn stopped(&self) -> LocalFuture<'_, ()> {
        Box::pin(self.halt.draining())
    }

    fn record(&self, task: &Task, answer: &Answer, end: JobEnd, attempts: u32) {
        let ok = answer.outcome == Outcome::Ok;
        self.bench.recorder.push(Event::Job(Job {
            job: task.job,
            due_ns: ns(task.due),
            begun_ns: ns(task.begun),
            done_ns: self.bench.shared.clock.now_ns(),
            outcome: answer.outcome,
            end,
            attempts: attempts + self.made,
            id: answer.id.clone().filter(|_| ok),
            text_hash: answer.text_hash.clone().filter(|_| ok),
            warmup: task.warmup,
        }));
    }

    fn count(&self, _task: &Task, answer: &Answer) {
        let Usage { prompt_tokens, completion_tokens } =
            answer.usage.filter(|_| answer.outcome == Outcome::Ok).unwrap_or_default();
        self.bench.cell.totals.add(prompt_tokens, completion_tokens);
    }

    fn draw(&self, task: &Task, n: u32) -> f64 {
        let plan = &self.bench.shared.plan;
        let mut stream = seed::stream(plan.seed, "jitter", task.job.index << 8 | u64::from((n + self.made) & 0xff));
        stream.random::<f64>()
    }

    fn reserve(&self, task: &Task) -> bool {
        let most = self.bench.most(task);
        let granted = match (&self.bench.shared.purse, &self.bench.shared.uplink) {
            (Purse::Own(budget), _) => budget.reserve(most),
            (Purse::Parent, Some(uplink)) => uplink.reserve(most),
            _ => return true,
        };
        if granted {
            self.reserved.set(Some(most));
        } else {
            self.bench.shared.stop.stop(Cause::OverBudget);
        }
        granted
    }
}

fn answer(attempt: &Attempt, retry_after: Option<Duration>, should_retry: Option<bool>) -> Answer {
    let usage = attempt.prompt_tokens.zip(attempt.completion_tokens);
    Answer {
        outcome: attempt.outcome,
        error: attempt.error,
        status: attempt.status,
        retry_after,
        should_retry,
        done: Duration::from_nanos(attempt.done_ns),
        id: attempt.id.clone(),
        text_hash: attempt.text_hash.clone(),
        usage: usage.map(|(prompt_tokens, completion_tokens)| Usage { prompt_tokens, completion_tokens }),
    }
}
