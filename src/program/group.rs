//! A process group, and how it is ended so that nobody is left behind.

use crate::sync::lock;
use nix::errno::Errno;
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use std::io;
use std::process::{Child, Command};
use std::sync::Mutex;
use std::time::Duration;

/// How often a group that is ending is looked at.
const LOOK: Duration = Duration::from_millis(5);
/// How long those who were killed are waited for: nobody can refuse.
const GONE: Duration = Duration::from_secs(1);

/// The groups that run now. Whoever starts one holds it meanwhile, so that none begins once [`kill_all`] has it.
static RUNNING: Mutex<Vec<Members>> = Mutex::new(Vec::new());

/// The group that a program was started in, under the number of its first process.
#[derive(Debug)]
pub(super) struct Group {
    members: Members,
    over: bool,
}

/// Who belongs to a group.
#[derive(Debug, Clone)]
struct Members {
    id: i32,
    /// What stands in the environment of each of its descendants, even of those that left the group: all of it.
    marks: Vec<Vec<u8>>,
}

impl Group {
    /// Starts a program in a group of its own. `marks` stand in its environment, and in that of nobody else.
    pub(super) fn start(command: &mut Command, marks: Vec<Vec<u8>>) -> io::Result<(Child, Self)> {
        let mut running = lock(&RUNNING);
        let child = command.spawn()?;
        let members = Members { id: i32::try_from(child.id()).unwrap_or(i32::MAX), marks };
        running.push(members.clone());
        Ok((child, Self { members, over: false }))
    }

    /// From now on whoever bears the first mark belongs to it: all processes of the program, whichever has started them.
    pub(super) fn widen(&mut self) {
        self.members.marks.truncate(1);
    }

    /// Processes that are alive in the group, and those that left it. The first one counts until it is waited for.
    pub(super) fn members(&self) -> Vec<i32> {
        self.members.alive()
    }

    /// Processor time that those who are alive have used, in the system's ticks; 0 where nobody tells.
    pub(super) fn ticks(&self) -> u64 {
        self.members().into_iter().map(ticks).sum()
    }

    /// Sends a signal to all of it.
    pub(super) fn signal(&self, signal: Signal) {
        // Whoever is gone already needs none.
        let _ = killpg(Pid::from_raw(self.members.id), signal);
    }

    /// `kill -9`, to all of it.
    pub(super) fn kill(&self) {
        self.signal(Signal::SIGKILL);
    }

    /// Ends whoever is left, once the first process has been waited for: asks, waits up to `grace`, kills.
    pub(super) fn end(&mut self, grace: Duration) {
        let ways = [(Signal::SIGTERM, grace), (Signal::SIGKILL, GONE)];
        // The first that leaves nobody.
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

/// Kills every group that runs, with all that has left it, while `then` does what is left to do: no program is started
/// before it has returned.
pub(super) fn kill_all<T>(then: impl FnOnce() -> T) -> T {
    let running = lock(&RUNNING);
    for members in running.iter() {
        members.end(Signal::SIGKILL, GONE);
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
            && self.marks.iter().all(|mark| environ.split(|byte| *byte == 0).any(|set| set == mark))
    }

    /// Sends them a signal and waits until none is left, up to so long; whether none is.
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
            std::thread::sleep(LOOK);
            left = left.saturating_sub(LOOK);
            members = self.alive();
        }
        members.is_empty()
    }
}

/// User's and system's ticks of one process: the 14th and 15th word of its line, the 12th and 13th behind its name.
fn ticks(number: i32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{number}/stat")).unwrap_or_default();
    let words = stat.rsplit(')').next().unwrap_or("").split_whitespace().skip(11).take(2);
    words.filter_map(|word| word.parse::<u64>().ok()).sum()
}
