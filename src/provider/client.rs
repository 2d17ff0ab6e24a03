//! One attempt, from a request to its complete record.

use super::protocol::Protocol;
use super::transport::{self, Chunk, Chunks, Reply, Sent, Transport};
use super::watch::{Phase, Watch, first_deadline, timer};
use super::{ApiKey, DecodedAnswer, Endpoint, Fault, Request, SetupError, StreamDecoder, hint, outcome};
use crate::clock::{Clock, ns};
use crate::history::{Attempt, ErrorClass, Outcome};
use crate::plan::{ExpandedUrl, Timeouts};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use std::future::Future;
use std::pin::pin;
use std::time::Duration;

/// How much of a refusal's body is read: enough for any error text.
const MAX_REFUSAL_BYTES: usize = 64 << 10;
/// How much of an answer in one piece is read.
const MAX_ANSWER_BYTES: usize = 16 << 20;
/// How long a stream that has said all may take to end, so that its connection can serve again.
const DRAIN: Duration = Duration::from_millis(100);
/// How many reads it may take.
const MOST_DRAINED: u32 = 16;

const JOB: HeaderName = HeaderName::from_static("x-deadheat-job");
const ATTEMPT: HeaderName = HeaderName::from_static("x-deadheat-attempt");

/// What became of an attempt.
#[derive(Debug, Clone)]
pub struct Done {
    /// The complete record. `first_content_ns` and `gaps_us` stand only in records of streams.
    pub attempt: Attempt,
    /// The wait that the provider asked for, as of the end of the attempt.
    pub retry_after: Option<Duration>,
    /// `x-should-retry`, which wins over the status.
    pub should_retry: Option<bool>,
}

/// A client for one endpoint and one engine thread. Its futures stay on that thread, in a tokio runtime
/// with I/O and time.
pub struct Client {
    transport: Box<dyn Transport>,
    headers: HeaderMap,
    protocol: Box<dyn Protocol>,
    key: Option<ApiKey>,
    base_url: ExpandedUrl,
    stream: bool,
    timeouts: Timeouts,
    clock: Clock,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let transport = self.transport.name();
        f.debug_struct("Client")
            .field("transport", &transport)
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

/// What was seen of an answer, whatever its end.
#[derive(Default)]
struct Received {
    status: Option<StatusCode>,
    /// Only if they hold a hint: they lie in the connection's read buffer, which serves again without them.
    headers: HeaderMap,
    should_retry: Option<bool>,
    first_byte: Option<Duration>,
    /// When the last bytes that counted arrived, once nothing more can change the record.
    complete: Option<Duration>,
    answer: Option<DecodedAnswer>,
}

impl Client {
    /// Prepares to call an endpoint; sends nothing.
    ///
    /// # Errors
    /// If the URL or the key cannot be used, or TLS cannot be set up.
    pub fn new(endpoint: &Endpoint, clock: Clock) -> Result<Self, SetupError> {
        let protocol = <dyn Protocol>::of(endpoint.api, &endpoint.model, endpoint.stream);
        let accept = if endpoint.stream { "text/event-stream" } else { "application/json" };
        let mut headers = HeaderMap::with_capacity(8);
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
        let agent = concat!("deadheat/", env!("CARGO_PKG_VERSION"));
        headers.insert(header::USER_AGENT, HeaderValue::from_static(agent));
        if let Some(key) = &endpoint.api_key {
            let (name, mut value) = protocol.authorization(key.expose()).ok_or(SetupError::Key)?;
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        Ok(Self {
            transport: transport::choose(endpoint, protocol.path(), clock)?,
            headers,
            protocol,
            key: endpoint.api_key.clone(),
            base_url: endpoint.base_url.clone(),
            stream: endpoint.stream,
            timeouts: endpoint.timeouts,
            clock,
        })
    }

    /// How the endpoint is reached: `direct` (plain HTTP, our own connections), `reqwest` (TLS, proxies) or
    /// `memory` (a provider in this process).
    #[must_use]
    pub fn transport(&self) -> &'static str {
        self.transport.name()
    }

