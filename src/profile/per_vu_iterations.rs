//! `per-vu-iterations`: a number of jobs for each of several workers.

use super::blocks::Load;
use super::frame::{Cut, Frame};
use std::time::Duration;

pub(super) fn loads(
    vus: u32,
    iterations: u64,
    max_duration: Option<Duration>,
    frame: Frame,
) -> Vec<Option<Load>> {
    let load = |cut: Cut| {
        let part = cut.part(iterations);
        let end = max_duration.map(|d| cut.end(d));
        (!part.is_empty()).then_some(Load::PerVu {
            vus,
            iterations: part,
            total_iterations: iterations,
            first_job: frame.first_job,
            end,
        })
    };
    frame.cuts().map(load).collect()
}
