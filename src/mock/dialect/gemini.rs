//! Gemini's `generateContent`, as the provider writes it. Pinned by `tests/fixtures/wire/gemini-*`.

use crate::mock::errors::Reply;
use crate::mock::limits::ceil_ms;
use crate::mock::wire::{Named, quoted};

/// Everything behind the text of a candidate. Its usage is what there is so far: the last one counts.
fn tail(named: Named<'_>, finish: Option<&str>, prompt: u64, tokens: u64) -> String {
    let finish = match finish {
        None => String::new(),
        Some("length") => ",\"finishReason\":\"MAX_TOKENS\"".to_owned(),
        Some(_) => ",\"finishReason\":\"STOP\"".to_owned(),
    };
    let (nonce, model, total) = (named.nonce, quoted(named.model), prompt + tokens);
    format!(
        "\"}}],\"role\":\"model\"}}{finish},\"index\":0}}],\"usageMetadata\":{{\"promptTokenCount\":{prompt},\
         \"candidatesTokenCount\":{tokens},\"totalTokenCount\":{total},\
         \"promptTokensDetails\":[{{\"modality\":\"TEXT\",\"tokenCount\":{prompt}}}]}},\
         \"modelVersion\":{model},\"responseId\":\"{nonce}\"}}"
    )
}

const HEAD: &[u8] = b"{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"";

/// A whole answer, or one piece of a stream. `text` needs no escape.
pub(super) fn response(
    named: Named<'_>,
    text: &[u8],
    finish: Option<&str>,
    prompt: u64,
    tokens: u64,
) -> Vec<u8> {
    [HEAD, text, tail(named, finish, prompt, tokens).as_bytes()].concat()
}

/// One event; it has no name.
pub(super) fn event(out: &mut Vec<u8>, data: &str) {
    out.extend_from_slice(format!("data: {data}\r\n\r\n").as_bytes());
}

/// The events of one streamed answer: pieces of the same shape.
#[derive(Debug, Clone)]
pub(in crate::mock) struct Events {
    nonce: String,
    model: String,
    prompt: u64,
}

impl Events {
    pub(super) fn new(named: Named<'_>, prompt: u64) -> Self {
        Self { nonce: named.nonce.to_owned(), model: named.model.to_owned(), prompt }
    }

    fn named(&self) -> Named<'_> {
        Named { nonce: &self.nonce, created: 0, model: &self.model }
    }

    pub(super) fn content(&self, out: &mut Vec<u8>, tokens: u64, write: impl FnOnce(&mut Vec<u8>)) {
        out.extend_from_slice(b"data: ");
        out.extend_from_slice(HEAD);
        write(out);
        out.extend_from_slice(tail(self.named(), None, self.prompt, tokens).as_bytes());
        out.extend_from_slice(b"\r\n\r\n");
    }

    pub(super) fn finish(&self, out: &mut Vec<u8>, finish: &str, tokens: impl Iterator<Item = u64>) {
        for tokens in tokens {
            out.extend_from_slice(b"data: ");
            out.extend_from_slice(&response(self.named(), b"", Some(finish), self.prompt, tokens));
            out.extend_from_slice(b"\r\n\r\n");
        }
    }
}

/// An error's body; `details` is a list.
pub(super) fn error_body(code: u16, message: &str, details: Option<&str>) -> String {
    let status = match code {
        400 | 413 => "INVALID_ARGUMENT",
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        409 => "ABORTED",
        429 => "RESOURCE_EXHAUSTED",
        503 | 529 => "UNAVAILABLE",
        504 => "DEADLINE_EXCEEDED",
        402..=499 => "FAILED_PRECONDITION",
        _ => "INTERNAL",
    };
    let details = details.map(|details| format!(",\"details\":{details}")).unwrap_or_default();
    format!(
        "{{\"error\":{{\"code\":{code},\"message\":{},\"status\":\"{status}\"{details}}}}}",
        quoted(message)
    )
}

/// A refusal in its words: how long to wait stands in the body, and in no header.
pub(super) fn refusal(mut reply: Reply) -> Reply {
    let google = "type.googleapis.com/google.rpc";
    let details = match (reply.status, reply.permanent, reply.retry_after) {
        (429, true, _) => Some(format!(
            "[{{\"@type\":\"{google}.QuotaFailure\",\
             \"violations\":[{{\"quotaId\":\"GenerateRequestsPerDayPerProjectPerModel\"}}]}}]"
        )),
        (429, false, Some(wait)) => {
            let seconds = ceil_ms(wait) as f64 / 1000.0;
            Some(format!("[{{\"@type\":\"{google}.RetryInfo\",\"retryDelay\":\"{seconds}s\"}}]"))
        }
        _ => None,
    };
    reply.headers.retain(|(name, _)| !name.starts_with("retry-after"));
    reply.body = error_body(reply.status, &reply.message, details.as_deref());
    reply
}
