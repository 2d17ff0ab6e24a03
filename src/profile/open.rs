//! What the two open executors share: a rate curve becomes arrivals.

use super::arrivals::ArrivalTimes;
use super::blocks::Load;
use super::curve::Curve;
use super::frame::{Cut, Frame};
use super::gaps::GapDraws;
use crate::clock::ns;
use crate::plan::Open;
use rand_chacha::ChaCha8Rng;
use std::sync::Arc;
use std::time::Duration;

/// All arrivals of a phase.
pub(super) fn arrivals(curve: Curve, open: &Open, frame: Frame, rng: ChaCha8Rng) -> ArrivalTimes {
    ArrivalTimes::new(Arc::new(curve), GapDraws::new(open.arrivals, rng), frame.first_job, frame.jobs)
}

/// The phase cut into blocks. A phase that runs out of jobs early ends there, so that the blocks share
/// what it really does.
pub(super) fn loads(curve: Curve, open: &Open, frame: Frame, rng: ChaCha8Rng) -> Vec<Option<Load>> {
    let mut arrivals = arrivals(curve, open, frame, rng);
    let duration = Duration::from_nanos(arrivals.end_ns());
    let load = |cut: Cut| {
        let arrivals = arrivals.part(cut.part_ns(duration), ns(cut.start));
        Some(Load::Open { arrivals, open: open.clone(), end: cut.end(duration) })
    };
    frame.cuts().map(load).collect()
}
