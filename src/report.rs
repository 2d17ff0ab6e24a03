//! Renders a summary; computes nothing.

mod bench;
mod csv;
mod finding;
mod focus;
mod hdr;
mod html;
mod jobs;
mod json;
mod junit;
mod markdown;
mod stored;
mod text;

pub use bench::{Offered, llmd_report, vllm_bench};
pub use csv::csv;
pub use finding::finding;
pub use focus::focus_csv;
pub use hdr::{hdr_log, hgrm};
pub use html::{Extras, html};
pub use jobs::write_jobs;
pub use json::{calibrated_json, compared_json, error_json, json};
pub use junit::{compared_junit, junit};
pub use markdown::{compared_markdown, markdown};
pub use stored::{StoredError, stored, stored_comparison};
pub use text::{Context, calibrated, compared, render};
