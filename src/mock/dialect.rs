//! Which API a request speaks, and how an answer is put into its words.

mod anthropic;
mod gemini;
mod responses;

use super::errors::{self, Reply};
use super::wire::{self, Chunks, Named};

/// An API that the provider speaks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Dialect {
    /// OpenAI's Chat Completions.
    #[default]
    OpenAi,
    /// OpenAI's Responses.
    Responses,
    /// Anthropic's Messages.
    Anthropic,
    /// Gemini's `generateContent`.
    Gemini,
}

/// What the address of a request says of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Address {
    /// Which API.
    pub dialect: Dialect,
    /// The model, where the address names it.
    pub model: Option<String>,
    /// Whether the answer is streamed, where the address says so.
    pub stream: bool,
}

impl Address {
    /// The endpoint for completions behind a path, if there is one.
    #[must_use]
    pub fn of(path: &str, query: Option<&str>) -> Option<Self> {
        let api = path.strip_prefix("/v1").unwrap_or(path);
        // Azure puts a deployment before what is otherwise the same.
        let azure = ["/openai/deployments/", "/v1/deployments/", "/deployments/"];
        let azure =
            azure.iter().find_map(|prefix| path.strip_prefix(prefix)).and_then(|rest| rest.split_once('/'));
        let api = azure.map_or(api, |(_, rest)| &path[path.len() - rest.len() - 1..]);
        match api.strip_prefix("/openai/v1").unwrap_or(api) {
            "/chat/completions" => return Some(Self::default()),
            "/responses" => return Some(Self { dialect: Dialect::Responses, ..Self::default() }),
            "/messages" => return Some(Self { dialect: Dialect::Anthropic, ..Self::default() }),
            _ => {}
        }
        let versions = ["/v1beta", "/v1alpha", "/v1", ""];
        let call =
            versions.iter().find_map(|version| path.strip_prefix(version)?.strip_prefix("/models/"))?;
        let (model, verb) = call.rsplit_once(':')?;
        let sse = || query.is_some_and(|query| query.split('&').any(|pair| pair == "alt=sse"));
        let stream = match verb {
            "generateContent" => false,
            // Without it the answer is one array, which no SDK asks for.
            "streamGenerateContent" if sse() => true,
            _ => return None,
        };
        Some(Self { dialect: Dialect::Gemini, model: Some(model.to_owned()), stream })
    }
}

impl Dialect {
    /// A whole answer, not streamed.
    pub(super) fn completion(
        self,
        named: Named<'_>,
        text: &[u8],
        finish: &str,
        prompt: u64,
        tokens: u64,
    ) -> Vec<u8> {
        match self {
            Self::OpenAi => wire::completion(named, text, finish, prompt, tokens),
            Self::Responses => responses::response(named, text, finish, prompt, tokens),
            Self::Anthropic => anthropic::message(named, text, finish, prompt, tokens),
            Self::Gemini => gemini::response(named, text, Some(finish), prompt, tokens),
        }
    }

    /// A refusal in its words; what is no JSON stays as it is.
    pub(super) fn refusal(self, reply: Reply, request_id: &str) -> Reply {
        match self {
            Self::Anthropic if !reply.message.is_empty() => anthropic::refusal(reply, request_id),
            Self::Gemini if !reply.message.is_empty() => gemini::refusal(reply),
            _ => reply,
        }
    }

    /// The body of an error inside a 200.
    pub(super) fn error_inside(self) -> String {
        match self {
            Self::OpenAi | Self::Responses => errors::event_body(),
            Self::Anthropic => anthropic::error_body("overloaded_error", "Overloaded"),
            Self::Gemini => gemini::error_body(503, "The model is overloaded. Please try again later.", None),
        }
    }
}

/// The events of one streamed answer.
#[derive(Debug, Clone)]
pub(super) enum Voice {
    OpenAi(Chunks),
    Responses(responses::Events),
    Anthropic(anthropic::Events),
    Gemini(gemini::Events),
}

