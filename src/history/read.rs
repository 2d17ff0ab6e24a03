//! Loads the evidence of a run from its directory.

use super::blocks::{Ending, check_header, for_each_line};
use super::lines::{CLAIMS, FileKind, HISTORY, LEDGER};
use super::rows::{HistoryLine, LedgerLine};
use super::{AttemptRow, Claim, Evidence, HistoryError, LedgerRow, Meta};
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
}

impl Evidence {
    /// Loads the run in `dir`, both large files at once. `targets` are the names of the plan's targets, in
    /// its order.
    ///
    /// Gaps between chunks are not kept. Each attempt that has any is shown once, in the files' order, to
    /// `client` or `ledger`, which run on two threads.
    ///
    /// # Errors
    /// [`HistoryError`], with file and line, if a file is missing its header, is of another version or is
    /// damaged. A file that only ends too early gives a warning, not an error.
    pub fn read(
        dir: &Path,
        targets: &[String],
        client: &mut (dyn FnMut(ClientGaps<'_>) + Send),
        ledger: &mut (dyn FnMut(LedgerGaps<'_>) + Send),
    ) -> Result<Loaded, HistoryError> {
        let (history, ledger) = std::thread::scope(|scope| {
            let ledger = scope.spawn(|| read_ledger(&dir.join(LEDGER.name), targets, ledger));
            let history = read_history(&dir.join(HISTORY.name), client);
            (history, ledger.join())
        });
        let mut loaded = history?;
        let (rows, warning) = ledger.map_err(|_| HistoryError::WriterGone(dir.join(LEDGER.name)))??;
        loaded.evidence.ledger = rows;
        loaded.evidence.sort();
        loaded.warnings.extend(warning);
        match read_claims(&dir.join(CLAIMS.name))? {
            Some(claims) => loaded.evidence.claims = claims,
            None => loaded.warnings.push(missing(CLAIMS)),
        }
        Ok(loaded)
    }
}

fn read_history(path: &Path, gaps: &mut dyn FnMut(ClientGaps<'_>)) -> Result<Loaded, HistoryError> {
    let mut evidence = Evidence::default();
    let mut last_ns = 0;
    let ending = for_each_line(path, HISTORY, &mut |line| {
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
    });
    let ending = match ending {
        Err(HistoryError::Io { source, path, .. }) if source.kind() == io::ErrorKind::NotFound => {
            return Err(HistoryError::Missing(path));
        }
        ending => ending?,
    };
    let warnings = cut_warning(HISTORY, &ending).into_iter().collect();
    // A run that was broken off has written no facts; how long it went on can be told.
    let unknown = Meta::new(0, last_ns);
    evidence.meta = ending.mark.and_then(|mark| mark.meta).unwrap_or(unknown);
    Ok(Loaded { evidence, warnings })
}

fn read_ledger(
    path: &Path,
    targets: &[String],
    gaps: &mut dyn FnMut(LedgerGaps<'_>),
) -> Result<(Vec<LedgerRow>, Option<String>), HistoryError> {
    let mut rows = Vec::new();
    let ending = for_each_line(path, LEDGER, &mut |line| {
        let mut line: LedgerLine = serde_json::from_slice(line).map_err(|e| e.to_string())?;
        let gaps_us = std::mem::take(&mut line.gaps_us);
        let entry = line.row(targets)?;
        if !gaps_us.is_empty() {
            gaps(LedgerGaps { entry: &entry, gaps_us: &gaps_us });
        }
        rows.push(entry);
        Ok(())
    });
    let ending = match ending {
        Err(HistoryError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            return Ok((rows, Some(missing(LEDGER))));
        }
        ending => ending?,
    };
    Ok((rows, cut_warning(LEDGER, &ending)))
}

/// The claims; `None` if there is no such file. They are written at once, so they are never cut.
/// The claims of the run in `dir`; none if it has no such file.
pub(super) fn claims(dir: &Path) -> Result<Vec<Claim>, HistoryError> {
    read_claims(&dir.join(CLAIMS.name)).map(Option::unwrap_or_default)
}

fn read_claims(path: &Path) -> Result<Option<Vec<Claim>>, HistoryError> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(HistoryError::io("read", path)(e)),
    };
    let mut lines = text.lines();
    check_header(path, CLAIMS, lines.next().unwrap_or_default().as_bytes())?;
    let claims = (2..).zip(lines).map(|(line, text)| {
        let wrong = |e: serde_json::Error| (line, e.to_string());
        serde_json::from_str(text).map_err(wrong)
    });
    let claims: Result<Vec<Claim>, (u64, String)> = claims.collect();
    claims.map(Some).map_err(|(line, why)| HistoryError::Line { path: path.to_owned(), line, why })
}

fn missing(file: FileKind) -> String {
    format!("{} is missing: the run was broken off; nothing can be said of what it would hold", file.name)
}

fn cut_warning(file: FileKind, ending: &Ending) -> Option<String> {
    let cut = ending.mark.is_none();
    cut.then(|| format!("{} was cut after {} lines: the run was broken off", file.name, ending.lines))
}
