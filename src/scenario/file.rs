//! The steps that every file of deadheat's goes through: its shape is checked against its type's schema, what
//! is sound becomes that type, and all that is wrong is found at once.

use super::checks::Findings;
use super::document::{Document, Text};
use super::fault::Faults;
use super::schema::schema_of;
use super::shape::Shape;
use crate::plan::Source;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;
use toml::Value as Toml;

/// Told the path of a value that makes no sense, what is wrong with it, and what to write instead.
pub type Sense<'a> = &'a mut dyn FnMut(&[&str], String, String);

/// Reads another TOML file by the scenario's rules: unknown keys are faults, and all faults are found at once.
///
/// `R` is the file as it is written, whose schema is checked; `build` makes of it what is wanted. Its faults
/// count only where the shape is right, and its result only if there are none.
///
/// # Errors
/// Everything that is wrong, each with its place and what to write instead.
pub fn read_file<R, T>(source: &Source, build: impl FnOnce(R, Sense<'_>) -> T) -> Result<T, Faults>
where
    R: DeserializeOwned + JsonSchema,
{
    let file = Text { name: source.path.display().to_string(), text: source.text.clone() };
    let mut faults = Vec::new();
    let document = Document::parse(file, &mut faults);
    if !faults.is_empty() {
        return Err(Faults::new(faults, &document.texts));
    }
    let schema = schema_of::<R>();
    let mut findings = Findings::new(&document);
    let raw = sound::<R>(&document, &schema, &mut findings);
    let built = raw.map(|raw| build(raw, &mut |path, what, help| findings.sense(path, what, help)));
    match built {
        Some(built) if findings.faults.is_empty() => Ok(built),
        _ => Err(Faults::new(findings.faults, &document.texts)),
    }
}

/// What is sound of a document, as its type; `None` only if `findings` has the reason.
pub(super) fn sound<R: DeserializeOwned>(
    document: &Document,
    schema: &Json,
    findings: &mut Findings<'_>,
) -> Option<R> {
    let mut shape = Shape { schema, findings, path: Vec::new() };
    let sound = shape.check(schema, &document.root).unwrap_or_else(|| Toml::Table(toml::Table::new()));
    sound
        .try_into()
        .map_err(|error: toml::de::Error| {
            // The shape allowed what the types do not: a gap in the schema, but never a panic.
            findings.sense(&[], error.message().to_owned(), "see `deadheat schema`");
        })
        .ok()
}
