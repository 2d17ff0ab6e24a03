//! `ramping-vus`: a number of workers that follows stages.

use super::blocks::Load;
use super::frame::{Cut, Frame};
use super::vus::VusCurve;
use crate::clock::ns;
use crate::plan::Stage;
use std::time::Duration;

pub(super) fn loads(start_vus: u32, stages: &[Stage], frame: Frame) -> Vec<Option<Load>> {
    let duration = stages.iter().fold(Duration::ZERO, |sum, stage| sum.saturating_add(stage.duration));
    let whole = VusCurve::ramping(start_vus, stages);
    let load = |cut: Cut| {
        let jobs = frame.shared_jobs(cut, frame.jobs)?;
        let vus = whole.part(cut.part_ns(duration), ns(cut.start));
        Some(Load::Vus { vus, jobs, end: Some(cut.end(duration)) })
    };
    frame.cuts().map(load).collect()
}
