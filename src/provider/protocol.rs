//! The wire protocols that the client speaks: one folder each, and one line in `of`, below.

pub mod openai_chat;

use super::{DecodedAnswer, Fault, Request};
use crate::plan::Api;
use http::{HeaderName, HeaderValue};
use std::time::Duration;

/// One wire protocol, set up for one endpoint.
pub(super) trait Protocol {
    /// Where requests are posted, below the endpoint's base URL.
    fn path(&self) -> &str;

    /// The header that carries the API key; `None` if the key holds characters that no header can carry.
    fn authorization(&self, key: &str) -> Option<(HeaderName, HeaderValue)>;

    /// The body of a request. It depends on the job and its sizes alone, so that every attempt of a job sends
    /// the same bytes.
    fn body(&self, request: &Request) -> Vec<u8>;

    /// A decoder for one streamed answer, with room for about `expected_chunks` chunks of content.
    fn decoder(&self, expected_chunks: u32) -> Box<dyn StreamDecoder>;

    /// Reads the body of a 200 that came in one piece.
    ///
    /// # Errors
    /// `ErrorEvent` if it is an error in spite of its status, `MalformedStream` if it is not an answer. What
    /// could be read stays in `answer`.
    fn read_whole(&self, body: &[u8], answer: &mut DecodedAnswer) -> Result<(), Fault>;

    /// Reads an error body of any kind: the API's JSON, a gateway's HTML (never parsed), bare text, nothing.
    fn read_refusal(&self, body: &[u8]) -> Refusal;
}

impl dyn Protocol {
    /// The protocol of an API, asking `model` for streamed or whole answers.
    pub(super) fn of(api: Api, model: &str, stream: bool) -> Box<dyn Protocol> {
        match api {
            Api::OpenaiChat => Box::new(openai_chat::Chat::new(model, stream)),
        }
    }
}

/// What an event stream has said so far. The caller pushes bytes with the moment they arrived.
pub trait StreamDecoder {
    /// Takes bytes that arrived at `at`, since the run's epoch.
    fn push(&mut self, bytes: &[u8], at: Duration);

    /// Whether the stream has said all that counts: its terminator, or an error.
    fn is_over(&self) -> bool;

    /// What had arrived when the stream ended.
    ///
    /// # Errors
    /// The second part says what is wrong with the stream, if anything.
    fn finish(self: Box<Self>) -> (DecodedAnswer, Result<(), Fault>);

    /// What has arrived, when the connection, not the stream, came to an end.
    fn into_answer(self: Box<Self>) -> DecodedAnswer;
}

/// What the body of an answer that is not a success says.
#[derive(Debug)]
pub(super) struct Refusal {
    /// In words; empty if the body was.
    pub(super) message: String,
    /// Whether the quota is used up, so that a retry is useless.
    pub(super) quota_exhausted: bool,
}
