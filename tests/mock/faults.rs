//! Each fault of the built-in provider as a client meets it on a socket, and as the ledger has it.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use crate::client;

use client::{Ended, Provider, always, chat, endless, instant, read};
use deadheat::faults::{
    CutStream, Drip, DuplicateEvent, DuplicateUsage, ErrorEvent, FaultKind, GatewayTimeout, HintForm,
    MalformedEvent, NeverAnswers, QuotaExhausted, RateLimit, ResetAfterAccept, ResetMidStream, Slow, Status,
};
use deadheat::history::{LedgerEnd, LedgerEntry};
use deadheat::plan::{Dist, Limits, MockPlan};
use std::io::Write;
use std::net::Shutdown;
use std::time::Duration;

/// Completion tokens delivered and billed.
fn tokens(entry: &LedgerEntry) -> (u64, u64) {
    (entry.delivered_tokens, entry.billed_completion_tokens)
}

fn strike(kind: FaultKind, stream: bool) -> (client::Answer, LedgerEntry) {
    let name = deadheat::mock::fault_name(&kind);
    let provider = Provider::start(instant(), always(kind));
    let answer = provider.ask(&chat("job:0001", 1, 8, stream));
    let entry = provider.entry();
    assert_eq!(entry.fault.as_deref(), Some(name));
    assert_eq!(provider.ask(&chat("job:0001", 2, 8, stream)).status, 200, "the second attempt is left alone");
    assert_eq!(provider.entry().fault, None);
    (answer, entry)
}

#[test]
fn a_reset_after_accept_is_a_real_one_and_billed() {
    for stream in [false, true] {
        let (answer, entry) = strike(FaultKind::from(ResetAfterAccept {}), stream);
        assert_eq!((answer.status, answer.ended), (0, Ended::Reset));
        assert_eq!((entry.end, entry.status, tokens(&entry)), (LedgerEnd::Reset, None, (0, 8)));
        assert!(entry.nonce.is_some() && entry.billed_prompt_tokens == 4);
    }
}

#[test]
fn a_cut_stream_ends_cleanly_without_its_terminator() {
    let (answer, entry) = strike(FaultKind::from(CutStream { after: 0.5 }), true);
    assert_eq!((answer.ended, answer.content().split(' ').count()), (Ended::Whole, 4));
    assert!(!answer.body.contains("[DONE]") && !answer.body.contains("\"stop\""));
    assert_eq!((entry.end, tokens(&entry)), (LedgerEnd::Cut, (4, 8)));
    let (answer, entry) = strike(FaultKind::from(CutStream { after: 0.5 }), false);
    assert_eq!((answer.status, answer.ended), (200, Ended::Closed), "shorter than its content-length");
    assert_eq!((entry.end, tokens(&entry)), (LedgerEnd::Cut, (0, 8)));
}

#[test]
fn a_reset_in_a_stream_tears_an_event() {
    for after in [0.0, 0.5, 1.0] {
        let (answer, entry) = strike(FaultKind::from(ResetMidStream { after }), true);
        let sent = (after * 8.0) as usize;
        assert_eq!((answer.status, answer.ended), (200, Ended::Reset));
        assert!(!answer.body.ends_with("\n\n"), "the last event is torn: {}", answer.body);
        assert_eq!(answer.content().split(' ').filter(|word| !word.is_empty()).count(), sent);
        assert_eq!((entry.end, tokens(&entry)), (LedgerEnd::Reset, (sent as u64, 8)));
    }
    let (answer, entry) = strike(FaultKind::from(ResetMidStream { after: 0.5 }), false);
    assert_eq!((answer.ended, entry.end), (Ended::Reset, LedgerEnd::Reset));
}

#[test]
fn an_error_event_comes_first_or_in_the_middle_and_bills_what_there_was() {
    let (answer, entry) = strike(FaultKind::from(ErrorEvent { after: 0.0 }), true);
    assert_eq!((answer.status, answer.events().len()), (200, 1));
    assert!(answer.events()[0].starts_with("{\"error\":"), "{}", answer.body);
    assert_eq!((entry.end, tokens(&entry), entry.billed()), (LedgerEnd::Cut, (0, 0), false));
    let (answer, entry) = strike(FaultKind::from(ErrorEvent { after: 0.5 }), true);
    assert_eq!(answer.content().split(' ').count(), 4);
    assert!(answer.events().last().unwrap().contains("server_error"));
    assert_eq!((entry.end, tokens(&entry)), (LedgerEnd::Cut, (4, 4)));
    let (answer, _) = strike(FaultKind::from(ErrorEvent { after: 0.5 }), false);
    assert!(answer.status == 200 && answer.json()["error"]["type"] == "server_error");
}

