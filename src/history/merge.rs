//! Puts the evidence of several runs of one plan together: parts that several processes or machines made.

use super::blocks::for_each_line;
use super::lines::{FileKind, HISTORY, LEDGER};
use super::read;
use super::rows::HistoryLine;
use super::write::LineWriter;
use super::{CellEnd, Claim, Event, HistoryError, JobId, Meta, RunDir};
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

/// Lines that are handed to the writer at once.
const BATCH: usize = 1024;

/// What was put together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merged {
    /// Each cell's last word, all parts added up.
    pub cells: Vec<CellEnd>,
    /// Jobs with a result.
    pub jobs: u64,
    /// A job that two parts have, and the parts: they are runs of the same work, not parts of one.
    pub twice: Option<(JobId, PathBuf, PathBuf)>,
    /// What is missing from a part, a sentence each.
    pub cut: Vec<String>,
}

/// Writes history, ledger and claims of `parts` into `into`. Nothing is computed but sums, so it comes to the same in
/// whatever order and grouping parts are merged.
///
/// # Errors
/// [`HistoryError`], with file and line.
pub fn merge(parts: &[PathBuf], into: &RunDir) -> Result<Merged, HistoryError> {
    let mut merging = Merging::default();
    let (mut history, mut ledger) = (Copy::start(into, HISTORY)?, Copy::start(into, LEDGER)?);
    for (number, part) in parts.iter().enumerate() {
        merging.part = number;
        merging.history(part, &mut history)?;
        let ending = for_each_line(&part.join(LEDGER.name), LEDGER, &mut |line| ledger.line(line))?;
        if ending.mark.is_none() {
            merging.cut.push(format!("{} was cut", part.join(LEDGER.name).display()));
        }
        for claim in read::claims(part)? {
            merging.claim(&claim);
        }
    }
    let cells: Vec<CellEnd> = merging.cells.into_values().collect();
    for cell in &cells {
        let line = serde_json::to_string(&Event::CellEnd(cell.clone()));
        history.text(line.map_err(|error| history.wrong(error))?)?;
    }
    history.finish(Some(merging.meta.unwrap_or_default()))?;
    ledger.finish(None)?;
    into.write_claims(&merging.claims.into_values().collect::<Vec<_>>())?;
    Ok(Merged { cells, jobs: merging.jobs.len() as u64, twice: merging.twice, cut: merging.cut })
}

#[derive(Default)]
struct Merging<'a> {
    meta: Option<Meta>,
    cells: BTreeMap<u16, CellEnd>,
    claims: BTreeMap<(u16, Option<u16>), Claim>,
    jobs: BTreeMap<JobId, (usize, &'a Path)>,
    /// The number of the part that is being read: a path may be named twice.
    part: usize,
    twice: Option<(JobId, PathBuf, PathBuf)>,
    cut: Vec<String>,
}

impl<'a> Merging<'a> {
    fn history(&mut self, part: &'a Path, copy: &mut Copy) -> Result<(), HistoryError> {
        let path = part.join(HISTORY.name);
        let ending = for_each_line(&path, HISTORY, &mut |line| {
            match serde_json::from_slice(line).map_err(|error| error.to_string())? {
                HistoryLine::CellEnd(cell) => {
                    self.cell(cell);
                    return Ok(());
                }
                HistoryLine::Job(job) => self.job(job.row().job, part),
                HistoryLine::Attempt(_) => {}
            }
            copy.line(line)
        })?;
        match ending.mark.and_then(|mark| mark.meta) {
            Some(meta) => self.meta = Some(self.meta.take().map_or(meta.clone(), |known| both(known, meta))),
            None => self.cut.push(format!("{} was cut", path.display())),
        }
        Ok(())
    }

    fn job(&mut self, job: JobId, part: &'a Path) {
        let known = self.jobs.insert(job, (self.part, part));
        if let Some((_, other)) = known.filter(|(number, _)| *number != self.part) {
            self.twice.get_or_insert_with(|| (job, other.to_owned(), part.to_owned()));
        }
    }

