//! Anthropic's Messages, as the provider writes them. Pinned by `tests/fixtures/wire/anthropic-*`.

use super::{Address, Dialect, Events, Named, below_v1, named_event};
use crate::mock::arrival::{Ask, BadRequest, Message, Words, missing, most, parse, words_of};
use crate::mock::errors::Reply;
use serde::Deserialize;
use serde_json::{Value, json};
use std::borrow::Cow;

/// The protocol.
#[derive(Debug)]
pub(super) struct Anthropic;

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    model: Option<Cow<'a, str>>,
    messages: Option<Vec<Message>>,
    system: Option<Words>,
    max_tokens: Option<u64>,
    stream: Option<bool>,
}

impl Dialect for Anthropic {
    fn address(&'static self, path: &str, _: Option<&str>) -> Option<Address> {
        let api = path.strip_prefix("/openai/v1").unwrap_or(below_v1(path));
        (api == "/messages").then(|| (self as &dyn Dialect).into())
    }

    fn read(&self, _: &Address, body: &[u8]) -> Result<Ask, BadRequest> {
        let body: Body<'_> = parse(body)?;
        let model = body.model.filter(|m| !m.is_empty()).ok_or_else(|| missing("model"))?;
        let messages = body.messages.filter(|m| !m.is_empty()).ok_or_else(|| missing("messages"))?;
        let max_tokens = body.max_tokens.ok_or_else(|| missing("max_tokens"))?;
        Ok(Ask {
            model: model.into_owned(),
            prompt_tokens: words_of(&messages) + body.system.map_or(0, |words| words.0),
            max_tokens: most(Some(max_tokens), "max_tokens")?,
            stream: body.stream.unwrap_or(false),
            include_usage: true,
        })
    }

    fn completion(&self, answer: Named<'_>, text: &str, finish: &str, tokens: u64) -> String {
        let content = vec![json!({ "type": "text", "text": text })];
        message(answer, content, Some(stop_reason(finish)), tokens).to_string()
    }

    fn events(&self, answer: Named<'_>, _: bool) -> Box<dyn Events> {
        // One output token, as a placeholder: what counts comes with the end.
        Box::new(Blocks { start: message(answer, Vec::new(), None, 1) })
    }

    fn refusal(&self, reply: Reply, request_id: &str) -> Reply {
        if reply.message.is_empty() {
            return reply;
        }
        let kind = match reply.status {
            401 => "authentication_error",
            403 => "permission_error",
            404 => "not_found_error",
            413 => "request_too_large",
            429 => "rate_limit_error",
            504 => "timeout_error",
            529 => "overloaded_error",
            400..=499 => "invalid_request_error",
            _ => "api_error",
        };
        let mut body = error_body(kind, &reply.message);
        body["request_id"] = request_id.into();
        Reply { body: body.to_string(), ..reply }
    }

    fn error_inside(&self) -> String {
        error_body("overloaded_error", "Overloaded").to_string()
    }

    fn request_id_header(&self) -> Option<&'static str> {
        Some("request-id")
    }
}

/// Why an answer ends.
fn stop_reason(finish: &str) -> &'static str {
    if finish == "length" { "max_tokens" } else { "end_turn" }
}

fn message(answer: Named<'_>, content: Vec<Value>, stop_reason: Option<&str>, tokens: u64) -> Value {
    json!({
        "id": format!("msg_{}", answer.nonce),
        "type": "message",
        "role": "assistant",
        "model": answer.model,
        "content": content,
        "stop_reason": stop_reason,
        "stop_sequence": null,
        "usage": {
            "input_tokens": answer.prompt,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "output_tokens": tokens,
            "service_tier": "standard",
        },
    })
}

fn error_body(kind: &str, message: &str) -> Value {
    json!({ "type": "error", "error": { "type": kind, "message": message } })
}

/// The events of one streamed answer.
#[derive(Debug)]
struct Blocks {
    start: Value,
}

/// Writes an event under its type.
fn event(out: &mut Vec<u8>, data: &Value) {
    named_event(out, data["type"].as_str().unwrap_or_default(), data);
}

impl Events for Blocks {
    fn begin(&mut self, out: &mut Vec<u8>) {
        event(out, &json!({ "type": "message_start", "message": self.start }));
        let block = json!({ "type": "text", "text": "" });
        event(out, &json!({ "type": "content_block_start", "index": 0, "content_block": block }));
        event(out, &json!({ "type": "ping" }));
    }

    fn content(&mut self, out: &mut Vec<u8>, _: u64, write: &mut dyn FnMut(&mut Vec<u8>)) {
        out.extend_from_slice(
            b"event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\
              \"delta\":{\"type\":\"text_delta\",\"text\":\"",
        );
        write(out);
        out.extend_from_slice(b"\"}}\n\n");
    }

    /// Its usage is what there is so far: the last one counts.
    fn finish(&mut self, out: &mut Vec<u8>, finish: &str, tokens: &[u64]) {
        event(out, &json!({ "type": "content_block_stop", "index": 0 }));
        for tokens in tokens {
            let delta = json!({ "stop_reason": stop_reason(finish), "stop_sequence": null });
            let usage = json!({ "output_tokens": tokens });
            event(out, &json!({ "type": "message_delta", "delta": delta, "usage": usage }));
        }
        event(out, &json!({ "type": "message_stop" }));
    }

    fn error(&mut self, out: &mut Vec<u8>) {
        event(out, &error_body("overloaded_error", "Overloaded"));
    }
}
