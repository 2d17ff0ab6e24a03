//! A process group, and how it is ended with all its descendants.

use crate::sync::lock;
use nix::errno::Errno;
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use std::io;
use std::process::{Child, Command};
use std::sync::Mutex;
use std::time::Duration;

/// How often a group that is ending is checked.
const POLL: Duration = Duration::from_millis(5);
/// How long killed processes are waited for; none can refuse the signal.
const KILL_WAIT: Duration = Duration::from_secs(1);

/// The groups that run now. The lock is held while a group is started, so that none starts once [`kill_all`]
/// has it.
static RUNNING: Mutex<Vec<Members>> = Mutex::new(Vec::new());

/// The group that a program was started in, under the number of its first process.
#[derive(Debug)]
pub(super) struct Group {
    members: Members,
    over: bool,
}

/// Which processes belong to a group.
#[derive(Debug, Clone)]
struct Members {
    id: i32,
    /// Entries of the environment of every descendant, even of one that left the group.
    marks: Vec<Vec<u8>>,
}

impl Group {
    /// Starts a program in a group of its own. `marks` are entries of its environment that no other program
    /// has.
    pub(super) fn start(command: &mut Command, marks: Vec<Vec<u8>>) -> io::Result<(Child, Self)> {
        let mut running = lock(&RUNNING);
        let child = command.spawn()?;
        let members = Members { id: i32::try_from(child.id()).unwrap_or(i32::MAX), marks };
        running.push(members.clone());
        Ok((child, Self { members, over: false }))
    }

    /// From now on every process with the first mark belongs to the group, whichever process started it.
    pub(super) fn widen(&mut self) {
        self.members.marks.truncate(1);
    }

    /// The live processes of the group, and those that left it. The first one counts until it is waited for.
    pub(super) fn members(&self) -> Vec<i32> {
        self.members.alive()
    }

    /// Processor time of the live processes, in the system's ticks; 0 where the system does not say.
    pub(super) fn ticks(&self) -> u64 {
        self.members().into_iter().map(ticks).sum()
    }

    /// Sends a signal to the whole group.
    pub(super) fn signal(&self, signal: Signal) {
        // It fails only if the group has ended.
        let _ = killpg(Pid::from_raw(self.members.id), signal);
    }

    /// Sends SIGKILL to the whole group.
    pub(super) fn kill(&self) {
        self.signal(Signal::SIGKILL);
    }

    /// Ends what is left once the first process has been waited for: SIGTERM, up to `grace`, then SIGKILL.
    pub(super) fn end(&mut self, grace: Duration) {
        let ways = [(Signal::SIGTERM, grace), (Signal::SIGKILL, KILL_WAIT)];
        // Stops at the first signal that ends them all.
        let _ = ways.into_iter().any(|(signal, patience)| self.members.end(signal, patience));
        self.forget();
    }

    fn forget(&mut self) {
        self.over = true;
        let mut running = lock(&RUNNING);
        if let Some(at) = running.iter().position(|members| members.id == self.members.id) {
            running.swap_remove(at);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if !self.over {
            self.kill();
            self.forget();
        }
    }
}

/// Kills every running group with all its descendants, then calls `then`. No program is started before that
/// returns.
pub(super) fn kill_all<T>(then: impl FnOnce() -> T) -> T {
    let running = lock(&RUNNING);
    for members in running.iter() {
        members.end(Signal::SIGKILL, KILL_WAIT);
    }
    then()
}

impl Members {
    fn alive(&self) -> Vec<i32> {
        if cfg!(target_os = "linux") {
            return self.listed();
        }
        match killpg(Pid::from_raw(self.id), None) {
            Err(Errno::ESRCH) => Vec::new(),
            _ => vec![self.id],
        }
    }

    /// Read from `/proc`, without zombies.
    fn listed(&self) -> Vec<i32> {
        let Ok(folders) = std::fs::read_dir("/proc") else { return Vec::new() };
        let numbers = folders.filter_map(|folder| folder.ok()?.file_name().to_str()?.parse().ok());
        numbers.filter(|number: &i32| self.holds(*number)).collect()
    }

    fn holds(&self, number: i32) -> bool {
        let Ok(stat) = std::fs::read_to_string(format!("/proc/{number}/stat")) else { return false };
        // The name in brackets may contain anything, so the fields are counted from the last bracket.
        let mut words = stat.rsplit(')').next().unwrap_or("").split_whitespace();
        let (state, group) = (words.next().unwrap_or("Z"), words.nth(1));
        if matches!(state, "Z" | "X") {
            return false;
        }
        if group.and_then(|group| group.parse().ok()) == Some(self.id) {
            return true;
        }
        // Only this user's processes can be read, and only they can be descendants.
        let environ = std::fs::read(format!("/proc/{number}/environ")).unwrap_or_default();
        number != std::process::id().cast_signed()
            && self.marks.iter().all(|mark| environ.split(|byte| *byte == 0).any(|set| set == mark))
    }

    /// Sends a signal to all, waits up to `patience` for them to end, and says whether they did.
    fn end(&self, signal: Signal, patience: Duration) -> bool {
        let (mut left, mut members) = (patience, self.alive());
        if members.is_empty() {
            return true;
        }
        let _ = killpg(Pid::from_raw(self.id), signal);
        for member in &members {
            let _ = kill(Pid::from_raw(*member), signal);
        }
        while !members.is_empty() && !left.is_zero() {
            std::thread::sleep(POLL);
            left = left.saturating_sub(POLL);
            members = self.alive();
        }
        members.is_empty()
    }
}

/// User and system ticks of one process: fields 14 and 15 of its `stat`, the 12th and 13th after its name.
fn ticks(number: i32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{number}/stat")).unwrap_or_default();
    let words = stat.rsplit(')').next().unwrap_or("").split_whitespace().skip(11).take(2);
    words.filter_map(|word| word.parse::<u64>().ok()).sum()
}
