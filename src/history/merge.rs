//! Puts the evidence of several runs of one plan together: parts that several processes or machines made.

mod copy;
mod survey;
mod time_line;

use super::blocks::for_each_line;
use super::lines::{HISTORY, LEDGER};
use super::read;
use super::rows::HistoryLine;
use super::{CellEnd, Claim, Event, HistoryError, Meta, RunDir};
use copy::Copy;
use std::collections::BTreeMap;
use std::path::PathBuf;
pub use survey::{Survey, Surveyed, survey};
use time_line::TimeLine;

/// One run that made a part of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Where it lies.
    pub dir: PathBuf,
    /// The block that it made; `None` if it made a share of the jobs of all blocks.
    pub block: Option<u32>,
}

impl Survey {
    /// Each cell's last word, all parts added up.
    #[must_use]
    pub fn cells(&self) -> Vec<CellEnd> {
        TimeLine::of(&self.parts).cells(&self.parts)
    }

    /// The facts of all parts as one run's.
    #[must_use]
    pub fn meta(&self) -> Meta {
        TimeLine::of(&self.parts).meta(&self.parts)
    }

    /// Writes history, ledger and claims of the parts into `into`. Nothing is computed but sums, and places on one time
    /// line that hang on all parts at once, so it comes to the same in whatever order they were named.
    ///
    /// # Errors
    /// [`HistoryError`], with file and line.
    pub fn write(&self, into: &RunDir) -> Result<(), HistoryError> {
        let time = TimeLine::of(&self.parts);
        let (mut history, mut ledger) = (Copy::start(into, HISTORY)?, Copy::start(into, LEDGER)?);
        let mut claims = BTreeMap::new();
        for (part, offset_ns) in self.parts.iter().zip(&time.offsets_ns) {
            let dir = &part.part.dir;
            for_each_line(&dir.join(HISTORY.name), HISTORY, &mut |line| match serde_json::from_slice(line)
                .map_err(|error| error.to_string())?
            {
                HistoryLine::CellEnd(_) => Ok(()),
                _ => history.shifted(line, *offset_ns),
            })?;
            let mut take = |line: &[u8]| ledger.shifted(line, *offset_ns);
            for_each_line(&dir.join(LEDGER.name), LEDGER, &mut take)?;
            read::claims(dir)?.iter().for_each(|claim| add(&mut claims, claim));
        }
        for cell in time.cells(&self.parts) {
            history.event(&Event::CellEnd(cell))?;
        }
        history.finish(Some(time.meta(&self.parts)))?;
        ledger.finish(None)?;
        into.write_claims(&claims.into_values().collect::<Vec<_>>())
    }
}

fn add(claims: &mut BTreeMap<(u16, Option<u16>), Claim>, part: &Claim) {
    let (cell, process) = (part.cell, part.process);
    let sum = claims.entry((cell, process)).or_insert(Claim { cell, process, ..Claim::default() });
    sum.requests += part.requests;
    sum.prompt_tokens += part.prompt_tokens;
    sum.completion_tokens += part.completion_tokens;
    sum.total_tokens += part.total_tokens;
}
