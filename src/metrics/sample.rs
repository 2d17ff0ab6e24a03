//! Keeps the gaps of some attempts whole, in bounded memory, so that both sides can be compared.

use crate::history::JobId;

/// Gaps kept per side: 16 MiB.
const GAPS_MAX: usize = 4 << 20;

/// The gaps of every attempt, until there are too many: then of half of them, a quarter, and so on.
///
/// Which attempts stay depends only on their jobs and numbers, so client and ledger, read on two threads
/// in any order, keep the same ones, and judging evidence twice gives the same figures.
#[derive(Debug, Clone)]
pub(super) struct GapSample {
    gaps_max: usize,
    /// Attempts whose hash is above this are left out.
    threshold: u64,
    kept: Vec<SampledAttempt>,
    gaps_us: Vec<u32>,
}

/// One attempt and where its gaps are.
#[derive(Debug, Clone, Copy)]
struct SampledAttempt {
    job: JobId,
    n: u32,
    start: usize,
    length: usize,
}

impl Default for GapSample {
    fn default() -> Self {
        Self::with_room(GAPS_MAX)
    }
}

impl GapSample {
    /// A sample of at most so many gaps.
    pub(super) fn with_room(gaps_max: usize) -> Self {
        Self { gaps_max, threshold: u64::MAX, kept: Vec::new(), gaps_us: Vec::new() }
    }

    /// Takes the gaps of one attempt.
    pub(super) fn add(&mut self, job: JobId, n: u32, gaps_us: &[u32]) {
        if rank(job, n) > self.threshold {
            return;
        }
        self.kept.push(SampledAttempt { job, n, start: self.gaps_us.len(), length: gaps_us.len() });
        self.gaps_us.extend_from_slice(gaps_us);
        while self.gaps_us.len() > self.gaps_max && self.threshold > 0 {
            self.halve();
        }
    }

    fn halve(&mut self) {
        self.threshold /= 2;
        let (threshold, gaps_us) = (self.threshold, &mut self.gaps_us);
        let mut end = 0;
        self.kept.retain_mut(|kept| {
            let stays = rank(kept.job, kept.n) <= threshold;
            if stays {
                gaps_us.copy_within(kept.start..kept.start + kept.length, end);
                kept.start = end;
                end += kept.length;
            }
            stays
        });
        gaps_us.truncate(end);
    }

    /// Sorts by attempt, for a join.
    pub(super) fn sort(&mut self) {
        self.kept.sort_unstable_by_key(|kept| (kept.job, kept.n, kept.start));
    }

    /// Client minus ledger in nanoseconds, gap by gap, of attempts that stand once on both sides with
    /// equally many gaps. Both must be sorted.
    pub(super) fn differences_ns(&self, ledger: &Self) -> (u64, Vec<i64>) {
        let mut attempts = 0;
        let mut differences = Vec::new();
        let threshold = self.threshold.min(ledger.threshold);
        let alike = |a: &SampledAttempt, b: &SampledAttempt| (a.job, a.n) == (b.job, b.n);
        let mut theirs = ledger.kept.chunk_by(alike).peekable();
        for ours in self.kept.chunk_by(alike) {
            let key = (ours[0].job, ours[0].n);
            while theirs.next_if(|group| (group[0].job, group[0].n) < key).is_some() {}
            let Some([theirs]) = theirs.next_if(|group| (group[0].job, group[0].n) == key) else { continue };
            let ([ours], true) = (ours, rank(key.0, key.1) <= threshold) else { continue };
            if ours.length != theirs.length {
                continue;
            }
            attempts += 1;
            let pairs = self.of(*ours).iter().zip(ledger.of(*theirs));
            differences.extend(pairs.map(|(ours, theirs)| (i64::from(*ours) - i64::from(*theirs)) * 1000));
        }
        (attempts, differences)
    }

    fn of(&self, kept: SampledAttempt) -> &[u32] {
        &self.gaps_us[kept.start..kept.start + kept.length]
    }
}

/// A hash of the attempt (splitmix64's finisher), the same on both sides.
fn rank(job: JobId, n: u32) -> u64 {
    let mut x = job.index.wrapping_add(u64::from(job.cell) << 48).wrapping_add(u64::from(n) << 40);
    for factor in [0xBF58_476D_1CE4_E5B9, 0x94D0_49BB_1331_11EB] {
        x = (x ^ (x >> 30)).wrapping_add(0x9E37_79B9_7F4A_7C15).wrapping_mul(factor);
    }
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(room: usize, order: impl Iterator<Item = u64>, late_us: u32) -> GapSample {
        let mut sample = GapSample::with_room(room);
        for index in order {
            let gaps = [index as u32 + late_us, index as u32 * 2 + late_us];
            sample.add(JobId { cell: 0, index }, 1, &gaps);
        }
        sample.sort();
        sample
    }

    #[test]
    fn memory_is_bounded_and_both_sides_keep_the_same_attempts() {
        let client = filled(100, 0..10_000, 3);
        let ledger = filled(160, (0..10_000).rev(), 0);
        assert!(client.gaps_us.len() <= 100 && ledger.gaps_us.len() <= 160);
        let (attempts, differences) = client.differences_ns(&ledger);
        assert_eq!(attempts as usize, client.kept.len());
        assert!(attempts >= 10, "{attempts}");
        assert!(differences.iter().all(|d| *d == 3_000));
    }

    #[test]
    fn nothing_is_left_out_while_there_is_room() {
        let (attempts, differences) = filled(1000, 0..100, 0).differences_ns(&filled(1000, 0..100, 1));
        assert_eq!((attempts, differences.len()), (100, 200));
        assert!(differences.iter().all(|d| *d == -1_000));
    }

    #[test]
    fn what_cannot_be_paired_is_not_compared() {
        let mut client = GapSample::default();
        let mut ledger = GapSample::default();
        let job = |index| JobId { cell: 0, index };
        client.add(job(1), 1, &[5]); // not in the ledger
        client.add(job(2), 1, &[5, 5]); // two chunks merged on the way
        ledger.add(job(2), 1, &[5]);
        client.add(job(3), 1, &[9]);
        ledger.add(job(3), 1, &[5]);
        ledger.add(job(3), 1, &[6]); // twice in the ledger
        client.add(job(4), 2, &[7]);
        ledger.add(job(4), 2, &[5]);
        client.sort();
        ledger.sort();
        assert_eq!(client.differences_ns(&ledger), (1, vec![2_000]));
    }
}
