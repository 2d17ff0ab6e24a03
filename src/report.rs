//! Renders a summary; computes nothing.

mod focus;
mod json;
mod stored;
mod text;

pub use focus::focus_csv;
pub use json::{calibrated_json, compared_json, error_json, json};
pub use stored::{StoredError, stored};
pub use text::{Context, calibrated, compared, render};
