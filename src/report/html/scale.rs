//! From values to places on a picture, and round numbers between.

/// How values are spread over an axis.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Scale {
    /// Evenly, from the first to the second.
    Linear(f64, f64),
    /// By their logarithm; both ends are above zero.
    Log(f64, f64),
}

/// Values spread further than this, from the middle to the end, are shown by their logarithm.
const WIDE: f64 = 30.0;

impl Scale {
    /// From zero to a round number at or above `most`.
    pub(super) fn from_zero(most: f64) -> Self {
        Self::Linear(0.0, if most > 0.0 && most.is_finite() { most * 1.04 } else { 1.0 })
    }

    /// For times in milliseconds: by their logarithm where a few are far above the others.
    pub(super) fn of_times(least: f64, middle: f64, most: f64) -> Self {
        if least > 0.0 && most > middle * WIDE {
            Self::Log(least, most.max(least * 1.001))
        } else {
            Self::from_zero(most)
        }
    }

    /// Where the value lies, 0 to 1.
    pub(super) fn share(self, value: f64) -> f64 {
        let share = match self {
            Self::Linear(low, high) => (value - low) / (high - low).max(f64::MIN_POSITIVE),
            Self::Log(low, high) => (value.max(low) / low).ln() / (high / low).ln().max(f64::MIN_POSITIVE),
        };
        if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.0 }
    }

    /// Four to eight round values within.
    pub(super) fn ticks(self) -> Vec<f64> {
        match self {
            Self::Linear(low, high) => {
                let step = round_step((high - low) / 4.0);
                let (first, last) = ((low / step).ceil() as i64, (high / step).floor() as i64);
                (first..=last.min(first + 12)).map(|n| n as f64 * step).collect()
            }
            Self::Log(low, high) => {
                let (first, last) = (low.log10().floor() as i32, high.log10().ceil() as i32);
                let decades = (last - first).max(1);
                let parts: &[f64] = if decades <= 2 { &[1.0, 2.0, 5.0] } else { &[1.0] };
                let every = (decades / 8).max(1) as usize;
                let all = (first..=last)
                    .step_by(every)
                    .flat_map(|decade| parts.iter().map(move |part| part * 10f64.powi(decade)));
                all.filter(|value| (low..=high).contains(value)).collect()
            }
        }
    }
}

/// 1, 2 or 5 times a power of ten, at or below `wanted`.
fn round_step(wanted: f64) -> f64 {
    if !(wanted.is_finite() && wanted > 0.0) {
        return 1.0;
    }
    let power = 10f64.powf(wanted.log10().floor());
    let part = wanted / power;
    power
        * if part >= 5.0 {
            5.0
        } else if part >= 2.0 {
            2.0
        } else {
            1.0
        }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ticks_are_round() {
        assert_eq!(Scale::Linear(0.0, 10.4).ticks(), [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]);
        assert_eq!(Scale::Log(0.4, 120.0).ticks(), [1.0, 10.0, 100.0]);
        assert_eq!(Scale::Log(8.0, 60.0).ticks(), [10.0, 20.0, 50.0]);
    }

    proptest! {
        #[test]
        fn nothing_falls_off_the_picture(low in 1e-9f64..1e3, wide in 1.0f64..1e12, value: f64) {
            for scale in [Scale::Linear(low, low + wide), Scale::Log(low, low * (1.0 + wide)),
                Scale::from_zero(value)] {
                prop_assert!((0.0..=1.0).contains(&scale.share(value)));
                prop_assert!(scale.ticks().len() <= 40);
            }
        }
    }
}
