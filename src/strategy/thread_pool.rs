//! `thread-pool`: OS threads that take attempts from a queue and block until each is over.
//!
//! For programs that are synchronous anyway. The threads write results and totals themselves, into structs
//! that lose neither: one result per attempt, one addition per count. A job that waits to try again holds no
//! thread. The wrong choice for thousands of calls at once: each of them would hold a thread that only waits.

use super::parameters::{check_share, is_one, one};
use super::{
    Advice, Answer, Blocking, Books, Call, Counters, Hands, LocalFuture, OwnCounts, Permit, PermitQueue,
    Problem, ProcessContext, Retry, RetryPolicy, Seen, Strategy, Task, drive_with,
};
use crate::history::{JobEnd, JobId, Outcome};
use crate::shared::{Queue, Results, Totals};
use crate::sync::lock;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::oneshot;

/// Threads, in one process or several.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Workers")]
pub struct Parameters {
    /// Threads, over all processes.
    #[schemars(range(min = 1, max = 4096))]
    pub workers: u32,
    /// Over how many processes it is spread; each gets its share of all else.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    #[schemars(range(min = 1, max = 64))]
    pub processes: u32,
    /// What is counted where there are several processes.
    #[serde(default, skip_serializing_if = "Counters::is_merged")]
    pub counters: Counters,
}

impl super::Parameters for Parameters {
    fn build(&self, retry: &Retry, process: &ProcessContext) -> Arc<dyn Strategy> {
        let workers = process.share(self.workers, self.processes);
        Arc::new(ThreadPool::new(workers, RetryPolicy::new(retry.clone())))
    }

    fn cap(&self) -> Option<u32> {
        Some(self.workers)
    }

    fn processes(&self) -> u32 {
        self.processes
    }

    fn counters(&self) -> Counters {
        self.counters
    }

    fn check(&self) -> Vec<Problem> {
        check_share("workers", self.workers.into(), 1, self.processes).into_iter().collect()
    }

    fn wrong_when(&self, seen: &Seen<'_>) -> Advice {
        let rule = "wrong for thousands in flight, for every call holds an OS thread";
        Advice::new(rule, format!("here {} threads for at most {} in flight", self.workers, seen.in_flight))
    }
}

/// How a thread adds an answer to the totals that all threads share: it may look at them first, and take a
/// moment before it writes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Add {
    pub(super) see: fn(&Shared) -> OwnCounts,
    pub(super) pause: Duration,
    pub(super) write: fn(&Shared, OwnCounts, &Answer),
}

/// Adds in one step.
const ADD: Add = Add {
    see: |_| OwnCounts::default(),
    pause: Duration::ZERO,
    write: |shared, _, answer| {
        let usage = answer.usage.filter(|_| answer.outcome == Outcome::Ok).unwrap_or_default();
        shared.totals.add(usage.prompt_tokens, usage.completion_tokens);
    },
};

/// What the threads of a pool share.
#[derive(Debug, Default)]
pub(super) struct Shared {
    queue: Queue<Work>,
    results: Results<(JobId, u32), Answer>,
    pub(super) totals: Totals,
    /// Totals that a broken pool keeps its own way.
    pub(super) unlocked: Mutex<OwnCounts>,
}

/// An attempt for whichever thread is free.
struct Work {
    key: (JobId, u32),
    run: Box<dyn FnOnce() -> Answer + Send>,
    /// Told when the answer is in the results and in the totals.
    done: oneshot::Sender<()>,
}

/// Where one attempt's answer is waited for, for as long as it lives.
struct AnswerSlot<'a> {
    results: &'a Results<(JobId, u32), Answer>,
    key: (JobId, u32),
}

impl<'a> AnswerSlot<'a> {
    fn open(results: &'a Results<(JobId, u32), Answer>, key: (JobId, u32)) -> Self {
        // An attempt is made once, so no other task waits under its key.
        let _ = results.open(key);
        Self { results, key }
    }
}

impl Drop for AnswerSlot<'_> {
    fn drop(&mut self) {
        self.results.close(&self.key);
    }
}

impl std::fmt::Debug for Work {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Work").field("key", &self.key).finish_non_exhaustive()
    }
}

