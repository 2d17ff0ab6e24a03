//! Reads a stored `summary.json` or `comparison.json`.

use crate::history::{HistoryError, PARTS, RunDir, verify};
use crate::summary::{COMPARISON_VERSION, Compared, SUMMARY_VERSION, Summary};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Why there is no summary to render.
#[derive(Debug, thiserror::Error)]
pub enum StoredError {
    /// The file cannot be read.
    #[error("cannot read {}: {source}; give the directory of a finished run", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file beside it is not the one that the run wrote.
    #[error(transparent)]
    Changed(#[from] HistoryError),
    /// The run was broken off before it was judged.
    #[error("{} is missing: the run was broken off; `deadheat check {}` judges what it left",
        dir.join("summary.json").display(), left.display())]
    BrokenOff {
        /// Where the run should stand.
        dir: PathBuf,
        /// What it left.
        left: PathBuf,
    },
    /// Nothing was judged yet.
    #[error("{} holds parts of a run: nothing is judged until `deadheat merge` has put them together with \
        the others", .0.display())]
    Part(PathBuf),
    /// The file is torn, or something else.
    #[error("{} is not whole: {source}; {advice}", path.display())]
    Torn {
        /// The file.
        path: PathBuf,
        /// Where reading stopped.
        source: serde_json::Error,
        /// What to do instead.
        advice: &'static str,
    },
    /// The file was written by a build with another format.
    #[error("{} has version {found}, and this build reads version {known}; use the deadheat that wrote it",
        path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u64,
        /// The version that this build reads.
        known: u32,
    },
}

/// Only what every version has.
#[derive(Deserialize)]
struct Versioned {
    version: u64,
}

/// Why there is no summary: the run may have left other evidence.
fn unread(dir: &Path, path: PathBuf, source: std::io::Error) -> StoredError {
    if dir.join(PARTS).is_dir() {
        return StoredError::Part(dir.to_owned());
    }
    let evidence = dir.join("plan.toml").is_file().then(|| dir.to_owned());
    let left = evidence.or_else(|| RunDir::left_over(dir)).filter(|_| !path.exists());
    match left {
        Some(left) => StoredError::BrokenOff { dir: dir.to_owned(), left },
        None => StoredError::Read { path, source },
    }
}

/// Reads `comparison.json` of a comparison's directory; `None` if it is no such directory.
///
/// # Errors
/// Names the file, whether it is torn or of another version.
pub fn stored_comparison(dir: &Path) -> Option<Result<Compared, StoredError>> {
    let path = dir.join("comparison.json");
    let text = match std::fs::read(&path) {
        Ok(text) => text,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return None,
        Err(source) => return Some(Err(StoredError::Read { path, source })),
    };
    Some(read(&text, dir, path, COMPARISON_VERSION, "its pairs stand beside it, each a run of its own"))
}

/// Reads `summary.json` of a run's directory.
///
/// # Errors
/// Names the file, whether it is missing, torn, or of another version; or a file beside it that the run did
/// not write.
pub fn stored(dir: &Path) -> Result<Summary, StoredError> {
    let path = dir.join("summary.json");
    let text = match std::fs::read(&path) {
        Ok(text) => text,
        Err(source) => return Err(unread(dir, path, source)),
    };
    read(&text, dir, path, SUMMARY_VERSION, "`deadheat check` can judge the evidence beside it again")
}

fn read<T: DeserializeOwned>(
    text: &[u8],
    dir: &Path,
    path: PathBuf,
    known: u32,
    advice: &'static str,
) -> Result<T, StoredError> {
    match serde_json::from_slice::<Versioned>(text) {
        Err(source) => Err(StoredError::Torn { path, source, advice }),
        Ok(Versioned { version }) if version != u64::from(known) => {
            Err(StoredError::Version { path, found: version, known })
        }
        Ok(_) => {
            let whole = serde_json::from_slice(text);
            let whole = whole.map_err(|source| StoredError::Torn { path, source, advice })?;
            // Behind the others, which say more of a file that is torn or of another version.
            verify(dir)?;
            Ok(whole)
        }
    }
}
