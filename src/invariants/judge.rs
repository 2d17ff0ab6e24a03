//! Every cell against every invariant.

use super::tally::Ruling;
use super::view::{CellView, attempts_of};
use super::{books, check, program};
use crate::history::Evidence;
use crate::plan::{Cell, Place, Plan};
use crate::summary::{Invariant, Verdict, VerdictRow};

/// One verdict for each cell of the plan and each invariant, in the order of [`Plan::cells`] and
/// [`Invariant::ALL`]; `exit-honest` speaks of programs only. Warm-up jobs are judged like any other: a bill
/// is a bill.
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
            None => check(invariant)(&view),
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
