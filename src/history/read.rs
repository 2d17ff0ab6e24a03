//! Loads the evidence of a run from its directory.

use super::blocks::{LineFileEnd, for_each_line};
use super::lines::{CLAIMS, FileKind, HISTORY, LEDGER};
use super::manifest::Manifest;
use super::rows::{HistoryLine, LedgerLine};
use super::{AttemptRow, Backlog, Claim, Evidence, HistoryError, LedgerRow, Meta};
use std::collections::BTreeMap;
use std::io;
use std::path::Path;

/// The gaps of one attempt, as the client saw them.
#[derive(Debug, Clone, Copy)]
pub struct ClientGaps<'a> {
    /// The attempt.
    pub attempt: &'a AttemptRow,
    /// Whether its job was due in a warm-up.
    pub warmup: bool,
    /// Microseconds between the arrivals of successive content chunks.
    pub gaps_us: &'a [u32],
}

/// The gaps of one attempt, as the built-in provider made them.
#[derive(Debug, Clone, Copy)]
pub struct LedgerGaps<'a> {
    /// The attempt.
    pub entry: &'a LedgerRow,
    /// Microseconds between successive content chunks.
    pub gaps_us: &'a [u32],
}

/// What could be loaded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Loaded {
    /// The evidence, sorted.
    pub evidence: Evidence,
    /// What is missing from it, a sentence each: a run that was killed leaves cut files, and what came
    /// before the cut is still evidence.
    pub warnings: Vec<String>,
    /// How far the writers of `history` and `ledger` fell behind, where the files are whole.
    pub backlogs: BTreeMap<&'static str, Backlog>,
}

impl Evidence {
    /// Loads the run in `dir`, both large files at once. `targets` are the names of the plan's targets, in
    /// its order.
    ///
    /// Gaps between chunks are not kept. Each attempt that has any is shown once, in the files' order, to
    /// `client` or `ledger`, which run on two threads.
    ///
    /// # Errors
    /// [`HistoryError`], with file and line, if a file is not the one that the run wrote, is of another
    /// version or is damaged. The files of a run that was killed may end too early, which gives a warning and
    /// no error.
    pub fn read(
        dir: &Path,
        targets: &[String],
        client: &mut (dyn FnMut(ClientGaps<'_>) + Send),
        ledger: &mut (dyn FnMut(LedgerGaps<'_>) + Send),
    ) -> Result<Loaded, HistoryError> {
        let run = &Manifest::verified(dir)?.run;
        let (history, ledger) = std::thread::scope(|scope| {
            let ledger = scope.spawn(|| read_ledger(&dir.join(LEDGER.name), run, targets, ledger));
            let history = read_history(&dir.join(HISTORY.name), run, client);
            (history, ledger.join())
        });
        let (mut evidence, history) = history?;
        let ledger = ledger.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        let (rows, ledger) = ledger?;
        evidence.ledger = rows;
        evidence.sort();
        let (claims, claimed) = read_claims(dir, run)?;
        evidence.claims = claims;
        let endings = [(HISTORY, history), (LEDGER, ledger), (CLAIMS, claimed)];
        let warnings = endings.iter().filter_map(|(file, ending)| warning(*file, ending.as_ref())).collect();
        let backlogs = endings.into_iter().filter_map(|(file, ending)| {
            let mark = ending.and_then(|ending| ending.mark)?;
            Some((file.kind, mark.backlog?))
        });
        Ok(Loaded { evidence, warnings, backlogs: backlogs.collect() })
    }
}

fn read_history(
    path: &Path,
    run: &str,
    gaps: &mut dyn FnMut(ClientGaps<'_>),
) -> Result<(Evidence, Option<LineFileEnd>), HistoryError> {
    let mut evidence = Evidence::default();
    let mut last_ns = 0;
    let ending = if_there(for_each_line(path, HISTORY, run, &mut |line| {
        match serde_json::from_slice(line).map_err(|e| e.to_string())? {
            HistoryLine::Attempt(line) => {
                let attempt = line.row();
                if !line.gaps_us.is_empty() {
                    let (warmup, gaps_us) = (line.warmup, line.gaps_us.as_slice());
                    gaps(ClientGaps { attempt: &attempt, warmup, gaps_us });
                }
                last_ns = last_ns.max(attempt.done_ns);
                evidence.attempts.push(attempt);
            }
            HistoryLine::Job(line) => evidence.jobs.push(line.row()),
            HistoryLine::CellEnd(cell) => evidence.cells.push(cell),
        }
        Ok(())
    }))?;
    let ending = ending.ok_or_else(|| HistoryError::Missing(path.to_owned()))?;
    // A run that was killed wrote no facts; its last stamp says how long it went on.
    let meta = ending.mark.as_ref().and_then(|mark| mark.meta.clone());
    evidence.meta = meta.unwrap_or_else(|| Meta::new(0, last_ns));
    Ok((evidence, Some(ending)))
}

fn read_ledger(
    path: &Path,
    run: &str,
    targets: &[String],
    gaps: &mut dyn FnMut(LedgerGaps<'_>),
) -> Result<(Vec<LedgerRow>, Option<LineFileEnd>), HistoryError> {
    let mut rows = Vec::new();
    let ending = if_there(for_each_line(path, LEDGER, run, &mut |line| {
        let mut line: LedgerLine = serde_json::from_slice(line).map_err(|e| e.to_string())?;
        let gaps_us = std::mem::take(&mut line.gaps_us);
        let entry = line.row(targets)?;
        if !gaps_us.is_empty() {
            gaps(LedgerGaps { entry: &entry, gaps_us: &gaps_us });
        }
        rows.push(entry);
        Ok(())
    }))?;
    Ok((rows, ending))
}

/// The claims of the run in `dir`, and how their file ended; `None` if there is none.
pub(super) fn read_claims(dir: &Path, run: &str) -> Result<(Vec<Claim>, Option<LineFileEnd>), HistoryError> {
    let mut claims = Vec::new();
    let ending = if_there(for_each_line(&dir.join(CLAIMS.name), CLAIMS, run, &mut |line| {
        claims.push(serde_json::from_slice(line).map_err(|e| e.to_string())?);
        Ok(())
    }))?;
    Ok((claims, ending))
}

/// How a file ended; `None` if there is no such file.
fn if_there(ending: Result<LineFileEnd, HistoryError>) -> Result<Option<LineFileEnd>, HistoryError> {
    match ending {
        Err(HistoryError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(None),
        ending => ending.map(Some),
    }
}

/// What a file lacks, if anything.
fn warning(file: FileKind, ending: Option<&LineFileEnd>) -> Option<String> {
    match ending {
        None => Some(format!("{} is missing: what it would show is unknown", file.name)),
        Some(LineFileEnd { mark: None, lines }) => {
            Some(format!("{} was cut after {lines} lines: the run was broken off", file.name))
        }
        Some(_) => None,
    }
}
