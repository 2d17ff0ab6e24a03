//! Attempts made by OS threads, each of which blocks its thread until it has ended.
//!
//! A pool's thread has a runtime of its own that drives only its one call, as blocking HTTP clients are
//! built. So its attempts are stamped and read by the same code as all others.

use super::run_connection::RunConnection;
use super::worker_protocol::{Notes, Sending};
use crate::clock::Clock;
use crate::history::Attempt;
use crate::provider::{Client, Done, Endpoint, Request, SetupError};
use crate::shared::Slot;
use crate::strategy::{Answer, ReportedTokens};
use std::cell::RefCell;
use std::future::Future;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

/// A thread's client, and what it was made for: an attempt to another endpoint, or by another clock, needs
/// another.
struct Caller {
    endpoint: Endpoint,
    clock: Clock,
    runtime: Runtime,
    client: Client,
}

thread_local! {
    static CALLER: RefCell<Option<Rc<Caller>>> = const { RefCell::new(None) };
}

/// The engine's end of a blocking attempt. Dropped, the attempt is given up.
pub(super) struct AttemptHandle {
    /// What came of it, and word that it is there.
    slot: Arc<Slot<Result<Done, SetupError>>>,
    done: oneshot::Receiver<()>,
    give_up: oneshot::Sender<()>,
}

/// Splits an attempt into what an OS thread runs and what the engine waits for.
pub(super) fn split(
    endpoint: Endpoint,
    clock: Clock,
    connection: Option<Arc<RunConnection>>,
    request: Request,
) -> (Box<dyn FnOnce() -> Answer + Send>, AttemptHandle) {
    let (ended, done) = oneshot::channel();
    let slot = Arc::new(Slot::new());
    let filled = slot.clone();
    let (give_up, given_up) = oneshot::channel::<()>();
    let run = move || {
        let made = caller(&endpoint, clock).map(|caller| {
            // Also when the sender is dropped: then nothing waits for the attempt any more.
            let given_up = async {
                let _ = given_up.await;
            };
            if let Some(connection) = &connection {
                connection.notes(Notes { sending: vec![Sending::now(&request, clock)], ..Notes::default() });
            }
            caller.runtime.block_on(caller.client.attempt(&request, given_up))
        });
        let answer = match &made {
            Ok(made) => answer(&made.attempt, made.retry_after, made.should_retry),
            Err(_) => Answer::not_sent(clock.now()),
        };
        // Written once. The engine does not wait for it only when the run is over.
        let _ = filled.put(made);
        let _ = ended.send(());
        answer
    };
    (Box::new(run), AttemptHandle { slot, done, give_up })
}

impl AttemptHandle {
    /// What came of the attempt; `None` if no thread made it. When `cancelled` resolves, it is given up.
    ///
    /// # Errors
    /// If the thread has no client.
    pub(super) async fn await_unless(
        mut self,
        cancelled: impl Future<Output = ()>,
    ) -> Result<Option<Done>, SetupError> {
        tokio::select! {
            biased;
            _ = &mut self.done => return self.slot.take().transpose(),
            () = cancelled => {}
        }
        drop(self.give_up);
        let _ = self.done.await;
        self.slot.take().transpose()
    }
}

/// This thread's client of the endpoint.
fn caller(endpoint: &Endpoint, clock: Clock) -> Result<Rc<Caller>, SetupError> {
    CALLER.with_borrow_mut(|known| {
        let fits = |caller: &&Rc<Caller>| caller.endpoint == *endpoint && caller.clock == clock;
        if let Some(caller) = known.as_ref().filter(fits) {
            return Ok(caller.clone());
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(SetupError::Runtime)?;
        let client = Client::new(endpoint, clock)?;
        let caller = Rc::new(Caller { endpoint: endpoint.clone(), clock, runtime, client });
        *known = Some(caller.clone());
        Ok(caller)
    })
}

/// What a strategy learns of an attempt.
pub(super) fn answer(attempt: &Attempt, retry_after: Option<Duration>, should_retry: Option<bool>) -> Answer {
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
        usage: usage
            .map(|(prompt_tokens, completion_tokens)| ReportedTokens { prompt_tokens, completion_tokens }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Api, Timeouts};
    use crate::provider::{ApiKey, Peer};
    use futures_util::FutureExt as _;

    #[test]
    fn a_thread_keeps_its_client_only_for_the_same_endpoint_and_clock() {
        let s = Duration::from_secs(1);
        let timeouts = Timeouts { connect: s, first_byte: s, idle: s, total: s };
        let clock = Clock::start();
        let base = Endpoint::new(Api::OpenaiChat, "http://127.0.0.1:9/v1", "m", timeouts);
        let kept = |endpoint: &Endpoint, clock| {
            let first = caller(&base, Clock::start()).and(caller(&base, clock)).expect("a client");
            Rc::ptr_eq(&first, &caller(endpoint, clock).expect("a client"))
        };
        assert!(kept(&base.clone(), clock));
        let peer = Peer(Arc::new(|_| async { Err(std::io::Error::other("no answer")) }.boxed()));
        let others = [
            base.clone().with_key(Some(ApiKey::new("k"))),
            base.clone().with_stream(false),
            base.clone().with_peer(peer),
            Endpoint::new(Api::OpenaiChat, "http://127.0.0.1:9/v1", "n", timeouts),
            Endpoint::new(
                Api::OpenaiChat,
                "http://127.0.0.1:9/v1",
                "m",
                Timeouts { total: 2 * s, ..timeouts },
            ),
            Endpoint::new(Api::OpenaiChat, "http://127.0.0.1:9/v2", "m", timeouts),
        ];
        for other in &others {
            assert!(!kept(other, clock), "{other:?}");
        }
        let first = caller(&base, clock).expect("a client");
        let later = std::iter::repeat_with(Clock::start).find(|later| *later != clock).expect("time passes");
        assert!(!Rc::ptr_eq(&first, &caller(&base, later).expect("a client")));
    }
}
