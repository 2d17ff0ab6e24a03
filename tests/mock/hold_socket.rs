//! The gate over real sockets: a client meets the order that the schedule says, every time.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use crate::client;

use client::{PATIENCE, Provider, chat, connect, get, instant, read, serve_by};
use deadheat::history::LedgerEnd;
use deadheat::mock::{LedgerSink, Server};
use deadheat::schedule::{Fallback, Hold, RequestKey, Schedule, TraceEvent, Until, Why};
use serde_json::Value;
use std::io::Write;
use std::net::TcpStream;
use std::sync::mpsc::channel;
use std::time::Duration;

const X: &str = "job:0001";
const Y: &str = "job:0002";

fn key(job: &str) -> RequestKey {
    RequestKey::new(job, 1)
}

fn holding(request: &str, until: Until) -> Schedule {
    let holds = vec![Hold { request: key(request), until }];
    Schedule { holds, patience: PATIENCE, ..Schedule::default() }
}

fn put(text: &str) -> String {
    format!("PUT /deadheat/schedule HTTP/1.1\r\nhost: mock\r\ncontent-length: {}\r\n\r\n{text}", text.len())
}

fn send(server: &Server, job: &str) -> TcpStream {
    let mut stream = connect(server);
    stream.write_all(chat(job, 1, 8, true).as_bytes()).unwrap();
    stream
}

/// Asks again until the counts say so.
fn until(provider: &Provider, what: &str, count: u64) {
    let stats = || provider.ask(&get("/deadheat/stats")).json()[what].as_u64();
    let found = (0..100_000).any(|_| stats() == Some(count));
    assert!(found, "{what} is never {count}: {:?}", stats());
}

#[test]
fn a_hold_turns_the_order_of_two_requests_around_every_time() {
    for (held, first) in [(X, Y), (Y, X)] {
        for round in 0..20 {
            let (sender, ledger) = channel();
            let sink = LedgerSink::To(Box::new(move |entry| _ = sender.send(entry)));
            let server = serve_by(holding(held, Until::Answered(key(first))), sink);
            // Whichever comes first.
            let order = if round % 2 == 0 { [held, first] } else { [first, held] };
            let mut streams = order.map(|job| send(&server, job));
            for stream in &mut streams {
                let answer = read(stream);
                assert_eq!((answer.status, answer.body.contains("[DONE]")), (200, true), "{round}");
            }
            let [one, two] = [(); 2].map(|()| ledger.recv_timeout(PATIENCE).unwrap());
            assert_eq!([one.job.to_string(), two.job.to_string()], [first, held], "{round}");
            assert!(one.ended_ns <= two.first_byte_ns.unwrap(), "not a byte before");
            let trace = server.trace();
            assert!(trace.infeasible.is_empty() && trace.unseen.is_empty());
            let released = trace.steps.iter().find_map(|step| match step.event {
                TraceEvent::Released { why } if step.request == key(held) => Some((why, step.at)),
                _ => None,
            });
            let (why, at) = released.unwrap();
            assert_eq!(why, Why::Met);
            assert!(at.as_nanos() >= u128::from(one.ended_ns));
            server.stop();
        }
    }
}

#[test]
fn who_hangs_up_on_a_held_answer_pays_and_the_trace_tells() {
    let provider = Provider::start(instant(), Vec::new());
    let text = holding(X, Until::Disconnect).to_toml();
    assert_eq!(provider.ask(&put(&text)).body, text);
    assert_eq!(provider.ask(&get("/deadheat/schedule")).body, text);
    let stream = send(&provider.server, X);
    until(&provider, "held", 1);
    drop(stream);
    let entry = provider.entry();
    assert_eq!((entry.end, entry.status), (LedgerEnd::ClientClosed, None));
    assert_eq!((entry.delivered_tokens, entry.billed_completion_tokens), (0, 8));
    let trace = provider.ask(&get("/deadheat/trace")).json();
    let steps: Vec<_> = trace["steps"].as_array().unwrap().iter().map(|step| step["event"].clone()).collect();
    assert_eq!(steps, ["arrived", "released", "left"]);
    let step = &trace["steps"][1];
    assert_eq!((&step["request"], &step["why"]), (&Value::from("job:0001#1"), &Value::from("disconnected")));
    assert!(step["at_ns"].as_u64().is_some_and(|at| at <= entry.ended_ns));
}

#[test]
fn a_schedule_that_is_taken_away_lets_everything_go() {
    let provider = Provider::start(instant(), Vec::new());
    provider.ask(&put(&holding(X, Until::Disconnect).to_toml()));
    let mut stream = send(&provider.server, X);
    until(&provider, "held", 1);
    assert_eq!(provider.ask("DELETE /deadheat/schedule HTTP/1.1\r\nhost: mock\r\n\r\n").body, "");
    assert_eq!(read(&mut stream).status, 200);
    assert_eq!(provider.ask(&get("/deadheat/trace")).json()["steps"], Value::Array(Vec::new()));
    let wrong = provider.ask(&put("version = 1\nfalback = \"fifo\"\nquiet = 3\n"));
    assert_eq!(wrong.status, 400);
    for told in ["schedule:2:1: unknown key `falback`", "did you mean `fallback`", "schedule:3:9"] {
        assert!(wrong.body.contains(told), "{told}: {}", wrong.body);
    }
}

#[test]
fn at_silence_the_newest_goes_first() {
    let schedule =
        Schedule { fallback: Fallback::Reverse, quiet: Duration::from_millis(60), ..Schedule::default() };
    let (sender, ledger) = channel();
    let sink = LedgerSink::To(Box::new(move |entry| _ = sender.send(entry)));
    let server = serve_by(schedule, sink);
    let held = |count| while server.stats().held < count {};
    let mut streams = Vec::new();
    for (count, job) in (1..).zip(["job:0001", "job:0002", "job:0003"]) {
        streams.push(send(&server, job));
        held(count);
    }
    let ended: Vec<_> = (0..3).map(|_| ledger.recv_timeout(PATIENCE).unwrap().job.to_string()).collect();
    assert_eq!(ended, ["job:0003", "job:0002", "job:0001"]);
    assert!(streams.iter_mut().all(|stream| read(stream).status == 200));
    let whys: Vec<_> = server
        .trace()
        .steps
        .iter()
        .filter_map(|step| match step.event {
            TraceEvent::Released { why } => Some(why),
            _ => None,
        })
        .collect();
    assert_eq!(whys, [Why::Picked; 3]);
}
