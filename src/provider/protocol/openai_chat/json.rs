//! The few fields of a chunk or an answer that are read. Strings borrow from the input unless escaped;
//! unknown fields are skipped, and every field may be absent or null.

use serde::de::{Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt;

/// A newtype, because serde borrows a `Cow` only where it does not stand inside an `Option`.
#[derive(Debug, Deserialize)]
pub(super) struct Text<'a>(#[serde(borrow)] pub(super) Cow<'a, str>);

/// A chunk of a stream, an answer in one piece, or an error.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Completion<'a> {
    #[serde(borrow)]
    pub(super) id: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) choices: Option<First<'a>>,
    pub(super) usage: Option<Usage>,
    pub(super) error: Option<serde_json::Value>,
}

#[derive(Debug, Clone, Copy, Default, Deserialize, Serialize)]
#[serde(default)]
pub(super) struct Usage {
    pub(super) prompt_tokens: Option<u64>,
    pub(super) completion_tokens: Option<u64>,
}

/// The choice with index 0, picked out of `choices` without building a list; others are not asked for.
#[derive(Debug, Default)]
pub(super) struct First<'a>(pub(super) Option<Choice<'a>>);

/// One choice: `delta` in a stream, `message` in one piece.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Choice<'a> {
    pub(super) index: Option<u64>,
    #[serde(borrow)]
    pub(super) delta: Option<Message<'a>>,
    #[serde(borrow)]
    pub(super) message: Option<Message<'a>>,
    #[serde(borrow)]
    pub(super) finish_reason: Option<Text<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Message<'a> {
    #[serde(borrow)]
    pub(super) content: Option<Text<'a>>,
}

impl<'de: 'a, 'a> Deserialize<'de> for First<'a> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Choices<'a>(std::marker::PhantomData<&'a ()>);

        impl<'de: 'a, 'a> Visitor<'de> for Choices<'a> {
            type Value = First<'a>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of choices")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                while let Some(choice) = seq.next_element::<Choice<'a>>()? {
                    if choice.index.unwrap_or(0) == 0 {
                        while seq.next_element::<IgnoredAny>()?.is_some() {}
                        return Ok(First(Some(choice)));
                    }
                }
                Ok(First(None))
            }
        }

        d.deserialize_seq(Choices(std::marker::PhantomData))
    }
}

/// What an error object (or text) says, with its type and code.
pub(super) fn describe(error: &serde_json::Value) -> String {
    let part = |name: &str| match error.get(name) {
        Some(serde_json::Value::String(text)) => Some(text.clone()),
        Some(serde_json::Value::Number(number)) => Some(number.to_string()),
        _ => None,
    };
    let message = part("message").or_else(|| error.as_str().map(str::to_owned));
    // LiteLLM repeats the status as `code`; the type then says more.
    let is_number = |code: &String| code.parse::<u64>().is_ok();
    let code = part("code");
    let name = code.clone().filter(|code| !is_number(code)).or_else(|| part("type")).or(code);
    match (name, message) {
        (Some(name), Some(message)) => format!("{name}: {message}"),
        (Some(text), None) | (None, Some(text)) => text,
        (None, None) => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_content_is_borrowed_and_escaped_content_is_not() {
        let read = |text: &'static str| {
            let chunk: Completion<'static> = serde_json::from_str(text).expect("a chunk");
            chunk.choices.expect("choices").0.expect("one").delta.expect("a delta").content.expect("text").0
        };
        let plain =
            read(r#"{"choices":[{"index":1,"delta":{}},{"index":0,"delta":{"content":"ab"}},{"x":[]}]}"#);
        assert!(matches!(plain, Cow::Borrowed("ab")));
        assert!(matches!(read(r#"{"choices":[{"delta":{"content":"a\n"}}]}"#), Cow::Owned(s) if s == "a\n"));
    }
}
