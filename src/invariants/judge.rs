//! Every cell against every invariant.

use super::tally::Ruling;
use super::view::{CellView, attempts_of};
use super::{answered, billing, books, budget, cancel, in_flight, locks, processes};
use super::{program, progress, results, retries, spread, totals};
use crate::history::Evidence;
use crate::plan::{Cell, Place, Plan};
use crate::summary::{Invariant, Verdict, VerdictRow};

/// One verdict for each cell of the plan and each invariant, in the order of [`Plan::cells`] and
/// [`Invariant::ALL`]; `exit-honest` speaks of programs only. Warm-up jobs are judged like any other: a bill is a bill.
///
/// Without a ledger (a target that is a real endpoint) nothing is said to hold: an invariant that the
/// client's own history shows to be broken is `broken`, every other is `unknown`.
#[must_use]
pub fn judge(plan: &Plan, evidence: &Evidence) -> Vec<VerdictRow> {
    plan.cells().into_iter().flat_map(|cell| judge_cell(plan, evidence, cell)).collect()
}

fn judge_cell(plan: &Plan, evidence: &Evidence, cell: Cell) -> Vec<VerdictRow> {
    let target = &plan.targets[cell.target];
    let has_ledger = matches!(target.place, Place::Mock(_));
    let own_books = (!has_ledger).then(|| books::own_books(cell, attempts_of(evidence, cell.index)));
    let view = CellView::new(plan, evidence, cell, own_books.as_deref());
    let row = |invariant| {
        let ruling = match evidence.conduct.as_deref() {
            Some(conduct) => program::rule(invariant, &view, conduct),
            None => rule(invariant, &view),
        };
        let ruling = if has_ledger { ruling } else { books::without_ledger(invariant, ruling) };
        let Ruling { verdict, relevant, violations, why, witness } = ruling;
        debug_assert!(verdict != Verdict::Holds || relevant > 0, "{invariant:?} holds over nothing");
        let (target, strategy) = (target.name.clone(), view.strategy.name().to_owned());
        let mut row = VerdictRow { target, strategy, invariant, verdict, relevant, violations, why, witness };
        if let Some(conduct) = evidence.conduct.as_deref() {
            program::call_by_name(&mut row, conduct);
        }
        row
    };
    let judged = |invariant: &Invariant| *invariant != Invariant::ExitHonest || evidence.conduct.is_some();
    Invariant::ALL.into_iter().filter(judged).map(row).collect()
}

/// The ruling on one of deadheat's own strategies.
pub(super) fn rule(invariant: Invariant, view: &CellView<'_>) -> Ruling {
    match invariant {
        Invariant::BilledOnce => billing::billed_once(view),
        Invariant::AttemptsCapped => retries::attempts_capped(view),
        Invariant::RetryAfterRespected => retries::retry_after_respected(view),
        Invariant::NoRetryWhenPermanent => retries::no_retry_when_permanent(view),
        Invariant::RetriesSpread => spread::retries_spread(view),
        Invariant::InFlightCapped => in_flight::in_flight_capped(view),
        Invariant::Progress => progress::progress(view),
        Invariant::EveryJobAnswered => answered::every_job_answered(view),
        Invariant::CancelPropagates => cancel::cancel_propagates(view),
        Invariant::BudgetKept => budget::budget_kept(view),
        Invariant::LockExclusive => locks::lock_exclusive(view),
        Invariant::FencingMonotonic => locks::fencing_monotonic(view),
        Invariant::RequestsCounted => totals::requests_counted(view),
        Invariant::TokensCounted => totals::tokens_counted(view),
        Invariant::AnswerMatchesJob => results::answer_matches_job(view),
        Invariant::OneResultPerJob => results::one_result_per_job(view),
        Invariant::ContentIntact => results::content_intact(view),
        Invariant::StatusHonest => results::status_honest(view),
        Invariant::ProcessesAgree => processes::processes_agree(view),
        Invariant::ExitHonest => Ruling::not_applicable("the client is no program of its own"),
    }
}
