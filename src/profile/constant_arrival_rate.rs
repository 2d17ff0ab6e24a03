//! `constant-arrival-rate`: jobs arrive at one rate, whether or not answers come.

use super::curve::Curve;
use crate::clock::ns;
use std::time::Duration;

pub(super) fn curve(rate_per_s: f64, duration: Duration) -> Curve {
    Curve::new(rate_per_s, [(ns(duration), rate_per_s)])
}
