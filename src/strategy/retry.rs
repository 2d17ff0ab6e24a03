//! When an attempt is repeated: a pure decision. The loop around it is in `drive`.

use super::backoff::wait_after;
use super::parameters::{one, ten};
use super::{Answer, Backoff, Blocked, Call, Hands, Made, Task, send};
use crate::history::{ErrorClass, JobEnd, Outcome};
use crate::shared::{Admission, Breaker, Pass, RetryBudget};
use crate::units::text::{Span, span};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;

/// Retries that may be saved up in a retry budget, beyond its reserve.
const SAVED: u32 = 100;

/// When an attempt is repeated.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Retry {
    /// Attempts per job at the most; 1 is no retry.
    #[schemars(range(min = 1, max = 1000))]
    pub max_attempts: u32,
    /// Whether a provider's `Retry-After` is obeyed.
    pub respect_retry_after: bool,
    /// Gives a job up when the next attempt would begin later than this after its first (default: never).
    #[serde(skip_serializing_if = "Option::is_none", with = "span::option")]
    #[schemars(with = "Option<Span>")]
    pub deadline: Option<Duration>,
    /// HTTP statuses that are retried.
    #[schemars(inner(range(min = 400, max = 599)))]
    pub statuses: Vec<u16>,
    /// Whether failures without a usable status (connect, reset, timeout, cut stream) are retried.
    pub transport: bool,
    /// How long to wait before the next attempt.
    pub backoff: Backoff,
    /// Bounds retries to a share of first attempts (default: no bound).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub budget: Option<RetryBudgetPlan>,
    /// Holds attempts back while the provider fails (default: never).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub breaker: Option<BreakerPlan>,
}

/// Bounds retries to a share of first attempts: `{ ratio = 0.1, reserve = 10 }`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "RetryBudget")]
pub struct RetryBudgetPlan {
    /// Retries per first attempt, 0 to 1.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub ratio: f64,
    /// Retries that are allowed before any first attempt has paid for them.
    #[serde(default = "ten")]
    #[schemars(range(min = 0, max = 1_000_000))]
    pub reserve: u32,
}

/// Holds attempts back while the provider fails: `{ failures = 5, open = "2s" }`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Breaker")]
pub struct BreakerPlan {
    /// Failures in a row that open it.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub failures: u32,
    /// How long it stays open before it lets a probe through.
    #[serde(rename = "open", with = "span")]
    #[schemars(with = "Span")]
    pub open_for: Duration,
    /// Probes at once while it is half open.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub probes: u32,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            max_attempts: 3,
            respect_retry_after: true,
            deadline: None,
            statuses: vec![408, 409, 429, 500, 502, 503, 504, 529],
            transport: true,
            backoff: Backoff::default(),
            budget: None,
            breaker: None,
        }
    }
}

/// A retry policy, with the retry budget and the circuit breaker that all jobs of one strategy share.
#[derive(Debug, Clone)]
pub struct RetryPolicy {
    retry: Retry,
    budget: Option<Arc<RetryBudget>>,
    breaker: Option<Arc<Breaker>>,
    /// Told when the breaker closes.
    closed: Arc<Notify>,
}

/// What to do after an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// The job has ended.
    End(JobEnd),
    /// Try again after this wait.
    Wait(Duration),
}

impl RetryPolicy {
    /// A policy as the plan has it.
    #[must_use]
    pub fn new(retry: Retry) -> Self {
        let budget = retry.budget.map(|plan| {
            let thousandths = (plan.ratio * 1000.0).round() as u32;
            Arc::new(RetryBudget::new(thousandths, plan.reserve, plan.reserve.saturating_add(SAVED)))
        });
        let breaker =
            retry.breaker.map(|plan| Arc::new(Breaker::new(plan.failures, plan.open_for, plan.probes)));
        Self { retry, budget, breaker, closed: Arc::default() }
    }

    /// A first attempt is to go out: it earns its share of a retry.
    pub(super) fn deposit(&self) {
        if let Some(budget) = &self.budget {
            budget.deposit();
        }
    }

    /// Whether the retry budget has room for one more attempt of a job; pays for it.
    pub(super) fn affords(&self) -> bool {
        self.budget.as_ref().is_none_or(|budget| budget.withdraw())
    }

    /// An attempt that was paid for is not made.
    fn refund(&self) {
        if let Some(budget) = &self.budget {
            budget.refund();
        }
    }

