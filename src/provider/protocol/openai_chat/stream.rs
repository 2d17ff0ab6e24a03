//! Decodes the event stream of an answer.

use super::json::{Completion, describe};
use crate::history::ErrorClass;
use crate::provider::sse::{Decoder, SseEvent};
use crate::provider::{DecodedAnswer, Fault, StreamDecoder};
use std::time::Duration;

/// The decoder of a chat-completions stream.
///
/// An answer is complete when `[DONE]` has arrived after a finish reason. Some compatible servers end a
/// stream without `[DONE]`: it is complete only if the finish reason and the usage that was asked for have
/// arrived and no event is unterminated; otherwise it is cut.
///
/// Unknown events, fields and finish reasons are ignored. So is data that begins with a colon: some gateways
/// send such a comment behind `data:` as a keep-alive.
#[derive(Debug)]
pub struct ChatStream {
    sse: Decoder,
    state: State,
}

#[derive(Debug)]
struct State {
    answer: DecodedAnswer,
    terminated: bool,
    has_usage: bool,
    fault: Option<Fault>,
}

impl ChatStream {
    /// A decoder for one answer, with room for about `expected_chunks` chunks of content.
    #[must_use]
    pub fn new(expected_chunks: u32) -> Self {
        let answer = DecodedAnswer::new(expected_chunks);
        let state = State { answer, terminated: false, has_usage: false, fault: None };
        Self { sse: Decoder::default(), state }
    }
}

impl StreamDecoder for ChatStream {
    fn push(&mut self, bytes: &[u8], at: Duration) {
        let Self { sse, state } = self;
        if state.is_over() {
            return;
        }
        if let Err(error) = sse.push(bytes, |event| state.event(&event, at)) {
            // What came before the overlong event counts, also if it was the end.
            if !state.is_over() {
                state.fail(ErrorClass::MalformedStream, error.to_string());
            }
        }
    }

    fn is_over(&self) -> bool {
        self.state.is_over()
    }

    fn finish(self: Box<Self>) -> (DecodedAnswer, Result<(), Fault>) {
        let truncated = self.sse.is_truncated();
        let State { answer, terminated, has_usage, fault } = self.state;
        let result = match (fault, terminated, answer.finished) {
            (Some(fault), ..) => Err(fault),
            (None, true, true) => Ok(()),
            (None, true, false) => {
                Err(Fault::new(ErrorClass::EarlyStop, "the stream ended with [DONE] but no finish reason"))
            }
            (None, false, true) if has_usage && !truncated => Ok(()),
            (None, false, _) => {
                let place = if truncated { "inside an event" } else { "between events" };
                let message = format!("the stream ended without [DONE], {place}");
                Err(Fault::new(ErrorClass::CutStream, message))
            }
        };
        (answer, result)
    }

    fn into_answer(self: Box<Self>) -> DecodedAnswer {
        self.state.answer
    }
}

impl State {
    fn is_over(&self) -> bool {
        self.terminated || self.fault.is_some()
    }

    fn fail(&mut self, class: ErrorClass, message: impl Into<String>) {
        self.fault = Some(Fault::new(class, message));
    }

    fn event(&mut self, event: &SseEvent<'_>, at: Duration) {
        let data = event.data.trim();
        if self.is_over() || data.is_empty() || data.starts_with(':') {
            return;
        }
        if data == "[DONE]" {
            self.terminated = true;
            return;
        }
        let chunk = match serde_json::from_str::<Completion<'_>>(data) {
            _ if event.name == "error" => return self.error_event(data),
            Ok(chunk) => chunk,
            // A named event that is not of this API may carry anything.
            Err(_) if !matches!(&*event.name, "" | "message") => return,
            Err(error) => {
                let message = format!("a chunk is not what the API promises ({error}): {data}");
                return self.fail(ErrorClass::MalformedStream, message);
            }
        };
        self.chunk(chunk, at);
    }

    /// `event: error`, whose data may be the error itself or hold it.
    fn error_event(&mut self, data: &str) {
        let message = match serde_json::from_str::<serde_json::Value>(data) {
            Ok(json) => describe(json.get("error").unwrap_or(&json)),
            Err(_) => data.to_owned(),
        };
        self.fail(ErrorClass::ErrorEvent, message);
    }

    fn chunk(&mut self, chunk: Completion<'_>, at: Duration) {
        let answer = &mut self.answer;
        if answer.id.is_none() {
            answer.id = chunk.id.filter(|id| !id.0.is_empty()).map(|id| id.0.into_owned());
        }
        if let Some(usage) = chunk.usage {
            self.has_usage = true;
            answer.usage(usage.prompt_tokens, usage.completion_tokens);
        }
        if let Some(choice) = chunk.choices.and_then(|choices| choices.0) {
            let content = choice.delta.and_then(|delta| delta.content);
            if let Some(text) = content.filter(|text| !text.0.is_empty()) {
                answer.chunk(&text.0, at);
            }
            match choice.finish_reason {
                Some(reason) if reason.0 == "error" && chunk.error.is_none() => {
                    return self.fail(ErrorClass::ErrorEvent, "the finish reason is \"error\"");
                }
                reason => answer.finished |= reason.is_some(),
            }
        }
        if let Some(error) = chunk.error {
            self.fail(ErrorClass::ErrorEvent, describe(&error));
        }
    }
}
