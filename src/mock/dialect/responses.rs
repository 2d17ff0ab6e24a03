//! OpenAI's Responses, as the provider writes them. Pinned by `tests/fixtures/wire/openai-responses-*`.

use crate::mock::wire::{Named, quoted};

/// What one answer's parts repeat.
#[derive(Debug, Clone)]
struct Part {
    nonce: String,
    created: u64,
    model: String,
    prompt: u64,
}

impl Part {
    fn new(named: Named<'_>, prompt: u64) -> Self {
        let (nonce, model) = (named.nonce.to_owned(), quoted(named.model));
        Self { nonce, created: named.created, model, prompt }
    }

    /// The message, in this state of it.
    fn item(&self, status: &str, content: &str) -> String {
        let nonce = &self.nonce;
        format!(
            "{{\"id\":\"msg_{nonce}\",\"type\":\"message\",\"status\":\"{status}\",\"role\":\"assistant\",\
             \"content\":[{content}]}}"
        )
    }

    /// The response, in this state of it.
    fn response(&self, status: &str, output: &str, usage: Option<u64>) -> String {
        let Self { nonce, created, model, prompt } = self;
        let details = match status {
            "incomplete" => "{\"reason\":\"max_output_tokens\"}",
            _ => "null",
        };
        let usage = usage.map_or_else(
            || "null".to_owned(),
            |tokens| {
                format!(
                    "{{\"input_tokens\":{prompt},\"input_tokens_details\":{{\"cached_tokens\":0}},\
                 \"output_tokens\":{tokens},\
                 \"output_tokens_details\":{{\"reasoning_tokens\":0}},\"total_tokens\":{}}}",
                    prompt + tokens
                )
            },
        );
        format!(
            "{{\"id\":\"resp_{nonce}\",\"object\":\"response\",\"created_at\":{created},\
             \"status\":\"{status}\",\"error\":null,\
             \"incomplete_details\":{details},\"instructions\":null,\"metadata\":{{}},\"model\":{model},\
             \"output\":[{output}],\
             \"parallel_tool_calls\":true,\"temperature\":1.0,\"tool_choice\":\"auto\",\"tools\":[],\
             \"top_p\":1.0,\"usage\":{usage}}}"
        )
    }
}

/// What becomes of an answer that ends for this reason.
fn status(finish: &str) -> &'static str {
    if finish == "length" { "incomplete" } else { "completed" }
}

/// `text` needs no escape.
fn output_text(text: &str) -> String {
    format!("{{\"type\":\"output_text\",\"text\":\"{text}\",\"annotations\":[],\"logprobs\":[]}}")
}

/// A whole answer, not streamed. `text` needs no escape.
pub(super) fn response(named: Named<'_>, text: &[u8], finish: &str, prompt: u64, tokens: u64) -> Vec<u8> {
    let part = Part::new(named, prompt);
    let output = part.item(status(finish), &output_text(&String::from_utf8_lossy(text)));
    part.response(status(finish), &output, Some(tokens)).into_bytes()
}

/// The events of one streamed answer, numbered without a gap.
#[derive(Debug, Clone)]
pub(in crate::mock) struct Events {
    part: Part,
    number: u64,
    text: Vec<u8>,
}

impl Events {
    pub(super) fn new(named: Named<'_>, prompt: u64) -> Self {
        Self { part: Part::new(named, prompt), number: 0, text: Vec::new() }
    }

    fn event(&mut self, out: &mut Vec<u8>, name: &str, rest: &str) {
        let number = self.number;
        self.number += 1;
        let data =
            format!("event: {name}\ndata: {{\"type\":\"{name}\",\"sequence_number\":{number},{rest}}}\n\n");
        out.extend_from_slice(data.as_bytes());
    }

    /// Where in the answer a text stands.
    fn place(&self) -> String {
        format!("\"item_id\":\"msg_{}\",\"output_index\":0,\"content_index\":0", self.part.nonce)
    }

    pub(super) fn begin(&mut self, out: &mut Vec<u8>) {
        let response = format!("\"response\":{}", self.part.response("in_progress", "", None));
        self.event(out, "response.created", &response);
        self.event(out, "response.in_progress", &response);
        let item = self.part.item("in_progress", "");
        self.event(out, "response.output_item.added", &format!("\"output_index\":0,\"item\":{item}"));
        let part = format!("{},\"part\":{}", self.place(), output_text(""));
        self.event(out, "response.content_part.added", &part);
    }

    /// A chunk of no token is one that is cut: it is no part of the text.
    pub(super) fn content(&mut self, out: &mut Vec<u8>, tokens: u64, write: impl FnOnce(&mut Vec<u8>)) {
        let (name, place, number) = ("response.output_text.delta", self.place(), self.number);
        self.number += 1;
        let head = format!(
            "event: {name}\ndata: \
             {{\"type\":\"{name}\",\"sequence_number\":{number},{place},\"logprobs\":[],\"delta\":\""
        );
        out.extend_from_slice(head.as_bytes());
        let at = out.len();
        write(out);
        if tokens > 0 {
            self.text.extend_from_slice(&out[at..]);
        }
        out.extend_from_slice(b"\"}\n\n");
    }

    pub(super) fn finish(&mut self, out: &mut Vec<u8>, finish: &str, tokens: impl Iterator<Item = u64>) {
        let text = String::from_utf8_lossy(&self.text).into_owned();
        let done = format!("{},\"text\":\"{text}\",\"logprobs\":[]", self.place());
        self.event(out, "response.output_text.done", &done);
        let part = format!("{},\"part\":{}", self.place(), output_text(&text));
        self.event(out, "response.content_part.done", &part);
        let status = status(finish);
        let item = self.part.item(status, &output_text(&text));
        self.event(out, "response.output_item.done", &format!("\"output_index\":0,\"item\":{item}"));
        let response = self.part.response(status, &item, tokens.last());
        self.event(out, &format!("response.{status}"), &format!("\"response\":{response}"));
    }

    pub(super) fn error(&mut self, out: &mut Vec<u8>) {
        let message = quoted("The server had an error while processing your request. Sorry about that!");
        self.event(out, "error", &format!("\"code\":\"server_error\",\"message\":{message},\"param\":null"));
    }
}
