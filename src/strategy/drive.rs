//! The loop around the retry policy: brings a job to its end.

use super::{Answer, Call, Decision, Hands, RetryPolicy, Task};
use crate::history::{JobEnd, Outcome};
use std::time::Duration;

/// Draws for waits that no attempt was the reason of are numbered from here: those for back-off have the
/// attempt's number.
const HELD: u32 = 128;

/// Why an attempt could not begin.
#[derive(Debug, Clone)]
pub enum Blocked {
    /// The job ends.
    End(JobEnd),
    /// The breaker is open: ask again at this moment, since the run's epoch.
    Until(Duration),
    /// Another job has brought the question to this end.
    Known(Box<Answer>, JobEnd),
    /// What the attempt was to be made under was lost before it was: once more after the policy's wait, and
    /// not before this time has passed.
    Lost(Duration),
}

impl From<JobEnd> for Blocked {
    fn from(end: JobEnd) -> Self {
        Self::End(end)
    }
}

/// What one try of a job came to.
#[derive(Debug, Clone)]
pub struct Made {
    /// The answer that decides.
    pub answer: Answer,
    /// That of an attempt that was made beside it.
    pub beside: Option<Answer>,
}

impl From<Answer> for Made {
    fn from(answer: Answer) -> Self {
        Self { answer, beside: None }
    }
}

/// Brings a job to its end: attempts, books, decides, waits, and records the result exactly once.
///
/// `attempt` makes attempt `n`, due at the given time, by way of [`RetryPolicy::send`]; an error says why it
/// could not begin. When the breaker holds it, it is called again after the wait, so that whatever it had
/// acquired is free meanwhile. A job of which any attempt may have been billed has not certainly failed,
/// whatever its last attempt says.
pub async fn drive_with<M: Into<Made>>(
    policy: &RetryPolicy,
    task: &Task,
    hands: &dyn Hands,
    attempt: impl AsyncFn(u32, Duration) -> Result<M, Blocked>,
) {
    policy.deposit();
    drive_unpaid(policy, task, hands, attempt).await;
}

/// [`drive_with`] for a job that may end without an attempt: `attempt` itself says [`RetryPolicy::deposit`]
/// when the first one is to go out.
pub(super) async fn drive_unpaid<M: Into<Made>>(
    policy: &RetryPolicy,
    task: &Task,
    hands: &dyn Hands,
    attempt: impl AsyncFn(u32, Duration) -> Result<M, Blocked>,
) {
    let mut course = JobProgress::new(policy, task, hands);
    let end = loop {
        let end = match attempt(course.n + 1, course.due).await {
            Ok(made) => course.made(made.into()).await,
            Err(hold) => course.held(hold).await,
        };
        if let Some(end) = end {
            break end;
        }
    };
    course.end(end);
}

/// How far a job has come: whatever ends one try, the next one goes on from here.
struct JobProgress<'a> {
    policy: &'a RetryPolicy,
    task: &'a Task,
    hands: &'a dyn Hands,
    last: Answer,
    /// When the next attempt is due, and the wait before it.
    due: Duration,
    wait: Duration,
    /// Attempts made, and tries that came to none.
    n: u32,
    lost: u32,
    /// An attempt may have been billed.
    in_doubt: bool,
}

impl<'a> JobProgress<'a> {
    fn new(policy: &'a RetryPolicy, task: &'a Task, hands: &'a dyn Hands) -> Self {
        let (last, due, wait) = (Answer::not_sent(task.due), task.due, Duration::ZERO);
        Self { policy, task, hands, last, due, wait, n: 0, lost: 0, in_doubt: false }
    }

    /// Books attempts and waits for the next one, if there is to be one.
    async fn made(&mut self, Made { answer, beside }: Made) -> Option<JobEnd> {
        for answer in beside.iter().chain([&answer]) {
            self.n += 1;
            self.in_doubt |= answer.outcome == Outcome::Unknown;
            self.hands.count(self.task, answer);
        }
        self.last = answer;
        // The stream of an attempt is its own, so a draw that is not needed is not made.
        let draw = if self.last.error.is_some() { self.hands.draw(self.task, self.n) } else { 0.0 };
        match self.policy.decide(self.n, &self.last, self.task.due, self.wait, draw) {
            Decision::End(end) => return Some(end),
            // Asked before the wait: there is no wait for what cannot be paid.
            Decision::Wait(_) if !self.policy.affords() => return Some(JobEnd::RetryBudget),
            Decision::Wait(wait) => self.wait = wait,
        }
        self.wait_until(self.last.done + self.wait).await
    }

    /// Waits for what holds the attempt, if the job does not end.
    async fn held(&mut self, hold: Blocked) -> Option<JobEnd> {
        let now = self.hands.now();
        match hold {
            Blocked::End(end) => Some(end),
            Blocked::Known(answer, end) => {
                self.last = *answer;
                Some(end)
            }
            Blocked::Until(until) => {
                if self.policy.too_late(until, self.task.due) {
                    return Some(JobEnd::Exhausted);
                }
                // Spread over a quarter of the wait: those who were held must not come back together.
                let wait = until.saturating_sub(now);
                let spread = wait.mul_f64(self.hands.draw(self.task, HELD + self.n) / 4.0);
                let policy = self.policy;
                tokio::select! {
                    biased;
                    end = self.wait_until(until + spread) => return end,
                    () = policy.closed() => {}
                }
                self.wait_until(self.hands.now() + spread).await
            }
            Blocked::Lost(least) => {
                self.lost += 1;
                let tries = self.n + self.lost;
                let draw = self.hands.draw(self.task, HELD + tries);
                self.wait = self.policy.pause(tries, self.wait, draw).max(least);
                if self.policy.too_late(now + self.wait, self.task.due) {
                    return Some(JobEnd::Exhausted);
                }
                self.wait_until(now + self.wait).await
            }
        }
    }

    async fn wait_until(&mut self, due: Duration) -> Option<JobEnd> {
        self.due = due;
        (!self.hands.wait_until(due).await).then_some(JobEnd::Cancelled)
    }

    fn end(mut self, end: JobEnd) {
        if self.in_doubt && self.last.outcome == Outcome::Failed {
            self.last.outcome = Outcome::Unknown;
        }
        self.hands.record(self.task, &self.last, end, self.n);
    }
}

/// Makes an attempt if the budget has room for it. To be called when nothing else is to be waited for: what
/// is set aside for attempts that wait would stop the run long before its budget is spent.
///
/// # Errors
/// [`JobEnd::OverBudget`] if there is no room.
pub async fn send<'a>(hands: &'a dyn Hands, task: &'a Task, call: Call<'a>) -> Result<Answer, JobEnd> {
    if hands.reserve(task) { Ok(hands.attempt(task, call).await) } else { Err(JobEnd::OverBudget) }
}
