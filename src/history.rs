//! The vocabulary of evidence: what a run's files say, their versions, and how they are written and read.

mod attempt;
mod blocks;
mod claims;
mod conduct;
mod error;
mod evidence;
mod in_memory;
mod job_id;
mod job_key;
mod ledger;
mod lines;
mod manifest;
mod merge;
mod outcome;
mod read;
mod rows;
mod run_dir;
mod write;
mod writers;

pub use attempt::{Attempt, CellEnd, Event, Job, JobEnd, NotIssued};
pub use claims::Claim;
pub use conduct::{Booked, ProgramRun, ProgramRunEnd, ResultSource};
pub use error::HistoryError;
pub use evidence::{AttemptRow, Evidence, JobRow, LedgerRow, Meta, answer_number};
pub use job_id::{JobId, JobIdError};
pub use job_key::JobKey;
pub use ledger::{LedgerEnd, LedgerEntry};
pub use manifest::verify;
pub use merge::{Part, Survey, Surveyed, survey};
pub use outcome::{ErrorClass, Outcome};
pub use read::{ClientGaps, LedgerGaps, Loaded};
pub use run_dir::{PARTS, RunDir};
pub use write::{Backlog, BatchSender, Watch};
pub use writers::{HistoryWriter, LedgerSender, LedgerWriter};
