//! What a program writes: taken as fast as it comes, cut into lines, kept within bounds.

use std::collections::VecDeque;

/// Bytes that are kept of a stream's beginning, and of its end.
const KEPT: usize = 32 * 1024;

/// Longest line that is looked at whole.
const LINE_MAX: usize = 1024 * 1024;

/// The beginning and the end of a stream.
#[derive(Debug, Clone, Default)]
pub(super) struct Captured {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    total: u64,
}

impl Captured {
    /// Takes a piece.
    pub(super) fn push(&mut self, piece: &[u8]) {
        self.total += piece.len() as u64;
        let room = KEPT - self.head.len();
        let (first, rest) = piece.split_at(piece.len().min(room));
        self.head.extend_from_slice(first);
        let rest = &rest[rest.len().saturating_sub(KEPT)..];
        let over = (self.tail.len() + rest.len()).saturating_sub(KEPT);
        self.tail.drain(..over);
        self.tail.extend(rest);
    }

    /// Bytes that were not kept.
    #[must_use]
    pub(super) fn cut(&self) -> u64 {
        self.total.saturating_sub((self.head.len() + self.tail.len()) as u64)
    }

    /// What was kept, as text, with a line that says how much is missing between.
    #[must_use]
    pub(super) fn text(&self) -> String {
        let mut text = String::from_utf8_lossy(&self.head).into_owned();
        if self.cut() > 0 {
            text += &format!("\n… {} bytes were not kept …\n", self.cut());
        }
        let (first, second) = self.tail.as_slices();
        text += &String::from_utf8_lossy(&[first, second].concat());
        text
    }
}

/// Cuts a stream into lines.
#[derive(Debug, Default)]
pub(super) struct Lines {
    open: Vec<u8>,
    /// The open line is longer than is looked at.
    long: bool,
    /// Lines that were too long.
    pub(super) cut: u64,
}

impl Lines {
    /// Takes a piece and hands out the lines that it ends.
    pub(super) fn push(&mut self, piece: &[u8], line: &mut dyn FnMut(&str)) {
        let mut rest = piece;
        while let Some(at) = rest.iter().position(|byte| *byte == b'\n') {
            self.keep(&rest[..at]);
            self.end(line);
            rest = &rest[at + 1..];
        }
        self.keep(rest);
    }

    /// Hands out what stands there without an end.
    pub(super) fn end(&mut self, line: &mut dyn FnMut(&str)) {
        if !self.open.is_empty() {
            line(String::from_utf8_lossy(&self.open).trim_end_matches('\r'));
        }
        self.open.clear();
        self.long = false;
    }

    fn keep(&mut self, piece: &[u8]) {
        let room = LINE_MAX - self.open.len();
        if piece.len() > room && !self.long {
            self.long = true;
            self.cut += 1;
        }
        self.open.extend_from_slice(&piece[..piece.len().min(room)]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_flood_is_cut_in_the_middle_and_counted() {
        let mut captured = Captured::default();
        captured.push(b"first ");
        for _ in 0..1000 {
            captured.push(&[b'x'; 1000]);
        }
        captured.push(b" last");
        let text = captured.text();
        assert!(text.starts_with("first x") && text.ends_with("x last"));
        assert_eq!(captured.cut(), 6 + 1_000_000 + 5 - 2 * KEPT as u64);
        assert!(text.len() < 3 * KEPT);
    }

    proptest! {
        #[test]
        fn lines_do_not_depend_on_the_pieces(text in "[ab\n]{0,80}", cuts in prop::collection::vec(1usize..7,
            0..40)) {
            let whole: Vec<String> = text.split('\n').filter(|line|
                !line.is_empty()).map(str::to_owned).collect();
            let (mut lines, mut seen, mut rest) = (Lines::default(), Vec::new(), text.as_bytes());
            for cut in cuts {
                let (piece, more) = rest.split_at(cut.min(rest.len()));
                lines.push(piece, &mut |line| seen.push(line.to_owned()));
                rest = more;
            }
            lines.push(rest, &mut |line| seen.push(line.to_owned()));
            lines.end(&mut |line| seen.push(line.to_owned()));
            prop_assert_eq!(seen, whole);
        }
    }
}
