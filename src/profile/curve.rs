//! The integral of a piecewise linear rate, and its inverse in closed form.

use super::gaps::{FRACTION_BITS, ONE};

/// Rates above this are held at it: one arrival per nanosecond is the finest that can be told apart.
const MAX_RATE_PER_S: f64 = 1e9;
const NS_PER_S: u128 = 1_000_000_000;

/// How many arrivals are expected by when.
#[derive(Debug)]
pub(super) struct Curve {
    segments: Vec<Segment>,
    end_ns: u64,
    total: u128,
}

/// A stretch of time in which the rate is linear and some arrivals are expected.
#[derive(Debug)]
struct Segment {
    start_ns: u64,
    length_ns: u64,
    from_per_s: f64,
    to_per_s: f64,
    /// Arrivals expected before it, fixed-point.
    before: u128,
    /// Arrivals expected in it, fixed-point, above 0.
    area: u128,
}

impl Curve {
    /// Starts at `start_per_s` and goes in turn to each stage's rate within the stage's length; a length
    /// of 0 is a jump. A rate that is not a number counts as 0; rates are held within 0 and 10⁹.
    pub(super) fn new(start_per_s: f64, stages: impl IntoIterator<Item = (u64, f64)>) -> Self {
        let mut curve = Self { segments: Vec::new(), end_ns: 0, total: 0 };
        let mut rate = sane(start_per_s);
        for (length_ns, target) in stages {
            let target = sane(target);
            curve.push(length_ns, rate, target);
            rate = target;
        }
        curve
    }

    fn push(&mut self, length_ns: u64, from_per_s: f64, to_per_s: f64) {
        let length_ns = length_ns.min(u64::MAX - self.end_ns);
        let area = expected(f64::midpoint(from_per_s, to_per_s), length_ns);
        if area > 0 {
            let (start_ns, before) = (self.end_ns, self.total);
            self.segments.push(Segment { start_ns, length_ns, from_per_s, to_per_s, before, area });
        }
        self.total += area;
        self.end_ns += length_ns;
    }

    /// Where the curve ends.
    pub(super) fn end_ns(&self) -> u64 {
        self.end_ns
    }

    /// Arrivals expected in all, fixed-point.
    pub(super) fn total(&self) -> u128 {
        self.total
    }

    /// When `expected` arrivals are reached, rounded to the nanosecond; `None` if they never are.
    ///
    /// `hint` remembers the segment of the last answer; it must not lie behind the right one.
    pub(super) fn when_ns(&self, expected: u128, hint: &mut usize) -> Option<u64> {
        while self.segments.get(*hint).is_some_and(|s| expected >= s.before + s.area) {
            *hint += 1;
        }
        let segment = self.segments.get(*hint)?;
        let within = segment.when_ns(expected.saturating_sub(segment.before));
        Some(segment.start_ns + within.min(segment.length_ns - 1))
    }

    /// Arrivals expected before this moment. For display: not fixed-point.
    pub(super) fn expected_before(&self, moment_ns: u64) -> f64 {
        let until = self.segments.iter().take_while(|s| s.start_ns < moment_ns);
        until.map(|s| s.expected_before(moment_ns - s.start_ns)).sum()
    }
}

impl Segment {
    /// When `x` arrivals are reached, from the segment's start; `x` lies below `area`.
    ///
    /// The root is taken from the end at which the rate is lower. All its terms are then positive, so
    /// nothing cancels out, however close to 0 that rate is.
    fn when_ns(&self, x: u128) -> u64 {
        if x == 0 {
            0
        } else if self.from_per_s == self.to_per_s {
            at_constant_rate_ns(x, self.from_per_s)
        } else if self.from_per_s < self.to_per_s {
            self.rising_ns(self.from_per_s, self.to_per_s, x)
        } else {
            let before_end_ns = self.rising_ns(self.to_per_s, self.from_per_s, self.area - x);
            self.length_ns.saturating_sub(before_end_ns)
        }
    }

    /// Solves `x = low·t + (high − low)/(2·length)·t²` for `t`.
    fn rising_ns(&self, low: f64, high: f64, x: u128) -> u64 {
        let x = x as f64 / ONE as f64;
        let slope = (high - low) / (self.length_ns as f64 / 1e9);
        let root_s = 2.0 * x / (low + (low * low + 2.0 * slope * x).sqrt());
        (root_s * 1e9).round() as u64
    }

    fn expected_before(&self, within_ns: u64) -> f64 {
        let t = within_ns.min(self.length_ns) as f64;
        let length = self.length_ns as f64;
        let reached = self.from_per_s + (self.to_per_s - self.from_per_s) * (t / length);
        f64::midpoint(self.from_per_s, reached) * t / 1e9
    }
}

fn sane(rate_per_s: f64) -> f64 {
    if rate_per_s > 0.0 { rate_per_s.min(MAX_RATE_PER_S) } else { 0.0 }
}

/// `rate` as `mantissa · 2^exponent`, exactly.
fn exact(rate: f64) -> (u128, i32) {
    let bits = rate.to_bits();
    let biased = i32::try_from(bits >> 52 & 0x7ff).unwrap_or(0);
    let fraction = u128::from(bits & ((1 << 52) - 1));
    if biased == 0 { (fraction, -1074) } else { (fraction | 1 << 52, biased - 1075) }
}

/// Arrivals at a constant rate within `length_ns`, fixed-point, rounded down.
///
/// Rounding down by less than 10⁻¹² of an arrival is what a reader of the file expects: 0.1/s for 100 s
/// is ten arrivals, although the double nearest to 0.1 lies a little above it.
fn expected(rate_per_s: f64, length_ns: u64) -> u128 {
    let (mantissa, exponent) = exact(rate_per_s);
    let product = mantissa * u128::from(length_ns);
    let shift = exponent + FRACTION_BITS;
    match u32::try_from(shift) {
        Ok(up) => {
            let (whole, rest) = (product / NS_PER_S, product % NS_PER_S);
            (whole << up) + (rest << up) / NS_PER_S
        }
        Err(_) => product.checked_shr(shift.unsigned_abs()).unwrap_or(0) / NS_PER_S,
    }
}

/// When `x` (fixed-point, above 0) arrivals are reached at a constant rate: exact, then rounded once.
///
/// Nothing overflows, because the answer lies inside a segment: dividend and divisor stay below 2^124.
fn at_constant_rate_ns(x: u128, rate_per_s: f64) -> u64 {
    let (mantissa, exponent) = exact(rate_per_s);
    let shift = exponent + FRACTION_BITS;
    let (dividend, divisor) = match u32::try_from(shift) {
        Ok(up) => (x, mantissa << up),
        Err(_) if shift > -(x.leading_zeros() as i32) => (x << shift.unsigned_abs(), mantissa),
        Err(_) => return u64::MAX,
    };
    let (whole_s, rest) = (dividend / divisor, dividend % divisor);
    let ns = whole_s.saturating_mul(NS_PER_S).saturating_add((rest * NS_PER_S + divisor / 2) / divisor);
    u64::try_from(ns).unwrap_or(u64::MAX)
}
