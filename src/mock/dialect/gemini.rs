//! Gemini's `generateContent`, as the provider writes it. Pinned by `tests/fixtures/wire/gemini-*`.

use super::{Address, Dialect, Events, Named};
use crate::mock::arrival::{Ask, BadRequest, Part, missing, most, parse};
use crate::mock::errors::Reply;
use crate::mock::limits::ceil_ms;
use serde::Deserialize;
use serde_json::{Value, json};

/// The first part of the paths, which clients write in each of these forms.
const VERSIONS: [&str; 4] = ["/v1beta", "/v1alpha", "/v1", ""];
const GOOGLE: &str = "type.googleapis.com/google.rpc";

/// The protocol.
#[derive(Debug)]
pub(super) struct Gemini;

#[derive(Deserialize)]
struct Body {
    contents: Option<Vec<Content>>,
    #[serde(rename = "systemInstruction", alias = "system_instruction")]
    system: Option<Content>,
    #[serde(rename = "generationConfig", alias = "generation_config")]
    config: Option<GenerationConfig>,
}

#[derive(Deserialize)]
struct Content {
    parts: Option<Vec<Part>>,
}

#[derive(Deserialize)]
struct GenerationConfig {
    #[serde(rename = "maxOutputTokens", alias = "max_output_tokens")]
    most: Option<u64>,
}

impl Content {
    fn words(&self) -> u64 {
        let parts = self.parts.iter().flatten();
        parts.filter_map(|part| part.text.as_ref()).map(|words| words.0).sum()
    }
}

impl Dialect for Gemini {
    fn address(&'static self, path: &str, query: Option<&str>) -> Option<Address> {
        let call =
            VERSIONS.iter().find_map(|version| path.strip_prefix(version)?.strip_prefix("/models/"))?;
        let (model, verb) = call.rsplit_once(':')?;
        let sse = || query.is_some_and(|query| query.split('&').any(|pair| pair == "alt=sse"));
        let stream = match verb {
            "generateContent" => false,
            // Without it the answer is one array, which no SDK asks for.
            "streamGenerateContent" if sse() => true,
            _ => return None,
        };
        Some(Address { dialect: self, model: Some(model.to_owned()), stream })
    }

    /// The model stands in the address.
    fn read(&self, at: &Address, body: &[u8]) -> Result<Ask, BadRequest> {
        let body: Body = parse(body)?;
        let contents = body.contents.filter(|c| !c.is_empty()).ok_or_else(|| missing("contents"))?;
        Ok(Ask {
            model: at.model.clone().unwrap_or_default(),
            prompt_tokens: contents.iter().chain(&body.system).map(Content::words).sum(),
            max_tokens: most(body.config.and_then(|config| config.most), "maxOutputTokens")?,
            stream: at.stream,
            include_usage: true,
        })
    }

    fn completion(&self, answer: Named<'_>, text: &str, finish: &str, tokens: u64) -> String {
        response(answer, text, Some(finish), tokens).to_string()
    }

    fn events(&self, answer: Named<'_>, _: bool) -> Box<dyn Events> {
        let (nonce, model) = (answer.nonce.to_owned(), answer.model.to_owned());
        Box::new(Pieces { nonce, created: answer.created, model, prompt: answer.prompt })
    }

    /// How long to wait stands in the body, and in no header.
    fn refusal(&self, mut reply: Reply, _: &str) -> Reply {
        if reply.message.is_empty() {
            return reply;
        }
        let details = match (reply.status, reply.permanent, reply.retry_after) {
            (429, true, _) => Some(json!({
                "@type": format!("{GOOGLE}.QuotaFailure"),
                "violations": [{ "quotaId": "GenerateRequestsPerDayPerProjectPerModel" }],
            })),
            (429, false, Some(wait)) => Some(json!({
                "@type": format!("{GOOGLE}.RetryInfo"),
                "retryDelay": format!("{}s", ceil_ms(wait) as f64 / 1000.0),
            })),
            _ => None,
        };
        reply.headers.retain(|(name, _)| !name.starts_with("retry-after"));
        let mut body = error_body(reply.status, &reply.message);
        if let Some(details) = details {
            body["error"]["details"] = json!([details]);
        }
        reply.body = body.to_string();
        reply
    }

    fn error_inside(&self) -> String {
        error_body(503, "The model is overloaded. Please try again later.").to_string()
    }
}

/// A whole answer, or the last piece of a stream. Its usage is what there is so far: the last one counts.
fn response(answer: Named<'_>, text: &str, finish: Option<&str>, tokens: u64) -> Value {
    let mut candidate = json!({ "content": { "parts": [{ "text": text }], "role": "model" } });
    if let Some(finish) = finish {
        candidate["finishReason"] = if finish == "length" { "MAX_TOKENS" } else { "STOP" }.into();
    }
    candidate["index"] = 0.into();
    let prompt = answer.prompt;
    json!({
        "candidates": [candidate],
        "usageMetadata": {
            "promptTokenCount": prompt,
            "candidatesTokenCount": tokens,
            "totalTokenCount": prompt + tokens,
            "promptTokensDetails": [{ "modality": "TEXT", "tokenCount": prompt }],
        },
        "modelVersion": answer.model,
        "responseId": answer.nonce,
    })
}

fn error_body(code: u16, message: &str) -> Value {
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
    json!({ "error": { "code": code, "message": message, "status": status } })
}

/// The events of one streamed answer: pieces of the same shape, without names.
#[derive(Debug)]
struct Pieces {
    nonce: String,
    created: u64,
    model: String,
    prompt: u64,
}

impl Pieces {
    fn answer(&self) -> Named<'_> {
        let Self { nonce, created, model, prompt } = self;
        Named { nonce, created: *created, model, prompt: *prompt }
    }
}

fn event(out: &mut Vec<u8>, data: &Value) {
    out.extend_from_slice(format!("data: {data}\r\n\r\n").as_bytes());
}

impl Events for Pieces {
    fn begin(&mut self, _: &mut Vec<u8>) {}

    fn content(&mut self, out: &mut Vec<u8>, tokens: u64, write: &mut dyn FnMut(&mut Vec<u8>)) {
        let mut text = Vec::new();
        write(&mut text);
        event(out, &response(self.answer(), &String::from_utf8_lossy(&text), None, tokens));
    }

    fn finish(&mut self, out: &mut Vec<u8>, finish: &str, tokens: &[u64]) {
        for tokens in tokens {
            event(out, &response(self.answer(), "", Some(finish), *tokens));
        }
    }

    fn error(&mut self, out: &mut Vec<u8>) {
        event(out, &error_body(503, "The model is overloaded. Please try again later."));
    }
}
