//! Reads TOML files of any kind: every mistake is found at once, each with its place and what to write
//! instead.
//!
//! A document keeps the place of every value. Its shape is checked against the JSON Schema that the types of
//! the file generate; what is sound becomes those types; a builder makes of them what is wanted. All steps
//! add to one list of [`Diagnostics`].

mod diagnostic;
mod file;
mod findings;
mod hidden;
mod render;
mod schema;
mod shape;
mod source;
mod tree;

pub use diagnostic::{Diagnostic, Diagnostics};
pub(crate) use file::read;
pub use file::{Sense, read_file};
pub(crate) use findings::Findings;
pub(crate) use schema::schema_of;
pub(crate) use shape::nearest;
pub use source::{MAX_SOURCE_BYTES, Source, SourceError};
