//! What is wrong with a file: where, what, and what to write instead.

use super::tree::{At, Text};
use crate::secret::{masked, masked_document, stars};

use serde::Serialize;
use std::ops::Range;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// The file, or `--set key` if the value came from the command line.
    pub path: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// Bytes of the text that are meant.
    pub span: Range<usize>,
    /// What is wrong.
    pub what: String,
    /// What to write instead.
    pub help: String,
}

impl Diagnostic {
    pub(super) fn new(text: &Text, span: Range<usize>, what: String, help: String) -> Self {
        let start = floor(&text.text, span.start);
        let end = floor(&text.text, span.end).max(start);
        let before = &text.text[..start];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Self {
            path: text.name.clone(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            span: start..end,
            what: masked(&what),
            help: masked(&help),
        }
    }
}

/// The nearest character boundary at or before `index`.
fn floor(text: &str, index: usize) -> usize {
    let mut index = index.min(text.len());
    while !text.is_char_boundary(index) {
        index -= 1;
    }
    index
}

/// Everything that is wrong with a file, in the order of the file; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostics {
    list: Vec<Diagnostic>,
    /// The line of each, with secrets masked, and where the line begins in its text.
    lines: Vec<(String, usize)>,
}

impl Diagnostics {
    /// `hidden` are values that are not shown, beside those that look like secrets.
    pub(super) fn new(mut list: Vec<Diagnostic>, texts: &[Text], hidden: &[At]) -> Self {
        let index = |one: &Diagnostic| texts.iter().position(|text| text.name == one.path);
        list.sort_by_cached_key(|one| (index(one), one.span.start));
        list.dedup();
        let masked = |(n, text): (usize, &Text)| {
            let spans: Vec<_> = hidden.iter().filter(|at| at.text == n).map(|at| at.span.clone()).collect();
            stars(&masked_document(&text.name, &text.text), &spans)
        };
        let masked: Vec<String> = texts.iter().enumerate().map(masked).collect();
        let lines =
            list.iter().map(|one| index(one).map_or_else(Default::default, |i| line(&masked[i], one)));
        Self { lines: lines.collect(), list }
    }

    /// All of them, in the order of the file.
    #[must_use]
    pub fn list(&self) -> &[Diagnostic] {
        &self.list
    }

    /// All of them as a JSON array, for programs.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::json!(self.list)
    }

    /// Each with its line and where that line begins.
    pub(super) fn with_lines(&self) -> impl Iterator<Item = (&Diagnostic, &(String, usize))> {
        self.list.iter().zip(&self.lines)
    }
}

/// The line in which one begins, and where it begins.
fn line(text: &str, one: &Diagnostic) -> (String, usize) {
    let start = floor(text, one.span.start);
    let begin = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
    let end = text[start..].find(['\n', '\r']).map_or(text.len(), |newline| start + newline);
    (text[begin..end].to_owned(), begin)
}

impl std::fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, Diagnostic { path, line, column, what, help, .. }) in self.list.iter().enumerate() {
            let newline = if index > 0 { "\n" } else { "" };
            write!(f, "{newline}{path}:{line}:{column}: {what}: {help}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Diagnostics {}
