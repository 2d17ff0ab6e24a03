//! From a text to what is built from it.

use super::diagnostic::Diagnostics;
use super::findings::Findings;
use super::schema::schema_of;
use super::shape::Shape;
use super::source::Source;
use super::tree::{Document, Text};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;
use toml::Value as Toml;

/// Takes the path of a value that makes no sense, what is wrong with it, and what to write instead.
pub type Sense<'a> = &'a mut dyn FnMut(&[&str], String, String);

/// What is wrong with the unknown key at this path, and what to write instead, where that can be said better
/// than by the nearest known name.
pub(super) type Hint = fn(&[String]) -> Option<(String, String)>;

/// Reads a file of type `R`, and lets `build` make of it what is wanted. Unknown keys are errors.
///
/// What `build` reports counts only where the shape is right, and its result only if nothing is wrong.
///
/// # Errors
/// Everything that is wrong, each with its place and what to write instead.
pub fn read_file<R, T>(source: &Source, build: impl FnOnce(R, Sense<'_>) -> T) -> Result<T, Diagnostics>
where
    R: DeserializeOwned + JsonSchema,
{
    read(
        source,
        &[],
        &schema_of::<R>(),
        |_| None,
        |raw, findings| build(raw, &mut |path, what, help| findings.sense(path, what, help)),
    )
}

/// As [`read_file`], with `--set key=value` pairs applied before anything is checked.
///
/// A pair's value is read as TOML, and taken as a string if it is none.
///
/// # Errors
/// As [`read_file`].
pub(crate) fn read<R: DeserializeOwned, T>(
    source: &Source,
    overrides: &[(String, String)],
    schema: &Json,
    hint: Hint,
    build: impl FnOnce(R, &mut Findings<'_>) -> T,
) -> Result<T, Diagnostics> {
    let file = Text { name: source.path.display().to_string(), text: source.text.clone() };
    let mut list = Vec::new();
    let mut document = Document::parse(file, &mut list);
    if !list.is_empty() {
        // Behind broken syntax every further diagnostic would be a guess.
        return Err(Diagnostics::new(list, &document.texts, &[]));
    }
    for (key, value) in overrides {
        document.set(key, value, &mut list);
    }
    let mut findings = Findings::new(&document);
    let raw = sound::<R>(&document, schema, hint, &mut findings);
    let built = raw.map(|raw| build(raw, &mut findings));
    let hidden = findings.hidden;
    list.extend(findings.list);
    match built {
        Some(built) if list.is_empty() => Ok(built),
        _ => Err(Diagnostics::new(list, &document.texts, &hidden)),
    }
}

/// What is sound of a document, as its type; `None` only if `findings` has the reason.
fn sound<R: DeserializeOwned>(
    document: &Document,
    schema: &Json,
    hint: Hint,
    findings: &mut Findings<'_>,
) -> Option<R> {
    let mut shape = Shape { schema, hint, findings, path: Vec::new() };
    let sound = shape.check(schema, &document.root).unwrap_or_else(|| Toml::Table(toml::Table::new()));
    sound
        .try_into()
        .map_err(|error: toml::de::Error| {
            // The schema allowed what the types do not: a gap in the schema.
            findings.sense(&[], error.message().to_owned(), "see `deadheat schema`");
        })
        .ok()
}
