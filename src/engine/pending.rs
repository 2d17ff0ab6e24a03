//! The jobs of one lane that have not begun, in order. They are counted without being drawn: a run that is
//! stopped early may have a day of arrivals left.

use super::cell::PieceState;
use crate::profile::Stripe;
use crate::shared::Tally;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

/// Jobs in ascending order.
pub(super) trait JobSequence: Iterator<Item = (u64, Self::Place)> {
    /// What is known of a job beside its number.
    type Place: Copy;

    /// How many are left; none of them is drawn.
    fn left(&self) -> u64;

    /// The number of the last of them, if that is known.
    fn highest(&self) -> Option<u64>;
}

/// Arrivals of an open profile, each with its due time.
pub(super) struct DueJobs(pub(super) Stripe);

impl Iterator for DueJobs {
    type Item = (u64, Duration);

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next().map(|arrival| (arrival.job, arrival.due))
    }
}

impl JobSequence for DueJobs {
    type Place = Duration;

    fn left(&self) -> u64 {
        self.0.left()
    }

    fn highest(&self) -> Option<u64> {
        None
    }
}

/// The iterations of one worker.
pub(super) struct OwnJobs(pub(super) Range<u64>);

impl Iterator for OwnJobs {
    type Item = (u64, ());

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next().map(|job| (job, ()))
    }
}

impl JobSequence for OwnJobs {
    type Place = ();

    fn left(&self) -> u64 {
        self.0.end.saturating_sub(self.0.start)
    }

    fn highest(&self) -> Option<u64> {
        self.0.end.checked_sub(1)
    }
}

/// The jobs of barrier rounds, each with its round.
pub(super) struct RoundJobs {
    pub(super) first_job: u64,
    /// Jobs per round, of all lanes.
    pub(super) size: u32,
    pub(super) lane: u32,
    pub(super) lanes: u32,
    /// The current round and those after it.
    pub(super) rounds: Range<u64>,
    /// How many jobs of the current round this lane has had.
    pub(super) taken: u32,
}

impl RoundJobs {
    /// Jobs of this lane per round.
    fn share(&self) -> u32 {
        self.size.saturating_sub(self.lane).div_ceil(self.lanes)
    }
}

impl Iterator for RoundJobs {
    type Item = (u64, u64);

    fn next(&mut self) -> Option<Self::Item> {
        if self.share() == 0 || self.rounds.is_empty() {
            return None;
        }
        let (round, k) = (self.rounds.start, self.lane + self.taken * self.lanes);
        self.taken += 1;
        if self.taken == self.share() {
            (self.rounds.start, self.taken) = (round + 1, 0);
        }
        Some((self.first_job + round * u64::from(self.size) + u64::from(k), round))
    }
}

impl JobSequence for RoundJobs {
    type Place = u64;

    fn left(&self) -> u64 {
        let rounds = self.rounds.end.saturating_sub(self.rounds.start);
        rounds.saturating_mul(self.share().into()).saturating_sub(self.taken.into())
    }

    fn highest(&self) -> Option<u64> {
        None
    }
}

/// Jobs of a lane that have not begun, without those that an earlier worker process has begun or turned away.
/// Those that are left when this is dropped are counted as left: that planned jobs equal begun and left ones
/// is a check, not a subtraction.
pub(super) struct Pending<'a, L: JobSequence> {
    lane: L,
    next: Option<L::Item>,
    state: Arc<PieceState>,
    tally: &'a Tally,
}

impl<'a, L: JobSequence> Pending<'a, L> {
    pub(super) fn new(lane: L, state: Arc<PieceState>, tally: &'a Tally) -> Self {
        Self { lane, next: None, state, tally }
    }

    /// The next job, which stays where it is.
    pub(super) fn peek(&mut self) -> Option<L::Item> {
        if self.next.is_none() {
            let Self { lane, state, .. } = self;
            self.next = lane.find(|(job, _)| !state.is_taken(*job));
        }
        self.next
    }

    /// Takes the next job.
    pub(super) fn pop(&mut self) -> Option<L::Item> {
        self.peek();
        self.next.take()
    }
}

impl<L: JobSequence> Drop for Pending<'_, L> {
    fn drop(&mut self) {
        let mut left = 0;
        // Only up to the last job that an earlier worker had does it matter which jobs these are.
        if let Some(last_taken) = self.state.last_taken(self.lane.highest()) {
            while self.peek().is_some_and(|(job, _)| self.state.place(job) <= last_taken) {
                self.next = None;
                left += 1;
            }
        }
        left += u64::from(self.next.is_some()) + self.lane.left();
        self.tally.leave(left);
    }
}

#[cfg(test)]
mod tests {
    use super::super::part::ProcessPart;
    use super::super::ranges::Ranges;
    use super::super::worker_protocol::Resumed;
    use super::*;
    use crate::plan::OnSaturation;
    use crate::plan::{Arrivals as Spread, Executor, Open};
    use crate::profile::{Load, Piece, blocks};
    use proptest::prelude::*;

