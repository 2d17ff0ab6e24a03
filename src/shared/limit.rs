//! How many at once, found out from the answers.

use crate::sync::{Mutex, lock};
use std::time::Duration;

/// How an [`AdaptiveLimit`] moves.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Rule {
    /// Additive increase, multiplicative decrease (Chiu and Jain, 1989; TCP's congestion avoidance, RFC
    /// 5681): one more for every limit's worth of good answers, that is about one per round trip; times
    /// `backoff`, between 0 and 1, when the provider is overloaded.
    Aimd {
        /// What an overload leaves of the limit.
        backoff: f64,
    },
    /// The latency of late against the latency of old, after `Gradient2Limit` of Netflix's
    /// concurrency-limits: the limit is pulled towards `limit * gradient + 4`, where the gradient is
    /// `tolerance * old / late`, between ½ and 1. A provider that queues answers later than it used to, so
    /// the limit falls before anything is refused. The original pays no heed to refusals; here an
    /// overload halves the limit, because a provider that refuses at once never looks slow.
    Gradient {
        /// How many times slower than usual is still usual; at least 1, in the original 1.5.
        tolerance: f64,
    },
}

/// How an attempt ended, as far as the limit is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoadSignal {
    /// Answered.
    Good,
    /// Refused, or given up on, for too much load: 429, 503, 529, a timeout.
    Overloaded,
    /// Says nothing about load.
    Ignored,
}

/// One attempt, observed when it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// From sending to the end. For a model this grows with the answer's length: where lengths vary, the
    /// time to the first token says more about load.
    pub service: Duration,
    /// How it ended.
    pub outcome: LoadSignal,
}

/// A limit on attempts in flight that follows what the provider can take.
///
/// The limit starts where it is told and stays within `min` and `max`. It is cut at most once per round
/// trip: an overload refuses many attempts at once, and those sent before the last cut tell nothing of
/// what the cut has done (as TCP halves its window once per window of data, RFC 6582).
#[derive(Debug)]
pub struct AdaptiveLimit {
    rule: Rule,
    min: u32,
    max: u32,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    limit: f64,
    /// When the limit was last cut; attempts sent before do not cut it again.
    cut_at: Option<Duration>,
    usual: ServiceMean,
}

/// The long-term mean of the service time: plain over the first samples, then exponential.
#[derive(Debug, Default)]
struct ServiceMean {
    samples: u32,
    ns: f64,
}

/// Gradient2's constants: samples of the plain mean, the window of the exponential one, the share of a new
/// limit in the limit, the queue that is always allowed.
const WARM_UP: u32 = 10;
const WINDOW: f64 = 600.0;
const SHARE: f64 = 0.2;
const QUEUE: f64 = 4.0;
/// Below this share of its value the long-term mean is taken to have stuck to an overload that is over.
const STALE: f64 = 0.5;
const SINK: f64 = 0.95;

impl ServiceMean {
    fn add(&mut self, sample_ns: f64) -> f64 {
        if self.samples < WARM_UP {
            self.samples += 1;
            self.ns += (sample_ns - self.ns) / f64::from(self.samples);
        } else {
            self.ns += (sample_ns - self.ns) * 2.0 / (WINDOW + 1.0);
        }
        let usual_ns = self.ns;
        if sample_ns < usual_ns * STALE {
            self.ns *= SINK;
        }
        usual_ns
    }
}

impl AdaptiveLimit {
    /// A limit that starts at `start` and stays within `min` (at least 1) and `max` (at least `min`).
    #[must_use]
    pub fn new(rule: Rule, min: u32, max: u32, start: u32) -> Self {
        let min = min.max(1);
        let max = max.max(min);
        let limit = f64::from(start.clamp(min, max));
        Self {
            rule,
            min,
            max,
            state: Mutex::new(State { limit, cut_at: None, usual: ServiceMean::default() }),
        }
    }

