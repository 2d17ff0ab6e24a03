//! `constant-vus`: so many workers, each with one job at a time.

use super::blocks::Load;
use super::frame::{Cut, Frame};
use super::vus::VusCurve;
use std::time::Duration;

/// Cut by time if there is a duration, by jobs if there is a number of them, by both if there are both.
pub(super) fn loads(vus: u32, duration: Option<Duration>, frame: Frame) -> Vec<Option<Load>> {
    let load = |cut: Cut| {
        let jobs = frame.shared_jobs(cut, frame.jobs)?;
        Some(Load::Vus { vus: VusCurve::constant(vus), jobs, end: duration.map(|d| cut.end(d)) })
    };
    frame.cuts().map(load).collect()
}
