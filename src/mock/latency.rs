//! When each token of a generation is there.
//!
//! Draws come from a stream keyed by job and attempt, never from the order of arrival, so that a run can
//! be repeated however its threads interleave. The cell is left out of the key: strategies that are
//! compared meet the same latencies, job by job.

use crate::plan::{Dist, MockPlan};
use crate::seed;
use rand::{Rng, RngCore};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use std::time::Duration;

/// Standard normal quantile of 0.99.
const Z99: f64 = 2.326_347_874_040_841;

/// One draw; never negative.
pub(super) fn draw(dist: &Dist, rng: &mut impl RngCore) -> Duration {
    match dist {
        Dist::Constant(d) => *d,
        Dist::Uniform(low, high) => {
            let (low, high) = (low.min(high), low.max(high));
            Duration::from_nanos(rng.random_range(crate::clock::ns(*low)..=crate::clock::ns(*high)))
        }
        Dist::Normal { mean, sd } => {
            let z: f64 = StandardNormal.sample(rng);
            seconds(sd.as_secs_f64().mul_add(z, mean.as_secs_f64()))
        }
        Dist::Lognormal { p50, p99 } => {
            let z: f64 = StandardNormal.sample(rng);
            let sigma = (p99.as_secs_f64() / p50.as_secs_f64()).ln() / Z99;
            seconds(p50.as_secs_f64() * (sigma * z).exp())
        }
        Dist::Empirical(values) => match values.len() {
            0 => Duration::ZERO,
            len => values[rng.random_range(0..len)],
        },
    }
}

/// Cut at zero, and at a day: a draw far out in a tail must not overflow a stamp.
fn seconds(s: f64) -> Duration {
    let s = if s.is_finite() { s.clamp(0.0, 86_400.0) } else { 0.0 };
    Duration::from_secs_f64(s)
}

/// The due times of one generation's chunks, as offsets from its start.
#[derive(Debug, Clone)]
pub(super) struct Timeline {
    rng: ChaCha8Rng,
    /// Of the next chunk.
    due: Duration,
}

impl Timeline {
    /// `key` tells job and attempt; `extra` is added to the time to first token.
    pub(super) fn new(plan: &MockPlan, seed: u64, key: u64, extra: Duration) -> Self {
        let mut rng = seed::stream(seed, "mock.latency", key);
        let due = draw(&plan.ttft, &mut rng).saturating_add(extra);
        Self { rng, due }
    }

    /// When the next chunk is there.
    pub(super) fn due(&self) -> Duration {
        self.due
    }

    /// Steps on to a chunk that is complete when `tokens` more tokens are there.
    pub(super) fn advance(&mut self, plan: &MockPlan, tokens: u32) {
        let gap = match &plan.itl {
            Dist::Constant(d) => d.saturating_mul(tokens),
            dist => (0..tokens).fold(Duration::ZERO, |sum, _| sum.saturating_add(draw(dist, &mut self.rng))),
        };
        self.due = self.due.saturating_add(gap);
        if let Some(stall) = &plan.stall
            && self.rng.random::<f64>() < stall.probability
        {
            self.due = self.due.saturating_add(draw(&stall.pause, &mut self.rng));
        }
    }

    /// When the last of `tokens` tokens is there, the first chunk being next. The first chunk leaves with
    /// its first token, the others with their last.
    pub(super) fn end(&self, plan: &MockPlan, tokens: u32) -> Duration {
        let mut walk = self.clone();
        let mut left = tokens.saturating_sub(plan.tokens_per_chunk);
        while left > 0 {
            let chunk = left.min(plan.tokens_per_chunk.max(1));
            walk.advance(plan, chunk);
            left -= chunk;
        }
        walk.due
    }

    /// How many of `tokens` tokens are there at `offset` from the start, the first chunk being next.
    pub(super) fn generated(&self, plan: &MockPlan, tokens: u32, offset: Duration) -> u32 {
        let (mut walk, mut done) = (self.clone(), 0);
        while done < tokens && walk.due <= offset {
            done = tokens.min(done + plan.tokens_per_chunk.max(1));
            walk.advance(plan, (tokens - done).min(plan.tokens_per_chunk.max(1)));
        }
        done
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Limits, Stall};

    const MS: Duration = Duration::from_millis(1);

    fn sorted(dist: &Dist, n: usize) -> Vec<Duration> {
        let mut rng = seed::stream(7, "test", 0);
        let mut draws: Vec<_> = (0..n).map(|_| draw(dist, &mut rng)).collect();
        draws.sort();
        draws
    }

    fn near(got: Duration, want: Duration) -> bool {
        got.as_secs_f64() / want.as_secs_f64() > 0.95 && got.as_secs_f64() / want.as_secs_f64() < 1.05
    }

    #[test]
    fn lognormal_goes_through_both_percentiles() {
        let draws = sorted(&Dist::Lognormal { p50: 300 * MS, p99: 1200 * MS }, 40_000);
        assert!(near(draws[20_000], 300 * MS), "p50 {:?}", draws[20_000]);
        assert!(near(draws[39_600], 1200 * MS), "p99 {:?}", draws[39_600]);
    }

    #[test]
    fn the_other_shapes_keep_their_promises() {
        assert!(sorted(&Dist::Constant(5 * MS), 9).iter().all(|d| *d == 5 * MS));
        let uniform = sorted(&Dist::Uniform(10 * MS, 30 * MS), 20_000);
        assert!(uniform[0] >= 10 * MS && uniform[19_999] <= 30 * MS && near(uniform[10_000], 20 * MS));
        let normal = sorted(&Dist::Normal { mean: 50 * MS, sd: 50 * MS }, 20_000);
        assert!(near(normal[10_000], 50 * MS), "{:?}", normal[10_000]);
        assert_eq!(normal[0], Duration::ZERO, "cut at zero");
        let picked = sorted(&Dist::Empirical(vec![MS, 9 * MS]), 1000);
        assert!(picked.iter().all(|d| *d == MS || *d == 9 * MS));
        assert!(picked[100] == MS && picked[900] == 9 * MS);
    }

    #[test]
    fn equal_keys_give_equal_timelines_and_end_agrees_with_the_walk() {
        let plan = MockPlan {
            ttft: Dist::Uniform(MS, 9 * MS),
            itl: Dist::Uniform(MS, 3 * MS),
            stall: Some(Stall { probability: 0.3, pause: Dist::Constant(20 * MS) }),
            tokens_per_chunk: 3,
            limits: Limits::default(),
            bill_after_disconnect: true,
            idempotency: false,
        };
        let timeline = Timeline::new(&plan, 1, 42, Duration::ZERO);
        let end = timeline.end(&plan, 20);
        assert_eq!(end, Timeline::new(&plan, 1, 42, Duration::ZERO).end(&plan, 20));
        assert_ne!(end, Timeline::new(&plan, 1, 43, Duration::ZERO).end(&plan, 20));
        assert_eq!(timeline.generated(&plan, 20, end), 20);
        assert!(timeline.generated(&plan, 20, end - Duration::from_nanos(1)) < 20);
        assert_eq!(timeline.generated(&plan, 20, timeline.due()), 3);
        assert_eq!(
            Timeline::new(&plan, 1, 42, MS).end(&plan, 20),
            end + MS,
            "a slow start shifts everything"
        );
    }
}
