//! What the engine gives a strategy for one job: see [`Hands`].

use super::blocking::{self, answer};
use super::run_context::BudgetKeeper;
use super::stop::{Halt, StopCause};
use super::thread_context::{CountGuard, ThreadContext};
use super::worker_protocol::{Redelivery, Sending};
use crate::clock::ns;
use crate::history::{Attempt, ErrorClass, Event, Job, JobEnd, JobId, Outcome};
use crate::provider::{Done, Request};
use crate::seed;
use crate::shared::Charge;
use crate::strategy::{Answer, Blocking, Call, Hands, LocalFuture, ReportedTokens, Task, Unlock};
use http::{HeaderMap, HeaderName, HeaderValue};
use rand::Rng;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

/// The earlier attempts of a job that a worker had begun before it died.
#[derive(Debug, Clone)]
pub(super) struct EarlierAttempts {
    /// One entry for each attempt, with its tokens if it was answered.
    attempts: Vec<Option<ReportedTokens>>,
    /// How often the job has been given to a process, this time included.
    deliveries: u32,
}

impl EarlierAttempts {
    /// A job that begins for the first time.
    pub(super) const NONE: Self = Self { attempts: Vec::new(), deliveries: 1 };

    /// The attempts of a job that is delivered again.
    pub(super) fn of(again: &Redelivery) -> Self {
        let mut attempts = vec![None; again.attempts as usize];
        for &(n, prompt_tokens, completion_tokens) in &again.answered {
            if let Some(attempt) = (n as usize).checked_sub(1).and_then(|at| attempts.get_mut(at)) {
                *attempt = Some(ReportedTokens { prompt_tokens, completion_tokens });
            }
        }
        Self { attempts, deliveries: again.deliveries }
    }

    fn made(&self) -> u32 {
        self.attempts.len() as u32
    }
}

/// The hands of one job.
pub(super) struct JobHands {
    context: Rc<ThreadContext>,
    halt: Rc<Halt>,
    earlier: EarlierAttempts,
    /// What is reserved for attempts of this job that have not begun.
    reserved: RefCell<Vec<(JobId, Charge)>>,
}

impl JobHands {
    /// The hands of a job with these earlier attempts.
    pub(super) fn new(context: Rc<ThreadContext>, halt: Rc<Halt>, earlier: EarlierAttempts) -> Self {
        Self { context, halt, earlier, reserved: RefCell::default() }
    }

    /// An attempt that was not made because the run had been stopped.
    fn not_sent(&self, task: &Task, call: &Call<'_>) -> Done {
        let attempt = Attempt {
            job: task.job,
            n: call.n,
            due_ns: ns(call.due),
            sent_ns: None,
            first_byte_ns: None,
            first_content_ns: None,
            done_ns: self.context.run.clock.now_ns(),
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
        };
        Done { attempt, retry_after: None, should_retry: None }
    }

    /// Waits until the process continues, if a nemesis has paused it in virtual time.
    async fn unpaused(&self) {
        let paused_until = || Duration::from_nanos(self.context.cell.paused_until_ns.load(Relaxed));
        while self.context.run.clock.now() < paused_until() {
            tokio::time::sleep_until(self.context.run.clock.at(paused_until()).into()).await;
        }
    }

    fn request(&self, task: &Task, call: &Call<'_>) -> Request {
        let question = JobId { index: task.question, ..task.job };
        let headers = headers(call);
        let Task { job, prompt_tokens, output_tokens, .. } = *task;
        Request { job, question, n: call.n, due: call.due, prompt_tokens, output_tokens, headers }
    }

    /// The reservation for the attempt that begins now, if its strategy has made one.
    fn take_reservation(&self) -> Option<Charge> {
        self.reserved.borrow_mut().pop().map(|(_, most)| most)
    }

