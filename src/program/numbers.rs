//! Whose attempts they are: every job gets a number, also one that is known by a name or by its request
//! alone.

use crate::history::{JobId, JobKey, LedgerEnd, LedgerEntry, ProgramRun};
use std::collections::{BTreeMap, HashMap};

/// How late the provider may notice that a client has gone, in nanoseconds.
const NOTICE_NS: u64 = 250_000_000;

/// The jobs of one run, by number.
#[derive(Debug, Default)]
pub(super) struct JobNumbers {
    /// What is known under which number, where that is not its own.
    pub(super) names: BTreeMap<JobId, JobKey>,
    by_name: BTreeMap<JobKey, Vec<JobId>>,
}

/// An ask by a request that carries no name.
struct Ask {
    job: JobId,
    key: Option<String>,
    ended_ns: u64,
    whole: bool,
}

impl JobNumbers {
    /// Numbers the jobs of these entries, in place.
    ///
    /// A job of the job file keeps its number. A request without header and tag is known by its body alone,
    /// and the same may be asked twice on purpose: it belongs to an earlier one if both have one
    /// `Idempotency-Key`, or if the earlier had ended without a whole answer. Where the program asks the same
    /// several times when it is not disturbed (`usual`), only a key or an SDK's own count tells a repetition
    /// from the next of its kind.
    pub(super) fn give(entries: &mut [LedgerEntry], usual: Option<&BTreeMap<JobKey, u64>>) -> Self {
        let mut numbers = Self::default();
        let mut asks: HashMap<JobKey, Vec<Ask>> = HashMap::new();
        entries.sort_by_key(|entry| (entry.arrived_ns, entry.seq));
        for entry in entries.iter_mut() {
            let name = entry.job.clone();
            let job = match &name {
                JobKey::Own(id) if id.cell == 0 && id.index < ProgramRun::FOREIGN => {
                    numbers.by_name.entry(name.clone()).or_insert_with(|| vec![*id]);
                    continue;
                }
                name if name.is_body() => {
                    let asks = asks.entry(name.clone()).or_default();
                    let key = entry.idempotency_key.as_deref();
                    let several = usual.and_then(|usual| usual.get(name)).is_some_and(|times| *times > 1);
                    let may = !several || entry.sdk_retry.is_some_and(|retry| retry > 0);
                    let repeats = |ask: &&mut Ask| {
                        let over = !ask.whole && ask.ended_ns <= entry.arrived_ns.saturating_add(NOTICE_NS);
                        (may && over) || (key.is_some() && ask.key.as_deref() == key)
                    };
                    match asks.iter_mut().filter(repeats).max_by_key(|ask| ask.ended_ns) {
                        Some(ask) => {
                            (ask.ended_ns, ask.whole) = (entry.ended_ns, is_whole(entry));
                            ask.job
                        }
                        None => {
                            let job = numbers.fresh(name);
                            let (key, whole) = (key.map(str::to_owned), is_whole(entry));
                            asks.push(Ask { job, key, ended_ns: entry.ended_ns, whole });
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

    /// The numbers of all jobs of this name. A program may call a job by its tag, or as the ledger calls it.
    pub(super) fn of(&self, name: &JobKey) -> &[JobId] {
        let ledgers = || self.by_name.get(&JobKey::from(name.label().as_str()));
        self.by_name.get(name).or_else(ledgers).map_or(&[], Vec::as_slice)
    }

    /// How often each text was asked that no job owns by name.
    pub(super) fn unnamed(&self) -> BTreeMap<JobKey, u64> {
        let bodies = self.by_name.iter().filter(|(name, _)| name.is_body());
        bodies.map(|(name, jobs)| (name.clone(), jobs.len() as u64)).collect()
    }

    fn fresh(&mut self, name: &JobKey) -> JobId {
        let job = JobId { cell: 0, index: ProgramRun::FOREIGN + self.names.len() as u64 };
        self.names.insert(job, name.clone());
        self.by_name.entry(name.clone()).or_default().push(job);
        job
    }
}

/// Whether a whole good answer was handed over.
pub(super) fn is_whole(entry: &LedgerEntry) -> bool {
    entry.end == LedgerEnd::Whole && entry.status.is_some_and(|status| (200..300).contains(&status))
}
