//! The built-in provider speaks OpenAI's Responses, Anthropic's Messages and Gemini's `generateContent` as
//! `tests/fixtures/wire/` says, and bills what it says.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use crate::client;

use client::{Answer, Provider, always, instant, post};
use deadheat::faults::{DuplicateUsage, ErrorEvent, FaultKind, HintForm, QuotaExhausted, RateLimit, Status};
use deadheat::history::{LedgerEnd, LedgerEntry};
use serde_json::{Value, json};
use std::time::Duration;

const RESPONSES: &str = "/v1/responses";
const ANTHROPIC: &str = "/v1/messages";
const GEMINI: &str = "/v1beta/models/gemini-2.5-flash:generateContent";
const GEMINI_STREAM: &str = "/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse";

fn fixture(name: &str) -> String {
    let path = format!("{}/tests/fixtures/wire/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path}: {e}"))
}

fn anthropic(stream: bool) -> String {
    json!({"model": "claude-x", "max_tokens": 5, "stream": stream, "system": "be brief",
           "messages": [{"role": "user", "content": [{"type": "text", "text": "one two [job:0042]"}]}]})
    .to_string()
}

fn responses(stream: bool) -> String {
    json!({"model": "gpt-x", "max_output_tokens": 5, "stream": stream, "instructions": "be brief",
           "input": [{"role": "user", "content": [{"type": "input_text", "text": "one two [job:0042]"}]}]})
    .to_string()
}

/// The second of the answer is the only thing that differs from run to run.
fn undated(text: &str) -> String {
    let stamp = regex::Regex::new("\"created_at\":[0-9]+").unwrap();
    stamp.replace_all(text, "\"created_at\":0").into_owned()
}

fn gemini() -> String {
    json!({"contents": [{"role": "user", "parts": [{"text": "one two [job:0042]"}]}],
           "systemInstruction": {"parts": [{"text": "be brief"}]}, "generationConfig": {"maxOutputTokens":
               5}})
    .to_string()
}

fn ask(path: &str, body: &str, faults: Option<FaultKind>) -> (Answer, LedgerEntry) {
    let provider = Provider::start(instant(), faults.map(always).unwrap_or_default());
    let answer = provider.ask(&post(path, "content-type: application/json\r\n", body));
    (answer, provider.entry())
}

#[test]
fn answers_and_streams_have_the_fixtures_bytes_and_the_ledgers_usage() {
    for (path, body, name) in [
        (RESPONSES, responses(false), "openai-responses-response.json"),
        (RESPONSES, responses(true), "openai-responses-stream.sse"),
        (ANTHROPIC, anthropic(false), "anthropic-response.json"),
        (ANTHROPIC, anthropic(true), "anthropic-stream.sse"),
        (GEMINI, gemini(), "gemini-response.json"),
        (GEMINI_STREAM, gemini(), "gemini-stream.sse"),
    ] {
        let (answer, entry) = ask(path, &body, None);
        assert_eq!(answer.status, 200, "{name}: {}", answer.body);
        assert_eq!(undated(&answer.body), undated(&fixture(name)), "{name}");
        let billed = (entry.prompt_tokens, entry.billed_prompt_tokens, entry.billed_completion_tokens);
        assert_eq!((billed, entry.delivered_tokens, entry.end), ((5, 5, 5), 5, LedgerEnd::Whole), "{name}");
        assert_eq!(entry.job.to_string(), "job:0042", "{name}");
        assert_eq!(answer.header("request-id").is_some(), path == ANTHROPIC, "{name}");
    }
}

fn refused(path: &str, body: &str, kind: FaultKind) -> (Answer, Value) {
    let (answer, entry) = ask(path, body, Some(kind));
    assert_eq!((entry.end, entry.billed_completion_tokens), (LedgerEnd::Refused, 0));
    let said = answer.json();
    (answer, said)
}

#[test]
fn refusals_have_the_words_of_their_api() {
    let limit = || {
        FaultKind::from(RateLimit { retry_after: Some(Duration::from_millis(1500)), hint: HintForm::Seconds })
    };
    let (answer, said) = refused(ANTHROPIC, &anthropic(false), limit());
    assert_eq!((answer.status, answer.header("retry-after")), (429, Some("2")));
    assert_eq!((&said["type"], &said["error"]["type"]), (&json!("error"), &json!("rate_limit_error")));
    assert_eq!(said["request_id"].as_str(), answer.header("request-id"));
    let (_, said) = refused(ANTHROPIC, &anthropic(false), FaultKind::from(Status { code: 529 }));
    assert_eq!(said["error"], json!({"type": "overloaded_error", "message": "Overloaded"}));
    let (answer, said) = refused(GEMINI, &gemini(), limit());
    assert_eq!((answer.status, answer.header("retry-after")), (429, None));
    assert_eq!(
        (&said["error"]["code"], &said["error"]["status"]),
        (&json!(429), &json!("RESOURCE_EXHAUSTED"))
    );
    assert_eq!(said["error"]["details"][0]["retryDelay"], "2s");
    let (_, said) = refused(GEMINI, &gemini(), FaultKind::from(QuotaExhausted {}));
    assert!(said["error"]["details"][0]["violations"][0]["quotaId"].as_str().unwrap().contains("PerDay"));
}

#[test]
fn what_cannot_be_answered_says_why() {
    for (path, body, want) in [
        (RESPONSES, r#"{"model":"m"}"#, "input"),
        (ANTHROPIC, r#"{"model":"m","messages":[{"content":"x"}]}"#, "max_tokens"),
        (ANTHROPIC, r#"{"model":"m","max_tokens":1,"messages":[]}"#, "messages"),
        (GEMINI, r#"{"contents":[]}"#, "contents"),
        (GEMINI, "{", "could not parse"),
    ] {
        let (answer, _) = ask(path, body, None);
        assert_eq!(answer.status, 400);
        assert!(answer.json()["error"]["message"].as_str().unwrap().contains(want), "{}", answer.body);
    }
    let provider = Provider::start(instant(), Vec::new());
    let array = GEMINI_STREAM.replace("?alt=sse", "");
    assert_eq!(provider.ask(&post(&array, "", &gemini())).status, 404);
}

#[test]
fn a_stream_that_fails_says_so_in_the_words_of_its_api() {
    let error = || FaultKind::from(ErrorEvent { after: 0.5 });
    let (answer, _) = ask(RESPONSES, &responses(true), Some(error()));
    assert!(answer.body.contains("event: error\ndata: {\"type\":\"error\""), "{}", answer.body);
    assert!(!answer.body.contains("response.completed"), "{}", answer.body);
    let (answer, _) = ask(ANTHROPIC, &anthropic(true), Some(error()));
    assert!(answer.body.contains("event: error\ndata: {\"type\":\"error\""), "{}", answer.body);
    assert!(!answer.body.contains("message_stop"), "{}", answer.body);
    let (answer, _) = ask(GEMINI_STREAM, &gemini(), Some(error()));
    assert!(answer.body.ends_with("\"status\":\"UNAVAILABLE\"}}\r\n\r\n"), "{}", answer.body);
    let (answer, entry) = ask(ANTHROPIC, &anthropic(true), Some(FaultKind::from(DuplicateUsage {})));
    assert_eq!(answer.body.matches("event: message_delta").count(), 2, "the last one counts");
    assert_eq!(entry.billed_completion_tokens, 5);
}
