//! The prices that stand in the binary: dated, with their source, row by row.

use super::{Book, BookError};

/// The name of the set of list prices.
pub const LIST: &str = "list-2026-11";

/// The name of the set of the article that started the project: its four models and four suppliers.
pub const ARTICLE: &str = "article-2026";

const FILES: [(&str, &str, &str); 7] = [
    (LIST, "openai.toml", include_str!("snapshot/openai.toml")),
    (LIST, "anthropic.toml", include_str!("snapshot/anthropic.toml")),
    (LIST, "google.toml", include_str!("snapshot/google.toml")),
    (LIST, "deepseek.toml", include_str!("snapshot/deepseek.toml")),
    (LIST, "mistral.toml", include_str!("snapshot/mistral.toml")),
    (LIST, "x-ai.toml", include_str!("snapshot/x-ai.toml")),
    (ARTICLE, "article-2026.toml", include_str!("snapshot/article-2026.toml")),
];

/// The names of the sets, the default first.
#[must_use]
pub fn snapshots() -> [&'static str; 2] {
    [LIST, ARTICLE]
}

/// A set by its name; `None` if there is none of that name.
#[must_use]
pub fn snapshot(set: &str) -> Option<Result<Book, BookError>> {
    let mut cards = Vec::new();
    for (_, file, text) in FILES.iter().filter(|(name, ..)| *name == set) {
        match Book::read(file, text) {
            Ok(book) => cards.extend_from_slice(book.cards()),
            Err(error) => return Some(Err(error)),
        }
    }
    (!cards.is_empty()).then(|| Book::new(cards))
}
