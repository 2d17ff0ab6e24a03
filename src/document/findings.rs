//! The one list of diagnostics that all steps add to.

use super::diagnostic::Diagnostic;
use super::hidden;
use super::tree::{At, Document};

/// What was found to be wrong so far, and where.
pub(crate) struct Findings<'d> {
    document: &'d Document,
    pub(super) list: Vec<Diagnostic>,
    /// Places whose shape is wrong: what follows from them is not reported again.
    broken: Vec<Vec<String>>,
    /// Values that are not shown.
    pub(super) hidden: Vec<At>,
}

impl<'d> Findings<'d> {
    pub(super) fn new(document: &'d Document) -> Self {
        Self { document, list: Vec::new(), broken: Vec::new(), hidden: hidden::secrets(&document.root) }
    }

    /// A value of the wrong shape.
    pub(super) fn shape(&mut self, path: &[String], what: String, help: String) {
        self.broken.push(path.to_vec());
        let at = self.document.place(path);
        self.push(&at, what, help);
    }

    /// A key that should not be there. The texts under it are not shown.
    pub(super) fn shape_key(&mut self, path: &[String], what: String, help: String) {
        self.broken.push(path.to_vec());
        self.hidden.extend(self.document.find(path).map(hidden::texts).unwrap_or_default());
        let at = self.document.key_place(path);
        self.push(&at, what, help);
    }

    /// A value that makes no sense, unless its shape is wrong at or around that place.
    pub(crate) fn sense(&mut self, path: &[&str], what: impl Into<String>, help: impl Into<String>) {
        self.sense_at(path, path, what, help);
    }

    /// As [`Self::sense`], shown at `path`, unless the shape is wrong at or around `cause`.
    pub(crate) fn sense_at(
        &mut self,
        path: &[&str],
        cause: &[&str],
        what: impl Into<String>,
        help: impl Into<String>,
    ) {
        if !self.is_broken(cause) {
            let at = self.document.place(&owned(path));
            self.push(&at, what.into(), help.into());
        }
    }

    /// As [`Self::sense`], shown at the key of `path`.
    pub(crate) fn sense_key(&mut self, path: &[&str], what: impl Into<String>, help: impl Into<String>) {
        if !self.is_broken(path) {
            let at = self.document.key_place(&owned(path));
            self.push(&at, what.into(), help.into());
        }
    }

    /// The keys of the table at `path` as the document has them, right or wrong.
    pub(crate) fn keys(&self, path: &[&str]) -> Vec<&'d str> {
        self.document.keys(&owned(path))
    }

    /// Whether the shape is wrong at or around `path`.
    pub(crate) fn is_broken(&self, path: &[&str]) -> bool {
        self.broken.iter().any(|broken| broken.iter().zip(path).all(|(a, b)| a == b))
    }

    fn push(&mut self, at: &At, what: String, help: String) {
        self.list.push(Diagnostic::new(&self.document.texts[at.text], at.span.clone(), what, help));
    }
}

fn owned(path: &[&str]) -> Vec<String> {
    path.iter().map(|part| (*part).to_owned()).collect()
}
