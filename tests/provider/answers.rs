//! Single answers: every status, header and body that a provider or a gateway may give.

use deadheat::clock::Clock;
use deadheat::history::{ErrorClass, JobId, Outcome};
use deadheat::plan::{Api, Timeouts};
use deadheat::provider::{ApiKey, Client, Done, Endpoint, Request, SetupError};
use std::future::pending;
use std::time::Duration;
use wiremock::matchers::{body_partial_json, header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

const KEY: &str = "sk-very-secret-0123456789";

fn endpoint(base_url: String, stream: bool) -> Endpoint {
    let long = Duration::from_secs(20);
    let timeouts = Timeouts { connect: long, first_byte: long, idle: long, total: long };
    Endpoint::new(Api::OpenaiChat, base_url, "m", timeouts)
        .with_key(Some(ApiKey::new(KEY)))
        .with_stream(stream)
}

fn request() -> Request {
    let job = JobId { cell: 0, index: 42 };
    Request::new(job, 2, Duration::from_nanos(7), 5, 9)
}

async fn ask(answer: ResponseTemplate, stream: bool) -> Done {
    let server = MockServer::start().await;
    Mock::given(method("POST")).respond_with(answer).expect(1).mount(&server).await;
    let client = Client::new(&endpoint(server.uri(), stream), Clock::start()).expect("a client");
    client.attempt(&request(), pending()).await
}

fn fixture(name: &str) -> Vec<u8> {
    let path = format!("{}/tests/fixtures/wire/client-{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn json(status: u16, name: &str) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_raw(fixture(name), "application/json")
}

fn sse(name: &str) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_raw(fixture(name), "text/event-stream; charset=utf-8")
}

#[tokio::test]
async fn a_whole_answer_fills_the_record() {
    for (answer, stream) in [(json(200, "unary.json"), false), (sse("stream-plain.sse"), true)] {
        let done = ask(answer, stream).await;
        let a = &done.attempt;
        assert_eq!((a.outcome, a.error, a.status), (Outcome::Ok, None, Some(200)), "{:?}", a.message);
        assert_eq!((a.job, a.n, a.due_ns), (request().job, 2, 7));
        assert_eq!(a.id.as_deref(), Some("chatcmpl-R-00000000000000aa"));
        assert_eq!((a.prompt_tokens, a.completion_tokens), (Some(12), Some(5)));
        let text = "[job:0042] für naïve 🏁\u{2028}done";
        let hash = format!("{:016x}", xxhash_rust::xxh64::xxh64(text.as_bytes(), 0));
        assert_eq!(a.text_hash, Some(hash));
        let (sent, first_byte) = (a.sent_ns.expect("sent"), a.first_byte_ns.expect("a first byte"));
        assert!(sent <= first_byte && first_byte <= a.done_ns);
        assert_eq!(a.first_content_ns.is_some(), stream);
        assert_eq!(a.gaps_us.len(), if stream { 4 } else { 0 });
        assert_eq!((done.retry_after, done.should_retry), (None, None));
    }
}

#[tokio::test]
async fn the_request_is_what_the_api_wants() {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(path("/v1/chat/completions"))
        .and(header("authorization", format!("Bearer {KEY}")))
        .and(header("x-deadheat-job", "job:0042"))
        .and(header("x-deadheat-attempt", "2"))
        .and(header("content-type", "application/json"))
        .and(header("accept", "text/event-stream"))
        .and(body_partial_json(serde_json::json!({
            "model": "m", "max_tokens": 9, "stream": true, "stream_options": {"include_usage": true},
        })))
        .respond_with(sse("stream-plain.sse"))
        .expect(1)
        .mount(&server)
        .await;
    let client =
        Client::new(&endpoint(format!("{}/v1/", server.uri()), true), Clock::start()).expect("a client");
    assert_eq!(client.transport(), "direct");
    assert_eq!(client.attempt(&request(), pending()).await.attempt.outcome, Outcome::Ok);
}

#[tokio::test]
async fn every_refusal_has_its_class_and_its_arm() {
    use ErrorClass as E;
    for (status, class, outcome) in [
        (307, E::ClientError, Outcome::Failed),
        (400, E::ClientError, Outcome::Failed),
        (401, E::ClientError, Outcome::Failed),
        (404, E::ClientError, Outcome::Failed),
        (408, E::ClientError, Outcome::Unknown),
        (429, E::RateLimited, Outcome::Failed),
        (500, E::ServerError, Outcome::Failed),
        (502, E::ServerError, Outcome::Unknown),
        (503, E::ServerError, Outcome::Failed),
        (504, E::ServerError, Outcome::Unknown),
        (524, E::ServerError, Outcome::Unknown),
        (529, E::ServerError, Outcome::Failed),
    ] {
        for stream in [false, true] {
            let answer = ResponseTemplate::new(status).insert_header("location", "/elsewhere");
            let a = ask(answer, stream).await.attempt;
            assert_eq!((a.status, a.error, a.outcome), (Some(status), Some(class), outcome));
            assert_eq!(a.message, Some(format!("HTTP {status}")));
            assert!(a.sent_ns.is_some() && a.text_hash.is_none());
        }
    }
}

#[tokio::test]
async fn an_exhausted_quota_is_told_from_a_rate_limit_by_its_body() {
    let limited = ask(json(429, "429-tokens.json"), true).await;
    assert_eq!(limited.attempt.error, Some(ErrorClass::RateLimited));
    assert_eq!(limited.retry_after, Some(Duration::from_millis(634)), "from the text");
    let message = limited.attempt.message.expect("a message");
    assert!(message.starts_with("HTTP 429: rate_limit_exceeded: Rate limit reached"), "{message}");
    assert_eq!(message.chars().count(), 200);
    let exhausted = ask(json(429, "429-quota.json"), true).await;
    assert_eq!(exhausted.attempt.error, Some(ErrorClass::QuotaExhausted));
    assert_eq!(exhausted.attempt.outcome, Outcome::Failed);
}

#[tokio::test]
async fn a_code_that_only_repeats_the_status_gives_way_to_the_type() {
    let a = ask(json(400, "litellm-400-key.json"), true).await.attempt;
    assert_eq!(a.message.as_deref(), Some("HTTP 400: no_db_connection: No connected db."));
}

#[tokio::test]
async fn html_is_never_read_as_json() {
    // The page holds the words of an exhausted quota; only a JSON reader would find them.
    for status in [429, 504, 524] {
        let page = ResponseTemplate::new(status).set_body_raw(fixture("504.html"), "text/html");
        let a = ask(page, true).await.attempt;
        let class = if status == 429 { ErrorClass::RateLimited } else { ErrorClass::ServerError };
        assert_eq!(a.error, Some(class));
        assert_eq!(a.message, Some(format!("HTTP {status}: an HTML page, not JSON")));
    }
    for (stream, class) in [(true, ErrorClass::CutStream), (false, ErrorClass::MalformedStream)] {
        let a = ask(ResponseTemplate::new(200).set_body_raw(fixture("504.html"), "text/html"), stream)
            .await
            .attempt;
        assert_eq!((a.error, a.outcome), (Some(class), Outcome::Unknown));
    }
}

#[tokio::test]
async fn the_wait_is_read_in_every_form() {
    let date = "Wed, 21 Oct 2015 07:28:00 GMT";
    for (headers, ms) in [
        (vec![("retry-after", "2")], Some(2000)),
        (vec![("retry-after", "0.5")], Some(500)),
        (vec![("retry-after", "9"), ("retry-after-ms", "634")], Some(634)),
        (vec![("retry-after", date), ("date", "Wed, 21 Oct 2015 07:27:57 GMT")], Some(3000)),
        (vec![("retry-after", "-3")], None),
        (vec![("x-ratelimit-reset-requests", "1s")], None),
    ] {
        let answer = headers.iter().fold(ResponseTemplate::new(503), |a, (k, v)| a.insert_header(*k, *v));
        let done = ask(answer, false).await;
        assert_eq!(done.attempt.retry_after_ms, ms, "{headers:?}");
        assert_eq!(done.retry_after.map(|d| d.as_millis()), ms.map(u128::from));
    }
}

#[tokio::test]
async fn should_retry_is_handed_on_with_any_status() {
    for (status, said) in [(400, true), (429, false)] {
        let answer = ResponseTemplate::new(status).insert_header("x-should-retry", said.to_string());
        assert_eq!(ask(answer, false).await.should_retry, Some(said));
    }
}

#[tokio::test]
async fn a_200_that_is_no_answer_is_unknown() {
    use ErrorClass as E;
    let body = |text: &'static str| ResponseTemplate::new(200).set_body_raw(text, "application/json");
    for (answer, stream, class) in [
        (body("{}"), false, E::MalformedStream),
        (body("{\"choices\":[{\"message\":{\"content\":\"cut"), false, E::MalformedStream),
        (body("{\"error\":{\"message\":\"no\"}}"), false, E::ErrorEvent),
        (body("{\"error\":{\"message\":\"no\"}}"), true, E::ErrorEvent),
        (json(200, "unary.json"), true, E::MalformedStream),
        (sse("stream-plain.sse"), false, E::MalformedStream),
        (sse("stream-no-finish.sse"), true, E::EarlyStop),
        (sse("stream-error-first.sse"), true, E::ErrorEvent),
        (sse("stream-error-middle.sse"), true, E::ErrorEvent),
        (ResponseTemplate::new(204), false, E::MalformedStream),
    ] {
        let a = ask(answer, stream).await.attempt;
        assert_eq!((a.error, a.outcome), (Some(class), Outcome::Unknown), "{:?}", a.message);
    }
}

#[tokio::test]
async fn an_error_event_may_say_when_to_come_again() {
    let done = ask(sse("stream-error-first.sse").insert_header("retry-after", "4"), true).await;
    assert_eq!(done.retry_after, Some(Duration::from_secs(4)));
    let done = ask(sse("stream-error-first.sse"), true).await;
    assert_eq!(done.retry_after, Some(Duration::from_millis(634)), "from the text");
}

#[tokio::test]
async fn the_key_is_never_shown() {
    let echo =
        format!("{{\"error\":{{\"message\":\"{}{KEY} is wrong\",\"code\":\"{KEY}\"}}}}", "x".repeat(170));
    let id = format!("{{\"id\":\"{KEY}\",\"choices\":[{{\"message\":{{\"content\":\"{KEY}\"}}}}]}}");
    for (status, body) in
        [(401, echo.clone()), (429, KEY.to_owned()), (200, echo), (200, id), (200, format!("[{KEY}"))]
    {
        let done = ask(ResponseTemplate::new(status).set_body_raw(body, "application/json"), false).await;
        let shown = format!("{done:?}{}", serde_json::to_string(&done.attempt).expect("JSON"));
        assert!(!shown.contains("very-secret") && !shown.contains("sk-"), "{shown}");
    }
    let endpoint = endpoint("http://127.0.0.1:9".to_owned(), true);
    let client = Client::new(&endpoint, Clock::start()).expect("a client");
    let key = endpoint.api_key.clone().expect("a key");
    let shown = format!("{endpoint:?} {client:?} {key:?} {key}");
    assert!(!shown.contains("secret"), "{shown}");
}

#[test]
fn what_cannot_be_called_is_refused_at_set_up_without_showing_it() {
    for url in [
        "",
        "llm.example.com/v1",
        "ftp://x/v1",
        "http://",
        "http://me:sk-secret@x/v1",
        "https://x/v1?k=sk-secret",
    ] {
        let error = Client::new(&endpoint(url.to_owned(), true), Clock::start()).expect_err(url);
        assert!(error.to_string().contains("https://llm.example.com/v1"), "{error}");
        assert!(!format!("{error:?}{error}").contains("secret"));
    }
    let mut bad_key = endpoint("http://127.0.0.1:9/v1".to_owned(), true);
    bad_key.api_key = Some(ApiKey::new("sk-secret\nwith a line"));
    let error = Client::new(&bad_key, Clock::start()).expect_err("a key on two lines");
    assert!(matches!(error, SetupError::Key) && !format!("{error:?}{error}").contains("secret"));
}

#[tokio::test]
async fn https_goes_through_reqwest_and_a_plain_port_is_no_tls() {
    let server = MockServer::start().await;
    let url = server.uri().replace("http://", "https://");
    let client = Client::new(&endpoint(url, true), Clock::start()).expect("a client");
    assert_eq!(client.transport(), "reqwest");
    let a = client.attempt(&request(), pending()).await.attempt;
    assert_eq!(
        (a.error, a.outcome, a.sent_ns),
        (Some(ErrorClass::Tls), Outcome::Failed, None),
        "{:?}",
        a.message
    );
}