    /// Records an attempt that has ended.
    fn book(&self, task: &Task, reserved: Option<Charge>, done: Done) -> Answer {
        let Done { mut attempt, retry_after, should_retry } = done;
        attempt.warmup = task.warmup;
        self.settle(reserved, &attempt);
        self.context.run.progress.attempt_ended(attempt.outcome == Outcome::Ok);
        let answer = answer(&attempt, retry_after, should_retry);
        self.context.recorder.push(Event::Attempt(Box::new(attempt)));
        answer
    }

    /// Replaces a reservation by the reported cost. Without a report the reservation stays if the provider
    /// may have charged. What was never sent costs nothing, not even a request.
    fn settle(&self, reserved: Option<Charge>, attempt: &Attempt) {
        let Some(reserved) = reserved else { return };
        let usage = attempt.prompt_tokens.zip(attempt.completion_tokens);
        let spent = match (attempt.outcome, usage) {
            _ if attempt.sent_ns.is_none() => Charge::default(),
            (_, Some((prompt, completion))) => self.context.charge(prompt, completion),
            (Outcome::Failed, None) => Charge { requests: 1, ..Charge::default() },
            (_, None) => reserved,
        };
        self.replace(attempt.job, reserved, spent);
    }

    /// Replaces a reservation by what was spent.
    fn replace(&self, job: JobId, reserved: Charge, spent: Charge) {
        match (&self.context.run.budget, &self.context.run.connection) {
            (BudgetKeeper::Own(budget), _) => budget.settle(reserved, spent),
            (BudgetKeeper::Parent, Some(connection)) => connection.settle(job.index, reserved, spent),
            _ => {}
        }
    }
}

impl Drop for JobHands {
    /// A job that was cancelled before it sent an attempt releases what it had reserved.
    fn drop(&mut self) {
        for (job, most) in self.reserved.take() {
            self.replace(job, most, Charge::default());
        }
    }
}

impl Hands for JobHands {
    fn now(&self) -> Duration {
        self.context.run.clock.now()
    }

    fn earlier(&self) -> Option<&[Option<ReportedTokens>]> {
        (self.earlier.deliveries > 1).then_some(&*self.earlier.attempts)
    }

