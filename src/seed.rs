//! Seeded randomness: one seed gives every room its own independent stream.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use xxhash_rust::xxh64::xxh64;

/// The random stream named `room`, item `n`, of the run with this `seed`.
///
/// Streams depend on nothing but these three, so the order in which rooms, threads or jobs draw can
/// never change a result. ChaCha8 is specified, so a seed survives an upgrade of the crate.
#[must_use]
pub fn stream(seed: u64, room: &str, n: u64) -> ChaCha8Rng {
    let mut key = [0u8; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    key[8..16].copy_from_slice(&xxh64(room.as_bytes(), 0).to_le_bytes());
    key[16..24].copy_from_slice(&n.to_le_bytes());
    ChaCha8Rng::from_seed(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::RngCore;

    #[test]
    fn equal_names_give_equal_streams_and_any_difference_gives_another() {
        let first = |seed, room, n| stream(seed, room, n).next_u64();
        assert_eq!(first(1, "a", 0), first(1, "a", 0));
        assert_ne!(first(1, "a", 0), first(2, "a", 0));
        assert_ne!(first(1, "a", 0), first(1, "b", 0));
        assert_ne!(first(1, "a", 0), first(1, "a", 1));
    }
}
