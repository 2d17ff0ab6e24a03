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
