//! TOML in, a checked [`crate::plan::Plan`] out, or every fault at once with file, line and what to write instead.
//!
//! A scenario goes through five steps, which all add to one list of faults: a document keeps the place of
//! every value; its shape is checked against the JSON Schema that the raw types generate; what is sound becomes
//! raw types; defaults are filled in; the plan is built.

mod build;
mod builtin;
mod checks;
mod cost;
mod document;
mod fault;
mod file;
mod fill;
mod load;
mod phases;
mod price;
mod raw;
mod render;
mod rules;
mod schema;
mod shape;
mod source;
mod strategies;
mod thresholds;
mod url;

pub use fault::{Fault, Faults};
pub use file::{Sense, read_file};
pub use load::{load, load_stored, load_whole};
pub use schema::schema;
pub use source::{MAX_SOURCE_BYTES, SourceError};

/// A commented scenario that runs as it is; what `deadheat init` writes.
pub const TEMPLATE: &str = include_str!("scenario/template.toml");
