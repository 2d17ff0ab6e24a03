//! Where each part stands in the whole run, and what the whole came to.

use super::super::{CellEnd, Meta};
use super::Surveyed;
use std::collections::BTreeMap;

const NS_PER_S: u64 = 1_000_000_000;

/// The one time line of all parts.
///
/// Parts that are blocks follow one another: each stands where it was made, and begins when the one before
/// has ended at the earliest. Other parts are shares of one load: all begin at once.
pub(super) struct TimeLine {
    /// When each part begins, after the start of the whole.
    pub(super) offsets_ns: Vec<u64>,
    in_turn: bool,
}

impl TimeLine {
    /// Of parts in the order in which they were made.
    pub(super) fn of(parts: &[Surveyed]) -> Self {
        let in_turn = parts.iter().all(|part| part.part.block.is_some());
        let start_s = parts.first().map_or(0, |part| part.meta.started_utc_s);
        let mut ended_ns = 0;
        let offsets_ns = parts.iter().map(|part| {
            if !in_turn {
                return 0;
            }
            let made_ns = part.meta.started_utc_s.saturating_sub(start_s).saturating_mul(NS_PER_S);
            let offset_ns = made_ns.max(ended_ns);
            ended_ns = offset_ns.saturating_add(part.meta.elapsed_ns);
            offset_ns
        });
        Self { offsets_ns: offsets_ns.collect(), in_turn }
    }

    /// The end of each cell, all parts added up.
    pub(super) fn cells(&self, parts: &[Surveyed]) -> Vec<CellEnd> {
        let mut cells: BTreeMap<u16, Vec<CellEnd>> = BTreeMap::new();
        for (part, offset_ns) in parts.iter().zip(&self.offsets_ns) {
            for cell in &part.cells {
                let stuck_since_ns = cell.stuck_since_ns.map(|at| at.saturating_add(*offset_ns));
                cells.entry(cell.cell).or_default().push(CellEnd { stuck_since_ns, ..cell.clone() });
            }
        }
        cells.into_iter().map(|(cell, parts)| self.cell(cell, &parts)).collect()
    }

    fn cell(&self, cell: u16, parts: &[CellEnd]) -> CellEnd {
        let sum = |of: fn(&CellEnd) -> u64| parts.iter().map(of).fold(0, u64::saturating_add);
        let most = |of: fn(&CellEnd) -> u64| parts.iter().map(of).max().unwrap_or(0);
        let mut not_issued = BTreeMap::new();
        for (reason, n) in parts.iter().flat_map(|part| &part.not_issued) {
            *not_issued.entry(*reason).or_insert(0) += n;
        }
        let elapsed_ns =
            if self.in_turn { sum(|part| part.elapsed_ns) } else { most(|part| part.elapsed_ns) };
        // A mean over the whole time: each part counts by its length.
        let mean = |of: fn(&CellEnd) -> u64| {
            let weighed = parts.iter().map(|part| u128::from(of(part)) * u128::from(part.elapsed_ns));
            u64::try_from(weighed.sum::<u128>() / u128::from(elapsed_ns.max(1))).unwrap_or(u64::MAX)
        };
        let open = parts.iter().any(|part| part.offered_per_1000_s.is_some());
        let offered = |part: &CellEnd| part.offered_per_1000_s.unwrap_or(0);
        CellEnd {
            cell,
            planned: sum(|part| part.planned),
            issued: sum(|part| part.issued),
            not_issued,
            elapsed_ns,
            offered_per_1000_s: open.then(|| if self.in_turn { mean(offered) } else { sum(offered) }),
            cpu_busiest_ppm: if self.in_turn {
                mean(|part| part.cpu_busiest_ppm)
            } else {
                most(|part| part.cpu_busiest_ppm)
            },
            cpu_ns: sum(|part| part.cpu_ns),
            stuck_since_ns: parts.iter().filter_map(|part| part.stuck_since_ns).min(),
        }
    }

    /// The facts of all parts as one run's.
    pub(super) fn meta(&self, parts: &[Surveyed]) -> Meta {
        let metas = || parts.iter().map(|part| &part.meta);
        let ends = metas().zip(&self.offsets_ns).map(|(meta, at)| at.saturating_add(meta.elapsed_ns));
        let targets = metas().map(|meta| meta.transports.len()).max().unwrap_or(0);
        let transport = |at| names(metas().filter_map(|meta| meta.transports.get(at)));
        let threads = metas().map(|meta| meta.threads);
        let started_utc_s = metas().map(|meta| meta.started_utc_s).min().unwrap_or(0);
        let mut whole = Meta::new(started_utc_s, ends.max().unwrap_or(0));
        whole.interrupted = metas().any(|meta| meta.interrupted);
        whole.over_budget = metas().any(|meta| meta.over_budget);
        whole.pacer = names(metas().map(|meta| &meta.pacer));
        whole.threads = if self.in_turn { threads.max().unwrap_or(0) } else { threads.sum() };
        whole.transports = (0..targets).map(transport).collect();
        whole
    }
}

/// Each name once, in alphabetical order.
fn names<'a>(all: impl Iterator<Item = &'a String>) -> String {
    let mut all: Vec<&str> = all.map(String::as_str).collect();
    all.sort_unstable();
    all.dedup();
    all.join(", ")
}

#[cfg(test)]
mod tests {
    use super::super::Part;
    use super::*;

    fn part(block: Option<u32>, started_utc_s: u64, elapsed_s: u64) -> Surveyed {
        let elapsed_ns = elapsed_s * NS_PER_S;
        let cell = CellEnd {
            cell: 0,
            planned: 10,
            issued: 10,
            not_issued: BTreeMap::new(),
            elapsed_ns,
            offered_per_1000_s: Some(1000 * elapsed_s),
            cpu_busiest_ppm: 100,
            cpu_ns: 5,
            stuck_since_ns: Some(1),
        };
        let mut meta = Meta::new(started_utc_s, elapsed_ns);
        meta.threads = 2;
        Surveyed {
            part: Part { dir: "d".into(), block },
            meta,
            cells: vec![cell],
            run: String::new(),
            backlogs: BTreeMap::new(),
        }
    }

    #[test]
    fn blocks_follow_one_another_where_they_were_made() {
        // Whole seconds: the second reads as if it had begun before the first was over.
        let parts = [part(Some(1), 100, 3), part(Some(2), 102, 1), part(Some(3), 3_700, 1)];
        let time = TimeLine::of(&parts);
        assert_eq!(time.offsets_ns, [0, 3 * NS_PER_S, 3_600 * NS_PER_S]);
        let (cell, meta) = (&time.cells(&parts)[0], time.meta(&parts));
        assert_eq!((cell.planned, cell.elapsed_ns, cell.cpu_ns), (30, 5 * NS_PER_S, 15));
        assert_eq!((cell.offered_per_1000_s, cell.cpu_busiest_ppm), (Some((9 + 1 + 1) * 1000 / 5), 100));
        assert_eq!((meta.started_utc_s, meta.elapsed_ns, meta.threads), (100, 3_601 * NS_PER_S, 2));
    }

    #[test]
    fn shares_begin_together() {
        let parts = [part(None, 100, 3), part(None, 101, 4)];
        let time = TimeLine::of(&parts);
        assert_eq!(time.offsets_ns, [0, 0]);
        let (cell, meta) = (&time.cells(&parts)[0], time.meta(&parts));
        assert_eq!((cell.elapsed_ns, cell.offered_per_1000_s), (4 * NS_PER_S, Some(7_000)));
        assert_eq!((meta.elapsed_ns, meta.threads), (4 * NS_PER_S, 4));
    }
}
