//! From one run (the provider's entries, what the program printed, how it ended) to evidence that can be
//! judged.

use super::claims::ClaimedTotals;
use super::command::{ProcessEnd, ProgramOutcome};
use super::numbers::{JobNumbers, is_whole};
use super::output::Output;
use super::settings::{Settings, TARGET};
use crate::clock::ns;
use crate::history::{
    Booked, Evidence, JobEnd, JobId, JobKey, JobRow, LedgerEnd, LedgerEntry, Meta, Outcome, ProgramRun,
    ProgramRunEnd, ResultSource,
};
use crate::schedule::{Fallback, Schedule, Trace, TraceEvent};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

/// What is known of a program from an undisturbed run.
#[derive(Debug, Clone, Default)]
pub(super) struct UndisturbedRun {
    /// The jobs of the job file that it does.
    pub(super) jobs: BTreeSet<JobId>,
    /// Whether it does all of them: then it does as many as there are.
    pub(super) reads_jobs: bool,
    /// Where its results come from.
    pub(super) results: ResultSource,
    /// Whether each answered job had a result.
    pub(super) shows_all: bool,
    /// How often each text was asked that no job owns by name.
    pub(super) unnamed: BTreeMap<JobKey, u64>,
    /// The longest that nothing was in flight before more came.
    pub(super) silence: Duration,
    /// How it ended.
    pub(super) end: ProgramRunEnd,
}

/// One run, as it was left.
pub(super) struct RunRecord<'a> {
    pub(super) settings: &'a Settings,
    pub(super) schedule: &'a Schedule,
    pub(super) jobs: u64,
    pub(super) entries: Vec<LedgerEntry>,
    pub(super) trace: &'a Trace,
    pub(super) ran: &'a ProgramOutcome,
    pub(super) output: &'a Output,
    pub(super) unserved: &'a BTreeSet<String>,
    pub(super) excerpts: &'a HashMap<JobKey, String>,
    /// `None` if this is the calm run.
    pub(super) calm: Option<&'a UndisturbedRun>,
}

