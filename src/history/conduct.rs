//! What an external program did and said: all that is known of it beside the ledger.

use super::{JobId, JobKey};
use std::collections::{BTreeMap, BTreeSet};

/// A program's run. Jobs that do not come out of the job file have numbers of their own, and their names
/// stand in [`Self::names`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProgramRun {
    /// How it ended; of several processes the worst.
    pub end: ProgramRunEnd,
    /// When its last process had ended, or was stopped.
    pub ended_ns: u64,
    /// When a process was killed on purpose, to be started again.
    pub killed_ns: Option<u64>,
    /// Whether a process outlived the program that had started it.
    pub orphans: bool,
    /// The longest that it has nothing in flight between two requests when it is not disturbed.
    pub silence_ns: u64,
    /// When it was last seen at work on a processor.
    pub busy_ns: u64,
    /// How it ends when it is not disturbed.
    pub calm_end: ProgramRunEnd,
    /// How requests begin that nothing but their text names.
    pub excerpts: BTreeMap<JobKey, String>,
    /// Methods and paths that it asked for and the provider does not serve.
    pub unserved: Vec<String>,
    /// Whether its time was measured, by an undisturbed run, or given.
    pub limit_known: bool,
    /// Jobs that it does when it is not disturbed.
    pub planned: BTreeSet<JobId>,
    /// What is known under which number.
    pub names: BTreeMap<JobId, JobKey>,
    /// Jobs of which an attempt was held, refused or struck by a fault: they may stay unanswered.
    pub disturbed: BTreeSet<JobId>,
    /// Jobs whose tag stands in its output.
    pub named: BTreeSet<JobId>,
    /// Where its results come from.
    pub results: ResultSource,
    /// Whether it has a result for each answer when it is not disturbed.
    pub shows_all: bool,
    /// Its own totals, each as one account of the whole.
    pub books: Vec<Booked>,
    /// The totals of each process, where several have their own.
    pub shares: Vec<Booked>,
    /// Jobs that it says it could not do.
    pub failed: Option<u64>,
    /// Most attempts per job, as declared.
    pub attempts_cap: Option<u32>,
    /// Attempts that are not an SDK's own retries; `None` if no SDK counts them.
    pub calls: Option<u64>,
    /// By job: retries that an SDK made by itself, and calls.
    pub layers: BTreeMap<JobId, [u64; 2]>,
}

/// How a program ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ProgramRunEnd {
    /// With code 0.
    #[default]
    Well,
    /// With another code.
    Code(i32),
    /// By a signal.
    Signal(i32),
    /// Stopped, because its time was up.
    Stopped,
    /// Stopped, because the audit was.
    Interrupted,
}

/// Where a program's results come from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ResultSource {
    /// It shows none.
    #[default]
    None,
    /// It claims them.
    Claims,
    /// Its output was scanned for tags and nonces.
    Output,
}

/// One account.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Booked {
    /// Whose, as the subject of a sentence in the singular: `the program`, `process 1`.
    pub whose: String,
    /// Requests.
    pub requests: Option<u64>,
    /// Prompt tokens.
    pub prompt_tokens: Option<u64>,
    /// Completion tokens.
    pub completion_tokens: Option<u64>,
    /// Both.
    pub total_tokens: Option<u64>,
}

impl Booked {
    /// Whether it says anything of tokens.
    #[must_use]
    pub fn has_tokens(&self) -> bool {
        self.prompt_tokens.or(self.completion_tokens).or(self.total_tokens).is_some()
    }
}

impl ProgramRun {
    /// The number of the first job that does not come out of the job file.
    pub const FOREIGN: u64 = 1_000_000_000_000;

    /// Whether it ended by itself.
    #[must_use]
    pub fn ended_itself(&self) -> bool {
        matches!(self.end, ProgramRunEnd::Well | ProgramRunEnd::Code(_) | ProgramRunEnd::Signal(_))
    }

    /// Whether its end says that something went wrong.
    #[must_use]
    pub fn admits(&self) -> bool {
        matches!(self.end, ProgramRunEnd::Code(_) | ProgramRunEnd::Signal(_))
    }
}
