//! URLs whose variables have been replaced.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A URL with the value of each `${VARIABLE}` in it. The values may be secrets, so it is printed by no error
/// and no debug output, and [`ExpandedUrl::strike`] removes them from foreign text.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExpandedUrl {
    text: String,
    values: Vec<String>,
}

impl ExpandedUrl {
    /// The URL, and the values in it that came from variables.
    #[must_use]
    pub fn new(text: String, values: Vec<String>) -> Self {
        Self { text, values }
    }

    /// The URL itself, for a connection; not to be printed.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// `text` with every value of a variable struck out.
    #[must_use]
    pub fn strike(&self, text: &str) -> String {
        self.values.iter().fold(text.to_owned(), |text, value| text.replace(value, "[variable]"))
    }
}

/// A URL without variables.
impl<T: Into<String>> From<T> for ExpandedUrl {
    fn from(text: T) -> Self {
        Self { text: text.into(), values: Vec::new() }
    }
}

impl fmt::Debug for ExpandedUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ExpandedUrl(..)")
    }
}
