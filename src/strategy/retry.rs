//! When an attempt is repeated: a pure decision, and the loop around it.

use super::{Answer, Call, Hands, Task};
use crate::history::{ErrorClass, JobEnd, Outcome};
use crate::scenario::{Backoff, Jitter, Retry};
use crate::shared::{Admission, Breaker, Pass, RetryBudget};
use std::sync::Arc;
use std::time::Duration;

/// Retries that may be saved up in a retry budget, beyond its reserve.
const SAVED: u32 = 100;

/// A retry policy, with the retry budget and the circuit breaker that all jobs of one strategy share.
#[derive(Debug, Clone)]
pub struct RetryPolicy {
    retry: Retry,
    budget: Option<Arc<RetryBudget>>,
    breaker: Option<Arc<Breaker>>,
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
        Self { retry, budget, breaker }
    }

    /// Whether attempt `n` (from 1) is within the retry budget; pays for it.
    fn affords(&self, n: u32) -> bool {
        let Some(budget) = &self.budget else { return true };
        if n > 1 {
            return budget.withdraw();
        }
        budget.deposit();
        true
    }

    /// Waits until the breaker lets an attempt through; `None` if the run was stopped meanwhile.
    async fn admitted(&self, hands: &dyn Hands) -> Option<Admitted<'_>> {
        let Some(breaker) = &self.breaker else { return Some(Admitted(None)) };
        loop {
            match breaker.admit(hands.now()) {
                Admission::Go(pass) => return Some(Admitted(Some((breaker, pass)))),
                Admission::Wait(until) => {
                    if !hands.wait_until(until).await {
                        return None;
                    }
                }
            }
        }
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
        let backoff = backoff(&self.retry.backoff, n, previous, draw);
        let asked = if self.retry.respect_retry_after { answer.retry_after } else { None };
        let wait = backoff.max(asked.unwrap_or_default());
        let over = self.retry.deadline.is_some_and(|most| answer.done + wait > first_due + most);
        if over { Decision::End(JobEnd::Exhausted) } else { Decision::Wait(wait) }
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
struct Admitted<'a>(Option<(&'a Breaker, Pass)>);

impl Admitted<'_> {
    /// What the attempt says of the provider: only what it does when it cannot serve counts against it. A 4xx,
    /// 429 included, shows that it is there.
    fn ended(mut self, answer: &Answer) {
        use ErrorClass as E;
        let Some((breaker, pass)) = self.0.take() else { return };
        match answer.error {
            Some(E::Cancelled) => breaker.abandon(pass),
            None
            | Some(E::ClientError | E::RateLimited | E::QuotaExhausted | E::MalformedStream | E::EarlyStop) =>
            {
                breaker.ended(answer.done, pass, true);
            }
            Some(_) => breaker.ended(answer.done, pass, false),
        }
    }
}

impl Drop for Admitted<'_> {
    fn drop(&mut self) {
        if let Some((breaker, pass)) = self.0.take() {
            breaker.abandon(pass);
        }
    }
}

/// The wait after attempt `n`, before the provider's hint is looked at.
fn backoff(backoff: &Backoff, n: u32, previous: Duration, draw: f64) -> Duration {
    match *backoff {
        Backoff::None => Duration::ZERO,
        Backoff::Fixed { wait, jitter } => spread(jitter, wait, wait, wait, previous, draw),
        Backoff::Exponential { base, cap, jitter } => {
            let doubled = base.saturating_mul(1u32.checked_shl(n - 1).unwrap_or(u32::MAX)).min(cap);
            spread(jitter, doubled, base, cap, previous, draw)
        }
    }
}

/// Spreads `wait` by `jitter`. Decorrelated jitter follows M. Brooker, "Exponential Backoff and Jitter".
fn spread(
    jitter: Jitter,
    wait: Duration,
    base: Duration,
    cap: Duration,
    previous: Duration,
    draw: f64,
) -> Duration {
    match jitter {
        Jitter::None => wait,
        Jitter::Full => wait.mul_f64(draw),
        Jitter::Equal => wait / 2 + (wait / 2).mul_f64(draw),
        Jitter::Decorrelated => {
            let most = previous.max(base).saturating_mul(3).min(cap).max(base);
            base + (most - base).mul_f64(draw)
        }
    }
}

/// Brings a job to its end: attempts, books, decides, waits, and records the result exactly once.
///
/// `attempt` makes attempt `n`, due at the given time, by way of [`send`]; an error says why it could not
/// begin. A job of which any attempt may have been billed has not certainly failed, whatever its last
/// attempt says.
pub async fn drive(
    policy: &RetryPolicy,
    task: &Task,
    hands: &dyn Hands,
    attempt: impl AsyncFn(u32, Duration) -> Result<Answer, JobEnd>,
) {
    let mut last = Answer::not_sent(task.due);
    let mut due = task.due;
    let mut wait = Duration::ZERO;
    let mut n = 0;
    let mut in_doubt = false;
    let end = loop {
        if !policy.affords(n + 1) {
            break JobEnd::RetryBudget;
        }
        let Some(admitted) = policy.admitted(hands).await else { break JobEnd::Cancelled };
        let answer = match attempt(n + 1, due).await {
            Ok(answer) => answer,
            Err(end) => break end,
        };
        admitted.ended(&answer);
        n += 1;
        in_doubt |= answer.outcome == Outcome::Unknown;
        hands.count(task, &answer);
        last = answer;
        // The stream of an attempt is its own, so a draw that nobody needs is not made.
        let draw = if last.error.is_some() { hands.draw(task, n) } else { 0.0 };
        match policy.decide(n, &last, task.due, wait, draw) {
            Decision::End(end) => break end,
            Decision::Wait(next) => wait = next,
        }
        due = last.done + wait;
        if !hands.wait_until(due).await {
            break JobEnd::Cancelled;
        }
    };
    if in_doubt && last.outcome == Outcome::Failed {
        last.outcome = Outcome::Unknown;
    }
    hands.record(task, &last, end, n);
}

/// Makes an attempt if the budget has room for it. To be called when nothing else is to be waited for: what
/// is set aside for attempts that wait would stop the run long before its budget is spent.
///
/// # Errors
/// [`JobEnd::OverBudget`] if there is no room.
pub async fn send<'a>(hands: &'a dyn Hands, task: &'a Task, call: Call<'a>) -> Result<Answer, JobEnd> {
    if hands.reserve(task) { Ok(hands.attempt(task, call).await) } else { Err(JobEnd::OverBudget) }
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
