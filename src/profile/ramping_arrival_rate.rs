//! `ramping-arrival-rate`: jobs arrive at a rate that follows stages.

use super::curve::Curve;
use crate::clock::ns;
use crate::plan::RateStage;

pub(super) fn curve(start_per_s: f64, stages: &[RateStage]) -> Curve {
    Curve::new(start_per_s, stages.iter().map(|stage| (ns(stage.duration), stage.target_per_s)))
}
