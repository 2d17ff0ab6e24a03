//! Token buckets on requests and tokens per minute, and the headers that tell of them.
//!
//! A bucket refills continuously at a sixtieth of its limit per second and holds one second's worth, at
//! least 1: 600 requests a minute are 10 a second with a burst of 10. A request that is larger than a
//! whole bucket is let in when the bucket is full and leaves a debt. Arithmetic is in integers, so that a
//! client which waits exactly as long as it was told is never refused for a rounding error.

use crate::plan::Limits;
use std::time::Duration;

/// One token of a bucket, in the unit of its level: refilling is then `elapsed ns × limit`, exactly.
const ONE: i128 = 60_000_000_000;

/// A token bucket.
#[derive(Debug, Clone)]
struct Bucket {
    per_minute: u64,
    /// In [`ONE`]ths, at most `capacity`; negative is a debt.
    level: i128,
    capacity: i128,
    at: Duration,
}

impl Bucket {
    fn new(per_minute: u64) -> Self {
        let capacity = i128::from(per_minute.div_ceil(60).max(1)) * ONE;
        Self { per_minute, level: capacity, capacity, at: Duration::ZERO }
    }

    fn refill(&mut self, now: Duration) {
        let elapsed = now.saturating_sub(self.at).as_nanos();
        let gain = i128::try_from(elapsed).unwrap_or(i128::MAX).saturating_mul(i128::from(self.per_minute));
        self.level = self.level.saturating_add(gain).min(self.capacity);
        self.at = self.at.max(now);
    }

    /// How long until `n` fit; zero if they do.
    fn wait(&self, n: u64) -> Duration {
        self.until((i128::from(n) * ONE).min(self.capacity))
    }

    /// How long until the level is at `goal`.
    fn until(&self, goal: i128) -> Duration {
        let missing = (goal - self.level).max(0);
        match self.per_minute {
            // A limit of nothing never has room; a day is the longest wait that is ever asked for.
            0 => Duration::from_secs(if missing > 0 { 86_400 } else { 0 }),
            rate => {
                let rate = i128::from(rate);
                let ns = (missing + rate - 1) / rate;
                Duration::from_nanos(u64::try_from(ns).unwrap_or(u64::MAX))
            }
        }
    }

    fn take(&mut self, n: u64) {
        self.level -= i128::from(n) * ONE;
    }

    fn remaining(&self) -> u64 {
        u64::try_from(self.level.max(0) / ONE).unwrap_or(u64::MAX)
    }
}

/// Why a request is over its limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OverLimit {
    /// `requests` or `tokens`.
    pub(super) what: &'static str,
    pub(super) limit: u64,
    pub(super) remaining: u64,
    pub(super) requested: u64,
    /// Until it fits.
    pub(super) wait: Duration,
}

/// Both buckets.
#[derive(Debug, Clone)]
pub(super) struct Limiter {
    requests: Option<Bucket>,
    tokens: Option<Bucket>,
}

impl Limiter {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            requests: limits.requests_per_minute.map(Bucket::new),
            tokens: limits.tokens_per_minute.map(Bucket::new),
        }
    }

    /// Takes one request of `tokens` tokens (prompt plus asked-for output) out of both buckets, or out of
    /// neither and says when it would fit.
    pub(super) fn admit(&mut self, now: Duration, tokens: u64) -> Result<(), OverLimit> {
        let mut over = None;
        let buckets = [("requests", &mut self.requests, 1), ("tokens", &mut self.tokens, tokens)];
        for (what, bucket, n) in buckets {
            let Some(bucket) = bucket else { continue };
            bucket.refill(now);
            let wait = bucket.wait(n);
            let longest = over.as_ref().map_or(Duration::ZERO, |o: &OverLimit| o.wait);
            if wait > longest {
                let (limit, remaining) = (bucket.per_minute, bucket.remaining());
                over = Some(OverLimit { what, limit, remaining, requested: n, wait });
            }
        }
        if let Some(over) = over {
            return Err(over);
        }
        self.requests.iter_mut().for_each(|b| b.take(1));
        self.tokens.iter_mut().for_each(|b| b.take(tokens));
        Ok(())
    }

    /// `x-ratelimit-{limit,remaining,reset}-{requests,tokens}` as of `now`; none for what is not limited.
    pub(super) fn headers(&mut self, now: Duration) -> Vec<(&'static str, String)> {
        const REQUESTS: [&str; 3] =
            ["x-ratelimit-limit-requests", "x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"];
        const TOKENS: [&str; 3] =
            ["x-ratelimit-limit-tokens", "x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"];
        let mut headers = Vec::new();
        for (names, bucket) in [(REQUESTS, &mut self.requests), (TOKENS, &mut self.tokens)] {
            let Some(bucket) = bucket else { continue };
            bucket.refill(now);
            headers.push((names[0], bucket.per_minute.to_string()));
            headers.push((names[1], bucket.remaining().to_string()));
            headers.push((names[2], go_duration(bucket.until(bucket.capacity))));
        }
        headers
    }
}

