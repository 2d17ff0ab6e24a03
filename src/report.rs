//! Renders a summary; computes nothing.

mod focus;
mod html;
mod json;
mod stored;
mod text;

pub use focus::focus_csv;
pub use html::{Extras, html};
pub use json::{error_json, json};
pub use stored::{StoredError, stored};
pub use text::{Context, render};