    const PLAN: &str =
        "version = 1\nname = \"n\"\n[target.t]\napi = \"openai-chat\"\n[profile.barrier]\nsize = 1\n";

    fn pieces(executor: Executor) -> Vec<Piece> {
        let source = crate::plan::Source { path: "plan".into(), text: PLAN.to_owned() };
        let mut plan = crate::scenario::load(&source, &[], &|_| None).expect("a plan");
        plan.phases[0].executor = executor;
        blocks(&plan).into_iter().flatten().collect()
    }

    fn state(piece: &Piece, part: ProcessPart, taken: &[u64]) -> Arc<PieceState> {
        let split = part.of(&piece.load);
        let mut ranges = Ranges::default();
        taken.iter().for_each(|job| {
            ranges.insert(split.place(*job));
        });
        let resumed = Resumed { taken: ranges, ..Resumed::default() };
        Arc::new(PieceState::new(piece, Duration::ZERO, part, resumed))
    }

    /// Takes `begun` jobs and stops there: what is counted must be what could still have been drawn.
    fn check<L: JobSequence>(lanes: [L; 2], state: &Arc<PieceState>, begun: usize) {
        let [mut drawn, counted] = lanes;
        let all: Vec<u64> = drawn.by_ref().map(|(job, _)| job).filter(|job| !state.is_taken(*job)).collect();
        let tally = Tally::default();
        let mut pending = Pending::new(counted, state.clone(), &tally);
        let taken: Vec<u64> = (0..begun).map_while(|_| pending.pop()).map(|(job, _)| job).collect();
        pending.peek();
        drop(pending);
        assert_eq!(taken, all[..begun.min(all.len())]);
        assert_eq!(tally.left(), all.len().saturating_sub(begun) as u64);
    }

    proptest! {
        #[test]
        fn jobs_that_are_left_are_counted_as_they_would_have_been_drawn(
            spread in prop_oneof![
                Just(Spread::Uniform), Just(Spread::Poisson), Just(Spread::Gamma { cv: 2.0 })
            ],
            taken in proptest::collection::vec(0..40u64, 0..12),
            (process, processes, thread, threads) in (0..3u32, 1..4u32, 0..3u32, 1..4u32),
            (size, rounds, begun) in (1..7u32, 0..9u64, 0..50usize),
        ) {
            let part = ProcessPart { process: process % processes, processes };
            let open = Open { arrivals: spread, max_in_flight: None, on_saturation: OnSaturation::Queue };
            let duration = Duration::from_secs(1);
            let open = Executor::ConstantArrivalRate { rate_per_s: 40.0, duration, open };
            let barrier = Executor::Barrier { size, rounds: rounds + 1 };
            for piece in pieces(open).into_iter().chain(pieces(barrier)) {
                let split = part.of(&piece.load);
                let (lane, lanes) = split.lane(thread % threads, threads);
                let own = |job: &u64| {
                    (job % u64::from(lanes)) % u64::from(lanes / threads) == u64::from(part.process)
                };
                let belongs = |job: &&u64| split.works() && own(job);
                let taken: Vec<u64> = taken.iter().filter(belongs).copied().collect();
                let state = state(&piece, part, &taken);
                match &piece.load {
                    Load::Open { arrivals, .. } => {
                        let lane = || DueJobs(arrivals.clone().stripe(lane, lanes));
                        check([lane(), lane()], &state, begun);
                    }
                    Load::Barrier { size, rounds, first_job } => {
                        let rounds = || rounds.clone();
                        let jobs = || RoundJobs {
                            first_job: *first_job, size: *size, lane, lanes, rounds: rounds(), taken: 0,
                        };
                        check([jobs(), jobs()], &state, begun);
                    }
                    _ => unreachable!("neither of the two executors"),
                }
            }
        }
    }

    #[test]
    fn a_day_of_arrivals_is_counted_without_being_drawn() {
        let open =
            Open { arrivals: Spread::Uniform, max_in_flight: None, on_saturation: OnSaturation::Queue };
        let day = Duration::from_secs(86_400);
        // Drawing these would take months.
        let rate = Executor::ConstantArrivalRate { rate_per_s: 1e9, duration: day, open };
        for piece in pieces(rate) {
            let Load::Open { arrivals, .. } = &piece.load else { panic!("an open load") };
            let tally = Tally::default();
            let state = state(&piece, ProcessPart { process: 0, processes: 1 }, &[]);
            let mut pending = Pending::new(DueJobs(arrivals.clone().stripe(1, 2)), state, &tally);
            assert_eq!(pending.pop().map(|(job, _)| job), Some(1));
            drop(pending);
            assert_eq!(tally.left(), arrivals.left() / 2 - 1);
        }
        let own = OwnJobs(0..u64::MAX);
        assert_eq!(own.left(), u64::MAX);
    }
}
