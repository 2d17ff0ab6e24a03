//! The built-in provider over a real socket, without faults.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use crate::client;

use client::{Ended, Provider, chat, get, instant, post, read, serve};
use deadheat::history::{JobKey, LedgerEnd};
use deadheat::mock::LedgerSink;
use deadheat::plan::{Dist, Limits, MockPlan};
use std::io::Write;
use std::time::Duration;
use xxhash_rust::xxh64::xxh64;

#[test]
fn a_whole_answer_is_what_the_ledger_says() {
    let provider = Provider::start(instant(), Vec::new());
    let answer = provider.ask(&chat("job:0042", 1, 7, false));
    let (json, entry) = (answer.json(), provider.entry());
    let text = json["choices"][0]["message"]["content"].as_str().unwrap();
    assert_eq!((answer.status, text.split(' ').count()), (200, 7));
    assert!(text.starts_with("[job:0042] R-"), "{text}");
    assert_eq!(json["id"], format!("chatcmpl-{}", entry.nonce.clone().unwrap()));
    assert_eq!(json["usage"]["completion_tokens"], 7);
    assert_eq!(json["usage"]["prompt_tokens"], entry.prompt_tokens);
    assert_eq!((entry.end, entry.status, entry.job), (LedgerEnd::Whole, Some(200), JobKey::from("job:0042")));
    assert_eq!(
        (entry.delivered_tokens, entry.billed_completion_tokens, entry.billed_prompt_tokens),
        (7, 7, 4)
    );
    assert_eq!(entry.text_hash, Some(format!("{:016x}", xxh64(text.as_bytes(), 0))));
    assert_eq!(answer.header("x-request-id"), Some(entry.request_id.as_str()));
}

#[test]
fn a_stream_is_paced_and_stamped() {
    let pace = Duration::from_millis(3);
    let plan = MockPlan {
        ttft: Dist::Constant(Duration::from_millis(30)),
        itl: Dist::Constant(pace),
        tokens_per_chunk: 2,
        ..instant()
    };
    let provider = Provider::start(plan, Vec::new());
    let answer = provider.ask(&chat("job:0001", 1, 9, true));
    let (events, entry) = (answer.events(), provider.entry());
    assert_eq!((answer.ended, events.last().map(String::as_str)), (Ended::Whole, Some("[DONE]")));
    assert_eq!(answer.content().split(' ').count(), 9);
    assert_eq!(entry.text_hash, Some(format!("{:016x}", xxh64(answer.content().as_bytes(), 0))));
    let (first, gaps) = (entry.first_content_ns.unwrap(), &entry.gaps_us);
    assert!(first - entry.arrived_ns >= 30_000_000, "not before its time");
    assert_eq!(gaps.len(), 4, "five chunks of at most two tokens");
    let sum: u64 = gaps.iter().map(|us| u64::from(*us)).sum();
    assert!(entry.ended_ns - entry.arrived_ns >= 51_000_000, "seven more tokens of 3 ms each");
    assert_eq!(first / 1000 + sum, entry.ended_ns / 1000, "the gaps add up exactly");
}

#[test]
fn a_connection_serves_again_and_pipelining_is_harmless() {
    let provider = Provider::start(instant(), Vec::new());
    let mut stream = provider.connect();
    for job in ["job:0001", "job:0002"] {
        stream.write_all(chat(job, 1, 4, true).as_bytes()).unwrap();
        assert!(read(&mut stream).content().contains(job));
        provider.entry();
    }
    let both = chat("job:0003", 1, 4, false) + &chat("job:0004", 1, 5, true);
    stream.write_all(both.as_bytes()).unwrap();
    assert!(read(&mut stream).body.contains("[job:0003]"));
    assert!(read(&mut stream).content().contains("[job:0004]"));
    assert_eq!((provider.entry().end, provider.entry().end), (LedgerEnd::Whole, LedgerEnd::Whole));
}

