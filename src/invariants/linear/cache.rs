//! Where a search has been: sets of operations and the state that they led to, whole, so that no two are taken
//! for one.

use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hash, Hasher};

/// A set of small numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Bits {
    first: u64,
    rest: Box<[u64]>,
}

/// A set of numbers that changes, and remembers up to where it is full.
#[derive(Debug, Default)]
pub(super) struct Taken {
    words: Vec<u64>,
}

impl Taken {
    pub(super) fn with_room_for(count: usize) -> Self {
        Self { words: vec![0; count / 64 + 2] }
    }

    pub(super) fn has(&self, number: u32) -> bool {
        self.words[number as usize / 64] >> (number % 64) & 1 == 1
    }

    pub(super) fn put(&mut self, number: u32) {
        self.words[number as usize / 64] |= 1 << (number % 64);
    }

    pub(super) fn remove(&mut self, number: u32) {
        self.words[number as usize / 64] &= !(1 << (number % 64));
    }

    /// Which of the numbers from `low` to below `high` are in it, the first one as 0. None may be above.
    pub(super) fn between(&self, low: u32, high: u32) -> Bits {
        let (at, shift) = (low as usize / 64, low % 64);
        let word = |n: usize| {
            let upper = self.words.get(at + n + 1).copied().unwrap_or(0);
            let lower = self.words.get(at + n).copied().unwrap_or(0);
            lower >> shift | upper.checked_shl(64 - shift).unwrap_or(0)
        };
        let more = (high.saturating_sub(low) as usize).div_ceil(64).saturating_sub(1);
        Bits { first: word(0), rest: (1..=more).map(word).collect() }
    }
}

/// A place of a search. Of the operations that were answered, all below `low` were taken, and `window` of
/// those from there on; few histories have many at once. Of those that were not, `open`.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Place<S> {
    pub(super) low: u32,
    pub(super) window: Bits,
    pub(super) open: Bits,
    pub(super) state: S,
}

/// Where a search has been.
pub(super) type Seen<S> = HashSet<Place<S>, BuildHasherDefault<Mixer>>;

/// Mixes words by multiplying and folding. A collision costs a comparison and nothing else.
#[derive(Debug, Default)]
pub(super) struct Mixer(u64);

impl Hasher for Mixer {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.write_u64(u64::from_le_bytes(word));
        }
    }

    fn write_u32(&mut self, word: u32) {
        self.write_u64(word.into());
    }

    fn write_u64(&mut self, word: u64) {
        let product = u128::from(self.0 ^ word ^ 0x9e37_79b9_7f4a_7c15) * 0xd6e8_feb8_6659_fd93;
        let [low, high] = [product as u64, (product >> 64) as u64];
        self.0 = low ^ high;
    }

    fn write_i64(&mut self, word: i64) {
        self.write_u64(word.cast_unsigned());
    }

    fn write_usize(&mut self, word: usize) {
        self.write_u64(word as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_the_same_wherever_it_begins() {
        for low in [0, 1, 63, 64, 65, 130] {
            let mut taken = Taken::with_room_for(400);
            let numbers = [2, 3, 62, 63, 64, 130, 191];
            for number in numbers {
                taken.put(low + number);
            }
            assert!(numbers.iter().all(|number| taken.has(low + number)) && !taken.has(low + 1));
            let part = taken.between(low, low + 192);
            assert_eq!(part.first, 1 << 2 | 1 << 3 | 1 << 62 | 1 << 63, "from {low}");
            assert_eq!(*part.rest, [1, 1 << 2 | 1 << 63], "from {low}");
            for number in numbers {
                taken.remove(low + number);
            }
            assert_eq!(taken.between(low, low), Bits::default());
        }
    }
}
