//! Runs in memory, without files.

use super::run::{LabError, RunConfig, RunResult, run};
use crate::history::{
    Attempt, AttemptRow, BatchSender, ClientGaps, Event, Evidence, LedgerEntry, LedgerGaps, LedgerRow, Loaded,
};
use crate::judge;
use crate::metrics::Gaps;
use crate::plan::Plan;
use crate::schedule::Schedule;
use crate::summary::Summary;
use crate::sync::lock;
use std::sync::{Arc, Mutex};

/// A run and its evidence, in memory.
#[derive(Debug)]
pub struct RunRecord {
    /// What the run came to.
    pub ran: RunResult,
    /// The client's events, in the order in which they were recorded.
    pub events: Vec<Event>,
    /// The provider's entries, in the order of their ends.
    pub entries: Vec<LedgerEntry>,
}

/// Runs the plan to its end and keeps everything.
///
/// # Errors
/// If it could not be begun.
pub fn run_in_memory(plan: &Arc<Plan>, schedule: Option<&Schedule>) -> Result<RunRecord, LabError> {
    let (history, events) = BatchSender::in_memory();
    let entries = Arc::new(Mutex::new(Vec::new()));
    let sink = entries.clone();
    let ran = run(RunConfig {
        plan,
        history,
        ledger: Arc::new(move |entry| lock(&sink).push(entry)),
        stop: Arc::default(),
        progress: Arc::default(),
        schedule,
    })?;
    let (events, entries) = (std::mem::take(&mut *lock(&events)), std::mem::take(&mut *lock(&entries)));
    Ok(RunRecord { ran, events, entries })
}

impl RunRecord {
    /// The evidence, as its files would have been loaded.
    #[must_use]
    pub fn evidence(&self, plan: &Plan) -> Evidence {
        let targets: Vec<String> = plan.targets.iter().map(|target| target.name.clone()).collect();
        let (claims, meta) = (self.ran.made.claims.clone(), self.ran.meta.clone());
        Evidence::in_memory(&self.events, &self.entries, claims, meta, &targets)
    }

    /// The client's attempts, in the order of their ends.
    pub fn attempts(&self) -> impl Iterator<Item = &Attempt> {
        self.events.iter().filter_map(|event| match event {
            Event::Attempt(attempt) => Some(&**attempt),
            _ => None,
        })
    }

    /// The summary, as `deadheat check` would have judged the files.
    #[must_use]
    pub fn summary(&self, plan: &Plan) -> Summary {
        let evidence = self.evidence(plan);
        let targets: Vec<String> = plan.targets.iter().map(|target| target.name.clone()).collect();
        let attempts: Vec<(AttemptRow, &Attempt)> = self.attempts().map(|a| (a.into(), a)).collect();
        let client = attempts.iter().map(|(row, attempt)| ClientGaps {
            attempt: row,
            warmup: attempt.warmup,
            gaps_us: &attempt.gaps_us,
        });
        let rows: Vec<(LedgerRow, &LedgerEntry)> =
            self.entries.iter().filter_map(|entry| Some((entry.row(&targets)?, entry))).collect();
        let ledger = rows.iter().map(|(row, entry)| LedgerGaps { entry: row, gaps_us: &entry.gaps_us });
        let gaps = Gaps::collect(
            plan,
            client.filter(|g| !g.gaps_us.is_empty()),
            ledger.filter(|g| !g.gaps_us.is_empty()),
        );
        let loaded = Loaded { evidence, ..Loaded::default() };
        judge::summarise(plan, &loaded, &gaps, judge::here(&self.ran.meta))
    }
}
