//! A valid value for a schema, to stand where a needed one is missing or wrong. No plan is built from it.

use crate::units::text;
use serde_json::Value as Json;
use toml::Value as Toml;

/// Some value that the schema allows.
pub(super) fn stand_in(schema: &Json, root: &Json) -> Toml {
    let schema = match schema["$ref"].as_str().and_then(|path| path.strip_prefix("#/$defs/")) {
        Some(name) => &root["$defs"][name],
        None => schema,
    };
    if let Some(first) = schema["oneOf"].as_array().and_then(|choices| choices.first()) {
        return stand_in(first, root);
    }
    if let Some(word) = schema["const"].as_str().or(schema["enum"][0].as_str()) {
        return Toml::String(word.to_owned());
    }
    match schema["type"].as_str() {
        Some("integer") => {
            Toml::Integer(schema["const"].as_i64().or(schema["minimum"].as_i64()).unwrap_or(1))
        }
        Some("number") => Toml::Float(schema["maximum"].as_f64().unwrap_or(1.0).min(1.0)),
        Some("boolean") => Toml::Boolean(false),
        Some("array") => {
            let least = schema["minItems"].as_u64().unwrap_or(0);
            Toml::Array((0..least).map(|_| stand_in(&schema["items"], root)).collect())
        }
        Some("object") => {
            let required = schema["required"].as_array().into_iter().flatten().filter_map(Json::as_str);
            let entry = |key: &str| (key.to_owned(), stand_in(&schema["properties"][key], root));
            Toml::Table(required.map(entry).collect())
        }
        _ => Toml::String(
            match schema["format"].as_str().unwrap_or_default() {
                text::DURATION | text::POSITIVE_DURATION => "1s",
                text::MONEY => "1.00 USD",
                text::NAME => "unnamed",
                _ => "",
            }
            .to_owned(),
        ),
    }
}
