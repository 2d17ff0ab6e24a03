//! What is wrong with a scenario: where, what, and what to write instead.

use super::document::Text;
use crate::secret::{masked, masked_document};

use serde::Serialize;
use std::ops::Range;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
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

impl Fault {
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

/// Everything that is wrong with a scenario, in the order of the file; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Faults {
    list: Vec<Fault>,
    #[cfg_attr(loom, allow(dead_code, reason = "only the renderer reads it"))]
    /// The line of each fault, with secrets masked, and where the line begins in its text.
    lines: Vec<(String, usize)>,
}

impl Faults {
    pub(super) fn new(mut list: Vec<Fault>, texts: &[Text]) -> Self {
        let index = |fault: &Fault| texts.iter().position(|text| text.name == fault.path);
        list.sort_by_cached_key(|fault| (index(fault), fault.span.start));
        list.dedup();
        let masked: Vec<String> = texts.iter().map(|text| masked_document(&text.name, &text.text)).collect();
        let lines =
            list.iter().map(|fault| index(fault).map_or_else(Default::default, |i| line(&masked[i], fault)));
        Self { lines: lines.collect(), list }
    }

    /// The faults, in the order of the file.
    #[must_use]
    pub fn list(&self) -> &[Fault] {
        &self.list
    }

    /// The faults as a JSON array, for programs.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::json!(self.list)
    }

    /// Each fault with its line and where that line begins.
    #[cfg(not(loom))]
    pub(super) fn with_lines(&self) -> impl Iterator<Item = (&Fault, &(String, usize))> {
        self.list.iter().zip(&self.lines)
    }
}

/// The line in which a fault begins, and where it begins.
fn line(text: &str, fault: &Fault) -> (String, usize) {
    let start = floor(text, fault.span.start);
    let begin = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
    let end = text[start..].find(['\n', '\r']).map_or(text.len(), |newline| start + newline);
    (text[begin..end].to_owned(), begin)
}

impl std::fmt::Display for Faults {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, Fault { path, line, column, what, help, .. }) in self.list.iter().enumerate() {
            let newline = if index > 0 { "\n" } else { "" };
            write!(f, "{newline}{path}:{line}:{column}: {what}: {help}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}
