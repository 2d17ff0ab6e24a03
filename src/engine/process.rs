//! One worker process, as its run sees it.

use super::wire::{Down, Seat, Up};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::Pid;
use serde::Serialize;
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::SyncSender;
use std::thread::JoinHandle;
use std::time::Duration;

/// What is heard of a worker.
#[derive(Debug)]
pub(super) enum Heard {
    Up(Up),
    /// A line that is no message.
    Garbled(String),
    /// Its line has ended, and it with it.
    Gone,
    /// Redis was restarted around its lock: what else is to happen.
    Restarted(Stroke),
}

/// What goes wrong around a worker that has taken a lock.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stroke {
    /// How often the worker had died when it took the lock.
    pub(super) life: u32,
    /// The lock's number in that life.
    pub(super) id: u64,
    pub(super) lose_unlock: bool,
    pub(super) kill: bool,
    pub(super) pause: Option<Duration>,
}

/// A running worker. Dropped, it is killed: none outlives its run.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    stdin: Option<ChildStdin>,
    reader: Option<JoinHandle<()>>,
}

impl Process {
    /// Starts the program as worker number `process`, and tells it where it sits. What it says goes to `inbox`.
    ///
    /// It leads a process group of its own, so that Ctrl-C reaches the run alone, which tells its workers; and a
    /// worker that is paused when the run is killed is ended by the system, as a stopped process in an orphaned
    /// group. All others see the end of their input.
    pub(super) fn start(program: &Path, seat: &Seat, inbox: &SyncSender<(usize, Heard)>) -> io::Result<Self> {
        use std::os::unix::process::CommandExt as _;
        let mut command = Command::new(program);
        command.arg("worker").stdin(Stdio::piped()).stdout(Stdio::piped()).process_group(0);
        let mut child = command.spawn()?;
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        let mut process = Self { child, stdin, reader: None };
        let Some(stdout) = stdout else { return Err(io::Error::other("the worker has no output")) };
        process.write(seat);
        let (index, inbox) = (seat.process as usize, inbox.clone());
        let reader = std::thread::Builder::new().name(format!("worker-{index}"));
        process.reader = Some(reader.spawn(move || read(stdout, index, &inbox))?);
        Ok(process)
    }

    pub(super) fn say(&mut self, down: &Down) {
        self.write(down);
    }

    /// A worker that is gone hears nothing; that it is gone is heard on its own line.
    fn write(&mut self, message: &impl Serialize) {
        if let (Some(stdin), Ok(mut line)) = (&mut self.stdin, serde_json::to_vec(message)) {
            line.push(b'\n');
            let _ = stdin.write_all(&line);
        }
    }

    /// Stops it where it stands, and returns when it stands: until one of its threads has taken the signal, the others go
    /// on, and may send what they should not.
    pub(super) fn pause(&self) {
        self.signal(Signal::SIGSTOP);
        if let Ok(pid) = i32::try_from(self.child.id()) {
            // One that has ended stands still as well. Nothing is taken from whoever waits for its end.
            let seen = WaitPidFlag::WSTOPPED | WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT;
            let _ = waitid(Id::Pid(Pid::from_raw(pid)), seen);
        }
    }

    pub(super) fn resume(&self) {
        self.signal(Signal::SIGCONT);
    }

    pub(super) fn kill(&mut self) {
        // One that has just ended is as good.
        let _ = self.child.kill();
    }

    /// Its number is its own until it is waited for, which only [`Process::bury`] and dropping do.
    fn signal(&self, signal: Signal) {
        if let Ok(pid) = i32::try_from(self.child.id()) {
            let _ = kill(Pid::from_raw(pid), signal);
        }
    }

    /// Waits for a worker that is gone; how it ended.
    pub(super) fn bury(mut self) -> io::Result<ExitStatus> {
        // It may have closed its line without an end of its own.
        self.kill();
        self.child.wait()
    }

    /// The end of its input, upon which it ends by itself.
    pub(super) fn dismiss(&mut self) {
        self.stdin = None;
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        let _ = self.child.wait();
    }
}

fn read(stdout: ChildStdout, index: usize, inbox: &SyncSender<(usize, Heard)>) {
    let mut lines = BufReader::with_capacity(64 << 10, stdout);
    let mut line = Vec::new();
    loop {
        line.clear();
        // A last line without its end was broken off with the worker, and says nothing.
        let whole = lines.read_until(b'\n', &mut line).is_ok() && line.ends_with(b"\n");
        let heard = match serde_json::from_slice(&line) {
            _ if !whole => Heard::Gone,
            Ok(up) => Heard::Up(up),
            Err(error) => Heard::Garbled(error.to_string()),
        };
        if inbox.send((index, heard)).is_err() || !whole {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Receiver, sync_channel};

    /// A worker that answers each line with itself.
    fn echo() -> (Process, Receiver<(usize, Heard)>) {
        let (sender, inbox) = sync_channel(64);
        let child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = child.expect("cat");
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take().expect("piped"));
        let reader = std::thread::spawn(move || read(stdout, 4, &sender));
        (Process { child, stdin, reader: Some(reader) }, inbox)
    }

    /// The state letter that the system gives a process.
    fn state(pid: u32) -> Option<char> {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        stat.rsplit_once(") ")?.1.chars().next()
    }

    fn until(mut condition: impl FnMut() -> bool) {
        for _ in 0..5000 {
            if condition() {
                return;
            }
            std::thread::park_timeout(std::time::Duration::from_millis(1));
        }
        panic!("waited in vain");
    }

    #[test]
    fn a_paused_worker_says_nothing_until_it_is_resumed() {
        let (mut worker, inbox) = echo();
        let pid = worker.child.id();
        worker.pause();
        until(|| state(pid) == Some('T'));
        worker.write(&Up::Ready);
        assert!(inbox.try_recv().is_err());
        worker.resume();
        assert!(matches!(inbox.recv(), Ok((4, Heard::Up(Up::Ready)))));
        until(|| state(pid) == Some('S'));
    }

    #[test]
    fn a_worker_that_dies_is_heard_to_be_gone_after_all_that_it_said() {
        let (mut worker, inbox) = echo();
        let pid = worker.child.id();
        worker.write(&Up::Stop(super::super::stop::Cause::Saturated));
        worker.write(&"nonsense");
        assert!(matches!(inbox.recv(), Ok((4, Heard::Up(Up::Stop(_))))));
        assert!(matches!(inbox.recv(), Ok((4, Heard::Garbled(_)))));
        worker.kill();
        assert!(matches!(inbox.recv(), Ok((4, Heard::Gone))));
        assert!(!worker.bury().expect("it was ours").success());
        assert_eq!(state(pid), None);
    }

    #[test]
    fn a_line_that_was_broken_off_says_nothing() {
        let (mut worker, inbox) = echo();
        worker.stdin.as_mut().expect("piped").write_all(b"\"ready\"\n\"rea").expect("written");
        worker.dismiss();
        assert!(matches!(inbox.recv(), Ok((4, Heard::Up(Up::Ready)))));
        assert!(matches!(inbox.recv(), Ok((4, Heard::Gone))));
    }

    #[test]
    fn a_paused_worker_does_not_outlive_its_run() {
        let (worker, _inbox) = echo();
        let pid = worker.child.id();
        worker.pause();
        until(|| state(pid) == Some('T'));
        drop(worker);
        assert_eq!(state(pid), None);
    }
}
