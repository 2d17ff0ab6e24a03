//! What a client says of itself: `claims.jsonl`.

use serde::{Deserialize, Serialize};

/// The totals a client kept for one cell, as it would put them on its own books.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// Which cell of deadheat's own engine the totals are of.
    pub cell: u16,
    /// Which of several processes they are of, from 0; `None` if there was but one, or if they are what the
    /// client claims for all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process: Option<u16>,
    /// Requests it believes it made.
    pub requests: u64,
    /// Prompt tokens it believes it used.
    pub prompt_tokens: u64,
    /// Completion tokens it believes it used.
    pub completion_tokens: u64,
    /// Both.
    pub total_tokens: u64,
}
