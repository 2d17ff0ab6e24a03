//! OpenAI Chat Completions, as the provider writes it. Pinned by `tests/fixtures/wire/openai-chat-*`.
//!
//! What is constant in a stream's chunks is formatted once; a chunk is then three copies.

use super::{Address, Dialect, Events, Named, below_v1};
use crate::mock::arrival::{Ask, BadRequest, Message, missing, most, parse, words_of};
use crate::mock::errors::SORRY;
use serde::Deserialize;
use serde_json::{Value, json};
use std::borrow::Cow;

const FINGERPRINT: &str = "fp_deadheat";

/// Where Azure puts a deployment before what is otherwise the same.
const AZURE: [&str; 3] = ["/openai/deployments/", "/v1/deployments/", "/deployments/"];

/// The protocol.
#[derive(Debug)]
pub(super) struct OpenAiChat;

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    model: Option<Cow<'a, str>>,
    messages: Option<Vec<Message>>,
    max_tokens: Option<u64>,
    max_completion_tokens: Option<u64>,
    n: Option<u64>,
    stream: Option<bool>,
    stream_options: Option<StreamOptions>,
}

#[derive(Deserialize)]
struct StreamOptions {
    include_usage: Option<bool>,
}

impl Dialect for OpenAiChat {
    fn address(&'static self, path: &str, _: Option<&str>) -> Option<Address> {
        let deployed = AZURE.iter().find_map(|prefix| path.strip_prefix(prefix)?.split_once('/'));
        let api = deployed.map_or_else(|| below_v1(path), |(_, rest)| &path[path.len() - rest.len() - 1..]);
        let api = api.strip_prefix("/openai/v1").unwrap_or(api);
        (api == "/chat/completions").then(|| (self as &dyn Dialect).into())
    }

    fn read(&self, _: &Address, body: &[u8]) -> Result<Ask, BadRequest> {
        let body: Body<'_> = parse(body)?;
        let model = body.model.filter(|m| !m.is_empty()).ok_or_else(|| missing("model"))?;
        let messages = body.messages.filter(|m| !m.is_empty()).ok_or_else(|| missing("messages"))?;
        if body.n.is_some_and(|n| n != 1) {
            return Err(BadRequest { message: "Only n = 1 is supported.".to_owned(), param: Some("n") });
        }
        let stream = body.stream.unwrap_or(false);
        Ok(Ask {
            model: model.into_owned(),
            prompt_tokens: words_of(&messages),
            max_tokens: most(body.max_completion_tokens.or(body.max_tokens), "max_tokens")?,
            stream,
            include_usage: stream && body.stream_options.and_then(|o| o.include_usage).unwrap_or(false),
        })
    }

    fn completion(&self, answer: Named<'_>, text: &str, finish: &str, tokens: u64) -> String {
        let message = json!({ "role": "assistant", "content": text, "refusal": null, "annotations": [] });
        json!({
            "id": format!("chatcmpl-{}", answer.nonce),
            "object": "chat.completion",
            "created": answer.created,
            "model": answer.model,
            "choices": [{ "index": 0, "message": message, "logprobs": null, "finish_reason": finish }],
            "usage": usage(answer.prompt, tokens),
            "service_tier": "default",
            "system_fingerprint": FINGERPRINT,
        })
        .to_string()
    }

    fn events(&self, answer: Named<'_>, include_usage: bool) -> Box<dyn Events> {
        Box::new(Chunks::new(answer, include_usage))
    }

    fn error_inside(&self) -> String {
        error_body(SORRY, "server_error", None, None)
    }
}

fn usage(prompt: u64, completion: u64) -> Value {
    json!({
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": { "cached_tokens": 0, "audio_tokens": 0 },
        "completion_tokens_details": {
            "reasoning_tokens": 0,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    })
}

/// The error body that OpenAI's APIs have in common.
pub(in crate::mock) fn error_body(
    message: &str,
    kind: &str,
    param: Option<&str>,
    code: Option<&str>,
) -> String {
    json!({ "error": { "message": message, "type": kind, "param": param, "code": code } }).to_string()
}

/// The constant parts of a stream's events.
#[derive(Debug)]
struct Chunks {
    /// Up to and including `"choices":[`.
    head: String,
    /// From behind the choices to the blank line.
    tail: &'static str,
    include_usage: bool,
    prompt: u64,
}

impl Chunks {
    fn new(answer: Named<'_>, include_usage: bool) -> Self {
        let constant = json!({
            "id": format!("chatcmpl-{}", answer.nonce),
            "object": "chat.completion.chunk",
            "created": answer.created,
            "model": answer.model,
            "service_tier": "default",
            "system_fingerprint": FINGERPRINT,
        });
        let constant = constant.to_string();
        let head = format!("data: {},\"choices\":[", constant.strip_suffix('}').unwrap_or(&constant));
        // When usage is asked for, every chunk before the last says that it has none.
        let tail = if include_usage { "],\"usage\":null}\n\n" } else { "]}\n\n" };
        Self { head, tail, include_usage, prompt: answer.prompt }
    }

    fn event(&self, out: &mut Vec<u8>, choice: impl FnOnce(&mut Vec<u8>)) {
        out.extend_from_slice(self.head.as_bytes());
        choice(out);
        out.extend_from_slice(self.tail.as_bytes());
    }

    fn choice(&self, out: &mut Vec<u8>, delta: &Value, finish: Option<&str>) {
        let choice = json!({ "index": 0, "delta": delta, "logprobs": null, "finish_reason": finish });
        self.event(out, |out| out.extend_from_slice(choice.to_string().as_bytes()));
    }
}

impl Events for Chunks {
    fn begin(&mut self, out: &mut Vec<u8>) {
        self.choice(out, &json!({ "role": "assistant", "content": "", "refusal": null }), None);
    }

    fn content(&mut self, out: &mut Vec<u8>, _: u64, write: &mut dyn FnMut(&mut Vec<u8>)) {
        self.event(out, |out| {
            out.extend_from_slice(b"{\"index\":0,\"delta\":{\"content\":\"");
            write(out);
            out.extend_from_slice(b"\"},\"logprobs\":null,\"finish_reason\":null}");
        });
    }

    /// The finish chunk, a usage chunk for each count if usage was asked for, and the terminator.
    fn finish(&mut self, out: &mut Vec<u8>, finish: &str, tokens: &[u64]) {
        self.choice(out, &json!({}), Some(finish));
        for tokens in tokens.iter().filter(|_| self.include_usage) {
            out.extend_from_slice(self.head.as_bytes());
            out.extend_from_slice(format!("],\"usage\":{}}}\n\n", usage(self.prompt, *tokens)).as_bytes());
        }
        out.extend_from_slice(b"data: [DONE]\n\n");
    }

    /// A data line without choices.
    fn error(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(format!("data: {}\n\n", OpenAiChat.error_inside()).as_bytes());
    }
}
