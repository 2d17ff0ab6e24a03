//! What all line files have in common: a header line with the run's identity, and an end mark that says how
//! many lines came between. A file without its end mark was cut.

use super::{Backlog, Meta};
use serde::{Deserialize, Serialize};

/// The version of the line files that this build writes and reads.
pub(super) const VERSION: u32 = 2;

/// One kind of line file.
#[derive(Debug, Clone, Copy)]
pub(super) struct FileKind {
    /// What the header calls it.
    pub(super) kind: &'static str,
    /// Its name in a run's directory.
    pub(super) name: &'static str,
}

/// The client's record.
pub(super) const HISTORY: FileKind = FileKind { kind: "history", name: "history.jsonl.zst" };
/// The provider's record.
pub(super) const LEDGER: FileKind = FileKind { kind: "ledger", name: "ledger.jsonl.zst" };
/// The client's totals.
pub(super) const CLAIMS: FileKind = FileKind { kind: "claims", name: "claims.jsonl" };

impl FileKind {
    /// The first line, with its line feed.
    pub(super) fn header_line(self, run: &str) -> String {
        format!("{{\"file\":\"{}\",\"version\":{VERSION},\"run\":\"{run}\"}}\n", self.kind)
    }
}

/// The first line of a file, as read.
#[derive(Debug, Deserialize)]
pub(super) struct Header {
    pub(super) file: String,
    pub(super) version: u64,
    /// The run that wrote the file; version 1 has none.
    pub(super) run: Option<String>,
}

/// How the last line begins; no other line does.
pub(super) const END_PREFIX: &[u8] = b"{\"end-of-file\":";

/// The last line of a file.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct EndLine {
    #[serde(rename = "end-of-file")]
    pub(super) end: EndMark,
}

/// What the last line says.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct EndMark {
    /// Lines between the header and this one.
    pub(super) lines: u64,
    /// Facts of the run, in a history.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) meta: Option<Meta>,
    /// How far the writer fell behind, of a history or a ledger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) backlog: Option<Backlog>,
}
