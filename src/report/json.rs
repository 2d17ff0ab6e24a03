//! `summary.json`, and errors in the same dress.

use crate::history::Summary;
use serde_json::json;

/// The text of `summary.json`, with a final newline.
///
/// # Errors
/// If a figure cannot be written; no summary made by this build has one.
pub fn json(summary: &Summary) -> Result<String, serde_json::Error> {
    serde_json::to_string_pretty(summary).map(|text| text + "\n")
}

/// An error as one JSON object on a line, for `--format json`.
#[must_use]
pub fn error_json(exit_code: u8, message: &str) -> String {
    json!({ "error": { "exit_code": exit_code, "message": message } }).to_string() + "\n"
}
