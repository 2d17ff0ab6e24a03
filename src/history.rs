//! The vocabulary of evidence: what a run's files say, and their versions.

mod attempt;
mod claims;
mod evidence;
mod job_id;
mod ledger;
mod outcome;
mod summary;
mod verdict;

pub use attempt::{Attempt, CellEnd, Event, Job, JobEnd, NotIssued};
pub use claims::Claim;
pub use evidence::{AttemptRow, Evidence, JobRow, LedgerRow, Meta, answer_number};
pub use job_id::{JobId, JobIdError, JobKey};
pub use ledger::{LedgerEnd, LedgerEntry};
pub use outcome::{ErrorClass, Outcome};
pub use summary::*;
pub use verdict::{Invariant, Verdict, VerdictRow, Witness};
