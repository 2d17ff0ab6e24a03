//! TOML in, a checked [`Plan`] out, or every fault at once with file, line and what to write instead.

mod plan;

pub use plan::*;
