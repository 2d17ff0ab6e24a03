//! How a phase is cut into blocks.

use super::blocks::{Jobs, RESERVED_JOBS};
use std::ops::Range;
use std::time::Duration;

/// A phase's place in its cell.
///
/// Each block is the whole cell in small: a phase that starts at `s` and lasts `d` starts at `s / blocks`
/// in each block and lasts `d / blocks`. So phases that followed each other still do, and phases that
/// overlapped still do, in every block.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    /// Blocks, at least 1.
    pub(super) blocks: u32,
    /// Offset of the phase from the start of the cell's load.
    pub(super) start_time: Duration,
    /// The phase's first job index.
    pub(super) first_job: u64,
    /// The workload's number of jobs.
    pub(super) jobs: Option<u64>,
}

/// One block's share of a phase.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cut {
    block: u32,
    blocks: u32,
    /// Offset of the share from the block's start.
    pub(super) start: Duration,
}

impl Frame {
    /// The shares of all blocks, in order.
    pub(super) fn cuts(self) -> impl Iterator<Item = Cut> {
        let blocks = self.blocks.max(1);
        (0..blocks).map(move |block| {
            let cut = Cut { block, blocks, start: Duration::ZERO };
            Cut { start: cut.length(self.start_time), ..cut }
        })
    }

    /// A block's jobs out of `count` shared ones, `None` if it has none. Where only time ends the phase,
    /// each block gets its own part of the indexes reserved for the phase.
    pub(super) fn shared_jobs(self, cut: Cut, count: Option<u64>) -> Option<Jobs> {
        let part = cut.part(count.unwrap_or(RESERVED_JOBS));
        let count = count.map(|_| part.end - part.start);
        (count != Some(0)).then_some(Jobs { first: self.first_job.saturating_add(part.start), count })
    }
}

impl Cut {
    /// This block's part of `0..count`.
    pub(super) fn part(self, count: u64) -> Range<u64> {
        let edge = |block: u32| {
            let edge = u128::from(count) * u128::from(block) / u128::from(self.blocks);
            u64::try_from(edge).unwrap_or(count)
        };
        edge(self.block)..edge(self.block + 1)
    }

    /// This block's part of `0..duration`, in nanoseconds.
    pub(super) fn part_ns(self, duration: Duration) -> Range<u64> {
        self.part(crate::clock::ns(duration))
    }

    /// How long this block's part of `duration` is.
    pub(super) fn length(self, duration: Duration) -> Duration {
        let part = self.part_ns(duration);
        Duration::from_nanos(part.end - part.start)
    }

    /// Where this block's part of a phase of length `duration` ends, as offset from the block's start.
    pub(super) fn end(self, duration: Duration) -> Duration {
        self.start.saturating_add(self.length(duration))
    }
}