    /// Makes one attempt and reads its answer to the end, unless `cancelled` resolves first. Never repeats
    /// anything that may have reached the provider.
    pub async fn attempt(&self, request: &Request, cancelled: impl Future<Output = ()>) -> Done {
        let start = self.clock.now();
        let sent = Sent::not_yet();
        let cancelled = pin!(cancelled);
        let timer = pin!(timer(self.clock, first_deadline(&self.timeouts, start)));
        let mut watch = Watch::new(self.clock, self.timeouts, start, &sent, cancelled, timer);
        let mut seen = Received::default();
        let result = self.exchange(request, &sent, &mut watch, &mut seen).await;
        let done = seen.complete.unwrap_or_else(|| self.clock.now());
        self.record(request, sent.get(), done, seen, result.err())
    }

    async fn exchange<C: Future<Output = ()>>(
        &self,
        request: &Request,
        sent: &Sent,
        watch: &mut Watch<'_, C>,
        seen: &mut Received,
    ) -> Result<(), Fault> {
        let body = self.protocol.body(request);
        let headers = || self.headers_for(request);
        let mut reply = self.transport.send(&headers, Bytes::from(body), sent.clone());
        let reply = watch.guard(Phase::Head, |cx| reply.as_mut().poll(cx)).await??;
        let Reply { status, headers, first_byte, mut body } = reply;
        let json = content_type(&headers).is_some_and(|kind| kind.contains("json"));
        (seen.status, seen.first_byte) = (Some(status), Some(first_byte));
        seen.should_retry = hint::should_retry(&headers);
        let body = body.as_mut();
        seen.headers = Some(headers).filter(hint::is_given).unwrap_or_default();
        if !status.is_success() {
            return Err(refused(&*self.protocol, status, body, watch, first_byte, seen).await);
        }
        match (self.stream, json) {
            (true, false) => {
                let decoder = self.protocol.decoder(request.output_tokens);
                read_stream(decoder, body, watch, first_byte, seen).await
            }
            (streamed, _) => read_whole(&*self.protocol, body, watch, first_byte, seen, streamed).await,
        }
    }

    fn headers_for(&self, request: &Request) -> HeaderMap {
        let mut headers = self.headers.clone();
        // A tag is plain ASCII, so neither value is ever refused.
        if let Ok(job) = HeaderValue::from_str(&request.job.to_string()) {
            headers.insert(JOB, job);
        }
        headers.insert(ATTEMPT, HeaderValue::from(request.n));
        headers.extend(request.headers.iter().map(|(name, value)| (name.clone(), value.clone())));
        headers
    }

    fn record(
        &self,
        request: &Request,
        sent: Option<Duration>,
        done: Duration,
        seen: Received,
        fault: Option<Fault>,
    ) -> Done {
        let status = seen.status.map(|status| status.as_u16());
        let refused = fault.as_ref().is_some_and(|f| seen.status.is_some() && says_when(f.class));
        let text = fault.as_ref().map_or("", |f| f.message.as_str());
        let retry_after = if refused { hint::retry_after(&seen.headers, text) } else { None };
        let answer = seen.answer.unwrap_or_else(|| DecodedAnswer::new(0));
        let class = fault.as_ref().map(|f| f.class);
        let attempt = Attempt {
            job: request.job,
            n: request.n,
            due_ns: ns(request.due),
            sent_ns: sent.map(ns),
            first_byte_ns: seen.first_byte.map(ns),
            first_content_ns: answer.first_content.map(ns),
            done_ns: ns(done),
            status,
            outcome: class.map_or(Outcome::Ok, |class| outcome::of(class, status, sent.is_some())),
            error: class,
            message: fault.map(|f| outcome::one_line(&self.strike(&f.message))),
            text_hash: answer.text_hash(),
            id: answer.id.map(|id| self.strike(&id)),
            prompt_tokens: answer.prompt_tokens,
            completion_tokens: answer.completion_tokens,
            gaps_us: answer.gaps_us,
            retry_after_ms: retry_after.map(|wait| ns(wait).div_ceil(1_000_000)),
            warmup: false,
        };
        Done { attempt, retry_after, should_retry: seen.should_retry }
    }

