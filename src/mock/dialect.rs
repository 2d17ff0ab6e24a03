//! The wire protocols that the provider speaks: one file each, and one line in [`DIALECTS`].

mod anthropic;
mod gemini;
mod openai_chat;
mod openai_responses;

use super::arrival::{Ask, BadRequest};
use super::errors::Reply;
use std::fmt::Debug;

pub(super) use openai_chat::error_body;

/// All, in the order in which a path is offered to them.
const DIALECTS: [&dyn Dialect; 4] =
    [&openai_chat::OpenAiChat, &openai_responses::OpenAiResponses, &anthropic::Anthropic, &gemini::Gemini];

/// One wire protocol: which paths are its own, how a request is read, and how an answer is written.
pub(super) trait Dialect: Debug + Sync {
    /// The request behind a path, if it is one for a completion in this protocol.
    fn address(&'static self, path: &str, query: Option<&str>) -> Option<Address>;

    /// What a request asks for.
    ///
    /// # Errors
    /// What the provider answers with 400.
    fn read(&self, at: &Address, body: &[u8]) -> Result<Ask, BadRequest>;

    /// A whole answer, not streamed.
    fn completion(&self, answer: Named<'_>, text: &str, finish: &str, tokens: u64) -> String;

    /// The events of one streamed answer; `include_usage` is what the request said of usage.
    fn events(&self, answer: Named<'_>, include_usage: bool) -> Box<dyn Events>;

    /// A refusal in its form. A body that is not JSON stays as it is.
    fn refusal(&self, reply: Reply, _request_id: &str) -> Reply {
        reply
    }

    /// The body of an error inside a 200.
    fn error_inside(&self) -> String;

    /// The header that holds the request's id, beside `x-request-id`.
    fn request_id_header(&self) -> Option<&'static str> {
        None
    }
}

/// The events of one streamed answer, each appended to `out`.
pub(super) trait Events: Debug + Send + Sync {
    /// What comes before the first token.
    fn begin(&mut self, out: &mut Vec<u8>);

    /// A chunk that ends with token `tokens`; 0 is a chunk that is cut off, and no part of the text. `write`
    /// appends text that needs no escape.
    fn content(&mut self, out: &mut Vec<u8>, tokens: u64, write: &mut dyn FnMut(&mut Vec<u8>));

    /// What comes behind the last token, with a usage for each count of tokens.
    fn finish(&mut self, out: &mut Vec<u8>, finish: &str, tokens: &[u64]);

    /// An error inside the stream.
    fn error(&mut self, out: &mut Vec<u8>);
}

/// What every part of one answer repeats.
#[derive(Debug, Clone, Copy)]
pub(super) struct Named<'a> {
    /// `R-<16 hex>`.
    pub(super) nonce: &'a str,
    /// Seconds since 1970.
    pub(super) created: u64,
    /// The model, as the request named it.
    pub(super) model: &'a str,
    /// Prompt tokens.
    pub(super) prompt: u64,
}

/// What the address of a request says of it.
#[derive(Debug, Clone)]
pub(super) struct Address {
    /// Which protocol.
    pub(super) dialect: &'static dyn Dialect,
    /// The model, where the address names it.
    pub(super) model: Option<String>,
    /// Whether the answer is streamed, where the address says so.
    pub(super) stream: bool,
}

impl From<&'static dyn Dialect> for Address {
    fn from(dialect: &'static dyn Dialect) -> Self {
        Self { dialect, model: None, stream: false }
    }
}

impl Default for Address {
    /// The first protocol's.
    fn default() -> Self {
        DIALECTS[0].into()
    }
}

impl Address {
    /// The endpoint for completions behind a path, if there is one.
    #[must_use]
    pub(super) fn of(path: &str, query: Option<&str>) -> Option<Self> {
        DIALECTS.into_iter().find_map(|dialect| dialect.address(path, query))
    }
}

/// A path below the API's root, which some clients leave the version out of.
fn below_v1(path: &str) -> &str {
    path.strip_prefix("/v1").unwrap_or(path)
}

/// One event of an event stream under its name.
fn named_event(out: &mut Vec<u8>, name: &str, data: &serde_json::Value) {
    out.extend_from_slice(format!("event: {name}\ndata: {data}\n\n").as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_says_which_protocol_it_is() {
        let of = |path: &str, query| {
            Address::of(path, query).map(|at| (format!("{:?}", at.dialect), at.model, at.stream))
        };
        let is = |dialect: &str| Some((dialect.to_owned(), None, false));
        for path in ["/v1/chat/completions", "/chat/completions"] {
            assert_eq!(of(path, None), is("OpenAiChat"));
        }
        for path in [
            "/openai/deployments/mine/chat/completions",
            "/v1/deployments/mine/chat/completions",
            "/openai/v1/chat/completions",
        ] {
            assert_eq!(of(path, Some("api-version=1")), is("OpenAiChat"), "{path}");
        }
        assert_eq!(of("/v1/responses", None), is("OpenAiResponses"));
        assert_eq!(of("/openai/v1/responses", None), is("OpenAiResponses"));
        assert_eq!(of("/v1/messages", None), is("Anthropic"));
        let gemini = |stream| Some(("Gemini".to_owned(), Some("g-2".to_owned()), stream));
        assert_eq!(of("/v1beta/models/g-2:generateContent", None), gemini(false));
        assert_eq!(of("/v1beta/models/g-2:streamGenerateContent", Some("key=k&alt=sse")), gemini(true));
        for path in [
            "/v1/models",
            "/v1/messages/x",
            "/v1beta/models/g:count",
            "/v1beta/models/g:streamGenerateContent",
        ] {
            assert!(of(path, None).is_none(), "{path}");
        }
    }
}