/// As the head of a request for a completion whose stream reports its usage.
fn with_usage(job: &str) -> String {
    let body = format!(
        r#"{{"model":"mock-1","messages":[{{"role":"user","content":"[{job}]"}}],"max_tokens":8,"stream":true,"stream_options":{{"include_usage":true}}}}"#
    );
    client::post("/v1/chat/completions", &format!("x-deadheat-job: {job}\r\n"), &body)
}

#[test]
fn a_malformed_event_is_no_json_and_what_follows_pretends_that_all_was_well() {
    let (answer, entry) = strike(FaultKind::from(MalformedEvent { after: 0.5 }), true);
    let events = answer.events();
    let bad: Vec<_> =
        events.iter().filter(|e| serde_json::from_str::<serde_json::Value>(e).is_err()).collect();
    assert_eq!((answer.ended, bad.len(), bad[1].as_str()), (Ended::Whole, 2, "[DONE]"), "{events:?}");
    assert_eq!(answer.content().split(' ').count(), 4);
    assert!(answer.body.contains("\"stop\""));
    assert_eq!((entry.end, tokens(&entry)), (LedgerEnd::Cut, (4, 8)));
    let (answer, entry) = strike(FaultKind::from(MalformedEvent { after: 0.5 }), false);
    assert!(answer.ended == Ended::Whole && serde_json::from_str::<serde_json::Value>(&answer.body).is_err());
    assert_eq!((entry.end, tokens(&entry)), (LedgerEnd::Cut, (0, 8)));
}

#[test]
fn a_duplicate_event_is_handed_over_twice_and_billed_once() {
    for after in [0.0, 0.5, 1.0] {
        let (answer, entry) = strike(FaultKind::from(DuplicateEvent { after }), true);
        let events = answer.events();
        assert_eq!(events.windows(2).filter(|pair| pair[0] == pair[1]).count(), 1, "{after}");
        assert_eq!((entry.end, tokens(&entry)), (LedgerEnd::Whole, (8, 8)));
        let heard = format!("{:016x}", xxhash_rust::xxh64::xxh64(answer.content().as_bytes(), 0));
        assert_eq!(entry.text_hash, Some(heard), "the ledger has what was handed over");
    }
}

#[test]
fn a_duplicate_usage_is_half_of_it_and_then_all() {
    let provider = Provider::start(instant(), always(FaultKind::from(DuplicateUsage {})));
    let answer = provider.ask(&with_usage("job:0001"));
    let events = answer.events();
    let json = events.iter().filter_map(|event| serde_json::from_str::<serde_json::Value>(event).ok());
    let usage: Vec<_> = json.filter_map(|event| event["usage"]["completion_tokens"].as_u64()).collect();
    assert_eq!(usage, [4, 8]);
    let entry = provider.entry();
    assert_eq!((entry.fault.as_deref(), entry.end), (Some("duplicate-usage"), LedgerEnd::Whole));
    assert_eq!(tokens(&entry), (8, 8));
}

#[test]
fn a_drip_comes_whole_token_by_token() {
    let plan = MockPlan { tokens_per_chunk: 4, ..instant() };
    let provider = Provider::start(plan, always(FaultKind::from(Drip { gap: Duration::from_millis(10) })));
    let answer = provider.ask(&chat("job:0001", 1, 8, true));
    assert_eq!(answer.content().split(' ').count(), 8);
    let entry = provider.entry();
    assert_eq!((entry.fault.as_deref(), entry.end, tokens(&entry)), (Some("drip"), LedgerEnd::Whole, (8, 8)));
    assert_eq!(entry.gaps_us.len(), 7, "one token a chunk");
    assert!(entry.ended_ns - entry.arrived_ns >= 70_000_000);
}

#[test]
fn a_gateway_times_out_while_the_generation_is_billed() {
    for status in [504, 524] {
        let (answer, entry) = strike(FaultKind::from(GatewayTimeout { status, after: Duration::ZERO }), true);
        assert_eq!((answer.status, answer.header("content-type")), (status, Some("text/html")));
        assert_eq!((entry.end, tokens(&entry)), (LedgerEnd::Refused, (0, 8)));
    }
}

#[test]
fn refusals_are_not_billed_and_say_whether_to_come_again() {
    let wait = Some(Duration::from_millis(1500));
    for (kind, status, permanent, retry_after_ms) in [
        (
            FaultKind::from(RateLimit { retry_after: wait, hint: HintForm::Milliseconds }),
            429,
            false,
            Some(1500),
        ),
        (FaultKind::from(RateLimit { retry_after: wait, hint: HintForm::Seconds }), 429, false, Some(2000)),
        (FaultKind::from(QuotaExhausted {}), 429, true, None),
        (FaultKind::from(Status { code: 401 }), 401, true, None),
        (FaultKind::from(Status { code: 529 }), 529, false, None),
    ] {
        let (answer, entry) = strike(kind, true);
        assert_eq!((answer.status, entry.status), (status, Some(status)));
        assert_eq!((entry.end, entry.permanent), (LedgerEnd::Refused, permanent));
        assert_eq!((entry.retry_after_ms, entry.billed(), entry.nonce), (retry_after_ms, false, None));
    }
}

