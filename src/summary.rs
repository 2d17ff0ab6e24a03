//! The vocabulary of results: what `summary.json`, a comparison and a finding say.

mod compared;
mod cost_row;
mod exit;
mod explored;
mod moment;
mod run;
mod verdict;

#[doc(hidden)]
pub use compared::*;
pub use cost_row::{BudgetRow, CardRow, CostRow, DisagreeRow, FactorRow, LandedRow, WasteRow};
pub use exit::Exit;
pub use explored::{ExploredRow, FamilyRow, FindingRow, PROGRAM, ProgramRow};
#[doc(hidden)]
pub use moment::{CellCourse, Course, Moment, Scene, What};
pub use run::*;
pub use verdict::{Invariant, Verdict, VerdictRow, Witness};
