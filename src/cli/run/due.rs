//! How many jobs are due by the profile, begun or not: the display compares the load with it. It is counted
//! here and not by the engine, which does not look at an arrival before it has room for it.

use crate::clock::ns;
use crate::plan::Plan;
use crate::profile::{ArrivalTimes, Load, Piece, blocks};
use crate::shared::Progress;
use std::iter::Peekable;

/// Counts the jobs that are due.
pub(super) struct Due {
    blocks: Vec<Vec<Piece>>,
    /// Blocks that have begun and are counted here.
    known: usize,
    /// Jobs of open profiles that are due.
    due: u64,
    /// When the current block started, and its arrivals that are not due yet.
    start_ns: u64,
    ahead: Vec<Peekable<ArrivalTimes>>,
}

impl Due {
    pub(super) fn new(plan: &Plan) -> Self {
        Self { blocks: blocks(plan), known: 0, due: 0, start_ns: 0, ahead: Vec::new() }
    }

    /// Jobs due at `now_ns`, of which `begun` have begun. A closed profile has no arrivals: its jobs are due
    /// when a worker takes them.
    pub(super) fn at(&mut self, now_ns: u64, progress: &Progress, begun: u64) -> u64 {
        for block in progress.blocks_after(self.known) {
            self.known += 1;
            self.advance(block.start_ns);
            self.start_ns = block.start_ns;
            let pieces = self.blocks.get(block.block).into_iter().flatten();
            let open = pieces.filter_map(|piece| match &piece.load {
                Load::Open { arrivals, .. } => Some(arrivals.clone().peekable()),
                _ => None,
            });
            self.ahead = open.collect();
        }
        self.advance(now_ns);
        // Beside an open profile a closed one may have begun more.
        self.due.max(begun)
    }

    fn advance(&mut self, now_ns: u64) {
        let start_ns = self.start_ns;
        for arrivals in &mut self.ahead {
            while arrivals.next_if(|next| start_ns.saturating_add(ns(next.due)) <= now_ns).is_some() {
                self.due += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Source;
    use crate::scenario::load;

    const S: u64 = 1_000_000_000;

    fn plan(profile: &str) -> Plan {
        let text = format!(
            "version = 1\nname = \"due\"\nseed = 1\n[target.a]\napi = \"openai-chat\"\n[target.b]\napi = \
             \"openai-chat\"\n\
             [strategy.unbounded]\n{profile}"
        );
        load(&Source { path: "due.toml".into(), text }, &[], &|_| None).expect("a scenario")
    }

    #[test]
    fn arrivals_are_due_whether_or_not_they_are_begun() {
        let plan =
            plan("[profile.constant-arrival-rate]\nrate = 50\nduration = \"20s\"\narrivals = \"uniform\"\n");
        let (blocks, progress, mut due) = (u64::from(plan.blocks), Progress::default(), Due::new(&plan));
        assert_eq!(due.at(5 * S, &progress, 0), 0, "nothing has begun");
        progress.block_begins(0, 10 * S);
        let all = 50 * 20 / blocks;
        for (at_ms, begun) in [(10_000, 0), (10_100, 2), (10_500, 2)] {
            let expected = (at_ms - 10_000) / 20;
            let seen = due.at(at_ms * 1_000_000, &progress, begun);
            assert!(seen.abs_diff(expected) <= 1, "{seen} due at {at_ms} ms, of which {begun} have begun");
        }
        // The block of the other cell begins late, when all jobs of the first one were due.
        progress.block_begins(0, 60 * S);
        assert_eq!(due.at(60 * S - 1, &progress, 3), all);
        assert_eq!(due.at(100 * S, &progress, 3), 2 * all);
    }

    #[test]
    fn without_arrivals_jobs_are_due_when_they_begin() {
        let plan = plan("[workload]\njobs = 40\n[profile.constant-vus]\nvus = 4\n");
        let (progress, mut due) = (Progress::default(), Due::new(&plan));
        progress.block_begins(0, 0);
        assert_eq!((due.at(S, &progress, 0), due.at(2 * S, &progress, 7)), (0, 7));
    }
}
