//! Whose attempts they are: every job gets a number, also one that is known by a name or by its request alone.

use crate::history::{Conduct, JobId, JobKey, LedgerEnd, LedgerEntry};
use std::collections::{BTreeMap, HashMap};

/// How late the provider may notice that a client has gone, in nanoseconds.
const NOTICE_NS: u64 = 250_000_000;

/// The jobs of one run, by number.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    /// What is known under which number, where that is not its own.
    pub(super) names: BTreeMap<JobId, JobKey>,
    by_name: BTreeMap<JobKey, Vec<JobId>>,
}

/// An ask by a request that carries no name.
struct Ask {
    job: JobId,
    ended_ns: u64,
    whole: bool,
}

impl Numbers {
    /// Numbers the jobs of these entries, in place.
    ///
    /// A job of the job file keeps its number. A request without header, tag and key is known by its body alone, and the same
    /// may be asked twice on purpose: it belongs to an earlier one only if that had ended without a whole answer.
    pub(super) fn give(entries: &mut [LedgerEntry]) -> Self {
        let mut numbers = Self::default();
        let mut asks: HashMap<JobKey, Vec<Ask>> = HashMap::new();
        entries.sort_by_key(|entry| (entry.arrived_ns, entry.seq));
        for entry in entries.iter_mut() {
            let name = entry.job.clone();
            let job = match &name {
                JobKey::Own(id) if id.cell == 0 && id.index < Conduct::FOREIGN => {
                    numbers.by_name.entry(name.clone()).or_insert_with(|| vec![*id]);
                    continue;
                }
                JobKey::Other(text) if text.starts_with("body:") => {
                    let asks = asks.entry(name.clone()).or_default();
                    let repeats = |ask: &&mut Ask| {
                        !ask.whole && ask.ended_ns <= entry.arrived_ns.saturating_add(NOTICE_NS)
                    };
                    match asks.iter_mut().filter(repeats).max_by_key(|ask| ask.ended_ns) {
                        Some(ask) => {
                            (ask.ended_ns, ask.whole) = (entry.ended_ns, is_whole(entry));
                            ask.job
                        }
                        None => {
                            let job = numbers.fresh(&name);
                            asks.push(Ask { job, ended_ns: entry.ended_ns, whole: is_whole(entry) });
                            job
                        }
                    }
                }
                _ => match numbers.by_name.get(&name).and_then(|jobs| jobs.first()) {
                    Some(job) => *job,
                    None => numbers.fresh(&name),
                },
            };
            entry.job = JobKey::Own(job);
        }
        numbers
    }

    /// The numbers of all that goes by this name.
    pub(super) fn of(&self, name: &JobKey) -> &[JobId] {
        self.by_name.get(name).map_or(&[], Vec::as_slice)
    }

    fn fresh(&mut self, name: &JobKey) -> JobId {
        let job = JobId { cell: 0, index: Conduct::FOREIGN + self.names.len() as u64 };
        self.names.insert(job, name.clone());
        self.by_name.entry(name.clone()).or_default().push(job);
        job
    }
}

/// Whether a whole good answer was handed over.
pub(super) fn is_whole(entry: &LedgerEntry) -> bool {
    entry.end == LedgerEnd::Whole && entry.status.is_some_and(|status| (200..300).contains(&status))
}
