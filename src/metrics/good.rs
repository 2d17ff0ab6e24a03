//! Which jobs were answered well, and what was paid for more than that.

use crate::history::{AttemptRow, JobId, JobRow, LedgerEnd, LedgerRow, Outcome};
use crate::plan::{Cell, Plan, Slo};

/// Which question a job asks; only jobs of a strategy that shares answers ask one together.
pub(super) fn asks(plan: &Plan, cell: Cell) -> impl Fn(JobId) -> u64 {
    let shares = plan.strategies[cell.strategy].shares_answers();
    move |job| if shares { plan.question(job.index) } else { job.index }
}

/// What makes an answered job a good one.
pub(super) struct Good<'a> {
    pub(super) slo: Slo,
    pub(super) asks: &'a dyn Fn(JobId) -> u64,
}

impl Good<'_> {
    /// Answered jobs within the objectives. The time to first token is that of the answer taken, whichever
    /// job of the question had asked for it; an answer of unknown time to first token is not good if there is
    /// an objective for it.
    pub(super) fn count(&self, results: &[&JobRow], attempts: &[&AttemptRow]) -> u64 {
        let mut rest = attempts;
        let mut good = 0;
        for job in results {
            let asked = (self.asks)(job.job);
            let question = |row: &&&AttemptRow| (self.asks)(row.job);
            rest = &rest[rest.iter().take_while(|row| question(row) < asked).count()..];
            let group = &rest[..rest.iter().take_while(|row| question(row) == asked).count()];
            let ttft_kept = self.slo.ttft.is_none_or(|most| {
                let ttft =
                    taken(job, group).and_then(|a| Some(a.first_content_ns?.saturating_sub(a.sent_ns?)));
                ttft.is_some_and(|ns| u128::from(ns) <= most.as_nanos())
            });
            let response = u128::from(job.done_ns.saturating_sub(job.due_ns));
            let response_kept = self.slo.response.is_none_or(|most| response <= most.as_nanos());
            good += u64::from(job.outcome == Outcome::Ok && ttft_kept && response_kept);
        }
        good
    }
}

/// The attempt whose answer the job took: by its id, else the last of its own that ended well, else of its
/// question.
fn taken<'a>(job: &JobRow, attempts: &[&'a AttemptRow]) -> Option<&'a AttemptRow> {
    let last = |fits: &dyn Fn(&AttemptRow) -> bool| attempts.iter().copied().rev().find(|row| fits(row));
    last(&|row| job.answer.is_some() && row.answer == job.answer)
        .or_else(|| last(&|row| row.outcome == Outcome::Ok && row.job == job.job))
        .or_else(|| last(&|row| row.outcome == Outcome::Ok))
}

/// Tokens billed beyond one whole answer for each question that was answered. `ledger` is one cell's.
pub(super) fn waste_tokens(results: &[&JobRow], ledger: &[LedgerRow], asks: &dyn Fn(JobId) -> u64) -> u64 {
    let asked = |row: &LedgerRow| row.job.own().map_or(u64::MAX, asks);
    let billed = ledger.iter().fold(0u64, |sum, row| {
        sum.saturating_add(row.billed_prompt_tokens).saturating_add(row.billed_completion_tokens)
    });
    let (mut rest, mut useful, mut paid) = (ledger, 0u64, None);
    for job in results.iter().filter(|job| job.outcome == Outcome::Ok) {
        let question = asks(job.job);
        if paid == Some(question) {
            continue;
        }
        rest = &rest[rest.iter().take_while(|row| asked(row) < question).count()..];
        let group = &rest[..rest.iter().take_while(|row| asked(row) == question).count()];
        let whole = || {
            let good = |row: &&LedgerRow| row.status.is_some_and(|status| (200..300).contains(&status));
            group.iter().filter(|row| row.end == LedgerEnd::Whole).filter(good)
        };
        let answer = whole().find(|row| job.answer.is_some() && row.answer == job.answer);
        if let Some(row) = answer.or_else(|| whole().next()) {
            paid = Some(question);
            useful = useful.saturating_add(row.prompt_tokens).saturating_add(row.delivered_tokens);
        }
    }
    billed.saturating_sub(useful)
}
