//! Which request goes where, and how its answer is put into HTTP.

use super::admin;
use super::arrival::Arrival;
use super::body::{Answer, Broken, Played};
use super::connection::RequestGuard;
use super::dialect::Address;
use super::errors::{self, Reply};
use super::excerpt::excerpt;
use super::play::{Head, Move};
use super::shared::{Driven, Shared, Start};
use crate::sync::lock;
use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_TYPE, HeaderName, HeaderValue};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use hyper::body::{Body, Incoming};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Longest body of a request.
const BODY_BYTES_MAX: usize = 1024 * 1024;
/// Paths kept of those that are not served.
const UNSERVED_MAX: usize = 8;

/// Longest time in which it must arrive.
const BODY_READ_TIMEOUT: Duration = Duration::from_secs(30);

/// Answers one request.
pub(super) async fn route(
    shared: Arc<Shared>,
    busy: RequestGuard,
    request: Request<Incoming>,
) -> Result<Response<Answer>, Broken> {
    let path = request.uri().path();
    let api = path.strip_prefix("/v1").unwrap_or(path);
    let at = Address::of(path, request.uri().query());
    if let (Some(at), &Method::POST) = (&at, request.method()) {
        let at = at.clone();
        return completion(shared, busy, at, request).await;
    }
    match (request.method(), api) {
        (&Method::GET, "/models") => {
            let model = json!({
                "id": shared.model,
                "object": "model",
                "created": shared.created,
                "owned_by": "deadheat",
            });
            let body = json!({ "object": "list", "data": [model] }).to_string();
            Ok(plain(&shared, 200, "application/json", body.into()))
        }
        _ if at.is_some() || api == "/models" => {
            let message = format!("Not allowed to {} on {path}.", request.method());
            Ok(refuse(&shared, errors::invalid_request(405, &message, None)))
        }
        _ if path.starts_with("/deadheat/") => admin::route(&shared, request).await,
        (method, _) => {
            let message = format!("Invalid URL ({method} {path})");
            let mut unserved = lock(&shared.doors.unserved);
            if unserved.len() < UNSERVED_MAX {
                unserved.insert(format!("{method} {path}"));
            }
            drop(unserved);
            Ok(refuse(&shared, errors::invalid_request(404, &message, None)))
        }
    }
}

async fn completion(
    shared: Arc<Shared>,
    busy: RequestGuard,
    at: Address,
    request: Request<Incoming>,
) -> Result<Response<Answer>, Broken> {
    let (parts, body) = request.into_parts();
    let body = tokio::select! {
        // A body that is there counts, even if its client has left right behind it.
        biased;
        body = read(body) => body,
        () = busy.link().gone() => return Err(Broken),
    };
    let body = match body {
        Ok(body) => body,
        Err(reply) => return Ok(close(refuse(&shared, at.dialect.refusal(reply, "req_other")))),
    };
    answer(shared, busy, &at, &parts.headers, &body).await
}

/// Answers one whole request to an endpoint for completions.
pub(super) async fn answer(
    shared: Arc<Shared>,
    busy: RequestGuard,
    at: &Address,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Response<Answer>, Broken> {
    let arrived = shared.clock.now();
    // A value that is no ASCII is there, and must not pass for one that is not.
    let header = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("\u{fffd}"));
    let mut arrival = Arrival::read_at(at, header, body);
    if let Some(key) = &shared.job_key {
        arrival.name_by(key, body);
    }
    if let Some(excerpts) = &shared.excerpts
        && arrival.job.is_body()
        && let Some(text) = excerpt(body)
    {
        lock(excerpts).entry(arrival.job.clone()).or_insert(text);
    }
    let mut driven = match shared.arrive(arrived, arrival) {
        Start::Now(driven) => driven,
        Start::Later(queued) => tokio::select! {
            biased;
            driven = queued.turn() => driven.ok_or(Broken)?,
            () = busy.link().gone() => return Err(Broken),
        },
    };
    loop {
        match driven.next() {
            Move::Head(head) => {
                let took = shared.clock.now().saturating_sub(arrived);
                return Ok(played(head, driven, busy, took));
            }
            Move::Wait(Some(until)) => {
                let until = tokio::time::Instant::from_std(shared.clock.at(until));
                tokio::select! {
                    biased;
                    () = tokio::time::sleep_until(until) => {}
                    () = busy.link().gone() => return Err(Broken),
                }
            }
            Move::Wait(None) => {
                busy.link().gone().await;
                return Err(Broken);
            }
            Move::Reset => {
                driven.reset();
                busy.link().reset();
                return Err(Broken);
            }
            // A play hands over its head first.
            Move::Bytes(_) | Move::Last(_) | Move::Close => return Err(Broken),
        }
    }
}

fn played(head: Head, driven: Driven, busy: RequestGuard, took: Duration) -> Response<Answer> {
    let mut response = Response::new(Answer::Played(Played::new(driven, head.length, busy)));
    *response.status_mut() = StatusCode::from_u16(head.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(head.content_type));
    let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    headers.insert(HeaderName::from_static("openai-processing-ms"), HeaderValue::from(took_ms));
    for (name, value) in head.headers {
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    response
}

/// Reads a whole body, within bounds.
pub(super) async fn read(body: Incoming) -> Result<Bytes, Reply> {
    let too_large = || {
        let message = format!("The body is larger than {BODY_BYTES_MAX} bytes.");
        errors::invalid_request(413, &message, None)
    };
    if body.size_hint().lower() > BODY_BYTES_MAX as u64 {
        return Err(too_large());
    }
    match tokio::time::timeout(BODY_READ_TIMEOUT, Limited::new(body, BODY_BYTES_MAX).collect()).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(e)) if e.is::<http_body_util::LengthLimitError>() => Err(too_large()),
        Ok(Err(_)) => Err(errors::invalid_request(400, "The body did not arrive whole.", None)),
        Err(_) => Err(errors::invalid_request(408, "The body took too long to arrive.", None)),
    }
}

/// An answer that the core knows nothing of.
pub(super) fn plain(
    shared: &Shared,
    status: u16,
    content_type: &'static str,
    body: Bytes,
) -> Response<Answer> {
    let number = shared.doors.other.fetch_add(1, Ordering::Relaxed);
    let mut response = Response::new(Answer::Whole(Some(body).filter(|b| !b.is_empty())));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    if let Ok(id) = HeaderValue::try_from(format!("req_other_{number:010}")) {
        response.headers_mut().insert(HeaderName::from_static("x-request-id"), id);
    }
    response
}

pub(super) fn refuse(shared: &Shared, reply: Reply) -> Response<Answer> {
    plain(shared, reply.status, reply.content_type, reply.body.into())
}

/// Ends the connection behind this answer: a body that was not read must not be taken for a request.
fn close(mut response: Response<Answer>) -> Response<Answer> {
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}
