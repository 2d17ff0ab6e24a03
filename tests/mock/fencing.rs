//! The provider as the resource behind a lock: it turns down who sends a token older than the newest that it
//! has accepted, and cannot turn down who sends none.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use crate::client;

use client::{Provider, always, get, instant, post, serve};
use deadheat::faults::{FaultKind, Status};
use deadheat::history::{LedgerEnd, LedgerEntry};
use deadheat::mock::{Admitted, Arrival, Core, LedgerSink, MockConfig, Move, PlayEnd};
use deadheat::plan::MockPlan;
use serde_json::json;
use std::time::Duration;

const ZERO: Duration = Duration::ZERO;
const BODY: &str = r#"{"model":"m","messages":[{"content":"one two three"}],"max_tokens":4}"#;

fn core(kind: Option<FaultKind>) -> Core {
    let mut config = MockConfig::new("mock", MockPlan { idempotency: true, ..instant() });
    config.faults = kind.map(always).unwrap_or_default();
    Core::new(config.core(0))
}

/// The entry of a request with these headers.
fn entry(core: &mut Core, headers: &[(&str, &str)]) -> LedgerEntry {
    let header = |name: &str| headers.iter().find(|(n, _)| *n == name).map(|(_, value)| *value);
    let Admitted::Answer(mut play) = core.arrive(ZERO, Arrival::read(header, BODY.as_bytes())) else {
        panic!("there is no queue")
    };
    while !matches!(play.next(ZERO), Move::Last(_) | Move::Wait(None)) {}
    core.end(ZERO, play, PlayEnd::Done)
}

/// The status for a holder of `lock` whose token is checked.
fn status(core: &mut Core, lock: &str, token: &str) -> Option<u16> {
    entry(core, &[("x-deadheat-lock", lock), ("x-fencing-token", token)]).status
}

#[test]
fn a_stale_token_is_turned_down_and_moves_nothing() {
    let mut core = core(None);
    let got: Vec<_> = ["33", "34", "34", "33", "35", "34"].map(|token| status(&mut core, "q", token)).into();
    assert_eq!(got, [200, 200, 200, 409, 200, 409].map(Some), "an equal one is the same holder again");
    assert_eq!(status(&mut core, "other", "1"), Some(200), "locks do not fence each other");
    let stale = entry(&mut core, &[("x-deadheat-lock", "q"), ("x-fencing-token", "7")]);
    assert!(stale.fenced && stale.permanent && stale.nonce.is_none() && !stale.billed(), "{stale:?}");
    assert_eq!(
        (stale.end, stale.lock.as_deref(), stale.lock_token),
        (LedgerEnd::Refused, Some("q"), Some(7))
    );
    assert_eq!(core.stats().fenced, 3);
    core.reset();
    assert_eq!(status(&mut core, "q", "1"), Some(200), "a reset forgets the tokens");
}

#[test]
fn who_sends_no_fencing_token_is_not_checked_but_written_down() {
    let mut core = core(None);
    assert_eq!(status(&mut core, "q", "34"), Some(200));
    let late = entry(&mut core, &[("x-deadheat-lock", "q"), ("x-deadheat-lock-token", "33")]);
    assert_eq!((late.status, late.fenced), (Some(200), false), "the bug that a fence is there for");
    assert_eq!((late.lock.as_deref(), late.lock_token, late.billed()), (Some("q"), Some(33), true));
    let plain = entry(&mut core, &[]);
    assert_eq!((plain.status, plain.lock, plain.lock_token), (Some(200), None, None));
}

#[test]
fn the_fence_comes_before_faults_and_keys() {
    let mut limited = core(Some(FaultKind::from(Status { code: 503 })));
    let new = [("x-deadheat-job", "job:0001"), ("x-deadheat-lock", "q"), ("x-fencing-token", "9")];
    assert_eq!(entry(&mut limited, &new).status, Some(503), "it has passed the fence nevertheless");
    let old = [("x-deadheat-job", "job:0002"), ("x-deadheat-lock", "q"), ("x-fencing-token", "8")];
    let stale = entry(&mut limited, &old);
    assert_eq!((stale.status, stale.fault), (Some(409), None));
    let mut keyed = core(None);
    let with = |token| [("idempotency-key", "k"), ("x-deadheat-lock", "q"), ("x-fencing-token", token)];
    let (first, newer) = (entry(&mut keyed, &with("1")), entry(&mut keyed, &with("2")));
    assert!(!first.replayed && newer.replayed && first.nonce == newer.nonce);
    let stale = entry(&mut keyed, &with("1"));
    assert!(stale.fenced && !stale.replayed, "a stale holder gets no replay either");
}

