//! Bodies of OpenAI's Responses, Anthropic's Messages and Gemini's `generateContent`.

use super::{Ask, BadRequest, Message, Part, Words, missing, most, parse};
use crate::mock::dialect::Address;
use serde::Deserialize;
use std::borrow::Cow;

#[derive(Deserialize)]
struct Messages<'a> {
    #[serde(borrow)]
    model: Option<Cow<'a, str>>,
    messages: Option<Vec<Message>>,
    system: Option<Words>,
    max_tokens: Option<u64>,
    stream: Option<bool>,
}

/// Anthropic's Messages.
pub(super) fn anthropic(body: &[u8]) -> Result<Ask, BadRequest> {
    let body: Messages<'_> = parse(body)?;
    let model = body.model.filter(|m| !m.is_empty()).ok_or_else(|| missing("model"))?;
    let messages = body.messages.filter(|m| !m.is_empty()).ok_or_else(|| missing("messages"))?;
    let max_tokens = most(Some(body.max_tokens.ok_or_else(|| missing("max_tokens"))?), "max_tokens")?;
    let said = messages.iter().filter_map(|m| m.content.as_ref()).map(|words| words.0).sum::<u64>();
    Ok(Ask {
        model: model.into_owned(),
        prompt_tokens: said + body.system.map_or(0, |words| words.0),
        max_tokens,
        stream: body.stream.unwrap_or(false),
        include_usage: true,
    })
}

#[derive(Deserialize)]
struct Contents {
    contents: Option<Vec<Content>>,
    #[serde(rename = "systemInstruction", alias = "system_instruction")]
    system: Option<Content>,
    #[serde(rename = "generationConfig", alias = "generation_config")]
    config: Option<Config>,
}

#[derive(Deserialize)]
struct Content {
    parts: Option<Vec<Part>>,
}

#[derive(Deserialize)]
struct Config {
    #[serde(rename = "maxOutputTokens", alias = "max_output_tokens")]
    most: Option<u64>,
}

impl Content {
    fn words(&self) -> u64 {
        let parts = self.parts.iter().flatten();
        parts.filter_map(|part| part.text.as_ref()).map(|words| words.0).sum()
    }
}

/// Gemini's `generateContent`, whose model stands in its address.
pub(super) fn gemini(at: &Address, body: &[u8]) -> Result<Ask, BadRequest> {
    let body: Contents = parse(body)?;
    let contents = body.contents.filter(|c| !c.is_empty()).ok_or_else(|| missing("contents"))?;
    let said = contents.iter().chain(&body.system).map(Content::words).sum();
    Ok(Ask {
        model: at.model.clone().unwrap_or_default(),
        prompt_tokens: said,
        max_tokens: most(body.config.and_then(|config| config.most), "maxOutputTokens")?,
        stream: at.stream,
        include_usage: true,
    })
}

#[derive(Deserialize)]
struct Responses<'a> {
    #[serde(borrow)]
    model: Option<Cow<'a, str>>,
    input: Option<Input>,
    instructions: Option<Words>,
    #[serde(rename = "max_output_tokens")]
    most: Option<u64>,
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
            Self::Items(items) => {
                items.iter().filter_map(|item| item.content.as_ref()).map(|words| words.0).sum()
            }
        }
    }
}

/// OpenAI's Responses.
pub(super) fn responses(body: &[u8]) -> Result<Ask, BadRequest> {
    let body: Responses<'_> = parse(body)?;
    let model = body.model.filter(|m| !m.is_empty()).ok_or_else(|| missing("model"))?;
    let input = body.input.ok_or_else(|| missing("input"))?;
    Ok(Ask {
        model: model.into_owned(),
        prompt_tokens: input.words() + body.instructions.map_or(0, |words| words.0),
        max_tokens: most(body.most, "max_output_tokens")?,
        stream: body.stream.unwrap_or(false),
        include_usage: true,
    })
}
