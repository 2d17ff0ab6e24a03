//! Reads an answer that comes in one piece.

use super::json::{Completion, describe};
use crate::history::ErrorClass;
use crate::provider::{DecodedAnswer, Fault, sse};

/// Reads the body of a 200. Blank lines before the JSON, a keep-alive of some providers, are skipped.
/// An answer without a finish reason is taken as whole: its framing shows that nothing is missing.
///
/// # Errors
/// `ErrorEvent` if it is an error in spite of its status, `MalformedStream` if it is no completion.
/// What could be read stays in `answer`.
pub fn read_unary(body: &[u8], answer: &mut DecodedAnswer) -> Result<(), Fault> {
    let malformed = |why: String| Fault::new(ErrorClass::MalformedStream, why);
    if body.trim_ascii_start().starts_with(b"<") {
        return Err(malformed("the body is an HTML page, not JSON".to_owned()));
    }
    let text = sse::text(body);
    let completion: Completion<'_> = serde_json::from_str(&text)
        .map_err(|e| malformed(format!("the body is not the JSON that the API promises ({e}): {text}")))?;
    answer.id = completion.id.filter(|id| !id.0.is_empty()).map(|id| id.0.into_owned());
    if let Some(usage) = completion.usage {
        answer.usage(usage.prompt_tokens, usage.completion_tokens);
    }
    if let Some(error) = completion.error {
        return Err(Fault::new(ErrorClass::ErrorEvent, describe(&error)));
    }
    let choice = completion.choices.and_then(|choices| choices.0);
    let choice = choice.ok_or_else(|| malformed(format!("the body has no choices: {text}")))?;
    answer.finished = choice.finish_reason.is_some();
    if let Some(content) = choice.message.and_then(|message| message.content) {
        answer.whole(&content.0);
    }
    Ok(())
}