#[test]
fn a_header_that_cannot_be_used_is_refused_by_name() {
    let long = "l".repeat(65);
    for (headers, named) in [
        (vec![("x-deadheat-lock", "")], "x-deadheat-lock must"),
        (vec![("x-deadheat-lock", "two words")], "x-deadheat-lock must"),
        (vec![("x-deadheat-lock", long.as_str())], "x-deadheat-lock must"),
        (vec![("x-deadheat-lock-token", "1.5")], "x-deadheat-lock-token must"),
        (vec![("x-deadheat-lock", "q"), ("x-fencing-token", "18446744073709551616")], "x-fencing-token must"),
        (vec![("x-fencing-token", "1")], "x-fencing-token needs x-deadheat-lock"),
    ] {
        let header = |name: &str| headers.iter().find(|(n, _)| *n == name).map(|(_, value)| *value);
        let refusal = Arrival::read(header, BODY.as_bytes()).ask.expect_err(named);
        assert!(refusal.message.starts_with(named), "{}", refusal.message);
        let entry = entry(&mut core(None), &headers);
        assert_eq!((entry.status, entry.lock, entry.fenced), (Some(400), None, false), "{named}");
    }
}

#[test]
fn over_a_socket_a_stale_holder_is_told_not_to_come_again() {
    let provider = Provider::start(instant(), Vec::new());
    let ask = |token: u64, checked: bool| {
        let mut headers = format!("x-deadheat-lock: q\r\nx-deadheat-lock-token: {token}\r\n");
        if checked {
            headers.push_str(&format!("x-fencing-token: {token}\r\n"));
        }
        (provider.ask(&post("/v1/chat/completions", &headers, BODY)), provider.entry())
    };
    assert_eq!(ask(34, true).0.status, 200);
    let (answer, entry) = ask(33, true);
    assert_eq!((answer.status, answer.header("x-should-retry")), (409, Some("false")));
    assert_eq!(answer.json()["error"]["code"], "stale_fencing_token");
    assert!(entry.fenced && entry.permanent && !entry.billed());
    assert_eq!(ask(33, false).0.status, 200);
    let odd = post("/v1/chat/completions", "x-deadheat-lock: schlo\u{df}\r\n", BODY);
    assert_eq!(provider.ask(&odd).status, 400, "what is no ASCII is not taken for absent");
}

#[test]
fn a_register_turns_down_stale_writers_and_only_those() {
    let server = serve(instant(), Vec::new(), LedgerSink::Keep);
    let ask = |request: &str| {
        use std::io::Write;
        let mut stream = client::connect(&server);
        stream.write_all(request.as_bytes()).unwrap();
        client::read(&mut stream)
    };
    let put = |body: &str| {
        let request = post("/deadheat/registers/balance", "", body).replacen("POST", "PUT", 1);
        let answer = ask(&request);
        (answer.status, answer.json())
    };
    let fetch = || ask(&get("/deadheat/registers/balance")).json();
    assert_eq!(fetch(), json!({"value": 0, "token": 0, "writes": 0}));
    assert_eq!(put(r#"{"value":5,"token":34}"#), (200, json!({"value": 5, "token": 34, "writes": 1})));
    let (status, error) = put(r#"{"value":9,"token":33}"#);
    assert_eq!((status, &error["error"]["code"]), (409, &json!("stale_fencing_token")));
    assert_eq!(fetch(), json!({"value": 5, "token": 34, "writes": 1}), "unchanged");
    let fenced = |token: &str| {
        let header = format!("x-fencing-token: {token}\r\nhost: mock");
        ask(&get("/deadheat/registers/balance").replacen("host: mock", &header, 1))
    };
    let stale = fenced("33");
    assert_eq!((stale.status, &stale.json()["error"]["code"]), (409, &json!("stale_fencing_token")));
    assert_eq!((fenced("34").status, fenced("34").json()["value"].clone()), (200, json!(5)));
    assert_eq!(fenced("soon").status, 400);
    assert_eq!(put(r#"{"value":9}"#).1, json!({"value": 9, "token": 34, "writes": 2}), "blindly");
    assert_eq!(put(r#"{"value":10,"token":34}"#).1["value"], 10);
    for odd in ["{", "{}", r#"{"value":1.5}"#, r#"{"value":1,"tokn":2}"#] {
        assert_eq!(put(odd).0, 400, "{odd}");
    }
    assert_eq!(ask(&get("/deadheat/registers/two%20words")).status, 400);
    assert_eq!(ask(&post("/deadheat/registers/balance", "", "{}")).status, 405);
    assert_eq!(ask(&post("/deadheat/reset", "", "")).status, 200);
    assert_eq!(fetch()["writes"], 0);
}
