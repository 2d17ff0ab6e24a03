//! The vocabulary of results: what `summary.json`, a comparison and a finding say.

mod compared;
mod cost_row;
mod exit;
mod explored;
mod moment;
mod run;
mod verdict;

pub use compared::*;
pub use cost_row::{BudgetRow, CardRow, CostRow, DisagreeRow, FactorRow, LandedRow, WasteRow};
pub use exit::Exit;
pub use explored::{ExploredRow, FamilyRow, FindingRow, PROGRAM, ProgramRow};
pub use moment::{CellCourse, Course, Moment, Scene, What};
pub use run::*;
pub use verdict::{Invariant, Verdict, VerdictRow, Witness};