/// A pool of OS threads, started with the first job and joined when it is dropped.
#[derive(Debug)]
pub struct ThreadPool {
    workers: u32,
    /// Threads without work. What waits for one waits here, where it can be stopped and has set nothing
    /// aside.
    free: PermitQueue,
    retry: RetryPolicy,
    shared: Arc<Shared>,
    add: Add,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl ThreadPool {
    /// With so many threads.
    #[must_use]
    pub fn new(workers: u32, retry: RetryPolicy) -> Self {
        Self::adding(workers, retry, ADD)
    }

    /// With another way to add up.
    pub(super) fn adding(workers: u32, retry: RetryPolicy, add: Add) -> Self {
        let free = PermitQueue::new(workers);
        Self { workers, free, retry, shared: Arc::default(), add, threads: Mutex::default() }
    }

    /// The totals of a pool that adds its own way.
    pub(super) fn unlocked(&self) -> &Mutex<OwnCounts> {
        &self.shared.unlocked
    }

    /// Has a thread make the attempt, and takes its answer out of the results.
    async fn hand_over(&self, task: &Task, hands: &dyn Hands, call: Call<'_>) -> Result<Answer, JobEnd> {
        if !hands.reserve(task) {
            return Err(JobEnd::OverBudget);
        }
        let (key, (done, counted)) = ((task.job, call.n), oneshot::channel());
        let place = AnswerSlot::open(&self.shared.results, key);
        let Blocking { run, recorded } = hands.blocking(task, call);
        let Some(run) = run else { return Ok(self.as_a_thread_would(hands, recorded.await).await) };
        if self.shared.queue.push(Work { key, run, done }).is_err() {
            // Closed only when no thread can run a job any more.
            return Err(JobEnd::Cancelled);
        }
        let seen = recorded.await;
        // The thread books after it has called: until then neither its answer nor its count is there.
        let _ = counted.await;
        Ok(place.results.take(&key).unwrap_or(seen))
    }

    /// What a thread does after its call, in virtual time, where a task stands for the thread.
    async fn as_a_thread_would(&self, hands: &dyn Hands, answer: Answer) -> Answer {
        let seen = (self.add.see)(&self.shared);
        if !self.add.pause.is_zero() {
            hands.wait_until(hands.now() + self.add.pause).await;
        }
        (self.add.write)(&self.shared, seen, &answer);
        answer
    }

    /// # Errors
    /// If a thread is refused: a pool with fewer is not the one that is asked for.
    fn start(&self) -> Result<(), String> {
        let mut threads = lock(&self.threads);
        while threads.len() < self.workers as usize {
            let (shared, add) = (self.shared.clone(), self.add);
            let thread = std::thread::Builder::new().name(format!("pool-{}", threads.len()));
            let thread = thread.spawn(move || work(&shared, add)).map_err(|error| {
                let (have, want) = (threads.len(), self.workers);
                format!(
                    "the system gives the pool {have} of {want} threads: {error}; ask for fewer `workers`, \
                     or \
                     raise its limits (ulimit -u, ulimit -v)"
                )
            })?;
            threads.push(thread);
        }
        Ok(())
    }
}

fn work(shared: &Shared, add: Add) {
    while let Some(Work { key, run, done }) = shared.queue.pop() {
        // A panic ends the attempt and not the thread: the pool would have a permit without a thread from
        // then on.
        let Ok(answer) = catch_unwind(AssertUnwindSafe(run)) else { continue };
        let seen = (add.see)(shared);
        std::thread::sleep(add.pause);
        (add.write)(shared, seen, &answer);
        // Its job may have been given up meanwhile, and with it its place.
        let _ = shared.results.put(&key, answer);
        let _ = done.send(());
    }
}

impl Drop for ThreadPool {
    fn drop(&mut self) {
        self.shared.queue.close();
        for thread in lock(&self.threads).drain(..) {
            // A panic has been printed; the other threads are still to be joined.
            let _ = thread.join();
        }
    }
}

impl Strategy for ThreadPool {
    fn run<'a>(&'a self, task: Task, hands: Rc<dyn Hands + 'a>) -> LocalFuture<'a, ()> {
        Box::pin(async move {
            if let Err(why) = if hands.has_threads() { self.start() } else { Ok(()) } {
                hands.cannot_work(why);
                return hands.record(&task, &Answer::not_sent(hands.now()), JobEnd::Cancelled, 0);
            }
            let attempt = async |n, due| {
                let _thread = Permit::unless_stopped(&self.free, &*hands).await?;
                let call = Call::new(n, due);
                self.retry.through_breaker(hands.now(), self.hand_over(&task, &*hands, call)).await
            };
            drive_with(&self.retry, &task, &*hands, attempt).await;
        })
    }

    fn books(&self) -> Books {
        let (requests, prompt_tokens, completion_tokens) = self.shared.totals.read();
        Books::Own(OwnCounts { requests, prompt_tokens, completion_tokens })
    }
}
