//! Thresholds, the summary, the exit code.

mod exit;

pub use exit::Exit;