/// As Go prints durations, to the millisecond above: `12ms`, `59.946s`, `6m0s`, `1h0m0s`.
pub(super) fn go_duration(d: Duration) -> String {
    let ms = ceil_ms(d);
    if ms == 0 {
        return "0s".to_owned();
    }
    if ms < 1000 {
        return format!("{ms}ms");
    }
    let (hours, minutes, ms) = (ms / 3_600_000, ms / 60_000 % 60, ms % 60_000);
    let mut seconds = format!("{}.{:03}", ms / 1000, ms % 1000);
    seconds.truncate(seconds.trim_end_matches('0').trim_end_matches('.').len());
    match (hours, minutes) {
        (0, 0) => format!("{seconds}s"),
        (0, m) => format!("{m}m{seconds}s"),
        (h, m) => format!("{h}h{m}m{seconds}s"),
    }
}

/// Whole milliseconds, rounded up, so that a wait that is told is never too short.
pub(super) fn ceil_ms(d: Duration) -> u64 {
    u64::try_from(d.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn limiter(requests: Option<u64>, tokens: Option<u64>) -> Limiter {
        Limiter::new(&Limits {
            requests_per_minute: requests,
            tokens_per_minute: tokens,
            ..Limits::default()
        })
    }

    #[test]
    fn six_hundred_a_minute_is_ten_a_second_with_a_burst_of_ten() {
        let mut limiter = limiter(Some(600), None);
        let at = Duration::from_secs(5);
        assert_eq!((0..20).filter(|_| limiter.admit(at, 1).is_ok()).count(), 10);
        let mut admitted = 0;
        for ms in 5000..15_000 {
            admitted += u32::from(limiter.admit(Duration::from_millis(ms), 1).is_ok());
        }
        assert!((99..=101).contains(&admitted), "{admitted}");
    }

    #[test]
    fn headers_tell_the_bucket() {
        let mut limiter = limiter(Some(600), Some(6000));
        limiter.admit(Duration::ZERO, 40).unwrap();
        let headers = limiter.headers(Duration::ZERO);
        let get = |name| headers.iter().find(|(n, _)| *n == name).map(|(_, v)| v.as_str());
        assert_eq!(get("x-ratelimit-limit-requests"), Some("600"));
        assert_eq!(get("x-ratelimit-remaining-requests"), Some("9"));
        assert_eq!(get("x-ratelimit-reset-requests"), Some("100ms"));
        assert_eq!(get("x-ratelimit-remaining-tokens"), Some("60"));
        assert_eq!(get("x-ratelimit-reset-tokens"), Some("400ms"));
    }

    #[test]
    fn a_request_larger_than_the_bucket_is_let_in_and_leaves_a_debt() {
        let mut limiter = limiter(None, Some(60));
        assert!(limiter.admit(Duration::ZERO, 100).is_ok());
        let over = limiter.admit(Duration::ZERO, 1).unwrap_err();
        assert_eq!((over.what, over.wait), ("tokens", Duration::from_secs(100)));
    }

    #[test]
    fn a_limit_of_nothing_refuses_after_its_burst_and_never_divides() {
        let mut limiter = limiter(Some(0), None);
        let _ = limiter.admit(Duration::ZERO, 1);
        assert_eq!(limiter.admit(Duration::from_secs(9), 1).unwrap_err().wait, Duration::from_secs(86_400));
    }

    #[test]
    fn go_writes_durations_so() {
        for (ns, text) in [
            (0, "0s"),
            (1, "1ms"),
            (12_000_000, "12ms"),
            (59_946_000_000, "59.946s"),
            (360_000_000_000, "6m0s"),
            (3_600_000_000_000, "1h0m0s"),
            (1_500_000_000, "1.5s"),
        ] {
            assert_eq!(go_duration(Duration::from_nanos(ns)), text);
        }
    }

    proptest! {
        #[test]
        fn who_waits_as_told_is_let_in_and_not_before(
            rpm in 1u64..5000, tpm in 1u64..100_000, sizes in prop::collection::vec(1u64..500, 1..60),
        ) {
            let mut limiter = limiter(Some(rpm), Some(tpm));
            let mut now = Duration::ZERO;
            for tokens in sizes {
                if let Err(over) = limiter.admit(now, tokens) {
                    let early = now + over.wait - Duration::from_nanos(1);
                    prop_assert!(limiter.admit(early, tokens).is_err());
                    now += over.wait;
                    prop_assert!(limiter.admit(now, tokens).is_ok());
                }
            }
        }
    }
}