impl RunRecord<'_> {
    /// The evidence, and what it says of an undisturbed program.
    pub(super) fn evidence(mut self) -> (Evidence, UndisturbedRun) {
        let mut entries = std::mem::take(&mut self.entries);
        let numbers = JobNumbers::give(&mut entries, self.calm.map(|calm| &calm.unnamed));
        let (source, jobs) = self.results(&numbers);
        let answered: BTreeSet<JobId> = entries.iter().filter(|e| is_whole(e)).filter_map(own).collect();
        let shown: BTreeSet<JobId> = jobs.iter().map(|row| row.job).collect();
        let own_jobs: BTreeSet<JobId> =
            entries.iter().filter_map(own).filter(|job| job.index < ProgramRun::FOREIGN).collect();
        let calm = self.calm.cloned().unwrap_or_else(|| UndisturbedRun {
            reads_jobs: self.jobs > 0
                && (0..self.jobs).all(|index| own_jobs.contains(&JobId { cell: 0, index })),
            results: source,
            // Who claims results claims all of them; what an output shows by itself may be a part.
            shows_all: source == ResultSource::Claims || (!answered.is_empty() && answered.is_subset(&shown)),
            jobs: own_jobs,
            unnamed: numbers.unnamed(),
            silence: silence(&entries),
            end: end(self.ran),
        });
        let conduct = self.conduct(&entries, numbers, source, &calm);
        let meta = Meta::new(0, conduct.ended_ns);
        let mut evidence = Evidence::in_memory(&[], &entries, Vec::new(), meta, &[TARGET.to_owned()]);
        evidence.jobs = jobs;
        evidence.conduct = Some(Box::new(conduct));
        (evidence, calm)
    }

    /// The program's results: claimed, else as its output shows them.
    fn results(&self, numbers: &JobNumbers) -> (ResultSource, Vec<JobRow>) {
        let number = |job: &JobKey| match job {
            JobKey::Own(id) if id.cell == 0 && id.index < ProgramRun::FOREIGN => Some(*id),
            other => numbers.of(other).first().copied(),
        };
        let claimed = self.output.results(self.ran.ended);
        let mut rows: Vec<JobRow> = Vec::new();
        for (said, at) in &claimed {
            let outcome = if said.ok { Outcome::Ok } else { Outcome::Failed };
            rows.extend(number(&said.job).map(|job| row(job, *at, outcome, said.answer, said.text_hash)));
        }
        let claims = !rows.is_empty() || self.calm.is_some_and(|calm| calm.results == ResultSource::Claims);
        if !claims {
            let shown = self.output.pairs();
            rows.extend(shown.filter_map(|(job, answer, at)| {
                Some(row(number(job)?, at, Outcome::Ok, Some(answer), None))
            }));
        }
        for row in &mut rows {
            // Once, and once more if it was killed in between.
            row.deliveries += u32::from(self.ran.killed.is_some());
        }
        rows.sort_by_key(|row| (row.job, row.done_ns));
        let source = match (rows.is_empty(), claims) {
            (true, _) => ResultSource::None,
            (_, true) => ResultSource::Claims,
            (_, false) => ResultSource::Output,
        };
        (source, rows)
    }

    fn conduct(
        &self,
        entries: &[LedgerEntry],
        numbers: JobNumbers,
        source: ResultSource,
        calm: &UndisturbedRun,
    ) -> ProgramRun {
        let accounts = self.output.accounts();
        let sums: Vec<ClaimedTotals> = accounts
            .iter()
            .map(|account| account.iter().fold(ClaimedTotals::default(), |sum, (_, said)| sum.plus(said)))
            .collect();
        let (layers, calls) = layers(entries);
        let named = self.output.named().iter().flat_map(|job| numbers.of(job)).copied().collect();
        let within = |job: &JobId| !calm.reads_jobs || job.index < self.jobs;
        ProgramRun {
            end: end(self.ran),
            ended_ns: ns(self.ran.ended),
            killed_ns: self.ran.killed.map(ns),
            orphans: self.ran.orphans,
            silence_ns: ns(calm.silence),
            busy_ns: ns(self.ran.busy),
            calm_end: calm.end,
            excerpts: self.excerpts.iter().map(|(job, text)| (job.clone(), text.clone())).collect(),
            unserved: self.unserved.iter().cloned().collect(),
            limit_known: self.calm.is_some() || self.settings.command.limit_given,
            planned: calm.jobs.iter().copied().filter(within).collect(),
            disturbed: self.disturbed(entries, &numbers),
            named,
            results: source,
            shows_all: calm.shows_all,
            books: sums.iter().map(|sum| booked("the program", sum)).filter(says_something).collect(),
            shares: accounts
                .iter()
                .find(|account| account.len() > 1)
                .map(|account| account.iter().map(|(whose, said)| booked(whose, said)).collect())
                .unwrap_or_default(),
            failed: sums.iter().filter_map(|sum| sum.failed).max(),
            attempts_cap: self.settings.attempts_cap,
            calls,
            layers,
            names: numbers.names,
        }
    }

    /// The jobs that may stay unanswered, because something was done to them.
    fn disturbed(&self, entries: &[LedgerEntry], numbers: &JobNumbers) -> BTreeSet<JobId> {
        let killed_ns = self.ran.killed.map(ns);
        let struck = |entry: &&LedgerEntry| {
            entry.fault.is_some()
                || entry.status.is_some_and(|status| !(200..300).contains(&status))
                || matches!(entry.end, LedgerEnd::Refused | LedgerEnd::Cut | LedgerEnd::Reset)
                || killed_ns.is_some_and(|at| entry.arrived_ns <= at && entry.ended_ns >= at)
        };
        let mut disturbed: BTreeSet<JobId> = entries.iter().filter(struck).filter_map(own).collect();
        let held = self.schedule.holds.iter().map(|hold| &hold.request.job);
        let mut names: BTreeSet<&JobKey> = held.collect();
        if self.schedule.fallback != Fallback::Respond {
            let mut waiting = BTreeSet::new();
            for step in &self.trace.steps {
                match step.event {
                    TraceEvent::Arrived => _ = waiting.insert(&step.request),
                    TraceEvent::Released { .. } => _ = waiting.remove(&step.request),
                    TraceEvent::Left if waiting.contains(&step.request) => {
                        _ = names.insert(&step.request.job)
                    }
                    _ => {}
                }
            }
        }
        disturbed.extend(names.into_iter().flat_map(|name| numbers.of(name)));
        disturbed
    }
}

