//! Load for a program that is itself a server, such as a gateway: waits until it listens, then sends it the
//! jobs.
//!
//! The answers that its clients receive are read as claims, so that the same rules judge it: the provider's
//! ledger records one side of the program, the clients' answers the other.

use super::claims::{ClaimedResult, ClaimedTotals};
use super::environment::THROW_AWAY_KEY;
use super::process::AnswerCounter;
use crate::clock::Clock;
use crate::history::{Attempt, JobId, JobKey, LedgerEntry, Outcome};
use crate::plan::{Api, Timeouts};
use crate::provider::{ApiKey, Client, Endpoint, Request};
use futures_util::future::join_all;
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// How often the program's port is tried.
const POLL: Duration = Duration::from_millis(25);
/// Words of each prompt, and the fewest tokens that a request asks for.
const WORDS: u32 = 12;
const TOKENS: u32 = 16;

/// The base URL of a program that is a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerUrl {
    url: String,
    host: String,
    port: u16,
    /// Whether every other job asks for a stream.
    pub streams: bool,
}

impl ServerUrl {
    /// Parses a client's base URL, such as `http://127.0.0.1:4000/v1`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(url: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "{url:?} is not a base URL that requests can be sent to; write one such as \
                 http://127.0.0.1:4000/v1"
            )
        };
        let uri: http::Uri = url.parse().map_err(|_| wrong())?;
        let host = uri.host().filter(|_| uri.scheme_str() == Some("http")).ok_or_else(wrong)?;
        let port = uri.port_u16().unwrap_or(80);
        Ok(Self { url: url.trim_end_matches('/').to_owned(), host: host.to_owned(), port, streams: false })
    }

    fn listens(&self) -> bool {
        let found = (self.host.trim_matches(['[', ']']), self.port).to_socket_addrs();
        found.is_ok_and(|mut all| all.any(|at| TcpStream::connect_timeout(&at, POLL * 10).is_ok()))
    }

    /// Fails if another process listens there: the requests would not reach the program.
    pub(super) fn is_free(&self) -> Result<(), String> {
        if self.listens() {
            return Err(format!(
                "port {} is in use ({}); stop the other process: the audited program must listen there",
                self.port, self.url
            ));
        }
        Ok(())
    }
}

/// The load on its way to a program.
#[derive(Debug)]
pub(super) struct Drive {
    over: Arc<AtomicBool>,
    thread: JoinHandle<Result<Vec<Attempt>, String>>,
}

impl Drive {
    /// Sends `jobs` jobs at once as soon as the program listens, each once, and reports when all have ended.
    /// No step takes longer than `patience`.
    pub(super) fn begin(
        address: &ServerUrl,
        jobs: u64,
        patience: Duration,
        clock: Clock,
        answers: AnswerCounter,
    ) -> Result<Self, String> {
        let timeouts = Timeouts { connect: patience, first_byte: patience, idle: patience, total: patience };
        let endpoint = Endpoint::new(Api::OpenaiChat, &address.url, "mock-1", timeouts)
            .with_key(Some(ApiKey::new(THROW_AWAY_KEY)));
        let over = Arc::new(AtomicBool::new(false));
        let (stop, address) = (over.clone(), address.clone());
        let work = move || {
            let listens = wait(&address, patience, clock, &stop);
            let came = listens.and_then(|()| send(&endpoint, address.streams, jobs, clock));
            answers.enough();
            came
        };
        let thread = std::thread::Builder::new().name("drive".to_owned()).spawn(work);
        let thread = thread.map_err(|error| {
            format!("cannot start the thread that sends requests to the program: {error}")
        })?;
        Ok(Self { over, thread })
    }

    /// The attempts, once the program has ended.
    pub(super) fn end(self) -> Result<Vec<Attempt>, String> {
        self.over.store(true, Ordering::Relaxed);
        self.thread
            .join()
            .unwrap_or_else(|_| Err("the thread that sends requests to the program panicked".to_owned()))
    }
}

