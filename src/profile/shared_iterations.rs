//! `shared-iterations`: a number of jobs shared among workers.

use super::blocks::Load;
use super::frame::{Cut, Frame};
use super::vus::VusCurve;
use std::time::Duration;

pub(super) fn loads(
    vus: u32,
    iterations: u64,
    max_duration: Option<Duration>,
    frame: Frame,
) -> Vec<Option<Load>> {
    let load = |cut: Cut| {
        let jobs = frame.shared_jobs(cut, Some(iterations))?;
        Some(Load::Vus { vus: VusCurve::constant(vus), jobs, end: max_duration.map(|d| cut.end(d)) })
    };
    frame.cuts().map(load).collect()
}
