//! `barrier`: groups of jobs released at the same moment.

use super::blocks::Load;
use super::frame::{Cut, Frame};

pub(super) fn loads(size: u32, rounds: u64, frame: Frame) -> Vec<Option<Load>> {
    let load = |cut: Cut| {
        let rounds = cut.part(rounds);
        (!rounds.is_empty()).then_some(Load::Barrier { size, rounds, first_job: frame.first_job })
    };
    frame.cuts().map(load).collect()
}
