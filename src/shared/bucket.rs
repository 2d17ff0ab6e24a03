//! A token bucket that tells each caller when to go.

use crate::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// At most so many per second, with bursts.
///
/// This is the generic cell rate algorithm (ITU-T I.371, "virtual scheduling"), which admits exactly what a
/// bucket of `burst` tokens admits, filled at the rate, and is one number to keep: the moment at which the
/// bucket would be full again. One word, changed by compare-and-swap, so no two callers get one slot; and
/// because a slot is reserved rather than refused, those who must wait get a moment of their own each
/// instead of all trying again when the next token drops.
///
/// Intervals are whole nanoseconds: a rate is met to within half a nanosecond per token.
#[derive(Debug)]
pub struct RateBucket {
    interval_ns: u64,
    /// How far ahead of now the bucket may be empty and still admit: all tokens but one.
    ahead_ns: u64,
    full_at_ns: AtomicU64,
}

fn ns(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

impl RateBucket {
    /// A full bucket of `burst` tokens; a burst of 0 is one of 1.
    ///
    /// # Panics
    /// If the rate is not above zero.
    #[must_use]
    pub fn new(rate_per_s: f64, burst: u32) -> Self {
        assert!(rate_per_s > 0.0, "a bucket fills at more than 0 tokens a second, not {rate_per_s}");
        let interval_ns = ((1e9 / rate_per_s).round() as u64).max(1);
        let ahead_ns = interval_ns.saturating_mul(u64::from(burst.max(1) - 1));
        Self { interval_ns, ahead_ns, full_at_ns: AtomicU64::new(0) }
    }

    /// Tokens that fit into it.
    #[must_use]
    pub fn burst(&self) -> u32 {
        u32::try_from(self.ahead_ns / self.interval_ns + 1).unwrap_or(u32::MAX)
    }

    /// The moment at which a caller who finds the bucket as `full_at_ns` says may go.
    fn slot(&self, full_at_ns: u64, now_ns: u64) -> u64 {
        full_at_ns.saturating_sub(self.ahead_ns).max(now_ns)
    }

    fn without_one(&self, full_at_ns: u64, now_ns: u64) -> u64 {
        full_at_ns.max(now_ns).saturating_add(self.interval_ns)
    }

    /// Takes a token, perhaps one that is still to drop: the moment from which the caller may go, now or
    /// later, counted as `now` is. It cannot be given back.
    #[must_use = "the token is yours from that moment on"]
    pub fn reserve(&self, now: Duration) -> Duration {
        let now_ns = ns(now);
        let step = |full_at_ns| Some(self.without_one(full_at_ns, now_ns));
        let before = self.full_at_ns.fetch_update(Relaxed, Relaxed, step).unwrap_or_else(|same| same);
        Duration::from_nanos(self.slot(before, now_ns))
    }

    /// Takes a token if there is one now.
    ///
    /// # Errors
    /// The moment at which the next token drops; nothing was taken.
    pub fn try_take(&self, now: Duration) -> Result<(), Duration> {
        let now_ns = ns(now);
        let step = |full_at_ns| {
            (self.slot(full_at_ns, now_ns) == now_ns).then(|| self.without_one(full_at_ns, now_ns))
        };
        match self.full_at_ns.fetch_update(Relaxed, Relaxed, step) {
            Ok(_) => Ok(()),
            Err(full_at_ns) => Err(Duration::from_nanos(self.slot(full_at_ns, now_ns))),
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn a_burst_goes_at_once_and_the_rest_one_by_one() {
        let bucket = RateBucket::new(100.0, 3);
        assert_eq!(bucket.burst(), 3);
        let slots: Vec<_> = (0..6).map(|_| bucket.reserve(ms(0))).collect();
        assert_eq!(slots, [ms(0), ms(0), ms(0), ms(10), ms(20), ms(30)]);
        // What was reserved is spent: 70 ms later four tokens have dropped, of which three fit.
        let later: Vec<_> = (0..4).map(|_| bucket.reserve(ms(100))).collect();
        assert_eq!(later, [ms(100), ms(100), ms(100), ms(110)]);
    }

    #[test]
    fn a_refusal_takes_nothing_and_names_the_moment() {
        let bucket = RateBucket::new(10.0, 1);
        assert_eq!(bucket.try_take(ms(5)), Ok(()));
        assert_eq!(bucket.try_take(ms(5)), Err(ms(105)));
        assert_eq!(bucket.try_take(ms(104)), Err(ms(105)));
        assert_eq!(bucket.try_take(ms(105)), Ok(()));
    }

    #[test]
    #[should_panic(expected = "more than 0 tokens a second")]
    fn a_rate_of_zero_is_refused() {
        let _ = RateBucket::new(0.0, 1);
    }
}