#[test]
fn a_slow_answer_is_billed_even_if_its_client_left() {
    let plan = MockPlan { bill_after_disconnect: false, ..instant() };
    let provider = Provider::start(plan, always(FaultKind::from(Slow { by: Duration::from_secs(3600) })));
    let mut stream = provider.connect();
    stream.write_all(chat("job:0001", 1, 8, true).as_bytes()).unwrap();
    drop(stream);
    let entry = provider.entry();
    assert_eq!((entry.end, tokens(&entry)), (LedgerEnd::ClientClosed, (0, 8)));
}

#[test]
fn who_never_answers_waits_for_the_client_or_the_end() {
    let provider = Provider::start(instant(), always(FaultKind::from(NeverAnswers {})));
    let mut stream = provider.connect();
    stream.write_all(chat("job:0001", 1, 8, false).as_bytes()).unwrap();
    stream.shutdown(Shutdown::Both).unwrap();
    let entry = provider.entry();
    assert_eq!((entry.end, entry.billed(), entry.status), (LedgerEnd::ClientClosed, false, None));
    let mut stream = provider.connect();
    stream.write_all(chat("job:0002", 1, 8, false).as_bytes()).unwrap();
    while provider.server.stats().open == 0 {
        std::thread::yield_now();
    }
    provider.server.stop_within(Duration::ZERO);
    assert_eq!(provider.ledger.recv().unwrap().end, LedgerEnd::Open);
}

#[test]
fn a_client_that_leaves_in_the_middle_pays_as_the_plan_says() {
    for (bill_after_disconnect, billed) in [(true, 8), (false, 1)] {
        let itl = Dist::Constant(Duration::from_secs(3600));
        let provider = Provider::start(MockPlan { itl, bill_after_disconnect, ..instant() }, Vec::new());
        let mut stream = provider.connect();
        stream.write_all(chat("job:0001", 1, 8, true).as_bytes()).unwrap();
        let mut some = [0; 16];
        std::io::Read::read_exact(&mut stream, &mut some).unwrap();
        drop(stream);
        let entry = provider.entry();
        assert_eq!((entry.end, tokens(&entry)), (LedgerEnd::ClientClosed, (1, billed)));
        assert!(entry.ended_ns > entry.first_content_ns.unwrap());
    }
}

#[test]
fn a_queued_client_may_leave_and_the_next_is_served() {
    let limits = Limits { max_in_flight: Some(1), max_queue: Some(1), ..Limits::default() };
    let provider =
        Provider::start(MockPlan { limits, bill_after_disconnect: false, ..endless() }, Vec::new());
    let mut streams: Vec<_> = (0..2).map(|_| provider.connect()).collect();
    for (number, stream) in (1u64..).zip(&mut streams) {
        stream.write_all(chat(&format!("job:000{number}"), 1, 4, false).as_bytes()).unwrap();
        while provider.server.stats().open < number {
            std::thread::yield_now();
        }
    }
    let refused = provider.ask(&chat("job:0003", 1, 4, false));
    assert_eq!((refused.status, provider.entry().end), (503, LedgerEnd::Refused), "the queue is full");
    streams.truncate(1);
    let left = provider.entry();
    assert_eq!((left.job.to_string().as_str(), left.end), ("job:0002", LedgerEnd::ClientClosed));
    assert!(!left.billed(), "it never had its turn");
    drop(streams);
    assert_eq!(provider.entry().job.to_string(), "job:0001");
}

#[test]
fn a_queued_client_is_served_when_its_turn_comes() {
    let limits = Limits { max_in_flight: Some(1), ..Limits::default() };
    let plan = MockPlan { ttft: Dist::Constant(Duration::from_millis(20)), limits, ..instant() };
    let provider = Provider::start(plan, Vec::new());
    let mut streams: Vec<_> = (0..3).map(|_| provider.connect()).collect();
    for (number, stream) in streams.iter_mut().enumerate() {
        stream.write_all(chat(&format!("job:000{number}"), 1, 4, true).as_bytes()).unwrap();
    }
    for stream in &mut streams {
        assert_eq!(read(stream).events().last().map(String::as_str), Some("[DONE]"));
    }
    let mut ends: Vec<_> = (0..3).map(|_| provider.entry()).map(|e| (e.arrived_ns, e.ended_ns)).collect();
    ends.sort_unstable();
    assert!(ends[2].1 - ends[0].0 >= 60_000_000, "one at a time: {ends:?}");
}
