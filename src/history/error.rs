//! What can go wrong with the files of a run.

use std::io;
use std::path::{Path, PathBuf};

/// A file of a run that cannot be written or read. Every text says what to do.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// The operating system refused.
    #[error("cannot {doing} {}: {source}", path.display())]
    Io {
        /// What was tried, such as `write`.
        doing: &'static str,
        /// With which file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The client's record is not there, and nothing can be judged without it.
    #[error("{} is missing: without the client's record nothing can be judged; restore it, or run again",
        .0.display())]
    Missing(PathBuf),
    /// The place for a new run is taken; evidence is never overwritten.
    #[error("{} already exists and is not empty: choose another place with --out, or move it away",
        .0.display())]
    Occupied(PathBuf),
    /// Another process writes a run for the same place.
    #[error("another run for {} is being written in {}: wait for its end, or choose another place with \
        --out; \
             if no other run is in progress, remove that folder", place.display(), partial.display())]
    Busy {
        /// Where both runs should stand.
        place: PathBuf,
        /// Where the other one is written.
        partial: PathBuf,
    },
    /// The place is a symbolic link that leads to no directory.
    #[error("{} is a symbolic link that leads to no directory: choose another place with --out",
        .0.display())]
    Link(PathBuf),
    /// The run is whole, but could not be moved to its place.
    #[error("the run is whole in {}, but cannot be moved to its place: {source}", partial.display())]
    NotMoved {
        /// Where it is.
        partial: PathBuf,
        /// Why it stays there.
        source: Box<HistoryError>,
    },
    /// There is no manifest: the files may be of several runs.
    #[error("{} is missing: without it nothing tells whether the files belong to one run; restore it, or \
        run again \
             (runs of an older deadheat have none)", .0.display())]
    Unbound(PathBuf),
    /// The file is not the one that the run wrote.
    #[error("{} is not the file that the run wrote ({found} bytes, {written} were written): restore it, or \
        run again; \
             to judge by other thresholds, prices or budgets use `deadheat check --set`", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
        /// Its length.
        found: u64,
        /// The length that the manifest has.
        written: u64,
    },
    /// The file was written by another run.
    #[error("{} belongs to run {found}, and its directory holds run {run}: restore the run's own file",
        path.display())]
    OtherRun {
        /// The file.
        path: PathBuf,
        /// The run that wrote it.
        found: String,
        /// The run of the manifest beside it.
        run: String,
    },
    /// The disk is so far behind that the record cannot be kept.
    #[error("the disk is too slow for this load: {waiting} batches wait to be written to {}; lower the \
        load, or \
             write to another disk with --out", path.display())]
    Behind {
        /// The file.
        path: PathBuf,
        /// Batches that wait.
        waiting: usize,
    },
    /// A path that names no directory, such as `/` or `..`.
    #[error("{} names no directory that could be created: give a path that ends in a name", .0.display())]
    NoName(PathBuf),
    /// The first line is not the header that the file should have.
    #[error("{}:1: not a {expected} file of deadheat: {why}; point at the directory of a run",
        path.display())]
    Header {
        /// The file.
        path: PathBuf,
        /// `history`, `ledger` or `claims`.
        expected: &'static str,
        /// What was found instead.
        why: String,
    },
    /// The file is of a version that this build does not know.
    #[error(
        "{}:1: version {found}, but this build reads version {known}: use the deadheat that wrote it, or a \
         newer one",
        path.display()
    )]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u64,
        /// The version that this build reads.
        known: u32,
    },
    /// A line inside the file is not what the writer writes.
    #[error("{}:{line}: {why}: the file was changed or damaged; restore it, or run again", path.display())]
    Line {
        /// The file, before compression.
        path: PathBuf,
        /// Which line, from 1.
        line: u64,
        /// What is wrong with it.
        why: String,
    },
    /// The writer's thread ended before the file was whole.
    #[error("the writer of {} stopped early: this is a fault of deadheat, please report it", .0.display())]
    WriterGone(PathBuf),
}

impl HistoryError {
    /// Makes a mapper of I/O errors that says what was tried with which path.
    pub(super) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { doing, path, source }
    }
}
