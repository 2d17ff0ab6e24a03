//! The arrivals of an open executor: an iterator of due times.

use super::curve::Curve;
use super::gaps::{GapDraws, ONE};
use std::ops::Range;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// A job and when it is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArrivalTime {
    /// The job's index in its cell.
    pub job: u64,
    /// When it is due, as offset from the block's start.
    pub due: Duration,
}

/// The arrivals of one block of an open executor, in order. Cheap to clone; a clone repeats what is left.
#[derive(Debug, Clone)]
pub struct ArrivalTimes {
    curve: Arc<Curve>,
    segment: usize,
    gaps: GapDraws,
    /// Number of the next arrival in the phase.
    index: u64,
    /// `S_k` of the next arrival, fixed-point.
    sum: u128,
    /// Due time of the last arrival, in the phase.
    last_ns: u64,
    /// Number in the phase of the first arrival that is left out.
    limit: u64,
    /// Number in the phase of the first arrival behind these, once it has been asked for; clones share it.
    end: Arc<OnceLock<u64>>,
    first_job: u64,
    /// The block's part of the phase.
    from_ns: u64,
    until_ns: u64,
    /// Where that part begins in the block.
    offset_ns: u64,
}

impl ArrivalTimes {
    /// All arrivals of a phase, `limit` at the most.
    pub(super) fn new(curve: Arc<Curve>, mut gaps: GapDraws, first_job: u64, limit: Option<u64>) -> Self {
        let sum = gaps.first();
        Self {
            until_ns: curve.end_ns(),
            limit: limit.unwrap_or(u64::MAX),
            end: Arc::default(),
            curve,
            segment: 0,
            gaps,
            index: 0,
            sum,
            last_ns: 0,
            first_job,
            from_ns: 0,
            offset_ns: 0,
        }
    }

    /// Mean rate offered over the block's part of the phase, in jobs per second.
    #[must_use]
    pub fn offered_per_s(&self) -> f64 {
        let expected = self.curve.expected_before(self.until_ns) - self.curve.expected_before(self.from_ns);
        let length_ns = self.until_ns.saturating_sub(self.from_ns);
        if length_ns == 0 { 0.0 } else { expected * 1e9 / length_ns as f64 }
    }

    /// The arrivals of one of several threads: event `k` of the phase belongs to thread `k % threads`.
    ///
    /// All stripes together are exactly these arrivals. Each stripe draws every gap, so that threads
    /// need not communicate.
    #[must_use]
    pub fn stripe(self, thread: u32, threads: u32) -> Stripe {
        Stripe { arrivals: self, thread: thread.into(), threads: threads.max(1).into() }
    }

    /// How many arrivals are left. Uneven ones are drawn once for all clones, to count them; ask before the
    /// load begins.
    #[must_use]
    pub fn left(&self) -> u64 {
        let draw = || {
            let mut rest = self.clone();
            rest.skip_until(self.until_ns);
            rest.index
        };
        self.end.get_or_init(draw).saturating_sub(self.index)
    }

    /// When the load ends: with the curve, or when the first arrival beyond the limit would be due.
    pub(super) fn end_ns(&self) -> u64 {
        if self.limit == u64::MAX {
            return self.until_ns;
        }
        let mut rest = self.clone();
        rest.limit = u64::MAX;
        rest.skip_jobs(self.limit);
        let last_ns = rest.last_ns;
        rest.due_ns().map_or(self.until_ns, |due_ns| due_ns.max(last_ns + 1).min(self.until_ns))
    }

    /// The part of a phase within `part_ns`, which begins `offset_ns` into its block. What lies before
    /// the part is left out of `self`, so that taking one part after another walks the phase once.
    pub(super) fn part(&mut self, part_ns: Range<u64>, offset_ns: u64) -> Self {
        if part_ns.start > 0 {
            self.skip_until(part_ns.start);
        }
        let end = Arc::default();
        Self { from_ns: part_ns.start, until_ns: part_ns.end, offset_ns, end, ..self.clone() }
    }

    /// When the next arrival is due in the phase, if there is one.
    ///
    /// Two arrivals less than a nanosecond apart may round past each other on a ramp, hence the `max`.
    fn due_ns(&mut self) -> Option<u64> {
        if self.index >= self.limit {
            return None;
        }
        let due_ns = self.curve.when_ns(self.sum, &mut self.segment)?.max(self.last_ns);
        (due_ns < self.until_ns).then_some(due_ns)
    }

    fn step(&mut self, due_ns: u64) {
        self.last_ns = due_ns;
        self.index += 1;
        self.sum = self.sum.saturating_add(self.gaps.next());
    }

    /// Goes to the first arrival that is not due before `moment_ns`. Even gaps need no walk.
    fn skip_until(&mut self, moment_ns: u64) {
        let before = |due_ns: &u64| *due_ns < moment_ns;
        if self.gaps.even() {
            let end = u64::try_from(self.curve.total().div_ceil(ONE)).unwrap_or(u64::MAX).min(self.limit);
            let (mut low, mut high) = (self.index, end.max(self.index));
            while low < high {
                let middle = low + (high - low) / 2;
                let due_ns = self.curve.when_ns(u128::from(middle) * ONE, &mut 0);
                (low, high) =
                    if due_ns.as_ref().is_some_and(before) { (middle + 1, high) } else { (low, middle) };
            }
            return self.jump_to(low);
        }
        while let Some(due_ns) = self.due_ns().filter(before) {
            self.step(due_ns);
        }
    }

    fn skip_jobs(&mut self, jobs: u64) {
        if self.gaps.even() {
            return self.jump_to(jobs);
        }
        while self.index < jobs
            && let Some(due_ns) = self.due_ns()
        {
            self.step(due_ns);
        }
    }

    fn jump_to(&mut self, index: u64) {
        if index > self.index {
            self.index = index;
            self.sum = u128::from(index) * ONE;
            self.last_ns = self.curve.when_ns(self.sum - ONE, &mut 0).unwrap_or(self.last_ns);
        }
    }
}

impl Iterator for ArrivalTimes {
    type Item = ArrivalTime;

    fn next(&mut self) -> Option<ArrivalTime> {
        let due_ns = self.due_ns()?;
        let job = self.first_job.saturating_add(self.index);
        self.step(due_ns);
        let due = Duration::from_nanos(due_ns.saturating_sub(self.from_ns).saturating_add(self.offset_ns));
        Some(ArrivalTime { job, due })
    }
}

/// The arrivals of one of several threads.
#[derive(Debug, Clone)]
pub struct Stripe {
    arrivals: ArrivalTimes,
    thread: u64,
    threads: u64,
}

impl Stripe {
    /// How many arrivals of this thread are left; see [`ArrivalTimes::left`].
    #[must_use]
    pub fn left(&self) -> u64 {
        let before = |number: u64| number.saturating_sub(self.thread).div_ceil(self.threads);
        let index = self.arrivals.index;
        before(index + self.arrivals.left()) - before(index)
    }
}

impl Iterator for Stripe {
    type Item = ArrivalTime;

    fn next(&mut self) -> Option<ArrivalTime> {
        let Self { arrivals, thread, threads } = self;
        let first_job = arrivals.first_job;
        arrivals.find(|arrival| (arrival.job - first_job) % *threads == *thread)
    }
}
