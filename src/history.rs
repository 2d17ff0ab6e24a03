//! The vocabulary of evidence: what a run's files say, their versions, and how they are written and read.

mod attempt;
mod blocks;
mod claims;
mod conduct;
mod cost_row;
mod error;
mod evidence;
mod explored;
mod in_memory;
mod job_id;
mod ledger;
mod lines;
mod outcome;
mod read;
mod rows;
mod run_dir;
mod summary;
mod verdict;
mod write;
mod writers;

pub use attempt::{Attempt, CellEnd, Event, Job, JobEnd, NotIssued};
pub use claims::Claim;
pub use conduct::{Booked, Conduct, ConductEnd, ResultSource};
pub use cost_row::{BudgetRow, CardRow, CostRow, DisagreeRow, FactorRow, LandedRow, WasteRow};
pub use error::HistoryError;
pub use evidence::{AttemptRow, Evidence, JobRow, LedgerRow, Meta, answer_number};
pub use explored::{ExploredRow, FamilyRow, FindingRow, PROGRAM};
pub use job_id::{JobId, JobIdError, JobKey};
pub use ledger::{LedgerEnd, LedgerEntry};
pub use outcome::{ErrorClass, Outcome};
pub use read::{ClientGaps, LedgerGaps, Loaded};
pub use run_dir::RunDir;
pub use summary::*;
pub use verdict::{Invariant, Verdict, VerdictRow, Witness};
pub use write::BatchSender;
pub use writers::{HistoryWriter, LedgerSender, LedgerWriter};
