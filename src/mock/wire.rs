//! OpenAI Chat Completions, as the provider writes it. Pinned by `tests/fixtures/wire/openai-chat-*`.
//!
//! What is constant in a stream's chunks is formatted once; a chunk is then three copies.

use std::fmt::Write as _;

/// Most tokens of one completion, whatever a request asks for: a bound on what one request can cost us.
pub(super) const TOKENS_MAX: u32 = 1_000_000;

const FINGERPRINT: &str = "fp_deadheat";

/// What every part of one answer repeats.
#[derive(Debug, Clone, Copy)]
pub(super) struct Named<'a> {
    /// `R-<16 hex>`.
    pub(super) nonce: &'a str,
    /// Seconds since 1970.
    pub(super) created: u64,
    pub(super) model: &'a str,
}

fn usage(prompt: u64, completion: u64) -> String {
    format!(
        "{{\"prompt_tokens\":{prompt},\"completion_tokens\":{completion},\"total_tokens\":{},\
         \"prompt_tokens_details\":{{\"cached_tokens\":0,\"audio_tokens\":0}},\
         \"completion_tokens_details\":{{\"reasoning_tokens\":0,\"audio_tokens\":0,\
         \"accepted_prediction_tokens\":0,\"rejected_prediction_tokens\":0}}}}",
        prompt + completion
    )
}

/// `text` as a JSON string, quotes included.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A whole answer, not streamed. `text` needs no escape.
pub(super) fn completion(named: Named<'_>, text: &[u8], finish: &str, prompt: u64, tokens: u64) -> Vec<u8> {
    let Named { nonce, created, model } = named;
    let mut out = Vec::with_capacity(text.len() + 768);
    let head = format!(
        "{{\"id\":\"chatcmpl-{nonce}\",\"object\":\"chat.completion\",\"created\":{created},\"model\":{},\
         \"choices\":[{{\"index\":0,\"message\":{{\"role\":\"assistant\",\"content\":\"",
        quoted(model)
    );
    out.extend_from_slice(head.as_bytes());
    out.extend_from_slice(text);
    let tail = format!(
        "\",\"refusal\":null,\"annotations\":[]}},\"logprobs\":null,\"finish_reason\":\"{finish}\"}}],\
         \"usage\":{},\"service_tier\":\"default\",\"system_fingerprint\":\"{FINGERPRINT}\"}}",
        usage(prompt, tokens)
    );
    out.extend_from_slice(tail.as_bytes());
    out
}

/// The constant parts of a stream's events.
#[derive(Debug, Clone)]
pub(super) struct Chunks {
    /// Up to and including `"choices":[`.
    head: String,
    /// From behind the choices to the blank line.
    tail: &'static str,
    include_usage: bool,
}

impl Chunks {
    pub(super) fn new(named: Named<'_>, include_usage: bool) -> Self {
        let Named { nonce, created, model } = named;
        let head = format!(
            "data: {{\"id\":\"chatcmpl-{nonce}\",\"object\":\"chat.completion.chunk\",\"created\":{created},\
             \"model\":{},\"service_tier\":\"default\",\"system_fingerprint\":\"{FINGERPRINT}\",\
             \"choices\":[",
            quoted(model)
        );
        // When usage is asked for, every chunk before the last says that it has none.
        let tail = if include_usage { "],\"usage\":null}\n\n" } else { "]}\n\n" };
        Self { head, tail, include_usage }
    }

    pub(super) fn role(&self, out: &mut Vec<u8>) {
        self.event(out, |out| {
            out.extend_from_slice(
                b"{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\",\"refusal\":null},\
                  \"logprobs\":null,\"finish_reason\":null}",
            );
        });
    }

    /// A content chunk; `write` appends text that needs no escape.
    pub(super) fn content(&self, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
        self.event(out, |out| {
            out.extend_from_slice(b"{\"index\":0,\"delta\":{\"content\":\"");
            write(out);
            out.extend_from_slice(b"\"},\"logprobs\":null,\"finish_reason\":null}");
        });
    }

    /// The finish chunk, a usage chunk for each count of tokens if usage was asked for, and the terminator.
    pub(super) fn finish(
        &self,
        out: &mut Vec<u8>,
        finish: &str,
        prompt: u64,
        tokens: impl Iterator<Item = u64>,
    ) {
        self.event(out, |out| {
            let choice =
                format!("{{\"index\":0,\"delta\":{{}},\"logprobs\":null,\"finish_reason\":\"{finish}\"}}");
            out.extend_from_slice(choice.as_bytes());
        });
        for tokens in tokens.filter(|_| self.include_usage) {
            out.extend_from_slice(self.head.as_bytes());
            let mut tail = String::from("],\"usage\":");
            let _ = write!(tail, "{}}}\n\n", usage(prompt, tokens));
            out.extend_from_slice(tail.as_bytes());
        }
        out.extend_from_slice(b"data: [DONE]\n\n");
    }

    fn event(&self, out: &mut Vec<u8>, choice: impl FnOnce(&mut Vec<u8>)) {
        out.extend_from_slice(self.head.as_bytes());
        choice(out);
        out.extend_from_slice(self.tail.as_bytes());
    }
}

/// An error inside a stream: a data line without choices.
pub(super) fn error_event(out: &mut Vec<u8>, body: &str) {
    out.extend_from_slice(b"data: ");
    out.extend_from_slice(body.as_bytes());
    out.extend_from_slice(b"\n\n");
}

/// The answer of `GET /v1/models`.
pub(super) fn models(model: &str, created: u64) -> String {
    format!(
        "{{\"object\":\"list\",\"data\":[{{\"id\":{},\"object\":\"model\",\"created\":{created},\
         \"owned_by\":\"deadheat\"}}]}}",
        quoted(model)
    )
}
