//! All that a program says in one run, put together: claims, its own totals by pattern, pairs of tag and
//! nonce.

use super::claims::{Claim, ClaimReader, ClaimedResult, ClaimedTotals};
use super::command::Stream;
use super::pairs::{pairs, tags};
use crate::history::JobKey;
use regex::Regex;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read;
use std::path::Path;
use std::time::Duration;

/// Most claims, pairs and tags that are kept of a run.
const KEPT_MAX: usize = 1_000_000;
/// Most that is read of one file of claims, in bytes.
const FILE_MAX: u64 = 256 * 1024 * 1024;

/// Where a program's own totals stand in what it prints: the first capture of each, the last time it matches.
#[derive(Debug, Clone, Default)]
pub struct Patterns {
    /// Tokens in all.
    pub total: Option<Regex>,
    /// Requests.
    pub requests: Option<Regex>,
    /// Jobs that it could not do.
    pub failed: Option<Regex>,
}

impl Patterns {
    fn read(&self, line: &str, said: &mut ClaimedTotals) {
        let number = |pattern: &Option<Regex>| {
            let found = pattern.as_ref()?.captures_iter(line).last()?;
            let found = found.get(1).or_else(|| found.get(0))?.as_str();
            let digits: String = found.chars().filter(|c| !matches!(c, ',' | '_' | ' ' | '\'')).collect();
            digits.parse().ok()
        };
        said.total_tokens = number(&self.total).or(said.total_tokens);
        said.requests = number(&self.requests).or(said.requests);
        said.failed = number(&self.failed).or(said.failed);
    }
}

/// What was read so far.
#[derive(Debug, Default)]
pub(super) struct Output {
    patterns: Patterns,
    readers: BTreeMap<u32, ClaimReader>,
    /// Results claimed on standard output, and when each was read.
    spoken: Vec<(ClaimedResult, Duration)>,
    /// Totals claimed on standard output, each by one process.
    spoken_totals: Vec<(u32, ClaimedTotals)>,
    /// Results that stand in files.
    written: Vec<ClaimedResult>,
    /// Totals that stand in files: the last of each.
    written_totals: Vec<(String, ClaimedTotals)>,
    /// What the patterns found, by process.
    found: BTreeMap<u32, ClaimedTotals>,
    pairs: BTreeMap<(JobKey, u64), Duration>,
    named: BTreeSet<JobKey>,
    unread: u64,
}

impl Output {
    /// Nothing read yet.
    #[must_use]
    pub(super) fn new(patterns: Patterns) -> Self {
        Self { patterns, ..Self::default() }
    }

    /// Whether the patterns for tokens, requests and failures found something.
    pub(super) fn matched(&self) -> [bool; 3] {
        let any = |has: fn(&ClaimedTotals) -> bool| self.found.values().any(has);
        [
            any(|said| said.total_tokens.is_some()),
            any(|said| said.requests.is_some()),
            any(|said| said.failed.is_some()),
        ]
    }

    /// What came out of a program that is a server.
    pub(super) fn got(&mut self, results: Vec<(ClaimedResult, Duration)>, totals: ClaimedTotals) {
        self.spoken.extend(results);
        if !totals.is_empty() {
            self.spoken_totals.push((0, totals));
        }
    }

    /// One line of the program's output.
    pub(super) fn line(&mut self, stream: Stream, at: Duration, line: &str) {
        self.patterns.read(line, self.found.entry(stream.process).or_default());
        for tag in tags(line) {
            if self.named.len() < KEPT_MAX {
                self.named.insert(JobKey::tagged(tag));
            }
        }
        if stream.error {
            return;
        }
        let reader = self.readers.entry(stream.process).or_default();
        let (spoken, totals, unread) = (&mut self.spoken, &mut self.spoken_totals, &mut self.unread);
        reader.line(line, &mut |said| match said {
            Claim::Result(said) if spoken.len() < KEPT_MAX => spoken.push((said, at)),
            Claim::Totals(said) if totals.len() < KEPT_MAX => totals.push((stream.process, said)),
            _ => *unread += 1,
        });
        let kept = &mut self.pairs;
        pairs(line, &mut |job, number| {
            if kept.len() < KEPT_MAX {
                kept.entry((job, number)).or_insert(at);
            }
        });
    }