    fn cell(&mut self, part: CellEnd) {
        let Some(sum) = self.cells.get_mut(&part.cell) else {
            self.cells.insert(part.cell, part);
            return;
        };
        sum.planned += part.planned;
        sum.issued += part.issued;
        for (reason, n) in part.not_issued {
            *sum.not_issued.entry(reason).or_insert(0) += n;
        }
        sum.elapsed_ns = sum.elapsed_ns.max(part.elapsed_ns);
        let offered = [sum.offered_per_1000_s, part.offered_per_1000_s];
        sum.offered_per_1000_s = offered.into_iter().flatten().reduce(|a, b| a + b);
        sum.cpu_busiest_ppm = sum.cpu_busiest_ppm.max(part.cpu_busiest_ppm);
        sum.cpu_ns += part.cpu_ns;
        sum.stuck_since_ns = [sum.stuck_since_ns, part.stuck_since_ns].into_iter().flatten().min();
    }

    fn claim(&mut self, part: &Claim) {
        let (cell, process) = (part.cell, part.process);
        let sum = self.claims.entry((cell, process)).or_insert(Claim { cell, process, ..Claim::default() });
        sum.requests += part.requests;
        sum.prompt_tokens += part.prompt_tokens;
        sum.completion_tokens += part.completion_tokens;
        sum.total_tokens += part.total_tokens;
    }
}

/// The facts of two parts as one run's: from the first start to the last end.
fn both(a: Meta, b: Meta) -> Meta {
    let end = |meta: &Meta| u128::from(meta.started_utc_s) * 1_000_000_000 + u128::from(meta.elapsed_ns);
    let started_utc_s = a.started_utc_s.min(b.started_utc_s);
    let elapsed = end(&a).max(end(&b)) - u128::from(started_utc_s) * 1_000_000_000;
    let names = |a: &[String], b: &[String]| {
        let mut all: Vec<String> =
            a.iter().chain(b).flat_map(|one| one.split(", ")).map(str::to_owned).collect();
        all.sort_unstable();
        all.dedup();
        all
    };
    let transports = (0..a.transports.len().max(b.transports.len()))
        .map(|at| {
            let of = |meta: &Meta| meta.transports.get(at).cloned().into_iter().collect::<Vec<_>>();
            names(&of(&a), &of(&b)).join(", ")
        })
        .collect();
    Meta {
        started_utc_s,
        elapsed_ns: u64::try_from(elapsed).unwrap_or(u64::MAX),
        interrupted: a.interrupted || b.interrupted,
        over_budget: a.over_budget || b.over_budget,
        pacer: names(&[a.pacer], &[b.pacer]).join(", "),
        threads: a.threads + b.threads,
        transports,
    }
}

/// A file that lines are copied into as they are.
struct Copy {
    lines: LineWriter<Box<RawValue>>,
    batch: Vec<Box<RawValue>>,
    path: PathBuf,
}

impl Copy {
    fn start(into: &RunDir, kind: FileKind) -> Result<Self, HistoryError> {
        let path = into.path().join(kind.name);
        let file = File::create(&path).map_err(HistoryError::io("create", &path))?;
        Ok(Self { lines: LineWriter::start(file, path.clone(), kind)?, batch: Vec::new(), path })
    }

    fn line(&mut self, line: &[u8]) -> Result<(), String> {
        let text = std::str::from_utf8(line).map_err(|error| error.to_string())?;
        self.batch.push(RawValue::from_string(text.to_owned()).map_err(|error| error.to_string())?);
        if self.batch.len() >= BATCH {
            self.lines.sender().send(std::mem::take(&mut self.batch));
        }
        Ok(())
    }

    fn text(&mut self, text: String) -> Result<(), HistoryError> {
        self.line(text.as_bytes())
            .map_err(|why| HistoryError::io("write", &self.path)(std::io::Error::other(why)))
    }

    fn wrong(&self, error: serde_json::Error) -> HistoryError {
        HistoryError::io("write", &self.path)(error.into())
    }

    fn finish(mut self, meta: Option<Meta>) -> Result<u64, HistoryError> {
        self.lines.sender().send(std::mem::take(&mut self.batch));
        self.lines.finish(meta)
    }
}
