//! A worker process and the pipes to it, on the side of the run.

use super::worker_protocol::{Assignment, ToRun, ToWorker};
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

/// What the run receives about a worker.
#[derive(Debug)]
pub(super) enum WorkerEvent {
    Message(ToRun),
    /// A line that is not a message.
    Malformed(String),
    /// Its output has ended, and so has the worker.
    Gone,
    /// Redis was restarted while the worker held a lock; the other faults are still to come.
    Restarted(HolderFault),
}

/// The faults around a worker that has taken a lock.
#[derive(Debug, Clone, Copy)]
pub(super) struct HolderFault {
    /// How often the worker had died when it took the lock.
    pub(super) life: u32,
    /// The lock's number in that life.
    pub(super) id: u64,
    pub(super) lose_unlock: bool,
    pub(super) kill: bool,
    pub(super) pause: Option<Duration>,
}

/// A running worker, which is killed when this is dropped: no worker outlives its run.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    stdin: Option<ChildStdin>,
    reader: Option<JoinHandle<()>>,
}

impl Process {
    /// Starts the program as a worker and sends it the assignment. Its messages go to `inbox`.
    ///
    /// The worker leads a process group of its own, so that Ctrl-C reaches the run alone, which informs its
    /// workers. If the run is killed, a paused worker is ended by the system, as a stopped process in an
    /// orphaned group; all others see the end of their input.
    pub(super) fn start(
        program: &Path,
        assignment: &Assignment,
        inbox: &SyncSender<(usize, WorkerEvent)>,
    ) -> io::Result<Self> {
        use std::os::unix::process::CommandExt as _;
        let mut command = Command::new(program);
        command.arg("worker").stdin(Stdio::piped()).stdout(Stdio::piped()).process_group(0);
        let mut child = command.spawn()?;
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        let mut process = Self { child, stdin, reader: None };
        let Some(stdout) = stdout else { return Err(io::Error::other("the worker has no standard output")) };
        process.write(assignment);
        let (index, inbox) = (assignment.process as usize, inbox.clone());
        let reader = std::thread::Builder::new().name(format!("worker-{index}"));
        process.reader = Some(reader.spawn(move || read(stdout, index, &inbox))?);
        Ok(process)
    }

    pub(super) fn send(&mut self, message: &ToWorker) {
        self.write(message);
    }

    /// Writes to a worker that has ended are lost; its end is seen at its own output.
    fn write(&mut self, message: &impl Serialize) {
        if let (Some(stdin), Ok(mut line)) = (&mut self.stdin, serde_json::to_vec(message)) {
            line.push(b'\n');
            let _ = stdin.write_all(&line);
        }
    }

    /// Stops it, and returns once it has stopped: until a thread has taken the signal, the others continue
    /// and may send attempts.
    pub(super) fn pause(&self) {
        self.signal(Signal::SIGSTOP);
        if let Ok(pid) = i32::try_from(self.child.id()) {
            // A process that has ended has stopped too. Its exit status is left for the wait that follows.
            let seen = WaitPidFlag::WSTOPPED | WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT;
            let _ = waitid(Id::Pid(Pid::from_raw(pid)), seen);
        }
    }

    pub(super) fn resume(&self) {
        self.signal(Signal::SIGCONT);
    }

    pub(super) fn kill(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
    }

    /// Its number is its own until it is waited for, which only [`Process::reap`] and dropping do.
    fn signal(&self, signal: Signal) {
        if let Ok(pid) = i32::try_from(self.child.id()) {
            let _ = kill(Pid::from_raw(pid), signal);
        }
    }

    /// Waits for a worker whose output has ended, and returns its exit status.
    pub(super) fn reap(mut self) -> io::Result<ExitStatus> {
        // It may have closed its output and live on.
        self.kill();
        self.child.wait()
    }

    /// Closes its input, upon which it ends by itself.
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

fn read(stdout: ChildStdout, index: usize, inbox: &SyncSender<(usize, WorkerEvent)>) {
    let mut lines = BufReader::with_capacity(64 << 10, stdout);
    let mut line = Vec::new();
    loop {
        line.clear();
        // A last line without a line end was cut off when the worker died, and is ignored.
        let whole = lines.read_until(b'\n', &mut line).is_ok() && line.ends_with(b"\n");
        let event = match serde_json::from_slice(&line) {
            _ if !whole => WorkerEvent::Gone,
            Ok(message) => WorkerEvent::Message(message),
            Err(error) => WorkerEvent::Malformed(error.to_string()),
        };
        if inbox.send((index, event)).is_err() || !whole {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Receiver, sync_channel};

    /// A worker that repeats each line.
    fn echo() -> (Process, Receiver<(usize, WorkerEvent)>) {
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
    fn a_paused_worker_sends_nothing_until_it_is_resumed() {
        let (mut worker, inbox) = echo();
        let pid = worker.child.id();
        worker.pause();
        until(|| state(pid) == Some('T'));
        worker.write(&ToRun::Ready);
        assert!(inbox.try_recv().is_err());
        worker.resume();
        assert!(matches!(inbox.recv(), Ok((4, WorkerEvent::Message(ToRun::Ready)))));
        until(|| state(pid) == Some('S'));
    }

    #[test]
    fn the_end_of_a_worker_is_seen_after_all_its_messages() {
        let (mut worker, inbox) = echo();
        let pid = worker.child.id();
        worker.write(&ToRun::Stop(super::super::stop::StopCause::Saturated));
        worker.write(&"nonsense");
        assert!(matches!(inbox.recv(), Ok((4, WorkerEvent::Message(ToRun::Stop(_))))));
        assert!(matches!(inbox.recv(), Ok((4, WorkerEvent::Malformed(_)))));
        worker.kill();
        assert!(matches!(inbox.recv(), Ok((4, WorkerEvent::Gone))));
        assert!(!worker.reap().expect("it was ours").success());
        assert_eq!(state(pid), None);
    }

    #[test]
    fn a_line_that_was_cut_off_is_ignored() {
        let (mut worker, inbox) = echo();
        worker.stdin.as_mut().expect("piped").write_all(b"\"ready\"\n\"rea").expect("written");
        worker.dismiss();
        assert!(matches!(inbox.recv(), Ok((4, WorkerEvent::Message(ToRun::Ready)))));
        assert!(matches!(inbox.recv(), Ok((4, WorkerEvent::Gone))));
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
