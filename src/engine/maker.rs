//! What makes blocks of load. Threads, the caller's own thread and worker processes stand behind one trait,
//! so that the dispatcher does not know which of them it has.

use super::error::EngineError;
use super::thread::Order;
use super::worker_protocol::BlockReport;
use crate::profile::Piece;
use std::time::Duration;

/// A block starts this long after it was ordered, so that every thread is ready for its first arrival.
pub(super) const LEAD: Duration = Duration::from_millis(5);

/// One block of one cell.
pub(super) struct Block<'a> {
    /// Its position in the run.
    pub(super) number: usize,
    pub(super) pieces: &'a [Piece],
    /// The same for makers in this process: one order for each process that they stand for.
    pub(super) orders: &'a [Order],
}

/// Makes blocks of load.
pub(super) trait BlockMaker {
    /// Makes a block, and returns when all of its jobs have ended. `look` is called now and then until then.
    fn make(&mut self, block: &Block<'_>, look: &mut dyn FnMut()) -> Result<Vec<BlockReport>, EngineError>;
}
