//! Puts the evidence of several runs of one plan together: parts that several processes or machines made.

mod shift;
mod survey;
mod time_line;

use super::blocks::for_each_line;
use super::lines::{FileKind, HISTORY, LEDGER};
use super::read::read_claims;
use super::{Backlog, CellEnd, Claim, Event, HistoryError, LedgerEntry, Meta, RunDir};
use std::collections::BTreeMap;
use std::path::PathBuf;
pub use survey::{Survey, Surveyed, survey};
use time_line::TimeLine;

/// Events that are handed to the writer at once.
const BATCH: usize = 1024;

/// One run that made a part of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Where it lies.
    pub dir: PathBuf,
    /// The block that it made; `None` if it made a share of the jobs of all blocks.
    pub block: Option<u32>,
}

impl Survey {
    /// The end of each cell, all parts added up.
    #[must_use]
    pub fn cells(&self) -> Vec<CellEnd> {
        TimeLine::of(&self.parts).cells(&self.parts)
    }

    /// The facts of all parts as one run's.
    #[must_use]
    pub fn meta(&self) -> Meta {
        TimeLine::of(&self.parts).meta(&self.parts)
    }

    /// Writes history, ledger and claims of the parts into `into`. All is computed from all parts at once
    /// (sums, and places on one time line), so that it comes to the same in whatever order they were named.
    ///
    /// # Errors
    /// [`HistoryError`], with file and line.
    pub fn write(&self, into: &RunDir) -> Result<(), HistoryError> {
        let time = TimeLine::of(&self.parts);
        let (history, ledger) = (into.history_writer()?, into.ledger_writer()?);
        let (events, entries) = (history.sender(), ledger.sender());
        let (mut claims, mut batch) = (BTreeMap::new(), Vec::new());
        for (part, offset_ns) in self.parts.iter().zip(&time.offsets_ns) {
            let (dir, run) = (&part.part.dir, &part.run);
            for_each_line(&dir.join(HISTORY.name), HISTORY, run, &mut |line| {
                let event: Event = serde_json::from_slice(line).map_err(|error| error.to_string())?;
                if !matches!(event, Event::CellEnd(_)) {
                    batch.push(event.shifted(*offset_ns)?);
                }
                if batch.len() >= BATCH {
                    events.send(std::mem::take(&mut batch));
                }
                Ok(())
            })?;
            for_each_line(&dir.join(LEDGER.name), LEDGER, run, &mut |line| {
                let entry: LedgerEntry = serde_json::from_slice(line).map_err(|error| error.to_string())?;
                entries.send_waiting(entry.shifted(*offset_ns)?);
                Ok(())
            })?;
            read_claims(dir, run)?.0.iter().for_each(|claim| add(&mut claims, claim));
        }
        batch.extend(time.cells(&self.parts).into_iter().map(Event::CellEnd));
        events.send(batch);
        history.finish_merged(&time.meta(&self.parts), self.backlog(HISTORY))?;
        ledger.finish_merged(self.backlog(LEDGER))?;
        into.write_claims(&claims.into_values().collect::<Vec<_>>())
    }

    /// The worst backlog of a file, of all parts.
    fn backlog(&self, file: FileKind) -> Backlog {
        let backlogs = self.parts.iter().filter_map(|part| part.backlogs.get(file.kind).copied());
        backlogs.reduce(Backlog::max).unwrap_or_default()
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