    /// The breaker's leave to make an attempt now.
    fn leave(&self, now: Duration) -> Result<BreakerLeave<'_>, Blocked> {
        let Some(breaker) = &self.breaker else {
            return Ok(BreakerLeave { pass: None, closed: &self.closed });
        };
        match breaker.admit(now) {
            Admission::Go(pass) => Ok(BreakerLeave { pass: Some((breaker, pass)), closed: &self.closed }),
            Admission::Wait(until) => Err(Blocked::Until(until)),
        }
    }

    /// Resolves when the breaker closes, from now on.
    pub(super) async fn closed(&self) {
        self.closed.notified().await;
    }

    /// Makes an attempt if the breaker lets it and the run's budget has room for it. To be called when
    /// nothing else is to be waited for: the permission of the breaker may be outdated after a wait, and what
    /// is set aside for attempts that wait would stop the run long before its budget is spent.
    ///
    /// # Errors
    /// Why it could not begin.
    pub async fn send<'a>(
        &self,
        hands: &'a dyn Hands,
        task: &'a Task,
        call: Call<'a>,
    ) -> Result<Answer, Blocked> {
        self.through_breaker(hands.now(), send(hands, task, call)).await
    }

    /// Makes an attempt by `make` if the breaker lets it, and tells the breaker how it ended.
    ///
    /// # Errors
    /// Why it could not begin.
    pub(super) async fn through_breaker(
        &self,
        now: Duration,
        make: impl Future<Output = Result<Answer, JobEnd>>,
    ) -> Result<Answer, Blocked> {
        let leave = self.leave(now)?;
        let answer = make.await?;
        leave.ended(&answer);
        Ok(answer)
    }

    /// Like [`send`](Self::send), for an attempt that is only made if it can be made at once: nothing is
    /// waited for, the retry budget pays for it, and where the run's budget has no room the run goes on
    /// without it. `None` if it cannot; what is returned has been set aside, and is to be awaited.
    pub(super) fn send_spare<'a>(
        &'a self,
        hands: &'a dyn Hands,
        task: &'a Task,
        call: Call<'a>,
    ) -> Option<impl Future<Output = Answer> + 'a> {
        let leave = self.leave(hands.now()).ok()?;
        if !self.affords() {
            return None;
        }
        if !hands.reserve_spare(task) {
            self.refund();
            return None;
        }
        let attempt = hands.attempt(task, call);
        Some(async move {
            let answer = attempt.await;
            leave.ended(&answer);
            answer
        })
    }

    /// What to do after attempt `n` (from 1) of a job whose first attempt was due at `first_due`.
    ///
    /// `previous` is the wait before this attempt, `draw` uniform in `[0, 1)`. A provider's hint is never
    /// shortened: it is waited for whole even where jitter or cap would allow less.
    #[must_use]
    pub fn decide(
        &self,
        n: u32,
        answer: &Answer,
        first_due: Duration,
        previous: Duration,
        draw: f64,
    ) -> Decision {
        match answer.error {
            None => return Decision::End(JobEnd::Answered),
            Some(ErrorClass::Cancelled) => return Decision::End(JobEnd::Cancelled),
            Some(_) => {}
        }
        if !self.retryable(answer) {
            return Decision::End(JobEnd::Permanent);
        }
        if n >= self.retry.max_attempts {
            return Decision::End(JobEnd::Exhausted);
        }
        let backoff = wait_after(&self.retry.backoff, n, previous, draw);
        let asked = if self.retry.respect_retry_after { answer.retry_after } else { None };
        let wait = backoff.max(asked.unwrap_or_default());
        let over = self.too_late(answer.done + wait, first_due);
        if over { Decision::End(JobEnd::Exhausted) } else { Decision::Wait(wait) }
    }

    /// Whether an attempt then would come after the deadline of a job that was due at `first_due`.
    pub(super) fn too_late(&self, then: Duration, first_due: Duration) -> bool {
        self.retry.deadline.is_some_and(|most| then > first_due + most)
    }

    /// The wait after a job's `tries`th try, from 1, where no provider asks for one.
    pub(super) fn pause(&self, tries: u32, previous: Duration, draw: f64) -> Duration {
        wait_after(&self.retry.backoff, tries, previous, draw)
    }

    /// Whether what the provider may have accepted is sent again.
    pub(super) fn repeats_accepted(&self) -> bool {
        self.retry.transport
    }

    /// What two attempts made side by side come to, in the order in which they ended, if neither was answered
    /// well: one that forbids a retry decides, else the later; and the provider's longer wish for a wait
    /// counts.
    pub(super) fn both_failed(&self, first: Answer, last: Answer) -> Made {
        let permanent = first.error != Some(ErrorClass::Cancelled) && !self.retryable(&first);
        let (mut answer, beside) = if permanent { (first, last) } else { (last, first) };
        let asked = |answer: &Answer| answer.retry_after.map(|wait| answer.done + wait);
        let free = asked(&answer).max(asked(&beside));
        answer.retry_after = free.map(|free| free.saturating_sub(answer.done));
        Made { answer, beside: Some(beside) }
    }

    /// Whether the failure may pass: `x-should-retry` decides, then the quota, then status or transport.
    fn retryable(&self, answer: &Answer) -> bool {
        if let Some(should_retry) = answer.should_retry {
            return should_retry;
        }
        match (answer.error, answer.status) {
            (Some(ErrorClass::QuotaExhausted), _) => false,
            (
                Some(ErrorClass::RateLimited | ErrorClass::ClientError | ErrorClass::ServerError),
                Some(status),
            ) => self.retry.statuses.contains(&status),
            _ => self.retry.transport,
        }
    }
}

/// Leave from the breaker. Dropped, nothing is known of the attempt.
struct BreakerLeave<'a> {
    pass: Option<(&'a Breaker, Pass)>,
    closed: &'a Notify,
}

impl BreakerLeave<'_> {
    /// What the attempt says of the provider: only what it does when it cannot serve counts against it. A
    /// 4xx, 429 included, shows that it is there.
    fn ended(mut self, answer: &Answer) {
        use ErrorClass as E;
        let Some((breaker, pass)) = self.pass.take() else { return };
        let well = match answer.error {
            Some(E::Cancelled) => return breaker.abandon(pass),
            None => true,
            Some(error) => matches!(
                error,
                E::ClientError | E::RateLimited | E::QuotaExhausted | E::MalformedStream | E::EarlyStop
            ),
        };
        if breaker.ended(answer.done, pass, well) {
            self.closed.notify_waiters();
        }
    }
}

impl Drop for BreakerLeave<'_> {
    fn drop(&mut self) {
        if let Some((breaker, pass)) = self.pass.take() {
            breaker.abandon(pass);
        }
    }
}

impl Answer {
    /// What a job has that never sent anything: it has certainly failed.
    #[must_use]
    pub fn not_sent(now: Duration) -> Self {
        Self {
            outcome: Outcome::Failed,
            error: Some(ErrorClass::Cancelled),
            status: None,
            retry_after: None,
            should_retry: None,
            done: now,
            id: None,
            text_hash: None,
            usage: None,
        }
    }
}