impl Voice {
    pub(super) fn new(dialect: Dialect, named: Named<'_>, prompt: u64, include_usage: bool) -> Self {
        match dialect {
            Dialect::OpenAi => Self::OpenAi(Chunks::new(named, include_usage)),
            Dialect::Responses => Self::Responses(responses::Events::new(named, prompt)),
            Dialect::Anthropic => Self::Anthropic(anthropic::Events::new(named, prompt)),
            Dialect::Gemini => Self::Gemini(gemini::Events::new(named, prompt)),
        }
    }

    /// What comes before the first token.
    pub(super) fn begin(&mut self, out: &mut Vec<u8>) {
        match self {
            Self::OpenAi(chunks) => chunks.role(out),
            Self::Responses(events) => events.begin(out),
            Self::Anthropic(events) => events.begin(out),
            Self::Gemini(_) => {}
        }
    }

    /// A chunk that ends with token `tokens`; `write` appends text that needs no escape.
    pub(super) fn content(&mut self, out: &mut Vec<u8>, tokens: u64, write: impl FnOnce(&mut Vec<u8>)) {
        match self {
            Self::OpenAi(chunks) => chunks.content(out, write),
            Self::Responses(events) => events.content(out, tokens, write),
            Self::Anthropic(events) => events.content(out, write),
            Self::Gemini(events) => events.content(out, tokens, write),
        }
    }

    /// What comes behind the last token, with a usage for each count of `tokens`.
    pub(super) fn finish(
        &mut self,
        out: &mut Vec<u8>,
        finish: &str,
        prompt: u64,
        tokens: impl Iterator<Item = u64>,
    ) {
        match self {
            Self::OpenAi(chunks) => chunks.finish(out, finish, prompt, tokens),
            Self::Responses(events) => events.finish(out, finish, tokens),
            Self::Anthropic(events) => events.finish(out, finish, tokens),
            Self::Gemini(events) => events.finish(out, finish, tokens),
        }
    }

    /// An error inside the stream.
    pub(super) fn error(&mut self, out: &mut Vec<u8>) {
        match self {
            Self::OpenAi(_) => wire::error_event(out, &Dialect::OpenAi.error_inside()),
            Self::Responses(events) => events.error(out),
            Self::Anthropic(_) => anthropic::event(out, "error", &Dialect::Anthropic.error_inside()),
            Self::Gemini(_) => gemini::event(out, &Dialect::Gemini.error_inside()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_says_which_api_it_is() {
        let of = |path: &str, query| Address::of(path, query).map(|a| (a.dialect, a.model, a.stream));
        for path in ["/v1/chat/completions", "/chat/completions"] {
            assert_eq!(of(path, None), Some((Dialect::OpenAi, None, false)));
        }
        for path in [
            "/openai/deployments/mine/chat/completions",
            "/v1/deployments/mine/chat/completions",
            "/openai/v1/chat/completions",
        ] {
            assert_eq!(of(path, Some("api-version=1")), Some((Dialect::OpenAi, None, false)), "{path}");
        }
        assert_eq!(of("/v1/responses", None), Some((Dialect::Responses, None, false)));
        assert_eq!(of("/v1/messages", None), Some((Dialect::Anthropic, None, false)));
        let gemini = |stream| Some((Dialect::Gemini, Some("g-2".to_owned()), stream));
        assert_eq!(of("/v1beta/models/g-2:generateContent", None), gemini(false));
        assert_eq!(of("/v1beta/models/g-2:streamGenerateContent", Some("key=k&alt=sse")), gemini(true));
        for path in [
            "/v1/models",
            "/v1/messages/x",
            "/v1beta/models/g:count",
            "/v1beta/models/g:streamGenerateContent",
        ] {
            assert_eq!(of(path, None), None, "{path}");
        }
    }
}