    /// Learns from an attempt that ended now; the limit that holds from now on. Hand it to
    /// [`PermitPool::resize`](super::PermitPool::resize).
    #[must_use]
    pub fn observe(&self, now: Duration, sample: Sample) -> u32 {
        let mut state = lock(&self.state);
        let limit = match sample.outcome {
            LoadSignal::Ignored => state.limit,
            LoadSignal::Overloaded => {
                let sent = now.saturating_sub(sample.service);
                if state.cut_at.is_some_and(|cut_at| sent < cut_at) {
                    state.limit
                } else {
                    state.cut_at = Some(now);
                    state.limit * self.left_by_overload()
                }
            }
            LoadSignal::Good => match self.rule {
                Rule::Aimd { .. } => state.limit + 1.0 / state.limit,
                Rule::Gradient { tolerance } => {
                    let late_ns = (sample.service.as_nanos() as f64).max(1.0);
                    let usual_ns = state.usual.add(late_ns);
                    let gradient = (tolerance.max(1.0) * usual_ns / late_ns).clamp(0.5, 1.0);
                    let aim = state.limit * gradient + QUEUE;
                    state.limit + (aim - state.limit) * SHARE
                }
            },
        };
        state.limit = limit.clamp(f64::from(self.min), f64::from(self.max));
        whole(state.limit)
    }

    /// The limit now.
    #[must_use]
    pub fn limit(&self) -> u32 {
        whole(lock(&self.state).limit)
    }

    fn left_by_overload(&self) -> f64 {
        match self.rule {
            Rule::Aimd { backoff } => backoff.clamp(0.0, 1.0),
            Rule::Gradient { .. } => 0.5,
        }
    }
}

/// Rounded down; a hair is added because sums of 1/limit come out at 1.999... where 2 is meant.
fn whole(limit: f64) -> u32 {
    (limit + 1e-6) as u32
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn sample(service_ms: u64, outcome: LoadSignal) -> Sample {
        Sample { service: ms(service_ms), outcome }
    }

    #[test]
    fn aimd_adds_about_one_a_round_trip_and_cuts_once_for_a_wave() {
        let limit = AdaptiveLimit::new(Rule::Aimd { backoff: 0.5 }, 1, 100, 10);
        for _ in 0..11 {
            let _ = limit.observe(ms(100), sample(100, LoadSignal::Good));
        }
        assert_eq!(limit.limit(), 11);
        let cuts =
            [0, 5, 10].map(|after| limit.observe(ms(200 + after), sample(100, LoadSignal::Overloaded)));
        assert_eq!(cuts, [5; 3], "one wave, one cut");
        assert_eq!(limit.observe(ms(310), sample(100, LoadSignal::Overloaded)), 2, "sent after the cut");
        assert_eq!(limit.observe(ms(500), sample(100, LoadSignal::Ignored)), 2);
    }

    #[test]
    fn the_limit_stays_within_its_bounds() {
        let limit = AdaptiveLimit::new(Rule::Aimd { backoff: 0.0 }, 3, 4, 100);
        assert_eq!(limit.limit(), 4);
        assert_eq!(limit.observe(ms(1), sample(1, LoadSignal::Overloaded)), 3);
        for _ in 0..100 {
            assert!(limit.observe(ms(9), sample(1, LoadSignal::Good)) <= 4);
        }
        assert_eq!(limit.limit(), 4);
    }

    #[test]
    fn the_gradient_grows_while_latency_is_usual_and_falls_when_it_is_not() {
        let limit = AdaptiveLimit::new(Rule::Gradient { tolerance: 1.5 }, 1, 200, 20);
        for _ in 0..100 {
            let _ = limit.observe(ms(0), sample(100, LoadSignal::Good));
        }
        let usual = limit.limit();
        assert!(usual > 90, "{usual}: 0.2 x 4 more per sample was expected");
        for _ in 0..30 {
            let _ = limit.observe(ms(0), sample(400, LoadSignal::Good));
        }
        let queueing = limit.limit();
        assert!(queueing < usual / 3, "{queueing} of {usual}, though answers take four times as long");
        assert_eq!(limit.observe(ms(0), sample(1, LoadSignal::Overloaded)), queueing / 2);
    }

    #[test]
    fn an_overload_that_is_over_does_not_count_as_usual() {
        let mut usual = ServiceMean::default();
        for _ in 0..1000 {
            usual.add(1000.0);
        }
        for _ in 0..40 {
            usual.add(100.0);
        }
        assert!(usual.ns < 210.0, "{} ns after 40 samples of 100", usual.ns);
    }
}
