//! One cell's share of the evidence, walked job by job with all books side by side.

use crate::history::{AttemptRow, CellEnd, Claim, Evidence, JobId, JobKey, JobRow, LedgerEnd, LedgerRow};
use crate::plan::{Cell, Executor, Phase, Plan};
use crate::strategy::StrategyPlan;

/// Everything known of one cell.
#[derive(Debug)]
pub(super) struct CellView<'a> {
    pub(super) plan: &'a Plan,
    pub(super) evidence: &'a Evidence,
    pub(super) strategy: &'a StrategyPlan,
    pub(super) attempts: &'a [AttemptRow],
    pub(super) results: &'a [JobRow],
    /// Rows of this cell's jobs only. Without a ledger: the client's own attempts, written as such rows.
    pub(super) ledger: &'a [LedgerRow],
    /// What sentences call `ledger`.
    pub(super) books: &'static str,
    /// The cell's number in job ids.
    pub(super) cell: u16,
    /// Position of its target in the plan.
    pub(super) target: usize,
    pub(super) claim: Option<Claim>,
    pub(super) end: Option<&'a CellEnd>,
    /// Where each job's rows begin, and one past the last job: the books are merged only once.
    bounds: Vec<Bounds>,
}

/// Where a job's rows begin in each book.
#[derive(Debug)]
struct Bounds {
    id: JobId,
    attempts: usize,
    results: usize,
    ledger: usize,
}

/// All rows about one job.
#[derive(Debug, Clone, Copy)]
pub(super) struct JobView<'a> {
    pub(super) id: JobId,
    /// The ledger's rows about its question: its own alone, unless the strategy shares answers.
    pub(super) question: &'a [LedgerRow],
    pub(super) attempts: &'a [AttemptRow],
    pub(super) results: &'a [JobRow],
    pub(super) ledger: &'a [LedgerRow],
}

impl<'a> CellView<'a> {
    /// The view of `cell`; `own_books` takes the ledger's place where there is none.
    pub(super) fn new(
        plan: &'a Plan,
        evidence: &'a Evidence,
        cell: Cell,
        own_books: Option<&'a [LedgerRow]>,
    ) -> Self {
        let attempts = attempts_of(evidence, cell.index);
        let results = of_cell(&evidence.jobs, cell.index, |row| row.job.cell.into());
        let ledger = || of_cell(&evidence.ledger, cell.index, |row| key_cell(&row.job));
        let ledger = own_books.unwrap_or_else(ledger);
        Self {
            bounds: bounds(attempts, results, ledger),
            plan,
            evidence,
            strategy: &plan.strategies[cell.strategy],
            attempts,
            results,
            ledger,
            books: if own_books.is_some() { "the client's own history" } else { "the ledger" },
            cell: cell.index,
            target: cell.target,
            claim: client_claim(&evidence.claims, cell.index),
            end: evidence.cells.iter().find(|end| end.cell == cell.index),
        }
    }

    /// Every job that any book mentions, in order of its number.
    pub(super) fn jobs(&self) -> impl Iterator<Item = JobView<'a>> {
        self.questions().flatten()
    }

    /// The same, the jobs of one question together. Of a strategy that does not share answers each job asks
    /// its own.
    pub(super) fn questions(&self) -> impl Iterator<Item = impl Iterator<Item = JobView<'a>> + Clone> {
        let (attempts, results, ledger) = (self.attempts, self.results, self.ledger);
        let mut rest = self.bounds.as_slice();
        let next = move || {
            let (first, _) = rest.split_first().filter(|(_, more)| !more.is_empty())?;
            let asked = self.asked(first.id);
            // The last entry only ends the one before it.
            let jobs = rest[..rest.len() - 1].iter().take_while(|next| self.asked(next.id) == asked).count();
            let group = &rest[..=jobs];
            rest = &rest[jobs..];
            let question = &ledger[group[0].ledger..group[jobs].ledger];
            Some(group.windows(2).map(move |pair| JobView {
                id: pair[0].id,
                question,
                attempts: &attempts[pair[0].attempts..pair[1].attempts],
                results: &results[pair[0].results..pair[1].results],
                ledger: &ledger[pair[0].ledger..pair[1].ledger],
            }))
        };
        std::iter::from_fn(next)
    }

    /// The number of the question that is judged as one with this job's.
    fn asked(&self, id: JobId) -> u64 {
        if self.strategy.shares_answers() { self.plan.question(id.index) } else { id.index }
    }

    /// Jobs that were issued but that no book mentions, and the first of them where its number can be told.
    pub(super) fn vanished(&self) -> (u64, Option<JobId>) {
        let Some(end) = self.end else { return (0, None) };
        let (mut seen, mut next, mut gap) = (0u64, 0u64, None);
        for job in self.jobs() {
            seen += 1;
            if gap.is_none() && job.id.index > next {
                gap = Some(next);
            }
            next = job.id.index.saturating_add(1);
        }
        let count = end.issued.saturating_sub(seen);
        let first = (count > 0 && self.is_numbered(end)).then(|| gap.unwrap_or(next));
        (count, first.map(|index| JobId { cell: self.cell, index }))
    }

    /// Whether the numbers of issued jobs run from 0 on without a hole.
    ///
    /// They do where workers of one block take them from one counter, in one process. Else a job that was not
    /// issued keeps its number (a dropped arrival, the stripe of a thread that was stopped, the last
    /// iterations of a worker), and blocks that only time ends have numbers reserved.
    fn is_numbered(&self, end: &CellEnd) -> bool {
        use Executor::{ConstantVus, RampingVus, SharedIterations};
        let Plan { phases, workload, blocks, .. } = self.plan;
        let one_counter = matches!(
            phases.as_slice(),
            [Phase { executor: ConstantVus { .. } | RampingVus { .. } | SharedIterations { .. }, .. }]
        );
        let by_time = |phase: &Phase| {
            workload.jobs.is_none() && matches!(phase.executor, ConstantVus { .. } | RampingVus { .. })
        };
        let all_issued = end.not_issued.values().all(|count| *count == 0);
        (one_counter && *blocks <= 1 && self.strategy.processes() == 1)
            || (all_issued && !phases.iter().any(by_time))
    }

    /// The last moment that the cell's books know of.
    pub(super) fn last_ns(&self) -> u64 {
        let attempts = self.attempts.iter().map(|row| row.done_ns);
        let results = self.results.iter().map(|row| row.done_ns);
        attempts.chain(results).chain(self.ledger.iter().map(|row| row.ended_ns)).max().unwrap_or(0)
    }
}

