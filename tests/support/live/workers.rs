//! The worker processes of one run, told apart from those of other tests by the path of their binary.

use deadheat::engine::WorkerSetup;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::path::PathBuf;

/// A path of its own to the binary, for one run.
pub(crate) struct Binary(tempfile::TempDir);

impl Binary {
    pub(crate) fn new() -> Self {
        let binary = Self(tempfile::tempdir().expect("a folder"));
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_deadheat"), binary.path()).expect("a link");
        binary
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("deadheat")
    }

    /// What a run needs so that its workers are those of this binary.
    pub(crate) fn setup(&self) -> WorkerSetup {
        WorkerSetup { program: self.path(), ..WorkerSetup::default() }
    }

    /// The workers that have not ended.
    pub(crate) fn workers(&self) -> Vec<Pid> {
        let path = self.path();
        let mut found = Vec::new();
        for entry in std::fs::read_dir("/proc").expect("/proc").flatten() {
            let Ok(pid) = entry.file_name().to_string_lossy().parse() else { continue };
            // A process that has ended and was not waited for has an empty command line.
            let words = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
            if words.split(|byte| *byte == 0).next() == Some(path.as_os_str().as_encoded_bytes()) {
                found.push(Pid::from_raw(pid));
            }
        }
        found
    }

    /// Kills one worker.
    pub(crate) fn kill_one(&self) {
        let victim = *self.workers().first().expect("a worker");
        kill(victim, Signal::SIGKILL).expect("a signal to a child");
    }
}
