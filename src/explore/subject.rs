//! What is hunted: something that can be run under a schedule, again and again.

use crate::history::{JobKey, LedgerEntry};
use crate::schedule::{Hold, RequestKey, Schedule, Strike, Trace, Unseen, Until};
use crate::summary::{Invariant, Verdict, VerdictRow};
use crate::units::format_duration;
use std::time::Duration;

/// A client beside a gate. Every run starts from a fresh state.
pub trait Subject {
    /// One run under this schedule, with the first `jobs` jobs; `None` is all of them.
    ///
    /// # Errors
    /// What kept the run from happening. A client that fails or hangs is a trial, not an error.
    fn run(&mut self, schedule: &Schedule, jobs: Option<u64>) -> Result<Trial, String>;
}

/// One run, judged.
#[derive(Debug, Clone, Default)]
pub struct Trial {
    /// What the gate saw.
    pub trace: Trace,
    /// What became of the rules.
    pub verdicts: Vec<VerdictRow>,
    /// What both sides wrote down, for the table of lanes; may be empty.
    pub books: Vec<Line>,
    /// The longest read time-out that the client announced, if it did.
    pub timeout: Option<Duration>,
    /// What the run took, in real time.
    pub elapsed: Duration,
    /// When a process of the client was killed on purpose.
    pub killed: Option<Duration>,
    /// Whether its own steps were to change places, and there was nothing that could.
    pub in_vain: bool,
}

/// How long after a kill the provider may still learn that a connection is gone.
const GONE: Duration = Duration::from_millis(250);

/// A line of one side's books.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// When, since the run's epoch.
    pub at: Duration,
    /// Whose.
    pub job: JobKey,
    /// What was written down.
    pub entry: Entry,
}

/// What one side wrote down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// The provider: an attempt ended.
    Ledger {
        /// Which attempt.
        request: RequestKey,
        /// Status that was sent.
        status: Option<u16>,
        /// Completion tokens handed over.
        delivered: u64,
        /// Tokens charged.
        billed: u64,
    },
    /// The client: what it did, in few words.
    Client(String),
}

impl From<&LedgerEntry> for Line {
    fn from(entry: &LedgerEntry) -> Self {
        Self {
            at: Duration::from_nanos(entry.ended_ns),
            job: entry.job.clone(),
            entry: Entry::Ledger {
                request: RequestKey { job: entry.job.clone(), attempt: entry.attempt, repeat: 0 },
                status: entry.status,
                delivered: entry.delivered_tokens,
                billed: entry.billed_prompt_tokens + entry.billed_completion_tokens,
            },
        }
    }
}

impl Trial {
    /// The rules that this run broke, each once.
    pub(super) fn broken(&self) -> Vec<Invariant> {
        let mut broken: Vec<Invariant> = self
            .verdicts
            .iter()
            .filter(|row| row.verdict == Verdict::Broken)
            .map(|row| row.invariant)
            .collect();
        broken.sort_unstable();
        broken.dedup();
        broken
    }

    /// Whether a hang-up at this moment was the kill, and no decision of the client.
    pub(crate) fn died(&self, at: Duration) -> bool {
        self.killed.is_some_and(|killed| killed <= at && at <= killed + GONE)
    }

    /// Whether this run broke this rule.
    pub(super) fn breaks(&self, invariant: Invariant) -> bool {
        self.row(invariant).is_some_and(|row| row.verdict == Verdict::Broken)
    }

    /// What became of a rule: its worst row.
    pub(crate) fn row(&self, invariant: Invariant) -> Option<&VerdictRow> {
        let rank = |row: &&VerdictRow| match row.verdict {
            Verdict::Broken => 0,
            Verdict::Unknown => 1,
            Verdict::Holds => 2,
            Verdict::NotApplicable => 3,
        };
        self.verdicts.iter().filter(|row| row.invariant == invariant).min_by_key(rank)
    }

    /// In what this run did not go as its schedule asked, in one sentence.
    pub(super) fn diverged(&self) -> Option<String> {
        if let Some(unseen) = self.trace.unseen.first() {
            let (Unseen::Hold(Hold { request, .. }) | Unseen::Fault(Strike { request, .. })) = unseen;
            return Some(format!("{request} never came, so what the schedule does to it did not happen"));
        }
        let hold = self.trace.infeasible.first()?;
        Some(format!("{} could not be held {}", hold.request, until(&hold.until)))
    }
}

/// How long something was to be held.
fn until(until: &Until) -> String {
    match until {
        Until::Answered(other) => format!("until {other} was answered"),
        Until::After(time) => format!("for {}", format_duration(*time)),
        Until::Disconnect => "until the client hung up".to_owned(),
    }
}