    /// What a provider or a library says, without the key and the variables of the URL.
    fn strike(&self, text: &str) -> String {
        let text = self.base_url.strike(text);
        self.key.as_ref().map_or_else(|| text.clone(), |key| key.strike(&text))
    }
}

/// Errors with which a provider speaks, and may say when to come again.
fn says_when(class: ErrorClass) -> bool {
    use ErrorClass as E;
    matches!(class, E::ClientError | E::RateLimited | E::QuotaExhausted | E::ServerError | E::ErrorEvent)
}

fn content_type(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::CONTENT_TYPE)?.to_str().ok()
}

/// Waits for the next bytes of a body.
async fn next<C: Future<Output = ()>>(
    body: &mut dyn Chunks,
    watch: &mut Watch<'_, C>,
    phase: Phase,
) -> Result<Option<Chunk>, Fault> {
    let chunk = watch.guard(phase, |cx| body.poll_chunk(cx)).await?.transpose()?;
    if let Some(chunk) = &chunk {
        watch.in_time(chunk.at)?;
    }
    Ok(chunk)
}

async fn read_stream<C: Future<Output = ()>>(
    mut decoder: Box<dyn StreamDecoder>,
    body: &mut dyn Chunks,
    watch: &mut Watch<'_, C>,
    first_byte: Duration,
    seen: &mut Received,
) -> Result<(), Fault> {
    let mut last = first_byte;
    while !decoder.is_over() {
        match next(body, watch, Phase::Body(last)).await {
            Ok(Some(chunk)) => {
                last = chunk.at;
                decoder.push(&chunk.bytes, last);
            }
            Ok(None) => break,
            Err(fault) => {
                seen.answer = Some(decoder.into_answer());
                return Err(fault);
            }
        }
    }
    seen.complete = Some(last);
    let (answer, result) = decoder.finish();
    seen.answer = Some(answer);
    // What comes after the end says nothing; it is read so that the connection can serve again.
    for _ in 0..MOST_DRAINED {
        let Ok(Some(_)) = next(body, watch, Phase::Drain(last + DRAIN)).await else { break };
    }
    result
}

async fn read_whole<C: Future<Output = ()>>(
    protocol: &dyn Protocol,
    body: &mut dyn Chunks,
    watch: &mut Watch<'_, C>,
    first_byte: Duration,
    seen: &mut Received,
    asked_for_stream: bool,
) -> Result<(), Fault> {
    let mut bytes = Vec::new();
    let mut last = first_byte;
    while let Some(chunk) = next(body, watch, Phase::Body(last)).await? {
        last = chunk.at;
        bytes.extend_from_slice(&chunk.bytes);
        if bytes.len() > MAX_ANSWER_BYTES {
            let message = format!("the body is longer than {MAX_ANSWER_BYTES} bytes");
            return Err(Fault::new(ErrorClass::MalformedStream, message));
        }
    }
    seen.complete = Some(last);
    let mut answer = DecodedAnswer::new(0);
    let result = protocol.read_whole(&bytes, &mut answer);
    seen.answer = Some(answer);
    if asked_for_stream && result.is_ok() {
        let message = "the answer is one JSON body, although a stream was asked for";
        return Err(Fault::new(ErrorClass::MalformedStream, message));
    }
    result
}