fn row(job: JobId, at: Duration, outcome: Outcome, answer: Option<u64>, text_hash: Option<u64>) -> JobRow {
    let end = if outcome == Outcome::Ok { JobEnd::Answered } else { JobEnd::Exhausted };
    JobRow {
        job,
        deliveries: 1,
        due_ns: 0,
        begun_ns: 0,
        done_ns: ns(at),
        outcome,
        end,
        attempts: 0,
        answer,
        text_hash,
        warmup: false,
    }
}

fn own(entry: &LedgerEntry) -> Option<JobId> {
    entry.job.own()
}

fn booked(whose: &str, said: &ClaimedTotals) -> Booked {
    Booked {
        whose: whose.to_owned(),
        requests: said.requests,
        prompt_tokens: said.prompt_tokens,
        completion_tokens: said.completion_tokens,
        total_tokens: said.total_tokens,
    }
}

fn says_something(book: &Booked) -> bool {
    book.requests.is_some() || book.has_tokens()
}

/// The longest that nothing was in flight between two requests.
fn silence(entries: &[LedgerEntry]) -> Duration {
    let mut sorted: Vec<&LedgerEntry> = entries.iter().collect();
    sorted.sort_unstable_by_key(|entry| entry.arrived_ns);
    let (mut longest, mut busy_ns) = (0, sorted.first().map_or(0, |first| first.ended_ns));
    for entry in sorted {
        longest = longest.max(entry.arrived_ns.saturating_sub(busy_ns));
        busy_ns = busy_ns.max(entry.ended_ns);
    }
    Duration::from_nanos(longest)
}

/// The worst end of all processes.
fn end(ran: &ProgramOutcome) -> ProgramRunEnd {
    if ran.interrupted {
        return ProgramRunEnd::Interrupted;
    }
    let rank = |end: &&ProcessEnd| match end {
        ProcessEnd::Stopped => 3,
        ProcessEnd::Signalled(_) => 2,
        ProcessEnd::Exited(0) => 0,
        ProcessEnd::Exited(_) => 1,
    };
    match ran.ends.iter().max_by_key(rank) {
        None | Some(ProcessEnd::Exited(0)) => ProgramRunEnd::Well,
        Some(ProcessEnd::Exited(code)) => ProgramRunEnd::Code(*code),
        Some(ProcessEnd::Signalled(signal)) => ProgramRunEnd::Signal(*signal),
        Some(ProcessEnd::Stopped) => ProgramRunEnd::Stopped,
    }
}

/// By job that was tried more than once: an SDK's own retries, and calls; and the calls of all jobs.
pub(super) fn layers(entries: &[LedgerEntry]) -> (BTreeMap<JobId, [u64; 2]>, Option<u64>) {
    let mut layers: BTreeMap<JobId, [u64; 2]> = BTreeMap::new();
    if entries.iter().all(|entry| entry.sdk_retry.is_none()) {
        return (layers, None);
    }
    let mut calls = 0;
    for entry in entries {
        let outer = entry.sdk_retry.unwrap_or(0) == 0;
        calls += u64::from(outer);
        if let Some(job) = own(entry) {
            layers.entry(job).or_default()[usize::from(outer)] += 1;
        }
    }
    layers.retain(|_, [retries, calls]| *retries + *calls > 1);
    (layers, Some(calls))
}
