//! A synthetic vocabulary: exact token truth without a tokeniser.
//!
//! Prompt: one token per whitespace-separated word. Completion: token 1 is the job's tag, token 2 the
//! nonce, every further token one vocabulary word; each after the first carries a leading space. A
//! completion of a single token holds tag and nonce both.

/// Plain lower-case words, so that no text ever needs a JSON escape. Exactly 64: a power of two.
const VOCABULARY: [&str; 64] = [
    "amber", "anchor", "apple", "arrow", "aspen", "badge", "basil", "beacon", "birch", "bloom", "bridge",
    "brook", "cabin", "canyon", "cedar", "chalk", "cliff", "cloud", "clover", "copper", "coral", "crane",
    "dawn", "delta", "dune", "ember", "falcon", "fern", "field", "flint", "forest", "frost", "garden",
    "glade", "grain", "harbor", "hazel", "heron", "hollow", "island", "ivory", "jasper", "lantern", "laurel",
    "linen", "maple", "marble", "meadow", "mist", "moss", "north", "oak", "olive", "orchard", "pebble",
    "pine", "quartz", "raven", "reed", "river", "sage", "slate", "thistle", "willow",
];

/// The text of one generation, token by token.
#[derive(Debug, Clone)]
pub(super) struct Text {
    /// `[job:0042]`.
    tag: String,
    nonce: u64,
    /// Tokens in all, at least 1.
    tokens: u32,
}

impl Text {
    /// `tag` holds only characters that need no JSON escape; `arrival` sees to that.
    pub(super) fn new(job: &str, nonce: u64, tokens: u32) -> Self {
        Self { tag: format!("[{job}]"), nonce, tokens: tokens.max(1) }
    }

    pub(super) fn tokens(&self) -> u32 {
        self.tokens
    }

    /// Appends tokens `from..to`, counted from 0.
    pub(super) fn write(&self, from: u32, to: u32, out: &mut Vec<u8>) {
        for token in from..to.min(self.tokens) {
            match token {
                0 => {
                    out.extend_from_slice(self.tag.as_bytes());
                    if self.tokens == 1 {
                        self.write_nonce(out);
                    }
                }
                1 => self.write_nonce(out),
                _ => {
                    out.push(b' ');
                    out.extend_from_slice(self.word(token).as_bytes());
                }
            }
        }
    }

    fn write_nonce(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b" R-");
        for shift in (0..16).rev() {
            let digit = (self.nonce >> (shift * 4)) & 0xf;
            out.push(b"0123456789abcdef"[digit as usize]);
        }
    }

    /// Words differ from generation to generation and along a text, so that a swapped, doubled or cut
    /// text has another digest.
    fn word(&self, token: u32) -> &'static str {
        let mixed = (self.nonce ^ u64::from(token)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        VOCABULARY[(mixed >> 58) as usize]
    }
}

/// `R-` and 16 hex digits.
pub(super) fn nonce_text(nonce: u64) -> String {
    format!("R-{nonce:016x}")
}

/// Tokens of a prompt: its whitespace-separated words.
pub(super) fn prompt_tokens(text: &str) -> u64 {
    text.split_whitespace().count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(text: &Text) -> String {
        let mut out = Vec::new();
        text.write(0, text.tokens(), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_text_has_as_many_words_as_tokens_and_opens_with_tag_and_nonce() {
        for tokens in 2..40 {
            let text = whole(&Text::new("job:0042", 0xab, tokens));
            assert_eq!(prompt_tokens(&text), u64::from(tokens));
            assert!(text.starts_with("[job:0042] R-00000000000000ab"), "{text}");
        }
        assert_eq!(whole(&Text::new("job:0042", 0xab, 1)), "[job:0042] R-00000000000000ab");
    }

    #[test]
    fn pieces_add_up_to_the_whole() {
        let text = Text::new("job:0001", 7, 9);
        let mut pieces = Vec::new();
        for (from, to) in [(0, 1), (1, 4), (4, 4), (4, 9)] {
            text.write(from, to, &mut pieces);
        }
        assert_eq!(String::from_utf8(pieces).unwrap(), whole(&text));
    }

    #[test]
    fn two_generations_differ_beyond_their_nonce() {
        let tail = |nonce| whole(&Text::new("j", nonce, 20)).split_off(22);
        assert_ne!(tail(1), tail(2));
    }
}
