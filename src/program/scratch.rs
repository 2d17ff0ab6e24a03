//! What a run lays out for a program and clears away behind it: the job file, the folder for claims, a place to work in.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// A fresh folder, removed when this is dropped.
#[derive(Debug)]
pub struct Scratch {
    root: PathBuf,
}

impl Scratch {
    /// A folder that nobody has used, with the file of `jobs` jobs and an empty folder for claims in it.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn new(jobs: u64) -> io::Result<Self> {
        static MADE: AtomicU64 = AtomicU64::new(0);
        let number = MADE.fetch_add(1, Relaxed);
        let mut root = std::env::temp_dir().join(format!("{}{number}", ours()));
        let mut tries = 0;
        while let Err(error) = fs::create_dir(&root) {
            tries += 1;
            if error.kind() != io::ErrorKind::AlreadyExists || tries > 100 {
                return Err(error);
            }
            root.set_extension(tries.to_string());
        }
        let scratch = Self { root };
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
    pub fn jobs(&self) -> PathBuf {
        self.root.join("jobs.jsonl")
    }

    /// The folder for claims.
    #[must_use]
    pub fn claims(&self) -> PathBuf {
        self.root.join("claims")
    }

    /// An empty place to work in, made when it is asked for.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn place(&self) -> io::Result<PathBuf> {
        let place = self.root.join("work");
        fs::create_dir_all(&place)?;
        Ok(place)
    }

    /// The folder itself.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }
}

/// How the names of all folders of this process begin.
fn ours() -> String {
    format!("deadheat-audit-{}-", std::process::id())
}

/// Removes every folder of this process, for one that ends without dropping them.
pub(super) fn clear() {
    let Ok(entries) = fs::read_dir(std::env::temp_dir()) else { return };
    let ours = ours();
    for entry in entries.flatten().filter(|entry| entry.file_name().to_string_lossy().starts_with(&ours)) {
        let _ = fs::remove_dir_all(entry.path());
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed lies in the system's own folder for such things.
        let _ = fs::remove_dir_all(&self.root);
    }
}

/// What jobs are about, so that no two prompts are alike but for their numbers. All of six words: answers differ in length
/// from job to job, and so must prompt and answer together.
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
        "prompt": format!("Message {index}: a customer writes about {theme}. Answer in two sentences. [{job}]"),
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
        assert!(scratch.claims().is_dir() && scratch.place().unwrap().is_dir());
        let (root, other) = (scratch.root().to_owned(), Scratch::new(0).unwrap());
        assert_ne!(root, other.root());
        drop(scratch);
        assert!(!root.exists());
    }
}
