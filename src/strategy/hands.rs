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
    /// The number of the first job that asks the same question; its own, unless questions are repeated.
    pub question: u64,
    /// Whether it is due in a warm-up.
    pub warmup: bool,
}

/// Tokens as the provider reported them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReportedTokens {
    /// Prompt tokens.
    pub prompt_tokens: u64,
    /// Completion tokens.
    pub completion_tokens: u64,
}

impl ReportedTokens {
    /// Prompt and completion tokens, at most the largest number: a provider may report any.
    #[must_use]
    pub fn tokens(self) -> u64 {
        self.prompt_tokens.saturating_add(self.completion_tokens)
    }
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
    pub usage: Option<ReportedTokens>,
}

/// One attempt, as a strategy wants it made.
pub struct Call<'a> {
    /// Which attempt of the job, from 1.
    pub n: u32,
    /// When it should be sent, since the run's epoch.
    pub due: Duration,
    /// Sent as `Idempotency-Key`.
    pub idempotency_key: Option<String>,
    /// The lock under which it is made.
    pub lease: Option<Lease>,
    /// Resolves when the strategy gives this attempt up: it then ends as `cancelled`.
    pub given_up: Option<LocalFuture<'a, ()>>,
}

impl Call<'_> {
    /// A plain attempt.
    #[must_use]
    pub fn new(n: u32, due: Duration) -> Self {
        Self { n, due, idempotency_key: None, lease: None, given_up: None }
    }
}

/// A lock that a client believes to hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// Which lock.
    pub lock: String,
    /// The fencing token that came with it.
    pub token: u64,
    /// Whether the provider is asked to check the token, as a resource behind a lock should.
    pub checked: bool,
}

/// An attempt that an OS thread makes.
pub struct Blocking<'a> {
    /// Makes the attempt and blocks its thread until the attempt is over. Dropped, nothing is sent. `None` in
    /// virtual time, which has no threads: there `recorded` makes the attempt.
    pub run: Option<Box<dyn FnOnce() -> Answer + Send>>,
    /// Resolves when the attempt is over, and records it. Dropped, the attempt is given up.
    pub recorded: LocalFuture<'a, Answer>,
}

/// Whether the answer to an unlock arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unlock {
    /// As usual.
    Heard,
    /// It is to be lost: the client sends the unlock and gets no answer.
    Lost,
}

/// Requests and tokens on a client's own books.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OwnCounts {
    /// Requests.
    pub requests: u64,
    /// Prompt tokens.
    pub prompt_tokens: u64,
    /// Completion tokens.
    pub completion_tokens: u64,
}

impl OwnCounts {
    /// These totals and one more request of this usage.
    pub(super) fn plus(self, usage: ReportedTokens) -> Self {
        Self {
            requests: self.requests + 1,
            prompt_tokens: self.prompt_tokens.saturating_add(usage.prompt_tokens),
            completion_tokens: self.completion_tokens.saturating_add(usage.completion_tokens),
        }
    }
}

/// Where the totals stand that a client claims.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Books {
    /// With the engine: what [`Hands::count`] was told, in each process.
    Engine,
    /// With the strategy, in each process.
    Own(OwnCounts),
    /// In one place for all processes; the error says why it cannot be read.
    Central(Result<OwnCounts, String>),
}

/// The engine's hands for one job of a strategy.
pub trait Hands {
    /// Time since the run's epoch.
    fn now(&self) -> Duration;

    /// A job that is delivered again, because a process died with it: each of its earlier attempts, in order,
    /// with what it cost if it was answered. `None` for a job that begins for the first time.
    fn earlier(&self) -> Option<&[Option<ReportedTokens>]> {
        None
    }

    /// Makes an attempt of the job and records it in the history. A run that is stopped ends it as
    /// `cancelled`.
    fn attempt<'a>(&'a self, task: &'a Task, call: Call<'a>) -> LocalFuture<'a, Answer>;

    /// The same attempt for an OS thread to make; [`Call::given_up`] is not looked at.
    fn blocking<'a>(&'a self, task: &'a Task, call: Call<'a>) -> Blocking<'a>;

    /// Whether OS threads may be used; not in virtual time.
    fn has_threads(&self) -> bool {
        true
    }

    /// To be called by a strategy right after it acquired a lock, before it uses it: here a nemesis may
    /// strike. Says whether the answer to the unlock is to be lost.
    fn holding<'a>(&'a self, _lock: &'a str, _token: u64) -> LocalFuture<'a, Unlock> {
        Box::pin(std::future::ready(Unlock::Heard))
    }

    /// Waits until `until`, since the run's epoch; `false` if the run was stopped meanwhile.
    fn wait_until(&self, until: Duration) -> LocalFuture<'_, bool>;

    /// Resolves when the run has been stopped: no attempt may begin any more.
    fn stopped(&self) -> LocalFuture<'_, ()>;

    /// Takes `answer` for the job's result: the client's claim.
    fn record(&self, task: &Task, answer: &Answer, end: JobEnd, attempts: u32);

    /// To be called by a strategy that lacks what it needs to work at all, such as a thread: the run ends,
    /// with this reason and no verdict.
    fn cannot_work(&self, why: String);

    /// Books one request and its usage in the client's own totals: the client's claim.
    fn count(&self, task: &Task, answer: &Answer);

    /// A uniform draw in `[0, 1)` from the stream of this job and attempt.
    fn draw(&self, task: &Task, n: u32) -> f64;

    /// Sets aside the most that one more attempt of the job can cost; `false` if the budget has no room.
    fn reserve(&self, task: &Task) -> bool;

    /// The same for an attempt that the job can do without: the run goes on where there is no room for it.
    fn reserve_spare(&self, task: &Task) -> bool {
        self.reserve(task)
    }
}

/// A way to call the API concurrently.
///
/// One value serves all jobs of a cell on all engine threads. The contract, which
/// the invariants check: each task ends with exactly one [`Hands::record`]; each attempt is followed by
/// one [`Hands::count`]; `run` returns soon after [`Hands::stopped`].
pub trait Strategy: Send + Sync {
    /// Brings one job to its end.
    fn run<'a>(&'a self, task: Task, hands: Rc<dyn Hands + 'a>) -> LocalFuture<'a, ()>;

    /// Where the totals stand that the client claims; asked once, when all jobs of the cell have ended.
    fn books(&self) -> Books {
        Books::Engine
    }
}
