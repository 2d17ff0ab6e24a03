//! Unit-mean gaps between arrivals, in fixed-point, so that their sum is exact.

use crate::plan::Arrivals as Spread;
use rand::distr::Distribution;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Exp1, Gamma};

/// Bits behind the point of an expected number of arrivals.
pub(super) const FRACTION_BITS: i32 = 40;
/// One arrival.
pub(super) const ONE: u128 = 1 << FRACTION_BITS;

/// Gamma gaps burstier than this would round to nothing but bursts.
const MAX_CV: f64 = 100.0;

/// Draws one gap after another.
#[derive(Debug, Clone)]
pub(super) enum GapDraws {
    Even,
    Poisson(Box<ChaCha8Rng>),
    Gamma(Box<ChaCha8Rng>, Gamma<f64>),
}

impl GapDraws {
    /// A `cv` is held below 100; one so near to 0 that no gamma distribution has it gives even gaps.
    pub(super) fn new(spread: Spread, rng: ChaCha8Rng) -> Self {
        match spread {
            Spread::Uniform => Self::Even,
            Spread::Poisson => Self::Poisson(Box::new(rng)),
            Spread::Gamma { cv } => {
                let variance = cv.min(MAX_CV).powi(2);
                let gamma = Gamma::new(1.0 / variance, variance);
                gamma.map_or(Self::Even, |gamma| Self::Gamma(Box::new(rng), gamma))
            }
        }
    }

    /// Whether every gap is exactly one, so that `S_k = k` can be reached without drawing.
    pub(super) fn even(&self) -> bool {
        matches!(self, Self::Even)
    }

    /// What lies before the first arrival: nothing if even, else a gap like any other.
    pub(super) fn first(&mut self) -> u128 {
        if self.even() { 0 } else { self.next() }
    }

    /// The next gap.
    pub(super) fn next(&mut self) -> u128 {
        let gap: f64 = match self {
            Self::Even => return ONE,
            Self::Poisson(rng) => Exp1.sample(rng),
            Self::Gamma(rng, gamma) => gamma.sample(rng),
        };
        (gap * ONE as f64).round() as u128
    }
}
