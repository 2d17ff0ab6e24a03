//! A share of an answer's tokens.

use super::Unsound;

/// The share that a file need not name.
pub(super) fn half() -> f64 {
    0.5
}

/// Checks that the setting `after` is a share.
pub(super) fn check(after: f64) -> Result<(), Unsound> {
    match (0.0..=1.0).contains(&after) {
        true => Ok(()),
        false => Err(Unsound {
            field: "after",
            what: format!("{after} is no share"),
            help: "write a number from 0 to 1",
        }),
    }
}
