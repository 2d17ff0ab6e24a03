//! The built-in provider speaks as `tests/fixtures/wire/openai-chat-*` say, ids, stamps and words apart.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use crate::client;

use client::{Answer, Provider, always, get, instant, post};
use deadheat::faults::{ErrorEvent, FaultKind, GatewayTimeout, HintForm, QuotaExhausted, RateLimit, Status};
use deadheat::plan::{Limits, MockPlan};
use serde_json::{Value, json};
use std::io::Write;
use std::time::Duration;

fn fixture(name: &str) -> String {
    let path = format!("{}/tests/fixtures/wire/openai-chat-{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// Ids, stamps and words by their form.
fn normalised(mut value: Value) -> Value {
    if let Some(id) =
        value.get_mut("id").filter(|id| id.as_str().is_some_and(|id| id.starts_with("chatcmpl-R-")))
    {
        assert_eq!(id.as_str().map(str::len), Some("chatcmpl-R-0011223344556677".len()));
        *id = json!("ID");
    }
    for stamp in ["/created", "/data/0/created"] {
        if let Some(created) = value.pointer_mut(stamp) {
            assert!(created.as_u64().is_some_and(|s| s > 1_700_000_000), "{created}");
            *created = json!("CREATED");
        }
    }
    for content in ["/choices/0/message/content", "/choices/0/delta/content"] {
        if let Some(text) = value.pointer_mut(content) {
            let words = text.as_str().unwrap();
            *text = json!([words.starts_with(' '), words.split_whitespace().count()]);
        }
    }
    value
}

fn events(body: &str) -> Vec<Value> {
    let data = body.split("\n\n").filter(|event| !event.is_empty());
    data.map(|event| {
        let data = event.strip_prefix("data: ").unwrap();
        if data == "[DONE]" { json!(data) } else { normalised(serde_json::from_str(data).unwrap()) }
    })
    .collect()
}

fn ask(request: &str) -> Answer {
    let headers = "x-deadheat-job: job:0042\r\ncontent-type: application/json\r\n";
    Provider::start(instant(), Vec::new()).ask(&post("/v1/chat/completions", headers, &fixture(request)))
}

#[test]
fn answers_and_streams_have_the_fixtures_shape() {
    let expected: Value = serde_json::from_str(&fixture("response.json")).unwrap();
    assert_eq!(normalised(ask("request.json").json()), normalised(expected));
    for (request, stream) in
        [("request-stream.json", "stream.sse"), ("request-stream-no-usage.json", "stream-no-usage.sse")]
    {
        let answer = ask(request);
        assert_eq!(answer.header("content-type"), Some("text/event-stream; charset=utf-8"));
        assert_eq!(events(&answer.body), events(&fixture(stream)), "{stream}");
    }
    let models = Provider::start(instant(), Vec::new()).ask(&get("/v1/models")).json();
    assert_eq!(normalised(models), normalised(serde_json::from_str(&fixture("models.json")).unwrap()));
}

/// Status, headers and body of an answer against a fixture that holds all three.
fn check(answer: &Answer, name: &str) {
    let expected: Value = serde_json::from_str(&fixture(&format!("error-{name}.json"))).unwrap();
    assert_eq!(json!(answer.status), expected["status"], "{name}");
    let mut body = answer.json();
    if name == "429-limit" {
        // How long exactly depends on when the second request came.
        body["error"]["message"] = expected["body"]["error"]["message"].clone();
    }
    assert_eq!(body, expected["body"], "{name}");
    let wanted = expected["headers"].as_object().unwrap();
    for (header, value) in wanted {
        let got = answer.header(header).unwrap_or_else(|| panic!("{name}: no {header}"));
        if name != "429-limit" && name != "429-date" {
            assert_eq!(json!(got), *value, "{name}: {header}");
        }
    }
    for hint in ["retry-after", "retry-after-ms"] {
        assert_eq!(answer.header(hint).is_some(), wanted.contains_key(hint), "{name}: {hint}");
    }
}

#[test]
fn errors_have_the_fixtures_shape() {
    let limited = |hint| FaultKind::from(RateLimit { retry_after: Some(Duration::from_millis(1500)), hint });
    for (kind, name) in [
        (limited(HintForm::Seconds), "429-seconds"),
        (limited(HintForm::Date), "429-date"),
        (limited(HintForm::Milliseconds), "429-milliseconds"),
        (limited(HintForm::Text), "429-text"),
        (FaultKind::from(QuotaExhausted {}), "429-quota"),
        (FaultKind::from(Status { code: 400 }), "400"),
        (FaultKind::from(Status { code: 500 }), "500"),
        (FaultKind::from(Status { code: 503 }), "503"),
        (FaultKind::from(Status { code: 529 }), "529"),
    ] {
        check(&Provider::start(instant(), always(kind)).ask(&client::chat("job:0001", 1, 4, true)), name);
    }
    let plain = Provider::start(instant(), Vec::new());
    check(&plain.ask(&post("/v1/chat/completions", "", r#"{"model":"m"}"#)), "400-missing");
    let limits = Limits { requests_per_minute: Some(60), ..Limits::default() };
    let limited = Provider::start(MockPlan { limits, ..instant() }, Vec::new());
    limited.ask(&client::chat("job:0001", 1, 4, false));
    check(&limited.ask(&client::chat("job:0002", 1, 4, false)), "429-limit");
}

#[test]
fn conflicts_have_the_fixtures_shape() {
    let limits = Limits { max_in_flight: Some(1), ..Limits::default() };
    let provider = Provider::start(MockPlan { limits, idempotency: true, ..client::endless() }, Vec::new());
    let request = |headers: &str, words: &str| {
        let body = format!(r#"{{"model":"m","messages":[{{"content":"{words}"}}]}}"#);
        post("/v1/chat/completions", headers, &body)
    };
    let open = |request: &str, count| {
        let mut stream = provider.connect();
        stream.write_all(request.as_bytes()).unwrap();
        while provider.server.stats().open < count {
            std::thread::yield_now();
        }
        stream
    };
    let fenced = |token| format!("x-deadheat-lock: q\r\nx-fencing-token: {token}\r\n");
    let _running = open(&request(&fenced(34), "one"), 1);
    check(&provider.ask(&request(&fenced(33), "one")), "409-fencing");
    let key = "idempotency-key: k\r\n";
    let _queued = open(&request(key, "two"), 2);
    check(&provider.ask(&request(key, "two")), "409-key");
    check(&provider.ask(&request(key, "three")), "400-key");
    provider.server.stop_within(Duration::ZERO);
}

#[test]
fn gateways_and_error_events_have_the_fixtures_bytes() {
    for status in [504, 524] {
        let kind = FaultKind::from(GatewayTimeout { status, after: Duration::ZERO });
        let answer = Provider::start(instant(), always(kind)).ask(&client::chat("job:0001", 1, 4, true));
        assert_eq!(answer.body, fixture(&format!("{status}.html")));
    }
    let kind = FaultKind::from(ErrorEvent { after: 0.0 });
    let answer = Provider::start(instant(), always(kind)).ask(&client::chat("job:0001", 1, 4, true));
    assert_eq!(answer.body, fixture("stream-error-event.sse"));
}
