//! `single-flight`: jobs that ask the same share one call.
//!
//! The first job of a question calls; those that come meanwhile wait for its answer, and those that come
//! later find it. If the first fails, the next asks; but what came of a call may be unknown, and then the
//! question is asked again only if `[retry] transport` says so (one `Idempotency-Key` per question makes that
//! safe where the provider honours it), else it is unknown to all. The wrong choice where answers to the same
//! question must differ, or grow old, and no help across processes: each has its own flights.

use super::advice::many;
use super::lock::EndCapture;
use super::{
    Advice, Answer, Call, Hands, LocalFuture, Missing, Permit, PermitQueue, ProcessContext, Retry,
    RetryPolicy, Seen, Single, Strategy, Task, drive_with,
};
use crate::history::{JobEnd, Outcome};
use crate::shared::{FlightTicket, Flights, Joined, Woken};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::rc::Rc;
use std::sync::Arc;
use tokio::sync::oneshot;

// `[strategy.single-flight]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Parameters(pub Single);

impl super::Parameters for Parameters {
    /// For one process only: it knows no flights of another one.
    fn build(&self, retry: &Retry, process: &ProcessContext) -> Arc<dyn Strategy> {
        let policy = RetryPolicy::new(retry.clone());
        Arc::new(SingleFlight::new(self.0.permits, &process.prefix, policy))
    }

    fn cap(&self) -> Option<u32> {
        Some(self.0.permits)
    }

    fn shares_answers(&self) -> bool {
        true
    }

    fn without(key: &str) -> Option<Missing> {
        matches!(key, "processes" | "counters").then_some((
            "each process would have flights of its own, and the same question be billed once in each",
            "leave it out, or use [strategy.redis-lock], whose answers all processes share",
        ))
    }

    fn wrong_when(&self, seen: &Seen<'_>) -> Advice {
        let rule = match seen.repeats {
            1 => "wrong where nothing is asked twice, as here, or where each must get an answer of its own",
            _ => {
                "wrong where each must get an answer of its own, and over processes, for its flights are \
                 its own"
            }
        };
        Advice::new(rule, format!("here {} by {}", seen.answers(), many(seen.attempts, "attempt")))
    }
}

type Wakers = Flights<u64, Shared, oneshot::Sender<()>>;

/// What all jobs of a question came to.
#[derive(Debug, Clone)]
struct Shared {
    answer: Answer,
    end: JobEnd,
}

/// One flight for each question.
#[derive(Debug)]
pub struct SingleFlight {
    flights: Wakers,
    permits: PermitQueue,
    retry: RetryPolicy,
    prefix: String,
}

/// What a job is to do.
enum Role {
    Lead,
    Take(Shared),
    Leave,
}

impl SingleFlight {
    /// With so many permits, and keys that begin with `prefix`.
    #[must_use]
    pub fn new(permits: u32, prefix: &str, retry: RetryPolicy) -> Self {
        let permits = PermitQueue::new(permits);
        Self { flights: Flights::new(), permits, retry, prefix: prefix.to_owned() }
    }

    async fn part(&self, task: &Task, hands: &dyn Hands) -> Role {
        let (waker, woken) = oneshot::channel();
        match self.flights.join(&task.question, waker) {
            Joined::Lead => Role::Lead,
            Joined::Done(shared) => Role::Take(shared),
            Joined::Wait(ticket) => {
                let place = WaitingJob { flights: &self.flights, question: task.question, ticket };
                tokio::select! {
                    biased;
                    _ = woken => {}
                    () = hands.stopped() => return Role::Leave,
                }
                let part = match self.flights.woken(&task.question, ticket) {
                    Woken::Lead => Role::Lead,
                    Woken::Done(shared) => Role::Take(shared),
                    Woken::Still => return Role::Leave,
                };
                std::mem::forget(place);
                part
            }
        }
    }

    /// Calls for all jobs that ask the question.
    async fn lead(&self, task: &Task, hands: &dyn Hands) {
        let leading = Leading { flights: &self.flights, question: task.question };
        let caught = EndCapture::new(hands);
        let attempt = async |n, due| {
            let _permit = Permit::unless_stopped(&self.permits, hands).await?;
            let idempotency_key = Some(format!("{}question:{}", self.prefix, task.question));
            self.retry.send(hands, task, Call { idempotency_key, ..Call::new(n, due) }).await
        };
        drive_with(&self.retry, task, &caught, attempt).await;
        let Some((answer, end, attempts)) = caught.result() else { return };
        // Asking again what may have been accepted may be billed twice.
        let in_doubt = answer.outcome == Outcome::Unknown && !self.retry.repeats_accepted();
        if answer.outcome == Outcome::Ok || in_doubt {
            // What it cost is on the books of the one who asked.
            let shared = Answer { usage: None, ..answer.clone() };
            wake(self.flights.land(&task.question, Shared { answer: shared, end }));
            std::mem::forget(leading);
        }
        hands.record(task, &answer, end, attempts);
    }
}

/// A waiter may have left at this very moment: then its place passes the lead on.
fn wake(wakers: impl IntoIterator<Item = oneshot::Sender<()>>) {
    for waker in wakers {
        let _ = waker.send(());
    }
}

/// A place among those who wait; dropped when its job stops waiting.
struct WaitingJob<'a> {
    flights: &'a Wakers,
    question: u64,
    ticket: FlightTicket,
}

impl Drop for WaitingJob<'_> {
    fn drop(&mut self) {
        wake(self.flights.leave(&self.question, self.ticket));
    }
}

/// The lead; dropped when its job gives up.
struct Leading<'a> {
    flights: &'a Wakers,
    question: u64,
}

impl Drop for Leading<'_> {
    fn drop(&mut self) {
        wake(self.flights.fail(&self.question));
    }
}

impl Strategy for SingleFlight {
    fn run<'a>(&'a self, task: Task, hands: Rc<dyn Hands + 'a>) -> LocalFuture<'a, ()> {
        Box::pin(async move {
            match self.part(&task, &*hands).await {
                Role::Lead => self.lead(&task, &*hands).await,
                Role::Take(Shared { answer, end }) => hands.record(&task, &answer, end, 0),
                Role::Leave => {
                    hands.record(&task, &Answer::not_sent(hands.now()), JobEnd::Cancelled, 0);
                }
            }
        })
    }
}
