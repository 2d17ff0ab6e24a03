//! What binds the files of a run together: `manifest.json`, with the run's identity and a digest of every
//! file.

use super::HistoryError;
use super::blocks::run_of;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, BufRead, BufReader, ErrorKind};
use std::path::Path;

/// The manifest's name in a run's directory.
pub(super) const MANIFEST: &str = "manifest.json";
/// The version of `manifest.json` that this build writes and reads.
const VERSION: u32 = 1;
/// Bytes that are read at once.
const BLOCK: usize = 64 << 10;
/// Renderings of the summary: nothing is judged by them, and `deadheat report` makes them again.
const RENDERED: [&str; 3] = ["report.html", "report.md", "junit.xml"];

/// A run's identity, and the digests of its files.
///
/// It is written first when a run begins, so that the files of a run that was killed are known to belong
/// together, and last when the run is whole.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Manifest {
    version: u32,
    /// The run's identity, which stands in the header of each line file too.
    pub(super) run: String,
    /// By name; until the run is finished, only what was there before its load began. A folder that has a
    /// manifest of its own is represented by that.
    files: BTreeMap<String, Entry>,
}

/// One file, as it was written.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    bytes: u64,
    sha256: String,
}

/// Only what every version has.
#[derive(Deserialize)]
struct Versioned {
    version: u64,
}

/// An identity that no other run has.
pub(super) fn new_run() -> String {
    // The standard library seeds each hasher from the system's randomness.
    format!("{:016x}", RandomState::new().hash_one(std::process::id()))
}

impl Manifest {
    /// Writes the manifest of what is in `dir` now.
    pub(super) fn write(dir: &Path, run: &str) -> Result<(), HistoryError> {
        let mut manifest = Self { version: VERSION, run: run.to_owned(), files: BTreeMap::new() };
        manifest.add(dir, "")?;
        // A process that is killed here leaves the earlier manifest.
        let (new, path) = (dir.join(format!(".{MANIFEST}.new")), dir.join(MANIFEST));
        let text = serde_json::to_string_pretty(&manifest).map_err(io::Error::from);
        let text = text.map_err(HistoryError::io("write", &path))?;
        fs::write(&new, text + "\n").map_err(HistoryError::io("write", &path))?;
        fs::rename(&new, &path).map_err(HistoryError::io("write", &path))
    }

    fn add(&mut self, dir: &Path, prefix: &str) -> Result<(), HistoryError> {
        for entry in fs::read_dir(dir).map_err(HistoryError::io("read", dir))? {
            let entry = entry.map_err(HistoryError::io("read", dir))?;
            let (path, name) = (entry.path(), format!("{prefix}{}", entry.file_name().to_string_lossy()));
            if path.join(MANIFEST).is_file() {
                let (path, name) = (path.join(MANIFEST), format!("{name}/{MANIFEST}"));
                self.files.insert(name, Entry::of(&path)?);
            } else if path.is_dir() {
                self.add(&path, &format!("{name}/"))?;
            } else if name != MANIFEST && path.is_file() {
                self.files.insert(name, Entry::of(&path)?);
            }
        }
        Ok(())
    }

    /// The manifest of `dir`, once every file that is there was found to be the one that the run wrote. A
    /// file that is missing is told by those who need it.
    pub(super) fn verified(dir: &Path) -> Result<Self, HistoryError> {
        let path = dir.join(MANIFEST);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == ErrorKind::NotFound => return Err(HistoryError::Unbound(path)),
            Err(e) => return Err(HistoryError::io("read", &path)(e)),
        };
        let torn = |e: serde_json::Error| HistoryError::io("read", &path)(e.into());
        let Versioned { version } = serde_json::from_slice(&text).map_err(torn)?;
        if version != u64::from(VERSION) {
            return Err(HistoryError::Version { path, found: version, known: VERSION });
        }
        let manifest: Self = serde_json::from_slice(&text).map_err(torn)?;
        for (name, entry) in manifest.files.iter().filter(|(name, _)| !RENDERED.contains(&&***name)) {
            manifest.verify(&dir.join(name), entry)?;
        }
        Ok(manifest)
    }

    fn verify(&self, path: &Path, written: &Entry) -> Result<(), HistoryError> {
        let found = match Entry::of(path) {
            Err(HistoryError::Io { source, .. }) if source.kind() == ErrorKind::NotFound => return Ok(()),
            found => found?,
        };
        if found == *written {
            return Ok(());
        }
        if let Some(other) = run_of(path).filter(|run| *run != self.run) {
            return Err(HistoryError::OtherRun {
                path: path.to_owned(),
                found: other,
                run: self.run.clone(),
            });
        }
        Err(HistoryError::Changed { path: path.to_owned(), found: found.bytes, written: written.bytes })
    }
}

impl Entry {
    fn of(path: &Path) -> Result<Self, HistoryError> {
        let digest = || -> io::Result<Self> {
            let (mut digest, mut bytes) = (Sha256::new(), 0);
            let mut file = BufReader::with_capacity(BLOCK, File::open(path)?);
            while let block @ [_, ..] = file.fill_buf()? {
                let length = block.len();
                digest.update(block);
                bytes += length as u64;
                file.consume(length);
            }
            let sha256 = digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
            Ok(Self { bytes, sha256 })
        };
        digest().map_err(HistoryError::io("read", path))
    }
}

/// Whether the files in `dir` are those that its run wrote: for readers of a summary, which need no other
/// file. A directory without evidence has nothing that could be mixed up.
///
/// # Errors
/// [`HistoryError`] names the file that was changed or belongs to another run, and what to do.
pub fn verify(dir: &Path) -> Result<(), HistoryError> {
    let evidence = ["plan.toml", super::lines::HISTORY.name];
    if !dir.join(MANIFEST).exists() && evidence.iter().all(|name| !dir.join(name).exists()) {
        return Ok(());
    }
    Manifest::verified(dir).map(|_| ())
}
