//! The request's body.

use crate::history::JobId;
use std::fmt::Write;

/// Words of the prompt after the tag. Plain ASCII: they stand in JSON unescaped.
const WORDS: [&str; 16] = [
    "amber", "basin", "cedar", "delta", "ember", "fjord", "glade", "haven", "inlet", "juniper", "knoll",
    "lagoon", "meadow", "north", "orchard", "prairie",
];

/// What all request bodies of one endpoint have in common.
#[derive(Debug, Clone)]
pub(super) struct Body {
    prefix: String,
    suffix: &'static str,
}

impl Body {
    /// Bodies that ask `model` for streamed or whole answers. A stream is asked to report its usage.
    pub(super) fn new(model: &str, stream: bool) -> Self {
        let model = serde_json::Value::from(model);
        let prefix = format!(r#"{{"model":{model},"messages":[{{"role":"user","content":""#);
        let suffix = if stream {
            r#","stream":true,"stream_options":{"include_usage":true}}"#
        } else {
            r#","stream":false}"#
        };
        Self { prefix, suffix }
    }

    /// The body for a job: a prompt of exactly `prompt_tokens` words (one at the least), the first of
    /// which is the job's tag. It depends on nothing else, so that every attempt of a job sends the
    /// same bytes.
    pub(super) fn render(&self, job: JobId, prompt_tokens: u32, output_tokens: u32) -> Vec<u8> {
        let words = usize::try_from(prompt_tokens).unwrap_or(usize::MAX).max(1);
        let room = self.prefix.len() + words.saturating_mul(8).min(1 << 20) + 128;
        let mut text = String::with_capacity(room);
        text.push_str(&self.prefix);
        // Writing to a String cannot fail.
        let _ = write!(text, "[{job}]");
        let start = usize::try_from(job.index % 16).unwrap_or(0);
        for word in WORDS.iter().cycle().skip(start).take(words - 1) {
            text.push(' ');
            text.push_str(word);
        }
        let _ = write!(text, r#""}}],"max_tokens":{output_tokens}"#);
        text.push_str(self.suffix);
        text.into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prompt_has_exactly_the_words_asked_for_and_the_tag_first() {
        let body = Body::new("a \"quoted\" model", true);
        for (index, tokens) in [(0, 0), (7, 1), (42, 2), (99_999, 120)] {
            let job = JobId { cell: 3, index };
            let json: serde_json::Value =
                serde_json::from_slice(&body.render(job, tokens, 50)).expect("JSON");
            let prompt = json["messages"][0]["content"].as_str().expect("a prompt");
            let words: Vec<&str> = prompt.split_whitespace().collect();
            assert_eq!(words.len(), tokens.max(1) as usize);
            assert_eq!(words[0], format!("[{job}]"));
            assert_eq!(json["model"], "a \"quoted\" model");
            assert_eq!(json["max_tokens"], 50);
            assert_eq!(json["stream_options"]["include_usage"], true);
            assert!(json.get("temperature").is_none());
        }
    }

    #[test]
    fn a_whole_answer_asks_for_no_stream() {
        let body = Body::new("m", false).render(JobId { cell: 0, index: 1 }, 3, 5);
        let json: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
        assert_eq!(json["stream"], false);
        assert!(json.get("stream_options").is_none());
    }
}