fn wait(address: &ServerUrl, patience: Duration, clock: Clock, over: &AtomicBool) -> Result<(), String> {
    let until = clock.now() + patience;
    while !address.listens() {
        if over.load(Ordering::Relaxed) || clock.now() >= until {
            return Err(format!(
                "the program did not listen at {}; check --drive, or allow it more time with --timeout",
                address.url
            ));
        }
        std::thread::sleep(POLL);
    }
    Ok(())
}

fn send(endpoint: &Endpoint, streams: bool, jobs: u64, clock: Clock) -> Result<Vec<Attempt>, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime
        .map_err(|error| format!("cannot start a runtime to send requests to the program: {error}"))?;
    let client =
        |stream| Client::new(&endpoint.clone().with_stream(stream), clock).map_err(|error| error.to_string());
    let clients = [client(false)?, client(streams)?];
    let one = |index: u64| {
        let tokens = TOKENS + u32::try_from(index % 4096).unwrap_or(0);
        let request = Request::new(JobId { cell: 0, index }, 1, clock.now(), WORDS, tokens);
        let client = &clients[usize::from(index % 2 == 1)];
        async move { client.attempt(&request, std::future::pending()).await.attempt }
    };
    Ok(runtime.block_on(join_all((0..jobs).map(one))))
}

/// The clients' answers, as claimed results and totals.
pub(super) fn claims(
    attempts: &[Attempt],
    entries: &[LedgerEntry],
) -> (Vec<(ClaimedResult, Duration)>, ClaimedTotals) {
    let mut totals =
        ClaimedTotals { prompt_tokens: Some(0), completion_tokens: Some(0), ..ClaimedTotals::default() };
    let mut counts = true;
    let results = attempts.iter().map(|attempt| {
        let ok = attempt.outcome == Outcome::Ok;
        let tokens = attempt.prompt_tokens.zip(attempt.completion_tokens);
        if let Some((prompt, completion)) = tokens.filter(|_| ok) {
            totals.prompt_tokens = totals.prompt_tokens.map(|sum| sum + prompt);
            totals.completion_tokens = totals.completion_tokens.map(|sum| sum + completion);
        }
        counts &= !ok || tokens.is_some();
        let hash = attempt.text_hash.as_deref().and_then(|hash| u64::from_str_radix(hash, 16).ok());
        let said = ClaimedResult {
            job: JobKey::Own(attempt.job),
            answer: answer(attempt, entries),
            ok,
            text_hash: hash,
        };
        (said, Duration::from_nanos(attempt.done_ns))
    });
    let results = results.collect();
    (results, if counts { totals } else { ClaimedTotals::default() })
}

/// Which of the provider's answers it is: by its id, or by its text if the program replaced the id.
fn answer(attempt: &Attempt, entries: &[LedgerEntry]) -> Option<u64> {
    let number = |nonce: &str| u64::from_str_radix(nonce.get(2..)?, 16).ok();
    let named = attempt.id.as_deref().and_then(|id| {
        entries.iter().filter_map(|entry| entry.nonce.as_deref()).find(|nonce| id.ends_with(nonce))
    });
    let told = || {
        let hash = attempt.text_hash.as_deref()?;
        let same = entries.iter().find(|entry| entry.text_hash.as_deref() == Some(hash))?;
        same.nonce.as_deref()
    };
    named.or_else(told).and_then(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_one_that_can_be_called() {
        let address = ServerUrl::read("http://127.0.0.1:4000/v1/").unwrap();
        assert_eq!((address.url.as_str(), address.port), ("http://127.0.0.1:4000/v1", 4000));
        for url in ["https://127.0.0.1:4000", "127.0.0.1:4000", "http://", "nonsense"] {
            assert!(ServerUrl::read(url).unwrap_err().contains("such as"), "{url}");
        }
    }
}
