//! What a strategy gets from the engine, and what it must do with it.

use crate::history::{ErrorClass, JobEnd, JobId, Outcome};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

/// A future that stays on its engine thread.
pub type LocalFuture<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// A job that is due.
#[derive(Debug, Clone)]
pub struct Task {
    /// Which job.
    pub job: JobId,
    /// When the profile wanted it begun, since the run's epoch.
    pub due: Duration,
    /// When it was begun: later than due when the generator was late or all workers were busy.
    pub begun: Duration,
    /// Prompt tokens it will send.
    pub prompt_tokens: u32,
    /// Output tokens it will ask for.
    pub output_tokens: u32,
    /// Whether it is due in a warm-up.
    pub warmup: bool,
}

/// Tokens as the provider reported them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Prompt tokens.
    pub prompt_tokens: u64,
    /// Completion tokens.
    pub completion_tokens: u64,
}

/// What came of one attempt, as far as a strategy may know.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Ok, certainly failed, or unknown.
    pub outcome: Outcome,
    /// Why it did not end well.
    pub error: Option<ErrorClass>,
    /// HTTP status, if there was one.
    pub status: Option<u16>,
    /// The wait that the provider asked for, as of `done`.
    pub retry_after: Option<Duration>,
    /// `x-should-retry`, which wins over the status.
    pub should_retry: Option<bool>,
    /// When the attempt ended, since the run's epoch.
    pub done: Duration,
    /// The answer's id.
    pub id: Option<String>,
    /// Digest of the content that arrived.
    pub text_hash: Option<String>,
    /// Usage, if the provider reported it.
    pub usage: Option<Usage>,
}

/// The engine's hands, lent to a strategy for one job.
pub trait Hands {
    /// Time since the run's epoch.
    fn now(&self) -> Duration;

    /// Makes attempt `n` (from 1) of the job; `due` is when it should be sent. Records it in the history.
    /// A run that is stopped ends it as `cancelled`.
    fn attempt<'a>(&'a self, task: &'a Task, n: u32, due: Duration) -> LocalFuture<'a, Answer>;

    /// Waits until `until`, since the run's epoch; `false` if the run was stopped meanwhile.
    fn wait_until(&self, until: Duration) -> LocalFuture<'_, bool>;

    /// Resolves when the run has been stopped: no attempt may begin any more.
    fn stopped(&self) -> LocalFuture<'_, ()>;

    /// Takes `answer` for the job's result: the client's claim.
    fn record(&self, task: &Task, answer: &Answer, end: JobEnd, attempts: u32);

    /// Books one request and its usage in the client's own totals: the client's claim.
    fn count(&self, task: &Task, answer: &Answer);

    /// A uniform draw in `[0, 1)` from the stream of this job and attempt.
    fn draw(&self, task: &Task, n: u32) -> f64;

    /// Sets aside the most that one more attempt of the job can cost; `false` if the budget has no room.
    fn reserve(&self, task: &Task) -> bool;
}

/// A way to call the API concurrently.
///
/// One value serves all jobs of a cell on all engine threads. The contract, which
/// the invariants check: each task ends with exactly one [`Hands::record`]; each attempt is followed by
/// one [`Hands::count`]; `run` returns soon after [`Hands::stopped`].
pub trait Strategy: Send + Sync {
    /// Brings one job to its end.
    fn run<'a>(&'a self, task: Task, hands: Rc<dyn Hands + 'a>) -> LocalFuture<'a, ()>;
}
