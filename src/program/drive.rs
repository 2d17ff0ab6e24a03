//! A program that is itself a server, such as a gateway: waits until it listens, and sends it the jobs.
//!
//! What its clients got from it is heard as claims are, so that one set of rules judges it: the provider's ledger stands on
//! one side of the program, what came out of it on the other.

use super::claims::{ResultSaid, TotalsSaid};
use super::environment::THROW_AWAY_KEY;
use super::process::Answers;
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
const LOOK: Duration = Duration::from_millis(25);
/// Words of each prompt, and fewest tokens that are asked for.
const WORDS: u32 = 12;
const TOKENS: u32 = 16;

/// Where a program listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    url: String,
    host: String,
    port: u16,
    /// Whether every other job asks for a stream.
    pub streams: bool,
}

impl Address {
    /// Reads what a client would take for its base URL: `http://127.0.0.1:4000/v1`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(url: &str) -> Result<Self, String> {
        let wrong = || format!("{url:?} is no address to drive: write one such as http://127.0.0.1:4000/v1");
        let uri: http::Uri = url.parse().map_err(|_| wrong())?;
        let host = uri.host().filter(|_| uri.scheme_str() == Some("http")).ok_or_else(wrong)?;
        let port = uri.port_u16().unwrap_or(80);
        Ok(Self { url: url.trim_end_matches('/').to_owned(), host: host.to_owned(), port, streams: false })
    }

    fn listens(&self) -> bool {
        let found = (self.host.trim_matches(['[', ']']), self.port).to_socket_addrs();
        found.is_ok_and(|mut all| all.any(|at| TcpStream::connect_timeout(&at, LOOK * 10).is_ok()))
    }

    /// Somebody who is there before the program is not the program.
    pub(super) fn is_free(&self) -> Result<(), String> {
        if self.listens() {
            return Err(format!("somebody listens at {} already: end it first, the program is to", self.url));
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
    /// Sends `jobs` jobs at once as soon as the program listens, each once, and says when all are over. Nobody waits
    /// longer than `patience`.
    pub(super) fn begin(
        address: &Address,
        jobs: u64,
        patience: Duration,
        clock: Clock,
        answers: Answers,
    ) -> Result<Self, String> {
        let endpoint = Endpoint {
            api: Api::OpenaiChat,
            base_url: address.url.clone(),
            api_key: Some(ApiKey::new(THROW_AWAY_KEY)),
            model: "mock-1".to_owned(),
            stream: false,
            timeouts: Timeouts { connect: patience, first_byte: patience, idle: patience, total: patience },
            peer: None,
        };
        let over = Arc::new(AtomicBool::new(false));
        let (stop, address) = (over.clone(), address.clone());
        let work = move || {
            let listens = wait(&address, patience, clock, &stop);
            let came = listens.and_then(|()| send(&endpoint, address.streams, jobs, clock));
            answers.enough();
            came
        };
        let thread = std::thread::Builder::new().name("drive".to_owned()).spawn(work);
        let thread = thread.map_err(|error| format!("cannot drive the program: {error}"))?;
        Ok(Self { over, thread })
    }

    /// What came back, once the program has ended.
    pub(super) fn end(self) -> Result<Vec<Attempt>, String> {
        self.over.store(true, Ordering::Relaxed);
        self.thread.join().unwrap_or_else(|_| Err("the load ended in a panic".to_owned()))
    }
}

fn wait(address: &Address, patience: Duration, clock: Clock, over: &AtomicBool) -> Result<(), String> {
    let until = clock.now() + patience;
    while !address.listens() {
        if over.load(Ordering::Relaxed) || clock.now() >= until {
            return Err(format!("the program never listened at {}", address.url));
        }
        std::thread::sleep(LOOK);
    }
    Ok(())
}

fn send(endpoint: &Endpoint, streams: bool, jobs: u64, clock: Clock) -> Result<Vec<Attempt>, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("no runtime to drive the program: {error}"))?;
    let client = |stream| {
        let endpoint = Endpoint { stream, ..endpoint.clone() };
        Client::new(&endpoint, clock).map_err(|error| error.to_string())
    };
    let clients = [client(false)?, client(streams)?];
    let one = |index: u64| {
        let tokens = TOKENS + u32::try_from(index % 4096).unwrap_or(0);
        let request = Request::new(JobId { cell: 0, index }, 1, clock.now(), WORDS, tokens);
        let client = &clients[usize::from(index % 2 == 1)];
        async move { client.attempt(&request, std::future::pending()).await.attempt }
    };
    Ok(runtime.block_on(join_all((0..jobs).map(one))))
}

/// What the clients got, as results and totals.
pub(super) fn said(
    attempts: &[Attempt],
    entries: &[LedgerEntry],
) -> (Vec<(ResultSaid, Duration)>, TotalsSaid) {
    let mut totals =
        TotalsSaid { prompt_tokens: Some(0), completion_tokens: Some(0), ..TotalsSaid::default() };
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
        let said = ResultSaid {
            job: JobKey::Own(attempt.job),
            answer: answer(attempt, entries),
            ok,
            text_hash: hash,
        };
        (said, Duration::from_nanos(attempt.done_ns))
    });
    let results = results.collect();
    (results, if counts { totals } else { TotalsSaid::default() })
}

/// Which of the provider's answers it is: by its id, or by its text where the program gave it an id of its own.
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
        let address = Address::read("http://127.0.0.1:4000/v1/").unwrap();
        assert_eq!((address.url.as_str(), address.port), ("http://127.0.0.1:4000/v1", 4000));
        for url in ["https://127.0.0.1:4000", "127.0.0.1:4000", "http://", "nonsense"] {
            assert!(Address::read(url).unwrap_err().contains("such as"), "{url}");
        }
    }
}
