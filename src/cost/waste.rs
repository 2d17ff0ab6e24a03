//! What was bought: every billed attempt in exactly one class, so that the classes add up to the bill.

use crate::history::{Evidence, JobId, JobRow, LedgerEnd, LedgerRow, Outcome};
use crate::plan::{Cell, Plan};

/// Why an attempt was paid for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// Its answer is the one that its job holds.
    Useful,
    /// A whole answer to a question that has one.
    Duplicate,
    /// Its client was gone, or held no answer in the end; the provider billed it all the same.
    Abandoned,
    /// The slower of two that were made on purpose.
    Superseded,
    /// It broke off after a part of the answer.
    Partial,
    /// Refused; a provider that bills for that is seen here.
    Rejected,
}

impl Class {
    /// All, in the order of reports.
    pub const ALL: [Self; 6] =
        [Self::Useful, Self::Duplicate, Self::Abandoned, Self::Superseded, Self::Partial, Self::Rejected];

    /// The name in files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Useful => "useful",
            Self::Duplicate => "duplicate",
            Self::Abandoned => "abandoned",
            Self::Superseded => "superseded",
            Self::Partial => "partial",
            Self::Rejected => "rejected",
        }
    }
}

/// Attempts and billed tokens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Bought {
    /// Attempts.
    pub attempts: u64,
    /// Prompt tokens billed.
    pub prompt: u64,
    /// Completion tokens billed.
    pub completion: u64,
}

impl Bought {
    pub(super) fn add(&mut self, row: &LedgerRow) {
        self.attempts += 1;
        self.prompt = self.prompt.saturating_add(row.billed_prompt_tokens);
        self.completion = self.completion.saturating_add(row.billed_completion_tokens);
    }
}

/// The attempts of one cell by [`Class`], from its ledger; in the order of [`Class::ALL`].
#[must_use]
pub fn classes(plan: &Plan, cell: Cell, evidence: &Evidence) -> [Bought; 6] {
    let mut sums = [Bought::default(); 6];
    sorted(plan, cell, evidence, &mut |class, row| sums[class as usize].add(row));
    sums
}

/// Tells of every attempt of one cell's ledger in which class it is.
pub(super) fn sorted(plan: &Plan, cell: Cell, evidence: &Evidence, tell: &mut dyn FnMut(Class, &LedgerRow)) {
    let strategy = &plan.strategies[cell.strategy];
    let shares = strategy.shares_answers();
    let asks = |job: JobId| if shares { plan.question(job.index) } else { job.index };
    let hedges = strategy.hedges();
    let mut results = of_cell(&evidence.jobs, |job: &JobRow| Some(job.job), cell.index);
    let own = |row: &LedgerRow| row.job.own();
    let ledger = of_cell(&evidence.ledger, own, cell.index);
    let question = |row: &LedgerRow| own(row).map(asks);
    for group in ledger.chunk_by(|a, b| question(a) == question(b)) {
        let asked = question(&group[0]).unwrap_or(u64::MAX);
        let skipped = results.iter().take_while(|job| asks(job.job) < asked).count();
        results = &results[skipped..];
        let mine = &results[..results.iter().take_while(|job| asks(job.job) == asked).count()];
        let useful = useful(mine, group);
        let answered = mine.iter().any(|job| job.outcome == Outcome::Ok);
        for (at, row) in group.iter().enumerate() {
            let beside = || useful.is_some_and(|best| overlap(&group[best], row));
            let class = match row.end {
                _ if useful == Some(at) => Class::Useful,
                _ if row.status.is_some_and(|status| status >= 400) => Class::Rejected,
                LedgerEnd::Refused => Class::Rejected,
                LedgerEnd::Whole | LedgerEnd::ClientClosed if hedges && beside() => Class::Superseded,
                LedgerEnd::Whole if answered => Class::Duplicate,
                LedgerEnd::Whole | LedgerEnd::ClientClosed | LedgerEnd::Open => Class::Abandoned,
                LedgerEnd::Cut | LedgerEnd::Reset => Class::Partial,
            };
            tell(class, row);
        }
    }
}

/// The entry whose answer the question's jobs hold, else the first whole one; `None` if they hold none.
fn useful(jobs: &[JobRow], entries: &[LedgerRow]) -> Option<usize> {
    let whole = |row: &LedgerRow| {
        row.end == LedgerEnd::Whole && row.status.is_some_and(|status| (200..300).contains(&status))
    };
    let held = jobs.iter().find(|job| job.outcome == Outcome::Ok)?;
    // An answer from memory repeats the nonce of the one that was paid for.
    let taken =
        |row: &LedgerRow| whole(row) && held.answer.is_some() && row.answer == held.answer && !row.replayed;
    entries.iter().position(taken).or_else(|| entries.iter().position(whole))
}

fn overlap(a: &LedgerRow, b: &LedgerRow) -> bool {
    a.arrived_ns < b.ended_ns && b.arrived_ns < a.ended_ns
}

/// The rows of one cell; all are sorted by job, those of other clients last.
pub(super) fn of_cell<T>(rows: &[T], job: impl Fn(&T) -> Option<JobId>, cell: u16) -> &[T] {
    let key = |row: &T| job(row).map_or(u32::MAX, |job| job.cell.into());
    let start = rows.partition_point(|row| key(row) < cell.into());
    let end = rows.partition_point(|row| key(row) <= cell.into());
    &rows[start..end]
}
