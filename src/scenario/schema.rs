//! The JSON Schema of the scenario file, generated from the raw types.

use super::raw;
use crate::document::schema_of;
use serde_json::Value;
use std::sync::LazyLock;

/// The schema; the shape of every scenario is checked against this very value.
pub(super) static SCHEMA: LazyLock<Value> = LazyLock::new(schema_of::<raw::Scenario>);

/// The JSON Schema (2020-12) of the scenario file, as indented JSON with a final newline.
#[must_use]
pub fn schema() -> String {
    format!("{:#}\n", *SCHEMA)
}
