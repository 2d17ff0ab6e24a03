//! `summary.json`, and errors in the same form. Foreign text in them reaches terminals: no control,
//! bidirectional or zero-width character is printed as it is.

use crate::compare::Noise;
use crate::summary::{Compared, Summary};
use crate::units::shown::plain_json;
use serde_json::json;

/// The text of `summary.json`, with a final newline.
///
/// # Errors
/// If a figure cannot be written; no summary made by this build has one.
pub fn json(summary: &Summary) -> Result<String, serde_json::Error> {
    serde_json::to_string_pretty(summary).map(|text| plain_json(&text) + "\n")
}

/// The text of `comparison.json`, with a final newline. Figures that are not finite are left out when it is
/// made, so it can always be written.
#[must_use]
pub fn compared_json(comparison: &Compared) -> String {
    plain_json(&serde_json::to_string_pretty(comparison).unwrap_or_default()) + "\n"
}

/// The text of `calibration.json`, with a final newline.
#[must_use]
pub fn calibrated_json(noise: &Noise) -> String {
    plain_json(&serde_json::to_string_pretty(noise).unwrap_or_default()) + "\n"
}

/// An error as one JSON object on a line, for `--format json`.
#[must_use]
pub fn error_json(exit_code: u8, message: &str) -> String {
    let error = json!({ "error": { "exit_code": exit_code, "message": message } });
    plain_json(&error.to_string()) + "\n"
}