#[test]
fn foreign_clients_get_lengths_that_tell_the_job() {
    let provider = Provider::start(instant(), Vec::new());
    let body = |job: &str, max: &str| {
        post(
            "/v1/chat/completions",
            "",
            &format!(r#"{{"model":"m","messages":[{{"content":"[{job}]"}}]{max}}}"#),
        )
    };
    let tokens = |request: &str| {
        let json = provider.ask(request).json();
        let finish = json["choices"][0]["finish_reason"].as_str().unwrap().to_owned();
        (json["usage"]["completion_tokens"].as_u64().unwrap(), finish)
    };
    assert_eq!(tokens(&body("job:0005", "")), (21, "stop".to_owned()));
    assert_eq!(tokens(&body("job:0006", "")), (22, "stop".to_owned()));
    assert_eq!(tokens(&body("job:0006", r#","max_tokens":3"#)), (3, "length".to_owned()));
    let attempts: Vec<_> = (0..3).map(|_| provider.entry().attempt).collect();
    assert_eq!(attempts, [1, 1, 2], "counted as they arrive");
}

#[test]
fn what_is_no_request_is_refused_in_the_providers_words() {
    let provider = Provider::start(instant(), Vec::new());
    let error = |request: &str| {
        let answer = provider.ask(request);
        assert!(answer.header("x-request-id").is_some(), "{request}");
        (answer.status, answer.json()["error"]["type"].as_str().unwrap().to_owned())
    };
    let invalid = |status| (status, "invalid_request_error".to_owned());
    assert_eq!(error(&post("/v1/chat/completions", "", "{nonsense")), invalid(400));
    let entry = provider.entry();
    assert_eq!((entry.end, entry.status, entry.permanent), (LedgerEnd::Refused, Some(400), true));
    assert_eq!(error(&get("/v1/chat/completions")), invalid(405));
    assert_eq!(error(&get("/v1/nothing")), invalid(404));
    assert_eq!(provider.ask(&get("/v1/models")).json()["data"][0]["id"], "mock-1");
    assert_eq!(provider.ask("\u{1}\u{2} garbage\r\n\r\n").status, 400);
}

#[test]
fn bodies_and_heads_are_bounded() {
    let provider = Provider::start(instant(), Vec::new());
    let huge = format!("POST /v1/chat/completions HTTP/1.1\r\ncontent-length: {}\r\n\r\n", 1024 * 1024 + 1);
    let answer = provider.ask(&huge);
    assert_eq!((answer.status, answer.header("connection")), (413, Some("close")));
    let long = format!("GET /v1/models HTTP/1.1\r\nx: {}\r\n\r\n", "y".repeat(80 * 1024));
    let mut stream = provider.connect();
    // The provider may close before all of it is written.
    let _ = stream.write_all(long.as_bytes());
    let status = read(&mut stream).status;
    assert!([431, 0].contains(&status), "{status}");
}

#[test]
fn limits_are_told_on_every_answer_and_true() {
    let limits = Limits { requests_per_minute: Some(1), ..Limits::default() };
    let provider = Provider::start(MockPlan { limits, ..instant() }, Vec::new());
    let first = provider.ask(&chat("job:0001", 1, 4, false));
    assert_eq!((first.status, first.header("x-ratelimit-remaining-requests")), (200, Some("0")));
    let second = provider.ask(&chat("job:0002", 1, 4, false));
    let ms: u64 = second.header("retry-after-ms").unwrap().parse().unwrap();
    assert!((1..=60_000).contains(&ms), "{ms}");
    let seconds = ms.div_ceil(1000).to_string();
    assert_eq!((second.status, second.header("retry-after")), (429, Some(&*seconds)));
    assert_eq!(second.header("x-ratelimit-limit-requests"), Some("1"));
    provider.entry();
    let refused = provider.entry();
    assert_eq!((refused.retry_after_ms, refused.permanent, refused.billed()), (Some(ms), false, false));
}

#[test]
fn the_admin_api_shows_the_ledger_and_sets_faults() {
    let server = serve(instant(), Vec::new(), LedgerSink::Keep);
    let ask = |request: &str| {
        let mut stream = client::connect(&server);
        stream.write_all(request.as_bytes()).unwrap();
        read(&mut stream)
    };
    assert_eq!(
        ask(&post("/deadheat/faults", "", r#"{"kind":{"quota-exhausted":{}},"when":{"jobs":[2]}}"#)).status,
        200
    );
    let wrong = ask(&post("/deadheat/faults", "", r#"{"kind":{"nonsense":{}}}"#));
    assert!(wrong.status == 400 && wrong.body.contains("nonsense"), "{}", wrong.body);
    assert_eq!(ask(&chat("job:0001", 1, 4, false)).status, 200);
    assert_eq!(ask(&chat("job:0002", 1, 4, false)).status, 429);
    let stats = ask(&get("/deadheat/stats")).json();
    assert_eq!(
        (stats["received"].as_u64(), stats["whole"].as_u64(), stats["refused"].as_u64()),
        (Some(2), Some(1), Some(1))
    );
    assert_eq!(stats["faults"]["quota-exhausted"], 1);
    let ledger = ask(&get("/deadheat/ledger")).body;
    let jobs: Vec<_> = ledger
        .lines()
        .map(|l| serde_json::from_str::<serde_json::Value>(l).unwrap()["job"].clone())
        .collect();
    assert_eq!(jobs, ["job:0001", "job:0002"]);
    let delete = "DELETE /deadheat/faults HTTP/1.1\r\nhost: x\r\n\r\n";
    assert_eq!(ask(delete).json()["faults"].as_array().map(Vec::len), Some(0));
    assert_eq!(ask(&post("/deadheat/reset", "", "")).status, 200);
    assert_eq!(ask(&get("/deadheat/ledger")).body, "");
    assert_eq!(ask(&get("/deadheat/stats")).json()["received"], 0);
    assert_eq!(ask(&chat("job:0002", 1, 4, false)).status, 200, "the fault is gone");
}
