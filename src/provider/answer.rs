//! What has arrived of an answer.

use crate::clock::ns;
use std::time::Duration;
use xxhash_rust::xxh64::Xxh64;

/// More gaps than this are not reserved in advance: a request may ask for far more than it gets.
const MOST_RESERVED: usize = 4096;

/// An answer as far as it has arrived; every decoder fills one.
///
/// Reasoning text, refusals and tool calls are no content: they move no stamp and are not in the digest.
#[derive(Clone)]
pub struct DecodedAnswer {
    /// The answer's id, the first that is not empty.
    pub id: Option<String>,
    /// Whether a finish reason has come, of whatever name.
    pub finished: bool,
    /// Usage as last reported: providers repeat it cumulatively, so it is never summed.
    pub prompt_tokens: Option<u64>,
    /// Usage as last reported.
    pub completion_tokens: Option<u64>,
    /// When the bytes with the first content of a stream arrived; `None` for an answer in one piece.
    pub first_content: Option<Duration>,
    /// Microseconds between the arrivals of successive content chunks. Each is a difference of floors, so
    /// that their sum is the floor of the whole span.
    pub gaps_us: Vec<u32>,
    last_content_us: u64,
    text: Option<Xxh64>,
}

impl std::fmt::Debug for DecodedAnswer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Answer")
            .field("id", &self.id)
            .field("finished", &self.finished)
            .field("prompt_tokens", &self.prompt_tokens)
            .field("completion_tokens", &self.completion_tokens)
            .field("first_content", &self.first_content)
            .field("gaps_us", &self.gaps_us)
            .field("text_hash", &self.text_hash())
            .finish()
    }
}

impl DecodedAnswer {
    /// Nothing yet, with room for about this many content chunks.
    #[must_use]
    pub fn new(expected_chunks: u32) -> Self {
        let room = usize::try_from(expected_chunks).map_or(MOST_RESERVED, |n| n.min(MOST_RESERVED));
        Self {
            id: None,
            finished: false,
            prompt_tokens: None,
            completion_tokens: None,
            first_content: None,
            gaps_us: Vec::with_capacity(room),
            last_content_us: 0,
            text: None,
        }
    }

    /// xxh64 of the content that arrived, seed 0, as 16 hex digits; `None` if none did.
    #[must_use]
    pub fn text_hash(&self) -> Option<String> {
        self.text.as_ref().map(|text| format!("{:016x}", text.digest()))
    }

    /// Takes one content chunk of a stream whose bytes arrived at `at`.
    pub(super) fn chunk(&mut self, text: &str, at: Duration) {
        self.whole(text);
        let Some(first) = self.first_content else {
            self.first_content = Some(at);
            return;
        };
        let since_first_us = ns(at.saturating_sub(first)) / 1000;
        let gap_us = since_first_us.saturating_sub(self.last_content_us);
        self.gaps_us.push(u32::try_from(gap_us).unwrap_or(u32::MAX));
        self.last_content_us = since_first_us;
    }

    /// Takes content without a stamp of its own.
    pub(super) fn whole(&mut self, text: &str) {
        self.text.get_or_insert_with(|| Xxh64::new(0)).update(text.as_bytes());
    }

    pub(super) fn usage(&mut self, prompt: Option<u64>, completion: Option<u64>) {
        self.prompt_tokens = prompt.or(self.prompt_tokens);
        self.completion_tokens = completion.or(self.completion_tokens);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_add_up_to_the_whole_span_however_the_stamps_fall() {
        let mut answer = DecodedAnswer::new(8);
        for at_ns in [500, 1_499, 2_498, 3_497, 4_496, 9_999_999] {
            answer.chunk("x", Duration::from_nanos(at_ns));
        }
        assert_eq!(answer.gaps_us.len(), 5);
        let sum: u64 = answer.gaps_us.iter().map(|g| u64::from(*g)).sum();
        assert_eq!(sum, (9_999_999 - 500) / 1000);
    }

    #[test]
    fn the_digest_does_not_depend_on_how_the_text_was_cut() {
        let (mut one, mut two) = (DecodedAnswer::new(0), DecodedAnswer::new(0));
        one.whole("dead heat");
        two.chunk("dead", Duration::ZERO);
        two.chunk(" heat", Duration::ZERO);
        assert_eq!(one.text_hash(), two.text_hash());
        let expected = format!("{:016x}", xxhash_rust::xxh64::xxh64(b"dead heat", 0));
        assert_eq!(one.text_hash(), Some(expected));
        assert_eq!(DecodedAnswer::new(0).text_hash(), None);
    }
}