    /// The files of claims that the program has left.
    pub(super) fn files(&mut self, folder: &Path) {
        let Ok(files) = fs::read_dir(folder) else { return };
        let mut files: Vec<_> =
            files.filter_map(|file| Some(file.ok()?.path())).filter(|p| p.is_file()).collect();
        files.sort();
        for path in files {
            let mut text = Vec::new();
            let read = fs::File::open(&path).and_then(|file| file.take(FILE_MAX).read_to_end(&mut text));
            if read.is_err() {
                self.unread += 1;
                continue;
            }
            let (mut reader, mut last) = (ClaimReader::default(), None);
            let (written, unread) = (&mut self.written, &mut self.unread);
            for line in String::from_utf8_lossy(&text).lines() {
                reader.file_line(line, &mut |said| match said {
                    Claim::Result(said) if written.len() < KEPT_MAX => written.push(said),
                    Claim::Result(_) => *unread += 1,
                    Claim::Totals(said) => last = Some(said),
                });
            }
            self.unread += reader.unread();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            self.written_totals.extend(last.map(|said| (name, said)));
        }
    }

    /// Claims that could not be read.
    #[must_use]
    pub(super) fn unread(&self) -> u64 {
        self.unread + self.readers.values().map(ClaimReader::unread).sum::<u64>()
    }

    /// The claimed results. Who claims both on standard output and in a file says everything twice: each
    /// counts as often as the one of the two says it that says it more often. What stands in files is read
    /// at `end`.
    #[must_use]
    pub(super) fn results(&self, end: Duration) -> Vec<(ClaimedResult, Duration)> {
        let mut results = self.spoken.clone();
        let mut on_output: BTreeMap<&ClaimedResult, usize> = BTreeMap::new();
        for (said, _) in &self.spoken {
            *on_output.entry(said).or_default() += 1;
        }
        for said in &self.written {
            match on_output.get_mut(said).filter(|count| **count > 0) {
                Some(count) => *count -= 1,
                None => results.push((said.clone(), end)),
            }
        }
        results
    }

    /// Pairs of a job and an answer's number in the output, and when each was first seen.
    pub(super) fn pairs(&self) -> impl Iterator<Item = (&JobKey, u64, Duration)> {
        self.pairs.iter().map(|((job, number), at)| (job, *number, *at))
    }

    /// The jobs whose tag stands in the output.
    pub(super) fn named(&self) -> &BTreeSet<JobKey> {
        &self.named
    }

    /// The accounts: of files, of standard output, by pattern; each with whose share is what.
    pub(super) fn accounts(&self) -> Vec<Vec<(String, ClaimedTotals)>> {
        let several = |count: usize, n: u32| match count {
            0 | 1 => "the program".to_owned(),
            _ => format!("process {n}"),
        };
        let files = self.written_totals.iter().map(|(name, said)| (format!("the file {name}"), said.clone()));
        let spoken = &self.spoken_totals;
        let lines = (0u32..).zip(spoken).map(|(n, (_, said))| (several(spoken.len(), n), said.clone()));
        let count = self.found.len();
        let found = self.found.iter().filter(|(_, said)| !said.is_empty());
        let found = found.map(|(n, said)| (several(count, *n), said.clone()));
        [files.collect::<Vec<_>>(), lines.collect(), found.collect()]
            .into_iter()
            .filter(|account| !account.is_empty())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUT: Stream = Stream { process: 0, error: false };
    const ERR: Stream = Stream { process: 0, error: true };

    #[test]
    fn totals_by_pattern_are_the_last_ones() {
        let patterns = Patterns {
            total: Regex::new(r"total: ([\d,]+)").ok(),
            failed: Regex::new(r"(\d+) failed").ok(),
            ..Patterns::default()
        };
        let mut output = Output::new(patterns);
        output.line(OUT, Duration::ZERO, "total: 17");
        output.line(ERR, Duration::ZERO, "total: 1,234 tokens, 2 failed");
        let accounts = output.accounts();
        assert_eq!(accounts.len(), 1);
        let (whose, said) = &accounts[0][0];
        assert_eq!((whose.as_str(), said.total_tokens, said.failed), ("the program", Some(1234), Some(2)));
    }

    #[test]
    fn what_is_said_on_both_ways_counts_once() {
        let folder = tempfile::tempdir().unwrap();
        let claim = r#"{"job":"job:0001","id":"chatcmpl-R-00000000000000aa","ok":true}"#;
        fs::write(
            folder.path().join("a.jsonl"),
            format!("{claim}\n{claim}\n{{\"total_tokens\":3}}\n{{\"tot"),
        )
        .unwrap();
        let mut output = Output::new(Patterns::default());
        output.line(OUT, Duration::ZERO, &format!("@claim {claim}"));
        output.line(ERR, Duration::ZERO, &format!("@claim {claim} is not read on standard error: job:0009"));
        output.files(folder.path());
        assert_eq!(output.results(Duration::ZERO).len(), 2, "twice in the file, once spoken");
        assert_eq!(output.unread(), 1);
        assert_eq!(output.accounts()[0][0].1.total_tokens, Some(3));
        assert!(output.named().contains(&JobKey::from("job:0009")));
    }
}