/// Reads what a refusal says. Its status has decided already, so a body that breaks off, or never ends,
/// changes nothing.
async fn refused<C: Future<Output = ()>>(
    protocol: &dyn Protocol,
    status: StatusCode,
    body: &mut dyn Chunks,
    watch: &mut Watch<'_, C>,
    first_byte: Duration,
    seen: &mut Received,
) -> Fault {
    let mut bytes = Vec::new();
    let mut last = first_byte;
    while bytes.len() < MAX_REFUSAL_BYTES {
        match next(body, watch, Phase::Body(last)).await {
            Ok(Some(chunk)) => {
                last = chunk.at;
                bytes.extend_from_slice(&chunk.bytes);
            }
            Ok(None) => {
                seen.complete = Some(last);
                break;
            }
            Err(_) => break,
        }
    }
    let refusal = protocol.read_refusal(&bytes);
    let class = outcome::of_status(status, refusal.quota_exhausted);
    let colon = if refusal.message.is_empty() { "" } else { ": " };
    Fault::new(class, format!("HTTP {}{colon}{}", status.as_u16(), refusal.message))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::JobId;
    use crate::plan::Api;
    use std::cell::Cell;
    use std::task::{Context, Poll};
    use transport::Replying;

    /// Answers at once with a stream that never ends and never makes anyone wait.
    struct EndlessStream(Clock);

    impl Transport for EndlessStream {
        fn name(&self) -> &'static str {
            "torrent"
        }

        fn send<'a>(&'a self, _: &'a dyn Fn() -> HeaderMap, _: Bytes, sent: Sent) -> Replying<'a> {
            let at = self.0.now();
            sent.stamp(at);
            let body = Box::new(SlowStream(at));
            Box::pin(async move {
                Ok(Reply { status: StatusCode::OK, headers: HeaderMap::new(), first_byte: at, body })
            })
        }
    }

    struct SlowStream(Duration);

    impl Chunks for SlowStream {
        fn poll_chunk(&mut self, _: &mut Context<'_>) -> Poll<Option<Result<Chunk, Fault>>> {
            self.0 += Duration::from_millis(1);
            let bytes = Bytes::from_static(b"data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n");
            Poll::Ready(Some(Ok(Chunk { bytes, at: self.0 })))
        }
    }

    async fn torrent(cancelled: impl Future<Output = ()>) -> Attempt {
        let s = Duration::from_secs(1);
        let timeouts = Timeouts { connect: s, first_byte: s, idle: s, total: s };
        let endpoint = Endpoint::new(Api::OpenaiChat, "http://127.0.0.1:9", "m", timeouts);
        let clock = Clock::start();
        let mut client = Client::new(&endpoint, clock).expect("a client");
        client.transport = Box::new(EndlessStream(clock));
        let job = JobId { cell: 0, index: 1 };
        let request = Request::new(job, 1, Duration::ZERO, 1, 1);
        client.attempt(&request, cancelled).await.attempt
    }

    #[tokio::test]
    async fn a_stream_that_never_makes_us_wait_still_runs_out_of_time() {
        let a = torrent(std::future::pending()).await;
        assert_eq!((a.error, a.outcome), (Some(ErrorClass::TimeoutTotal), Outcome::Unknown));
        assert_eq!(a.gaps_us, [1000; 999]);
    }

    #[tokio::test]
    async fn it_can_be_cancelled_and_keeps_what_came() {
        let polls = Cell::new(0);
        let at_the_tenth = std::future::poll_fn(|_| {
            polls.set(polls.get() + 1);
            if polls.get() == 10 { Poll::Ready(()) } else { Poll::Pending }
        });
        let a = torrent(at_the_tenth).await;
        assert_eq!((a.error, a.outcome), (Some(ErrorClass::Cancelled), Outcome::Unknown));
        assert!(a.sent_ns.is_some() && a.first_byte_ns.is_some() && a.first_content_ns.is_some());
        assert_eq!((a.gaps_us.len(), a.text_hash.is_some()), (7, true));
    }
}
