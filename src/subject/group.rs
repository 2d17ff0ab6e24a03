//! A process group, and how it is ended so that nobody is left behind.

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use std::time::Duration;

/// How often a group that is ending is looked at.
const LOOK: Duration = Duration::from_millis(5);

/// The group that a program was started in, under the number of its first process.
#[derive(Debug)]
pub(super) struct Group {
    id: i32,
    /// What stands in the environment of each of its descendants, even of those that left the group.
    mark: Vec<u8>,
    over: bool,
}

impl Group {
    pub(super) fn new(first: u32, mark: Vec<u8>) -> Self {
        Self { id: i32::try_from(first).unwrap_or(i32::MAX), mark, over: false }
    }

    /// Processes that are alive in the group, and those that left it. The first one counts until it is waited for.
    pub(super) fn members(&self) -> Vec<i32> {
        if cfg!(target_os = "linux") {
            return self.listed();
        }
        match killpg(Pid::from_raw(self.id), None) {
            Err(Errno::ESRCH) => Vec::new(),
            _ => vec![self.id],
        }
    }

    /// By `/proc`: a process that has ended and that nobody waits for is none.
    fn listed(&self) -> Vec<i32> {
        let Ok(folders) = std::fs::read_dir("/proc") else { return Vec::new() };
        let numbers = folders.filter_map(|folder| folder.ok()?.file_name().to_str()?.parse().ok());
        numbers.filter(|number: &i32| self.holds(*number)).collect()
    }

    fn holds(&self, number: i32) -> bool {
        let Ok(stat) = std::fs::read_to_string(format!("/proc/{number}/stat")) else { return false };
        // The name in brackets may hold anything: what counts stands behind the last one.
        let mut words = stat.rsplit(')').next().unwrap_or("").split_whitespace();
        let (state, group) = (words.next().unwrap_or("Z"), words.nth(1));
        if matches!(state, "Z" | "X") {
            return false;
        }
        if group.and_then(|group| group.parse().ok()) == Some(self.id) {
            return true;
        }
        // Only what belongs to this user can be read, and only that can be ours.
        let environ = std::fs::read(format!("/proc/{number}/environ")).unwrap_or_default();
        number != std::process::id().cast_signed()
            && environ.split(|byte| *byte == 0).any(|set| set == self.mark)
    }

    /// Sends a signal to all of it.
    pub(super) fn signal(&self, signal: Signal) {
        // Whoever is gone already needs none.
        let _ = killpg(Pid::from_raw(self.id), signal);
    }

    /// `kill -9`, to all of it.
    pub(super) fn kill(&self) {
        self.signal(Signal::SIGKILL);
    }

    /// Ends whoever is left, once the first process has been waited for: asks, waits up to `grace`, kills.
    pub(super) fn end(&mut self, grace: Duration) {
        self.over = true;
        for (signal, patience) in [(Signal::SIGTERM, grace), (Signal::SIGKILL, Duration::from_secs(1))] {
            let mut left = patience;
            let mut members = self.members();
            if members.is_empty() {
                return;
            }
            self.signal(signal);
            for member in &members {
                let _ = kill(Pid::from_raw(*member), signal);
            }
            while !members.is_empty() && !left.is_zero() {
                std::thread::sleep(LOOK);
                left = left.saturating_sub(LOOK);
                members = self.members();
            }
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if !self.over {
            self.kill();
        }
    }
}