impl<'a> JobView<'a> {
    /// The client's row of the same attempt. `None` if there is none, or several with its number.
    pub(super) fn client(&self, row: &LedgerRow) -> Option<&'a AttemptRow> {
        let at = self.attempts.partition_point(|a| a.n < row.attempt);
        let found = self.attempts.get(at).filter(|a| a.n == row.attempt)?;
        self.attempts.get(at + 1).is_none_or(|next| next.n != row.attempt).then_some(found)
    }

    /// When the client decided for this attempt: what it knew then is what it can be blamed for.
    pub(super) fn begun_ns(&self, row: &LedgerRow) -> u64 {
        self.client(row).and_then(|a| a.sent_ns).unwrap_or(row.arrived_ns)
    }

    /// When the client knew that this attempt was over.
    pub(super) fn known_over_ns(&self, row: &LedgerRow) -> u64 {
        self.client(row).map_or(row.ended_ns, |a| a.done_ns)
    }

    /// Whether the answer reached the client, so that what it asked for can be expected.
    pub(super) fn was_told(&self, row: &LedgerRow) -> bool {
        match self.client(row) {
            Some(a) => a.status.is_some() && a.status == row.status,
            None => matches!(row.end, LedgerEnd::Refused | LedgerEnd::Whole),
        }
    }

    /// The row of the answer with this number, among those to the job's question. An answer that was replayed
    /// for a repeated `Idempotency-Key` stands in several rows: the whole one counts.
    pub(super) fn answer(&self, number: u64) -> Option<&'a LedgerRow> {
        let mut rows = self.question.iter().filter(|row| row.answer == Some(number));
        let first = rows.clone().next();
        rows.find(|row| is_whole(row)).or(first)
    }
}

/// The client's attempts of one cell.
pub(super) fn attempts_of(evidence: &Evidence, cell: u16) -> &[AttemptRow] {
    of_cell(&evidence.attempts, cell, |row| row.job.cell.into())
}

/// Whether a whole good answer was handed over.
pub(super) fn is_whole(row: &LedgerRow) -> bool {
    row.end == LedgerEnd::Whole && row.status.is_some_and(|status| (200..300).contains(&status))
}

/// The job, if it is one of deadheat's own engine.
pub(super) fn own(key: &JobKey) -> Option<JobId> {
    key.own()
}

/// The cell of a key; foreign keys sort behind all cells.
fn key_cell(key: &JobKey) -> u32 {
    own(key).map_or(u32::MAX, |id| id.cell.into())
}

fn of_cell<T>(rows: &[T], cell: u16, cell_of: impl Fn(&T) -> u32) -> &[T] {
    let from = rows.partition_point(|row| cell_of(row) < u32::from(cell));
    let len = rows[from..].partition_point(|row| cell_of(row) == u32::from(cell));
    &rows[from..from + len]
}

/// Merges the three books of one cell, each sorted by job.
fn bounds(attempts: &[AttemptRow], results: &[JobRow], ledger: &[LedgerRow]) -> Vec<Bounds> {
    let (mut a, mut r, mut l) = (0, 0, 0);
    let mut bounds = Vec::with_capacity(results.len() + 1);
    loop {
        let heads = [
            attempts.get(a).map(|row| row.job),
            results.get(r).map(|row| row.job),
            ledger.get(l).and_then(|row| own(&row.job)),
        ];
        let next = heads.into_iter().flatten().min();
        // The last entry only ends the one before it.
        let id = next.unwrap_or(JobId { cell: u16::MAX, index: u64::MAX });
        bounds.push(Bounds { id, attempts: a, results: r, ledger: l });
        if next.is_none() {
            return bounds;
        }
        a += attempts[a..].iter().take_while(|row| row.job == id).count();
        r += results[r..].iter().take_while(|row| row.job == id).count();
        l += ledger[l..].iter().take_while(|row| own(&row.job) == Some(id)).count();
    }
}

/// What the client claims for one cell: its own word for the whole, else the sum over its processes.
fn client_claim(claims: &[Claim], cell: u16) -> Option<Claim> {
    let of_cell = || claims.iter().filter(move |claim| claim.cell == cell);
    let whole = of_cell().filter(|claim| claim.process.is_none());
    sum_claims(whole).or_else(|| sum_claims(of_cell()))
}

/// The sum of some claims for one cell; `None` of none.
pub(super) fn sum_claims<'a>(claims: impl Iterator<Item = &'a Claim>) -> Option<Claim> {
    claims.cloned().reduce(|a, b| Claim {
        cell: a.cell,
        process: None,
        requests: a.requests.saturating_add(b.requests),
        prompt_tokens: a.prompt_tokens.saturating_add(b.prompt_tokens),
        completion_tokens: a.completion_tokens.saturating_add(b.completion_tokens),
        total_tokens: a.total_tokens.saturating_add(b.total_tokens),
    })
}
