//! Who holds a lock: a word that no two holders share.

use rand::RngCore;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Draws owner tokens: 128 bits each, from a ChaCha8 generator whose key the operating system drew.
///
/// Not from the run's seed, but on the model of a server: two runs with one seed, or two processes of one
/// run, would draw the same tokens and hold each other's locks. Nothing that is compared between runs depends
/// on them.
pub(super) struct Owners {
    key: [u8; 32],
    drawn: AtomicU64,
}

impl Owners {
    pub(super) fn new() -> Result<Self, getrandom::Error> {
        let mut key = [0; 32];
        getrandom::fill(&mut key)?;
        Ok(Self { key, drawn: AtomicU64::new(0) })
    }

    /// Tokens of the model of a server, where one seed must give one result: no two clients with one seed
    /// may have the same number.
    pub(super) fn seeded(seed: u64, client: u64) -> Self {
        let mut key = [0; 32];
        crate::seed::stream(seed, "lock owners", client).fill_bytes(&mut key);
        Self { key, drawn: AtomicU64::new(0) }
    }

    /// A token that was never drawn before, as 32 hexadecimal digits.
    pub(super) fn next(&self) -> String {
        let mut stream = ChaCha8Rng::from_seed(self.key);
        stream.set_stream(self.drawn.fetch_add(1, Relaxed));
        format!("{:016x}{:016x}", stream.next_u64(), stream.next_u64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn no_two_tokens_are_equal_not_even_of_two_clients() {
        let (one, other) = (Owners::new().expect("random bytes"), Owners::new().expect("random bytes"));
        let drawn: BTreeSet<String> = (0..1000).flat_map(|_| [one.next(), other.next()]).collect();
        assert_eq!(drawn.len(), 2000);
        assert!(drawn.iter().all(|token| token.len() == 32));
    }

    #[test]
    fn seeded_tokens_come_again_and_differ_between_clients() {
        let drawn = |seed, client| Owners::seeded(seed, client).next();
        assert_eq!(drawn(1, 0), drawn(1, 0));
        assert_ne!(drawn(1, 0), drawn(1, 1));
        assert_ne!(drawn(1, 0), drawn(2, 0));
    }
}
