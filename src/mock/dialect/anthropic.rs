//! Anthropic's Messages, as the provider writes them. Pinned by `tests/fixtures/wire/anthropic-*`.

use crate::mock::errors::Reply;
use crate::mock::wire::{Named, quoted};

/// Its word for why an answer ends.
fn stop_reason(finish: &str) -> &'static str {
    if finish == "length" { "max_tokens" } else { "end_turn" }
}

fn usage(prompt: u64, tokens: u64) -> String {
    format!(
        "{{\"input_tokens\":{prompt},\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":0,\
         \"output_tokens\":{tokens},\"service_tier\":\"standard\"}}"
    )
}

/// Everything of a message up to its content.
fn head(named: Named<'_>) -> String {
    let (nonce, model) = (named.nonce, quoted(named.model));
    format!(
        "{{\"id\":\"msg_{nonce}\",\"type\":\"message\",\"role\":\"assistant\",\"model\":{model},\"content\":["
    )
}

/// A whole answer, not streamed. `text` needs no escape.
pub(super) fn message(named: Named<'_>, text: &[u8], finish: &str, prompt: u64, tokens: u64) -> Vec<u8> {
    let mut out = format!("{}{{\"type\":\"text\",\"text\":\"", head(named)).into_bytes();
    out.extend_from_slice(text);
    let tail = format!(
        "\"}}],\"stop_reason\":\"{}\",\"stop_sequence\":null,\"usage\":{}}}",
        stop_reason(finish),
        usage(prompt, tokens)
    );
    out.extend_from_slice(tail.as_bytes());
    out
}

/// One event under its name.
pub(super) fn event(out: &mut Vec<u8>, name: &str, data: &str) {
    out.extend_from_slice(format!("event: {name}\ndata: {data}\n\n").as_bytes());
}

/// The events of one streamed answer.
#[derive(Debug, Clone)]
pub(in crate::mock) struct Events {
    start: String,
}

impl Events {
    pub(super) fn new(named: Named<'_>, prompt: u64) -> Self {
        // One output token, as a placeholder: what counts comes with the end.
        let (head, usage) = (head(named), usage(prompt, 1));
        let start = format!(
            "{{\"type\":\"message_start\",\"message\":{head}],\"stop_reason\":null,\"stop_sequence\":null,\
             \"usage\":{usage}}}}}"
        );
        Self { start }
    }

    pub(super) fn begin(&self, out: &mut Vec<u8>) {
        event(out, "message_start", &self.start);
        let block = "{\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\
        \"text\":\"\"}}";
        event(out, "content_block_start", block);
        event(out, "ping", "{\"type\":\"ping\"}");
    }

    pub(super) fn content(&self, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
        out.extend_from_slice(
            b"event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\
              \"delta\":{\"type\":\"text_delta\",\"text\":\"",
        );
        write(out);
        out.extend_from_slice(b"\"}}\n\n");
    }

    /// Its usage is what there is so far: the last one counts.
    pub(super) fn finish(&self, out: &mut Vec<u8>, finish: &str, tokens: impl Iterator<Item = u64>) {
        event(out, "content_block_stop", "{\"type\":\"content_block_stop\",\"index\":0}");
        for tokens in tokens {
            let data = format!(
                "{{\"type\":\"message_delta\",\"delta\":{{\"stop_reason\":\"{}\",\"stop_sequence\":null}},\
                 \"usage\":{{\"output_tokens\":{tokens}}}}}",
                stop_reason(finish)
            );
            event(out, "message_delta", &data);
        }
        event(out, "message_stop", "{\"type\":\"message_stop\"}");
    }
}

/// An error's body without the id of its request.
pub(super) fn error_body(kind: &str, message: &str) -> String {
    format!("{{\"type\":\"error\",\"error\":{{\"type\":\"{kind}\",\"message\":{}}}}}", quoted(message))
}

/// A refusal in its words.
pub(super) fn refusal(reply: Reply, request_id: &str) -> Reply {
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
    body.truncate(body.len() - 1);
    body.push_str(&format!(",\"request_id\":{}}}", quoted(request_id)));
    Reply { body, ..reply }
}
