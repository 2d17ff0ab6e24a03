//! What a run lays out for a program and removes afterwards: the job file, the folder for claims, a working
//! directory.

use crate::sync::lock;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use tempfile::TempDir;

/// The folders of this process that are in use.
static IN_USE: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// A fresh folder that only this user can read, removed when this is dropped.
#[derive(Debug)]
pub(super) struct Scratch {
    root: TempDir,
}

impl Scratch {
    /// A new folder with the file of `jobs` jobs and an empty folder for claims in it.
    ///
    /// # Errors
    /// If it cannot be made.
    pub(super) fn new(jobs: u64) -> io::Result<Self> {
        static MADE: AtomicU64 = AtomicU64::new(0);
        // The number at the end lets a program give each run a database of its own.
        let suffix = format!("-{}", MADE.fetch_add(1, Relaxed));
        let mut builder = tempfile::Builder::new();
        builder.prefix("deadheat-audit-").suffix(&suffix);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            builder.permissions(fs::Permissions::from_mode(0o700));
        }
        let scratch = {
            // Held while the folder is made, so that `clear` misses none.
            let mut in_use = lock(&IN_USE);
            let root = builder.tempdir()?;
            in_use.push(root.path().to_owned());
            Self { root }
        };
        fs::create_dir(scratch.claims())?;
        let mut file = io::BufWriter::new(fs::File::create(scratch.jobs())?);
        for index in 0..jobs {
            writeln!(file, "{}", job_line(index))?;
        }
        file.flush()?;
        Ok(scratch)
    }

    /// The job file.
    #[must_use]
    pub(super) fn jobs(&self) -> PathBuf {
        self.root().join("jobs.jsonl")
    }

    /// The folder for claims.
    #[must_use]
    pub(super) fn claims(&self) -> PathBuf {
        self.root().join("claims")
    }

    /// An empty working directory, made by the first call.
    ///
    /// # Errors
    /// If it cannot be made.
    pub(super) fn work_dir(&self) -> io::Result<PathBuf> {
        let dir = self.root().join("work");
        fs::create_dir_all(&dir)?;
        Ok(dir)
    }

    /// The folder itself.
    #[must_use]
    pub(super) fn root(&self) -> &Path {
        self.root.path()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        lock(&IN_USE).retain(|path| path != self.root.path());
    }
}

/// Removes every folder of this process, before it exits without dropping them.
pub(super) fn clear() {
    for path in lock(&IN_USE).drain(..) {
        let _ = fs::remove_dir_all(path);
    }
}

/// Subjects of the prompts, so that no two differ by their numbers alone. Each has six words: answers differ
/// in length from job to job, and prompt and answer together must differ as well.
const THEMES: [&str; 8] = [
    "a delivery that came late today",
    "the opening hours over the holidays",
    "an invoice that was paid twice",
    "how to reset a forgotten password",
    "a spare part that never fits",
    "the terms of a yearly subscription",
    "a refund that has not arrived",
    "a table for six on Friday",
];

/// One line of the job file.
fn job_line(index: u64) -> String {
    let theme = THEMES[usize::try_from(index).unwrap_or(0) % THEMES.len()];
    let job = crate::history::JobId { cell: 0, index };
    serde_json::json!({
        "job": job.to_string(),
        "prompt": format!("Message {index}: a customer writes about {theme}. Answer in two sentences. \
         [{job}]"),
    })
    .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_finds_its_jobs_and_leaves_nothing() {
        let scratch = Scratch::new(3).unwrap();
        let text = fs::read_to_string(scratch.jobs()).unwrap();
        let jobs: Vec<serde_json::Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(jobs.len(), 3);
        assert_eq!(jobs[2]["job"], "job:0002");
        assert!(THEMES.iter().all(|theme| theme.split(' ').count() == 6));
        assert!(jobs[2]["prompt"].as_str().unwrap().contains("[job:0002]"));
        assert!(scratch.claims().is_dir() && scratch.work_dir().unwrap().is_dir());
        let (root, other) = (scratch.root().to_owned(), Scratch::new(0).unwrap());
        assert_ne!(root, other.root());
        drop(scratch);
        assert!(!root.exists());

        // Another container may use the same process id, and so the same names, in a shared folder.
        let foreign = std::env::temp_dir().join(format!("deadheat-audit-{}-0", std::process::id()));
        fs::create_dir(&foreign).unwrap();
        clear();
        assert!(!other.root().exists() && foreign.exists());
        fs::remove_dir(&foreign).unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn other_users_cannot_read_a_run() {
        use std::os::unix::fs::PermissionsExt;
        let scratch = Scratch::new(0).unwrap();
        let mode = fs::metadata(scratch.root()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
    }
}
