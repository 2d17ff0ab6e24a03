//! OpenAI Chat Completions, as a client: `POST {base}/chat/completions`, streamed and not.

mod error_body;
mod json;
mod request;
mod stream;
mod unary;

pub use stream::ChatStream;
pub use unary::read_unary;

use super::{Protocol, Refusal, StreamDecoder};
use crate::provider::{DecodedAnswer, Fault, Request};
use http::{HeaderName, HeaderValue, header};
use request::Body;

/// The protocol, for one endpoint.
pub(super) struct Chat(Body);

impl Chat {
    pub(super) fn new(model: &str, stream: bool) -> Self {
        Self(Body::new(model, stream))
    }
}

impl Protocol for Chat {
    fn path(&self) -> &str {
        "/chat/completions"
    }

    fn authorization(&self, key: &str) -> Option<(HeaderName, HeaderValue)> {
        Some((header::AUTHORIZATION, HeaderValue::from_str(&format!("Bearer {key}")).ok()?))
    }

    fn body(&self, request: &Request) -> Vec<u8> {
        self.0.render(request.question, request.prompt_tokens, request.output_tokens)
    }

    fn decoder(&self, expected_chunks: u32) -> Box<dyn StreamDecoder> {
        Box::new(ChatStream::new(expected_chunks))
    }

    fn read_whole(&self, body: &[u8], answer: &mut DecodedAnswer) -> Result<(), Fault> {
        read_unary(body, answer)
    }

    fn read_refusal(&self, body: &[u8]) -> Refusal {
        error_body::read_refusal(body)
    }
}
