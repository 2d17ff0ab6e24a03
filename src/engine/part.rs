//! Which part of a piece of load one process makes.

use crate::profile::Load;

/// One process of several, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ProcessPart {
    pub(super) process: u32,
    pub(super) processes: u32,
}

impl ProcessPart {
    /// This process's part of a piece. No more processes take part than it has workers, room or jobs in a
    /// round.
    pub(super) fn of(self, load: &Load) -> Split {
        let most = match load {
            Load::Open { open, .. } => open.max_in_flight.unwrap_or(u32::MAX),
            Load::Vus { vus, .. } => vus.max(),
            Load::PerVu { vus, .. } => *vus,
            Load::Barrier { size, .. } => *size,
        };
        let own_numbers = matches!(load, Load::PerVu { .. });
        Split { process: self.process, active: self.processes.min(most).max(1), own_numbers }
    }
}

/// One process's part of one piece: whatever is dealt out is dealt to the processes that take part, in turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Split {
    process: u32,
    /// Processes that take part.
    active: u32,
    /// Workers have numbers of their own.
    own_numbers: bool,
}

impl Split {
    /// Whether the process takes part at all.
    pub(super) fn works(self) -> bool {
        self.process < self.active
    }

    /// Lanes are all threads of all processes, each of which has so many; and which of them is this thread.
    pub(super) fn lane(self, thread: u32, threads: u32) -> (u32, u32) {
        (self.process + self.active * thread, self.active * threads)
    }

    /// How many of `n` things fall to this process.
    pub(super) fn share(self, n: u64) -> u64 {
        let (process, active) = (u64::from(self.process), u64::from(self.active));
        if self.works() { n.saturating_sub(process).div_ceil(active) } else { 0 }
    }

    /// The `n`th of the things that fall to this process.
    pub(super) fn nth(self, n: u64) -> u64 {
        u64::from(self.process) + n * u64::from(self.active)
    }

    /// A number for each of this process's jobs, such that jobs in order have successive ones.
    pub(super) fn place(self, job: u64) -> u64 {
        if self.own_numbers { job } else { job / u64::from(self.active) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_thing_falls_to_one_process_and_shares_differ_by_one_at_the_most() {
        for active in 1..5u32 {
            for n in 0..20u64 {
                let mut all = Vec::new();
                let mut shares = Vec::new();
                for process in 0..6 {
                    let split = Split { process, active, own_numbers: false };
                    all.extend((0..split.share(n)).map(|k| split.nth(k)));
                    shares.extend(split.works().then(|| split.share(n)));
                }
                all.sort_unstable();
                assert_eq!(all, (0..n).collect::<Vec<_>>());
                let (least, most) = (shares.iter().min(), shares.iter().max());
                assert!(most <= least.map(|least| least + 1).as_ref(), "{shares:?}");
            }
        }
    }
}
