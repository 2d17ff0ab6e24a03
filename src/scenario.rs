//! TOML in, a checked [`crate::plan::Plan`] out, or everything that is wrong with it at once with file, line
//! and what to write instead.
//!
//! [`crate::document`] makes raw types of what is sound in the text; here defaults are filled in, and the
//! plan is built.

mod build;
mod builtin;
mod cost;
mod fill;
mod load;
mod phases;
mod price;
mod raw;
mod rules;
mod schema;
mod strategies;
mod thresholds;
mod url;

pub use load::{load, load_stored, load_whole};
pub use schema::schema;

/// A commented scenario that runs as it is; what `deadheat init` writes.
pub const TEMPLATE: &str = include_str!("scenario/template.toml");
