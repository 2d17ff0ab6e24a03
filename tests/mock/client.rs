//! A raw HTTP/1.1 client and a provider to point it at: what the tests of the built-in provider share.
#![allow(dead_code, reason = "each test file uses its own part")]
#![allow(clippy::unwrap_used, reason = "a test helper: what fails here fails the test")]

use deadheat::clock::Clock;
use deadheat::faults::{FaultKind, FaultRule, FaultWhen};
use deadheat::history::LedgerEntry;
use deadheat::mock::{LedgerSink, MockConfig, Server};
use deadheat::plan::{Dist, Limits, MockPlan};
use deadheat::schedule::Schedule;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// Longer than anything here takes; only a broken test waits for it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// No delays, no limits.
pub(crate) fn instant() -> MockPlan {
    MockPlan {
        ttft: Dist::Constant(Duration::ZERO),
        itl: Dist::Constant(Duration::ZERO),
        stall: None,
        tokens_per_chunk: 1,
        limits: Limits::default(),
        bill_after_disconnect: true,
        idempotency: false,
    }
}

/// Never reaches its first token within a test.
pub(crate) fn endless() -> MockPlan {
    MockPlan { ttft: Dist::Constant(Duration::from_secs(3600)), ..instant() }
}

/// Strikes every job's first attempt.
pub(crate) fn always(kind: FaultKind) -> Vec<FaultRule> {
    vec![FaultRule { kind, when: FaultWhen::default(), target: None }]
}

pub(crate) struct Provider {
    pub(crate) server: Server,
    pub(crate) ledger: Receiver<LedgerEntry>,
}

impl Provider {
    pub(crate) fn start(plan: MockPlan, faults: Vec<FaultRule>) -> Self {
        let (sender, ledger) = channel();
        let sink = LedgerSink::To(Box::new(move |entry| _ = sender.send(entry)));
        Self { server: serve(plan, faults, sink), ledger }
    }

    pub(crate) fn entry(&self) -> LedgerEntry {
        self.ledger.recv_timeout(PATIENCE).expect("a ledger entry")
    }

    pub(crate) fn connect(&self) -> TcpStream {
        connect(&self.server)
    }

    /// One request on a connection of its own.
    pub(crate) fn ask(&self, request: &str) -> Answer {
        let mut stream = self.connect();
        stream.write_all(request.as_bytes()).unwrap();
        read(&mut stream)
    }
}

pub(crate) fn serve(plan: MockPlan, faults: Vec<FaultRule>, ledger: LedgerSink) -> Server {
    start(plan, faults, None, ledger)
}

/// A provider without delays, whose answers are held back by this schedule.
pub(crate) fn serve_by(schedule: Schedule, ledger: LedgerSink) -> Server {
    start(instant(), Vec::new(), Some(schedule), ledger)
}

fn start(plan: MockPlan, faults: Vec<FaultRule>, schedule: Option<Schedule>, ledger: LedgerSink) -> Server {
    let mut config = MockConfig::new("mock", plan);
    (config.faults, config.schedule, config.seed, config.ledger) = (faults, schedule, 42, ledger);
    Server::start(config, Clock::start()).unwrap()
}

pub(crate) fn connect(server: &Server) -> TcpStream {
    let stream = TcpStream::connect(server.address()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// The text of a request for a completion.
pub(crate) fn chat(job: &str, attempt: u32, tokens: u32, stream: bool) -> String {
    let body = format!(
        r#"{{"model":"mock-1","messages":[{{"role":"user","content":"count these words [{job}]"}}],"max_tokens":{tokens},"stream":{stream}}}"#
    );
    let headers = format!("x-deadheat-job: {job}\r\nx-deadheat-attempt: {attempt}\r\n");
    post("/v1/chat/completions", &headers, &body)
}

pub(crate) fn post(path: &str, headers: &str, body: &str) -> String {
    format!("POST {path} HTTP/1.1\r\nhost: mock\r\n{headers}content-length: {}\r\n\r\n{body}", body.len())
}

pub(crate) fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: mock\r\n\r\n")
}

/// How reading an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// Whole, as its framing says.
    Whole,
    /// The connection was closed first.
    Closed,
    /// The connection was reset first.
    Reset,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    /// Decoded as far as it came.
    pub(crate) body: String,
    pub(crate) ended: Ended,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.body))
    }

    /// The data of each event, unparsed.
    pub(crate) fn events(&self) -> Vec<String> {
        let complete = self.body.rsplit_once("\n\n").map_or("", |(events, _)| events);
        let data = complete.split("\n\n").filter(|event| !event.is_empty());
        data.map(|event| event.strip_prefix("data: ").expect("a data line").to_owned()).collect()
    }

    /// The content of all events.
    pub(crate) fn content(&self) -> String {
        let json =
            self.events().into_iter().filter_map(|e| serde_json::from_str::<serde_json::Value>(&e).ok());
        json.filter_map(|e| e["choices"][0]["delta"]["content"].as_str().map(str::to_owned)).collect()
    }
}

/// Reads one byte more; `Err` tells how that failed.
fn byte(stream: &mut TcpStream) -> Result<u8, Ended> {
    let mut one = [0];
    match stream.read(&mut one) {
        Ok(1) => Ok(one[0]),
        Ok(_) => Err(Ended::Closed),
        Err(e) if e.kind() == ErrorKind::ConnectionReset => Err(Ended::Reset),
        Err(e) => panic!("no answer: {e}"),
    }
}

fn line(stream: &mut TcpStream) -> Result<String, Ended> {
    let mut line = Vec::new();
    while !line.ends_with(b"\r\n") {
        line.push(byte(stream)?);
    }
    line.truncate(line.len() - 2);
    Ok(String::from_utf8(line).unwrap())
}

/// Reads one answer as far as it comes, and not a byte further.
pub(crate) fn read(stream: &mut TcpStream) -> Answer {
    let mut answer = Answer { status: 0, headers: Vec::new(), body: String::new(), ended: Ended::Whole };
    let mut body = Vec::new();
    if let Err(ended) = read_into(stream, &mut answer, &mut body) {
        answer.ended = ended;
    }
    answer.body = String::from_utf8(body).unwrap();
    answer
}

fn read_into(stream: &mut TcpStream, answer: &mut Answer, body: &mut Vec<u8>) -> Result<(), Ended> {
    let status = line(stream)?;
    answer.status = status.split(' ').nth(1).and_then(|s| s.parse().ok()).expect("a status");
    loop {
        let header = line(stream)?;
        let Some((name, value)) = header.split_once(": ") else { break };
        answer.headers.push((name.to_owned(), value.to_owned()));
    }
    if answer.header("transfer-encoding") != Some("chunked") {
        let length: usize = answer.header("content-length").map_or(0, |n| n.parse().unwrap());
        return take(stream, body, length);
    }
    loop {
        let size = usize::from_str_radix(&line(stream)?, 16).unwrap();
        take(stream, body, size)?;
        line(stream)?;
        if size == 0 {
            return Ok(());
        }
    }
}

fn take(stream: &mut TcpStream, body: &mut Vec<u8>, count: usize) -> Result<(), Ended> {
    for _ in 0..count {
        body.push(byte(stream)?);
    }
    Ok(())
}
