//! What parts say of themselves, before anything is written.

use super::super::blocks::for_each_line;
use super::super::lines::{FileKind, HISTORY, LEDGER};
use super::super::manifest::Manifest;
use super::super::rows::HistoryLine;
use super::super::{Backlog, CellEnd, HistoryError, JobId, Meta};
use super::Part;
use std::collections::BTreeMap;
use std::path::Path;

/// Starts are known to the second: of two parts that began at once, one may read a second later.
const TOGETHER_S: u64 = 1;

/// Parts that were looked through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Survey {
    /// The parts, in the order in which they were made.
    pub parts: Vec<Surveyed>,
    /// Why they are no parts of one run, a sentence each; empty if they may be.
    pub faults: Vec<String>,
}

/// One part that was looked through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Surveyed {
    /// Which.
    pub part: Part,
    /// Facts of its run.
    pub meta: Meta,
    /// What each of its cells was to do and did.
    pub cells: Vec<CellEnd>,
    /// Its run's identity.
    pub run: String,
    /// How far the writers of `history` and `ledger` fell behind.
    pub backlogs: BTreeMap<&'static str, Backlog>,
}

/// Reads the parts through: whether each is whole, whether two have the same work, whether they fit on one
/// time line.
///
/// # Errors
/// [`HistoryError`], with file and line.
pub fn survey(parts: Vec<Part>) -> Result<Survey, HistoryError> {
    let (mut jobs, mut faults, mut read) = (BTreeMap::new(), Vec::new(), Vec::new());
    for (number, part) in parts.iter().enumerate() {
        let surveyed = look_through(part, &mut faults, &mut |job| {
            // By number, for a path may be named twice.
            jobs.insert(job, number).filter(|other| *other != number).map(|other| parts[other].dir.as_path())
        })?;
        read.push(surveyed);
    }
    read.sort_by_key(|one| (one.meta.started_utc_s, one.part.block));
    faults.extend(blocks_at_odds(&read));
    faults.extend(far_apart(&read));
    Ok(Survey { parts: read, faults })
}

/// `known` takes a job, and says which other part has it already.
fn look_through<'a>(
    part: &Part,
    faults: &mut Vec<String>,
    known: &mut dyn FnMut(JobId) -> Option<&'a Path>,
) -> Result<Surveyed, HistoryError> {
    let (mut cells, mut twice) = (Vec::new(), None);
    let path = |file: FileKind| part.dir.join(file.name);
    let run = Manifest::verified(&part.dir)?.run;
    let history = for_each_line(&path(HISTORY), HISTORY, &run, &mut |line| {
        match serde_json::from_slice(line).map_err(|error| error.to_string())? {
            HistoryLine::CellEnd(cell) => cells.push(cell),
            HistoryLine::Job(job) => {
                let job = job.row().job;
                if let Some(other) = known(job) {
                    twice.get_or_insert((job, other));
                }
            }
            HistoryLine::Attempt(_) => {}
        }
        Ok(())
    })?;
    if let Some((job, other)) = twice {
        let (one, other) = (part.dir.display(), other.display());
        faults.push(format!("{job} is in {other} and in {one}: they are no parts of one run"));
    }
    let ledger = for_each_line(&path(LEDGER), LEDGER, &run, &mut |_| Ok(()))?;
    let (mut meta, mut backlogs) = (None, BTreeMap::new());
    for (file, ending) in [(HISTORY, history), (LEDGER, ledger)] {
        let Some(mark) = ending.mark else {
            faults.push(format!("{} was cut", path(file).display()));
            continue;
        };
        meta = meta.or(mark.meta);
        backlogs.extend(mark.backlog.map(|backlog| (file.kind, backlog)));
    }
    Ok(Surveyed { part: part.clone(), meta: meta.unwrap_or_default(), cells, run, backlogs })
}

/// Parts of one run are blocks, each once, or shares of all blocks.
fn blocks_at_odds(parts: &[Surveyed]) -> Vec<String> {
    let mut known: BTreeMap<u32, &Path> = BTreeMap::new();
    let mut faults = Vec::new();
    for part in parts {
        let Some(block) = part.part.block else { continue };
        if let Some(other) = known.insert(block, &part.part.dir) {
            let (one, other) = (part.part.dir.display(), other.display());
            faults.push(format!("{other} and {one} are both block {block}"));
        }
    }
    let whole = parts.iter().find(|part| part.part.block.is_none());
    if let (Some(whole), Some((block, dir))) = (whole, known.first_key_value()) {
        faults.push(format!(
            "{} is block {block} alone, and {} is of all blocks",
            dir.display(),
            whole.part.dir.display()
        ));
    }
    faults
}

/// Shares of the same blocks are one load only if they were made at the same time.
fn far_apart(parts: &[Surveyed]) -> Option<String> {
    let shares: Vec<&Surveyed> = parts.iter().filter(|part| part.part.block.is_none()).collect();
    let (first, last) = (shares.first()?, shares.last()?);
    let apart_s = last.meta.started_utc_s.saturating_sub(first.meta.started_utc_s);
    (apart_s > TOGETHER_S).then(|| {
        format!(
            "{} began {apart_s} s after {}: parts of one load begin together; what is made one after the \
             other has to be \
             blocks (`only_block`)",
            last.part.dir.display(),
            first.part.dir.display()
        )
    })
}
