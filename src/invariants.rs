//! Judges evidence: one file per family, each check a function from evidence to a verdict.
//!
//! A check sees one cell and walks it job by job, all books side by side, so judging is linear but for
//! two sorts. What was not seen is never said to hold: a rule that nothing in the run spoke of is
//! `not-applicable`, and one that this evidence cannot decide is `unknown`, both with a reason.

mod answered;
mod billing;
mod books;
mod budget;
mod cancel;
mod in_flight;
mod judge;
mod locks;
mod processes;
mod program;
mod progress;
mod results;
mod retries;
mod spread;
mod tally;
mod totals;
mod view;

pub use judge::judge;

use crate::summary::Invariant;
use tally::Ruling;
use view::CellView;

/// A check: from the view of one cell to a ruling.
type Check = fn(&CellView<'_>) -> Ruling;

/// The check of each invariant, for the client of deadheat's own engine. `program.rs` names the checks that
/// differ for an external program.
fn check(invariant: Invariant) -> Check {
    match invariant {
        Invariant::BilledOnce => billing::billed_once,
        Invariant::AttemptsCapped => retries::attempts_capped,
        Invariant::RetryAfterRespected => retries::retry_after_respected,
        Invariant::NoRetryWhenPermanent => retries::no_retry_when_permanent,
        Invariant::RetriesSpread => spread::retries_spread,
        Invariant::InFlightCapped => in_flight::in_flight_capped,
        Invariant::Progress => progress::progress,
        Invariant::EveryJobAnswered => answered::every_job_answered,
        Invariant::CancelPropagates => cancel::cancel_propagates,
        Invariant::BudgetKept => budget::budget_kept,
        Invariant::LockExclusive => locks::lock_exclusive,
        Invariant::FencingMonotonic => locks::fencing_monotonic,
        Invariant::RequestsCounted => totals::requests_counted,
        Invariant::TokensCounted => totals::tokens_counted,
        Invariant::AnswerMatchesJob => results::answer_matches_job,
        Invariant::OneResultPerJob => results::one_result_per_job,
        Invariant::ContentIntact => results::content_intact,
        Invariant::StatusHonest => results::status_honest,
        Invariant::ProcessesAgree => processes::processes_agree,
        Invariant::ExitHonest => program::only_of_programs,
    }
}
