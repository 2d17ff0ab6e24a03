//! What a schema expects, in words.

use crate::units::text;
use serde_json::Value as Json;

/// The words that a schema of a closed list allows; `None` if it is no such list.
pub(super) fn variants(schema: &Json) -> Option<Vec<&str>> {
    fn of(schema: &Json) -> Vec<&str> {
        let listed = schema["enum"].as_array().into_iter().flatten().filter_map(Json::as_str);
        listed.chain(schema["const"].as_str()).collect()
    }
    let mut words = of(schema);
    words.extend(schema["oneOf"].as_array().into_iter().flatten().flat_map(of));
    (!words.is_empty()).then_some(words)
}

/// What to write for a schema: `an integer from 1 to 10`, `one of "queue", "drop"`.
pub(super) fn describe(schema: &Json, root: &Json) -> String {
    let schema = match schema["$ref"].as_str().and_then(|path| path.strip_prefix("#/$defs/")) {
        Some(name) => &root["$defs"][name],
        None => schema,
    };
    if let Some(choices) = schema["oneOf"].as_array() {
        return either(schema, choices, root);
    }
    if let Some(words) = variants(schema) {
        return list(&words);
    }
    match (schema["type"].as_str().unwrap_or_default(), schema["format"].as_str().unwrap_or_default()) {
        ("string", text::DURATION | text::POSITIVE_DURATION) => {
            "a duration with a unit as a string, such as \"250ms\", \"1.5s\" or \"2m\"".to_owned()
        }
        ("string", text::MONEY) => "an amount with its currency as a string, such as \"0.50 USD\"".to_owned(),
        ("string", text::URL) => "a URL as a string, such as \"https://llm.example.com/v1\"".to_owned(),
        ("string", _) => "a string in quotes".to_owned(),
        ("integer", _) => match (schema["minimum"].as_i64(), schema["maximum"].as_i64()) {
            _ if schema["const"].is_i64() => format!("the number {}", schema["const"]),
            (Some(least), Some(most)) => format!("an integer from {least} to {most}"),
            (Some(least), None) => format!("an integer of at least {least}"),
            _ => "an integer".to_owned(),
        },
        ("number", _) => match (schema["minimum"].as_f64(), schema["maximum"].as_f64()) {
            (Some(least), Some(most)) => format!("a number from {least} to {most}"),
            _ => "a number".to_owned(),
        },
        ("boolean", _) => "true or false, without quotes".to_owned(),
        ("array", _) => format!("an array, each value {}", describe(&schema["items"], root)),
        _ => "a table".to_owned(),
    }
}

fn either(schema: &Json, choices: &[Json], root: &Json) -> String {
    let mut parts: Vec<String> = Vec::new();
    parts.extend(variants(schema).map(|words| list(&words)));
    let tables = choices.iter().filter(|one| one["type"] == "object");
    let names: Vec<&str> = tables
        .filter_map(|one| one["properties"].as_object())
        .flat_map(|p| p.keys().map(String::as_str))
        .collect();
    parts.extend(
        choices
            .iter()
            .filter(|one| one["type"] != "object" && variants(one).is_none())
            .map(|one| describe(one, root)),
    );
    match names.as_slice() {
        [] => {}
        [only] => parts.push(format!("a table with `{only}`")),
        _ => parts.push(format!("a table with one of `{}`", names.join("`, `"))),
    }
    parts.join(", or ")
}

fn list(words: &[&str]) -> String {
    match words {
        [only] => format!("\"{only}\""),
        _ => format!("one of \"{}\"", words.join("\", \"")),
    }
}

/// The nearest known name, or all of them.
pub(crate) fn nearest(name: &str, known: &[&str]) -> String {
    match close(name, known) {
        Some(best) => format!("did you mean `{best}`?"),
        None if known.is_empty() => "leave it out: nothing can stand here".to_owned(),
        None => format!("leave it out, or write one of {}", known.join(", ")),
    }
}

/// The known name that a misspelt one is likely to mean.
pub(super) fn close<'k>(name: &str, known: &[&'k str]) -> Option<&'k str> {
    let plain = |s: &str| s.to_ascii_lowercase().replace('_', "-");
    // Names of very different length are not each other's misspelling, and comparing them costs their
    // product.
    let similar = known.iter().filter(|one| one.len().abs_diff(name.len()) <= 8);
    let scored = similar.map(|one| (strsim::jaro_winkler(&plain(name), &plain(one)), *one));
    let (score, best) = scored.max_by(|a, b| a.0.total_cmp(&b.0))?;
    (score > 0.75).then_some(best)
}
