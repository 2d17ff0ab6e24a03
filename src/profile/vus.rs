//! How many workers there are at which moment.

use crate::clock::ns;
use crate::plan::Stage;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

/// The number of workers over time, as one block sees it.
///
/// On a ramp the number follows the straight line, one worker at a time: rising it is the line rounded
/// down, falling it is the line rounded up, so that a stage's target is reached exactly at its end.
#[derive(Debug, Clone)]
pub struct VusCurve {
    stages: Arc<[Ramp]>,
    last: u32,
    /// The block's part of the phase.
    from_ns: u64,
    until_ns: u64,
    /// Where that part begins in the block.
    offset_ns: u64,
}

/// A stage with a length above 0.
#[derive(Debug)]
struct Ramp {
    start_ns: u64,
    length_ns: u64,
    from: u32,
    to: u32,
}

impl VusCurve {
    /// Always `vus`.
    pub(super) fn constant(vus: u32) -> Self {
        Self { stages: Arc::new([]), last: vus, from_ns: 0, until_ns: u64::MAX, offset_ns: 0 }
    }

    /// Starts at `start_vus` and follows the stages.
    pub(super) fn ramping(start_vus: u32, stages: &[Stage]) -> Self {
        let (mut start_ns, mut from) = (0u64, start_vus);
        let mut ramps = Vec::new();
        for stage in stages {
            let length_ns = ns(stage.duration).min(u64::MAX - start_ns);
            if length_ns > 0 {
                ramps.push(Ramp { start_ns, length_ns, from, to: stage.target });
            }
            start_ns += length_ns;
            from = stage.target;
        }
        Self { stages: ramps.into(), last: from, from_ns: 0, until_ns: start_ns, offset_ns: 0 }
    }

    /// The part of the phase within `part_ns`, which begins `offset_ns` into its block.
    pub(super) fn part(&self, part_ns: Range<u64>, offset_ns: u64) -> Self {
        Self { from_ns: part_ns.start, until_ns: part_ns.end, offset_ns, ..self.clone() }
    }

    /// Workers at this offset from the block's start. Before the phase's part of the block it is the
    /// number at its start, after it the number at its end.
    #[must_use]
    pub fn at(&self, offset: Duration) -> u32 {
        self.at_phase_ns(self.phase_ns(offset))
    }

    /// Most workers that [`VusCurve::at`] says in this block, its very end included.
    #[must_use]
    pub fn max(&self) -> u32 {
        let inside = |moment_ns: u64| self.from_ns < moment_ns && moment_ns < self.until_ns;
        let peaks = self.stages.iter().flat_map(|r| {
            let end_ns = r.start_ns + r.length_ns;
            [(r.start_ns, r.from), (end_ns, r.to)].into_iter().filter(|(at_ns, _)| inside(*at_ns))
        });
        let edges = [self.from_ns, self.until_ns.saturating_sub(1), self.until_ns]
            .map(|at_ns| self.at_phase_ns(at_ns));
        peaks.map(|(_, vus)| vus).chain(edges).max().unwrap_or(self.last)
    }

    /// The first offset from the block's start, after `offset`, at which the number differs from that at
    /// `offset`; `None` if it stays to the end of this block's part.
    #[must_use]
    pub fn next_change(&self, offset: Duration) -> Option<Duration> {
        let now_ns = self.phase_ns(offset);
        let now = self.at_phase_ns(now_ns);
        let ramps = self.stages.iter().filter(|r| r.start_ns + r.length_ns > now_ns);
        let mut moments =
            ramps.flat_map(|r| [r.start_ns, r.next_change_ns(now_ns), r.start_ns + r.length_ns]);
        let change_ns = moments.find(|at_ns| *at_ns > now_ns && self.at_phase_ns(*at_ns) != now)?;
        (change_ns < self.until_ns)
            .then(|| Duration::from_nanos((change_ns - self.from_ns).saturating_add(self.offset_ns)))
    }

    fn phase_ns(&self, offset: Duration) -> u64 {
        let within_ns = ns(offset).saturating_sub(self.offset_ns);
        self.from_ns.saturating_add(within_ns).min(self.until_ns)
    }

    fn at_phase_ns(&self, moment_ns: u64) -> u32 {
        let ramp = self.stages.iter().find(|r| moment_ns < r.start_ns + r.length_ns);
        ramp.map_or(self.last, |r| r.at_ns(moment_ns))
    }
}

impl Ramp {
    /// Workers at a moment inside the ramp.
    fn at_ns(&self, moment_ns: u64) -> u32 {
        let within_ns = u128::from(moment_ns.saturating_sub(self.start_ns));
        let steps = u128::from(self.from.abs_diff(self.to)) * within_ns / u128::from(self.length_ns);
        let steps = u32::try_from(steps).unwrap_or(u32::MAX);
        if self.to >= self.from { self.from.saturating_add(steps) } else { self.from.saturating_sub(steps) }
    }

    /// When the next worker comes or goes, on this ramp and after this moment; its end if none does.
    fn next_change_ns(&self, moment_ns: u64) -> u64 {
        let (change, length_ns) = (u128::from(self.from.abs_diff(self.to)), u128::from(self.length_ns));
        let within_ns = u128::from(moment_ns.saturating_sub(self.start_ns));
        let step = change * within_ns / length_ns + 1;
        if step > change {
            return self.start_ns + self.length_ns;
        }
        let within_ns = (step * length_ns).div_ceil(change);
        self.start_ns + u64::try_from(within_ns).unwrap_or(self.length_ns)
    }
}