    fn attempt<'a>(&'a self, task: &'a Task, mut call: Call<'a>) -> LocalFuture<'a, Answer> {
        Box::pin(async move {
            call.n += self.earlier.made();
            let reserved = self.take_reservation();
            let done = if self.halt.is_draining() {
                self.not_sent(task, &call)
            } else {
                let request = self.request(task, &call);
                let _busy = CountGuard::new(&self.context.run.progress);
                self.context.recorder.sending(Sending::now(&request, self.context.run.clock));
                let given_up = call.given_up.unwrap_or_else(|| Box::pin(std::future::pending()));
                let cancelled = async {
                    tokio::select! {
                        biased;
                        () = self.halt.cancelled() => {}
                        () = given_up => {}
                    }
                };
                self.context.client.attempt(&request, cancelled).await
            };
            self.unpaused().await;
            self.book(task, reserved, done)
        })
    }

    fn blocking<'a>(&'a self, task: &'a Task, mut call: Call<'a>) -> Blocking<'a> {
        if !self.has_threads() {
            return Blocking { run: None, recorded: self.attempt(task, call) };
        }
        call.n += self.earlier.made();
        let reserved = self.take_reservation();
        let request = self.request(task, &call);
        // The thread reports its own attempt; everything earlier is reported now.
        self.context.recorder.flush();
        let connection = self.context.run.connection.clone();
        let (run, over) =
            blocking::split(self.context.endpoint.clone(), self.context.run.clock, connection, request);
        let recorded = Box::pin(async move {
            let busy = CountGuard::new(&self.context.run.progress);
            let done = over.await_unless(self.halt.cancelled()).await;
            drop(busy);
            let done = done.unwrap_or_else(|error| {
                self.context.fail(format!("a thread of the pool has no client: {error}"));
                None
            });
            self.book(task, reserved, done.unwrap_or_else(|| self.not_sent(task, &call)))
        });
        Blocking { run: Some(run), recorded }
    }

    fn has_threads(&self) -> bool {
        !self.context.run.clock.is_virtual()
    }

    fn holding<'a>(&'a self, lock: &'a str, token: u64) -> LocalFuture<'a, Unlock> {
        Box::pin(async move {
            let run = &self.context.run;
            let _busy = CountGuard::waiting(&run.progress);
            let lost = match &run.connection {
                Some(connection) => connection.holding(lock, token).await,
                None => {
                    let fault = self.context.cell.nemeses.strike().await;
                    if let (Some(pause), true) = (fault.pause, run.clock.is_virtual()) {
                        self.context.cell.paused_until_ns.fetch_max(ns(run.clock.now() + pause), Relaxed);
                    }
                    self.unpaused().await;
                    fault.lost
                }
            };
            if lost { Unlock::Lost } else { Unlock::Heard }
        })
    }

    fn wait_until(&self, until: Duration) -> LocalFuture<'_, bool> {
        Box::pin(async move {
            if self.halt.is_draining() {
                return false;
            }
            let _busy = CountGuard::waiting(&self.context.run.progress);
            let until = tokio::time::Instant::from_std(self.context.run.clock.at(until));
            let waited = tokio::select! {
                biased;
                () = tokio::time::sleep_until(until) => true,
                () = self.halt.draining() => false,
            };
            self.unpaused().await;
            waited
        })
    }

    fn stopped(&self) -> LocalFuture<'_, ()> {
        Box::pin(self.halt.draining())
    }

    fn record(&self, task: &Task, answer: &Answer, end: JobEnd, attempts: u32) {
        let ok = answer.outcome == Outcome::Ok;
        self.context.recorder.push(Event::Job(Job {
            job: task.job,
            due_ns: ns(task.due),
            begun_ns: ns(task.begun),
            done_ns: self.context.run.clock.now_ns(),
            outcome: answer.outcome,
            end,
            attempts: attempts + self.earlier.made(),
            deliveries: self.earlier.deliveries,
            id: answer.id.clone().filter(|_| ok),
            text_hash: answer.text_hash.clone().filter(|_| ok),
            warmup: task.warmup,
        }));
    }

    fn cannot_work(&self, why: String) {
        self.context.fail(why);
    }

    fn count(&self, _task: &Task, answer: &Answer) {
        let ReportedTokens { prompt_tokens, completion_tokens } =
            answer.usage.filter(|_| answer.outcome == Outcome::Ok).unwrap_or_default();
        self.context.cell.totals.add(prompt_tokens, completion_tokens);
    }

    fn draw(&self, task: &Task, n: u32) -> f64 {
        let plan = &self.context.run.plan;
        let mut stream = seed::stream(
            plan.seed,
            "jitter",
            task.job.index << 8 | u64::from((n + self.earlier.made()) & 0xff),
        );
        stream.random::<f64>()
    }

    fn reserve(&self, task: &Task) -> bool {
        let granted = self.reserve_spare(task);
        if !granted {
            self.context.stop(StopCause::OverBudget);
        }
        granted
    }

    fn reserve_spare(&self, task: &Task) -> bool {
        let most = self.context.most(task);
        let granted = match (&self.context.run.budget, &self.context.run.connection) {
            (BudgetKeeper::Own(budget), _) => budget.reserve(most),
            (BudgetKeeper::Parent, Some(connection)) => connection.reserve(task.job.index, most),
            _ => return true,
        };
        if granted {
            self.reserved.borrow_mut().push((task.job, most));
        }
        granted
    }
}

/// The headers for a key or a lock. Their values are plain ASCII, so none is left out.
fn headers(call: &Call<'_>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let mut put = |name: &'static str, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    };
    if let Some(key) = &call.idempotency_key {
        put("idempotency-key", key);
    }
    if let Some(lease) = &call.lease {
        let token = lease.token.to_string();
        put("x-deadheat-lock", &lease.lock);
        put("x-deadheat-lock-token", &token);
        if lease.checked {
            put("x-fencing-token", &token);
        }
    }
    headers
}
