//! OpenAI's Responses, as the provider writes them. Pinned by `tests/fixtures/wire/openai-responses-*`.

use super::{Address, Dialect, Events, Named, below_v1, named_event};
use crate::mock::arrival::{Ask, BadRequest, Message, Words, missing, most, parse, words_of};
use crate::mock::errors::SORRY;
use serde::Deserialize;
use serde_json::{Value, json};
use std::borrow::Cow;

/// The protocol.
#[derive(Debug)]
pub(super) struct OpenAiResponses;

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    model: Option<Cow<'a, str>>,
    input: Option<Input>,
    instructions: Option<Words>,
    max_output_tokens: Option<u64>,
    stream: Option<bool>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Input {
    Text(String),
    Items(Vec<Message>),
}

impl Input {
    fn words(&self) -> u64 {
        match self {
            Self::Text(text) => crate::mock::text::prompt_tokens(text),
            Self::Items(items) => words_of(items),
        }
    }
}

impl Dialect for OpenAiResponses {
    fn address(&'static self, path: &str, _: Option<&str>) -> Option<Address> {
        let api = path.strip_prefix("/openai/v1").unwrap_or(below_v1(path));
        (api == "/responses").then(|| (self as &dyn Dialect).into())
    }

    fn read(&self, _: &Address, body: &[u8]) -> Result<Ask, BadRequest> {
        let body: Body<'_> = parse(body)?;
        let model = body.model.filter(|m| !m.is_empty()).ok_or_else(|| missing("model"))?;
        let input = body.input.ok_or_else(|| missing("input"))?;
        Ok(Ask {
            model: model.into_owned(),
            prompt_tokens: input.words() + body.instructions.map_or(0, |words| words.0),
            max_tokens: most(body.max_output_tokens, "max_output_tokens")?,
            stream: body.stream.unwrap_or(false),
            include_usage: true,
        })
    }

    fn completion(&self, answer: Named<'_>, text: &str, finish: &str, tokens: u64) -> String {
        let (parts, status) = (Parts::new(answer), status(finish));
        let item = parts.item(status, vec![output_text(text)]);
        parts.response(status, vec![item], Some(tokens)).to_string()
    }

    fn events(&self, answer: Named<'_>, _: bool) -> Box<dyn Events> {
        Box::new(Numbered { parts: Parts::new(answer), number: 0, text: Vec::new() })
    }

    fn error_inside(&self) -> String {
        super::error_body(SORRY, "server_error", None, None)
    }
}

/// What becomes of an answer that ends for this reason.
fn status(finish: &str) -> &'static str {
    if finish == "length" { "incomplete" } else { "completed" }
}

fn output_text(text: &str) -> Value {
    json!({ "type": "output_text", "text": text, "annotations": [], "logprobs": [] })
}

/// What one answer's parts repeat.
#[derive(Debug)]
struct Parts {
    nonce: String,
    created: u64,
    model: String,
    prompt: u64,
}

impl Parts {
    fn new(answer: Named<'_>) -> Self {
        let (nonce, model) = (answer.nonce.to_owned(), answer.model.to_owned());
        Self { nonce, created: answer.created, model, prompt: answer.prompt }
    }

    /// The message, in this state of it.
    fn item(&self, status: &str, content: Vec<Value>) -> Value {
        json!({
            "id": format!("msg_{}", self.nonce),
            "type": "message",
            "status": status,
            "role": "assistant",
            "content": content,
        })
    }

    /// The response, in this state of it.
    fn response(&self, status: &str, output: Vec<Value>, tokens: Option<u64>) -> Value {
        let reason = (status == "incomplete").then(|| json!({ "reason": "max_output_tokens" }));
        let usage = tokens.map(|tokens| {
            json!({
                "input_tokens": self.prompt,
                "input_tokens_details": { "cached_tokens": 0 },
                "output_tokens": tokens,
                "output_tokens_details": { "reasoning_tokens": 0 },
                "total_tokens": self.prompt + tokens,
            })
        });
        json!({
            "id": format!("resp_{}", self.nonce),
            "object": "response",
            "created_at": self.created,
            "status": status,
            "error": null,
            "incomplete_details": reason,
            "instructions": null,
            "metadata": {},
            "model": self.model,
            "output": output,
            "parallel_tool_calls": true,
            "temperature": 1.0,
            "tool_choice": "auto",
            "tools": [],
            "top_p": 1.0,
            "usage": usage,
        })
    }
}

/// The events of one streamed answer, numbered without a gap.
#[derive(Debug)]
struct Numbered {
    parts: Parts,
    number: u64,
    text: Vec<u8>,
}

impl Numbered {
    /// Writes an event with these fields beside its type and number.
    fn event(&mut self, out: &mut Vec<u8>, name: &str, fields: Value) {
        let mut event = json!({ "type": name, "sequence_number": self.number });
        self.number += 1;
        if let (Value::Object(event), Value::Object(mut fields)) = (&mut event, fields) {
            event.append(&mut fields);
        }
        named_event(out, name, &event);
    }

    /// The fields that say where in the answer a text stands, and one more.
    fn at(&self, field: &str, value: Value) -> Value {
        let mut fields = json!({
            "item_id": format!("msg_{}", self.parts.nonce),
            "output_index": 0,
            "content_index": 0,
        });
        fields[field] = value;
        fields
    }
}

impl Events for Numbered {
    fn begin(&mut self, out: &mut Vec<u8>) {
        let response = self.parts.response("in_progress", Vec::new(), None);
        self.event(out, "response.created", json!({ "response": response }));
        self.event(out, "response.in_progress", json!({ "response": response }));
        let item = self.parts.item("in_progress", Vec::new());
        self.event(out, "response.output_item.added", json!({ "output_index": 0, "item": item }));
        let part = self.at("part", output_text(""));
        self.event(out, "response.content_part.added", part);
    }

    fn content(&mut self, out: &mut Vec<u8>, tokens: u64, write: &mut dyn FnMut(&mut Vec<u8>)) {
        let (name, number, nonce) = ("response.output_text.delta", self.number, &self.parts.nonce);
        self.number += 1;
        let head = format!(
            "event: {name}\ndata: {{\"type\":\"{name}\",\"sequence_number\":{number},\
             \"item_id\":\"msg_{nonce}\",\"output_index\":0,\"content_index\":0,\
             \"logprobs\":[],\"delta\":\""
        );
        out.extend_from_slice(head.as_bytes());
        let at = out.len();
        write(out);
        if tokens > 0 {
            self.text.extend_from_slice(&out[at..]);
        }
        out.extend_from_slice(b"\"}\n\n");
    }

    fn finish(&mut self, out: &mut Vec<u8>, finish: &str, tokens: &[u64]) {
        let text = String::from_utf8_lossy(&self.text).into_owned();
        let mut done = self.at("text", text.as_str().into());
        done["logprobs"] = json!([]);
        self.event(out, "response.output_text.done", done);
        let part = self.at("part", output_text(&text));
        self.event(out, "response.content_part.done", part);
        let status = status(finish);
        let item = self.parts.item(status, vec![output_text(&text)]);
        self.event(out, "response.output_item.done", json!({ "output_index": 0, "item": item }));
        let response = self.parts.response(status, vec![item], tokens.last().copied());
        self.event(out, &format!("response.{status}"), json!({ "response": response }));
    }

    fn error(&mut self, out: &mut Vec<u8>) {
        let fields = json!({ "code": "server_error", "message": SORRY, "param": null });
        self.event(out, "error", fields);
    }
}
