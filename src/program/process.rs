//! Somebody's program: started in a process group of its own, heard, stopped in time, ended with all it has started.

use super::capture::{Captured, Lines};
use super::command::{Command, Ear, ProcessEnd, ProgramError, Ran, Voice};
use super::group::Group;
use crate::clock::Clock;
use crate::sync::lock;
use nix::sys::signal::Signal;
use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How often it is seen whether the processes work.
const SECOND: Duration = Duration::from_secs(1);
/// Ticks of a hundredth of a second by which it is seen that they did.
const AT_WORK: u64 = 10;
/// How often an interruption is looked for.
const LOOK: Duration = Duration::from_millis(100);
/// How long whoever outlives its program is watched before it is ended.
const WATCHED: Duration = Duration::from_millis(400);
/// How long the rest of its output is waited for once everybody is gone.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// What happens while programs run.
#[derive(Debug)]
enum Happening {
    /// This process has ended.
    Ended(usize, io::Result<ExitStatus>),
    /// The provider has answered.
    Answered,
    /// Whoever drives the program wants no more of it.
    Enough,
}

/// Tells a run of an answer; it counts them.
#[derive(Debug, Clone)]
pub struct Answers(Sender<Happening>);

impl Answers {
    /// One more whole answer has left.
    pub fn add(&self) {
        // Once the run is over nobody counts.
        let _ = self.0.send(Happening::Answered);
    }

    /// The program has done all that is asked of it: it may end.
    pub(super) fn enough(&self) {
        let _ = self.0.send(Happening::Enough);
    }
}

/// A run that is about to begin.
pub struct Run<'a> {
    /// How.
    pub command: &'a Command,
    /// The environment of each process.
    pub environment: &'a dyn Fn(u32) -> Vec<(OsString, OsString)>,
    /// Where it stands; `None` is where we stand.
    pub place: Option<PathBuf>,
    /// What stands in the environment of all that descend from it, `NAME=value`, beside `DEADHEAT_PROCESS`.
    pub mark: Vec<u8>,
    /// Takes its lines.
    pub ear: Ear,
    /// The run's clock.
    pub clock: Clock,
    /// Set when the run is to be given up.
    pub stop: Arc<AtomicBool>,
    /// After how long it is given up unjudged, whatever it does.
    pub give_up: Option<Duration>,
}

/// The run's own end of what happens.
#[derive(Debug)]
pub struct Watch {
    sender: Sender<Happening>,
    happenings: Receiver<Happening>,
}

impl Default for Watch {
    fn default() -> Self {
        let (sender, happenings) = mpsc::channel();
        Self { sender, happenings }
    }
}

impl Watch {
    /// What tells it of answers.
    #[must_use]
    pub fn answers(&self) -> Answers {
        Answers(self.sender.clone())
    }

    /// Runs it to its end, and ends whoever is left.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn run(self, run: &Run<'_>) -> Result<Ran, ProgramError> {
        let mut course = Course {
            run,
            watch: self,
            members: Vec::new(),
            readers: mpsc::channel(),
            reading: 0,
            begun: run.clock.now(),
            killed: None,
            busy: (run.clock.now(), 0),
            looked: run.clock.now(),
            interrupted: false,
            dismissed: false,
            long_lines: Arc::default(),
        };
        for process in 0..run.command.processes.max(1) {
            let started = course.start(process)?;
            course.members.push(started);
        }
        let ended = course.watch()?;
        Ok(course.finish(ended))
    }
}

/// A run while it goes on.
struct Course<'a> {
    run: &'a Run<'a>,
    watch: Watch,
    members: Vec<Member>,
    readers: (Sender<()>, Receiver<()>),
    reading: usize,
    begun: Duration,
    killed: Option<Duration>,
    /// When they were last seen at work, by ticks that were seen then.
    busy: (Duration, u64),
    /// When they were last looked at.
    looked: Duration,
    interrupted: bool,
    /// It was ended because nothing more was asked of it.
    dismissed: bool,
    long_lines: Arc<Mutex<u64>>,
}

/// One process and its group.
struct Member {
    group: Group,
    end: Option<ProcessEnd>,
    output: [Arc<Mutex<Captured>>; 2],
    orphans: bool,
    /// It was killed on purpose, and is to be started again.
    again: bool,
}

impl Course<'_> {
    fn start(&mut self, process: u32) -> Result<Member, ProgramError> {
        let Command { words, stdin, .. } = self.run.command;
        let (program, arguments) = words.split_first().ok_or(ProgramError::Empty)?;
        let mut command = std::process::Command::new(program);
        command.args(arguments).env_clear().envs((self.run.environment)(process)).process_group(0);
        command.stdin(if stdin.is_some() { Stdio::piped() } else { Stdio::null() });
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        if let Some(place) = &self.run.place {
            command.current_dir(place);
        }
        // Its siblings bear the run's mark too, and are not to be ended with it.
        let own = format!("DEADHEAT_PROCESS={process}").into_bytes();
        let started = Group::start(&mut command, vec![self.run.mark.clone(), own]);
        let (mut child, group) =
            started.map_err(|source| ProgramError::Start { program: program.clone(), source })?;
        let output: [Arc<Mutex<Captured>>; 2] = Default::default();
        let thread = |name: &str, work: Box<dyn FnOnce() + Send>| {
            let thread = std::thread::Builder::new().name(format!("{name}-{process}")).spawn(work);
            thread.map_err(ProgramError::Thread)
        };
        if let (Some(mut pipe), Some(text)) = (child.stdin.take(), stdin.clone()) {
            // Who does not read it, does not.
            thread("stdin", Box::new(move || _ = pipe.write_all(&text)))?;
        }
        let pipes: [Option<Box<dyn Read + Send>>; 2] = [
            child.stdout.take().map(|pipe| Box::new(pipe) as Box<dyn Read + Send>),
            child.stderr.take().map(|pipe| Box::new(pipe) as Box<dyn Read + Send>),
        ];
        for (n, pipe) in pipes.into_iter().enumerate() {
            let Some(pipe) = pipe else { continue };
            let voice = Voice { process, error: n == 1 };
            let (ear, clock, kept) = (self.run.ear.clone(), self.run.clock, output[n].clone());
            let (done, long) = (self.readers.0.clone(), self.long_lines.clone());
            self.reading += 1;
            thread("output", Box::new(move || hear(pipe, voice, &ear, clock, &kept, &long, &done)))?;
        }
        let (happenings, number) = (self.watch.sender.clone(), process as usize);
        thread("wait", Box::new(move || _ = happenings.send(Happening::Ended(number, child.wait()))))?;
        Ok(Member { group, end: None, output, orphans: false, again: false })
    }

    /// Until all have ended or the time is up; when that was.
    fn watch(&mut self) -> Result<Duration, ProgramError> {
        let clock = self.run.clock;
        let deadline = self.begun + self.run.command.timeout;
        let (mut answered, mut last) = (0, self.begun);
        while self.members.iter().any(|member| member.end.is_none()) {
            let left = deadline.saturating_sub(clock.now());
            let late = self.run.give_up.is_some_and(|most| clock.now() >= self.begun + most);
            self.interrupted |= late || self.run.stop.load(Ordering::Relaxed);
            if left.is_zero() || self.interrupted {
                last = clock.now();
                self.stop();
                return Ok(last);
            }
            self.look();
            match self.watch.happenings.recv_timeout(left.min(LOOK)) {
                Ok(Happening::Ended(number, status)) => {
                    last = clock.now();
                    self.ended(number, status)?;
                }
                Ok(Happening::Answered) => {
                    answered += 1;
                    if self.run.command.kill_at == Some(answered)
                        && let Some(first) = self.members.first_mut().filter(|first| first.end.is_none())
                    {
                        first.again = true;
                        first.group.kill();
                        self.killed = Some(clock.now());
                    }
                }
                Ok(Happening::Enough) => {
                    last = clock.now();
                    self.dismissed = true;
                    self.stop();
                    return Ok(last);
                }
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
            }
        }
        Ok(last)
    }

    /// Whether they work: a program that is silent and uses no processor waits, and one that computes does not.
    fn look(&mut self) {
        let now = self.run.clock.now();
        if now < self.looked + SECOND {
            return;
        }
        self.looked = now;
        let ticks = self.members.iter().map(|member| member.group.ticks()).sum();
        if ticks >= self.busy.1 + AT_WORK {
            self.busy = (now, ticks);
        }
    }

    /// A first process has ended: by itself, or because it was killed to be started again.
    fn ended(&mut self, number: usize, status: io::Result<ExitStatus>) -> Result<(), ProgramError> {
        let Some(member) = self.members.get_mut(number) else { return Ok(()) };
        if std::mem::take(&mut member.again) {
            member.group.end(Duration::ZERO);
            let process = u32::try_from(number).unwrap_or(0);
            let mut fresh = self.start(process).map_err(|error| ProgramError::Restart(Box::new(error)))?;
            // Its output goes on where that of the killed process ended.
            let before = std::mem::take(&mut self.members[number].output);
            for (old, new) in before.iter().zip(&fresh.output) {
                let text = lock(old).text();
                lock(new).push(text.as_bytes());
            }
            fresh.orphans = self.members[number].orphans;
            self.members[number] = fresh;
            return Ok(());
        }
        let member = &mut self.members[number];
        member.end = Some(match status {
            Ok(status) => match (status.code(), status.signal()) {
                (Some(code), _) => ProcessEnd::Exited(code),
                (None, signal) => ProcessEnd::Signalled(signal.unwrap_or(0)),
            },
            Err(_) => ProcessEnd::Signalled(0),
        });
        Ok(())
    }

    /// The time is up: asks all, waits, kills.
    fn stop(&mut self) {
        let open = |members: &[Member]| members.iter().any(|member| member.end.is_none());
        for (signal, patience) in
            [(Signal::SIGTERM, self.run.command.grace), (Signal::SIGKILL, Duration::from_secs(5))]
        {
            for member in self.members.iter().filter(|member| member.end.is_none()) {
                member.group.signal(signal);
            }
            let until = self.run.clock.now() + patience;
            while open(&self.members) {
                let left = until.saturating_sub(self.run.clock.now());
                match self.watch.happenings.recv_timeout(left) {
                    Ok(Happening::Ended(number, _)) => {
                        if let Some(member) = self.members.get_mut(number) {
                            member.end = Some(ProcessEnd::Stopped);
                        }
                    }
                    Ok(Happening::Answered | Happening::Enough) => {}
                    Err(_) => break,
                }
            }
        }
        for member in self.members.iter_mut().filter(|member| member.end.is_none()) {
            member.end = Some(ProcessEnd::Stopped);
        }
    }

    /// Ends whoever is left, and takes the last words.
    fn finish(mut self, ended: Duration) -> Ran {
        let stopped = |member: &Member| member.end == Some(ProcessEnd::Stopped);
        for member in self.members.iter_mut().filter(|member| !stopped(member)) {
            member.orphans |= !member.group.members().is_empty();
        }
        let orphans = self.members.iter().any(|member| member.orphans);
        if orphans && !self.interrupted {
            // What they do now nobody asked for: it belongs into the ledger.
            std::thread::sleep(WATCHED);
        }
        for member in &mut self.members {
            member.group.widen();
            member.group.end(self.run.command.grace);
        }
        let until = self.run.clock.now() + LAST_WORDS;
        for _ in 0..self.reading {
            let left = until.saturating_sub(self.run.clock.now());
            if self.readers.1.recv_timeout(left).is_err() {
                break;
            }
        }
        let dismissed =
            |end| if self.dismissed && end == ProcessEnd::Stopped { ProcessEnd::Exited(0) } else { end };
        let end = |member: &Member| dismissed(member.end.unwrap_or(ProcessEnd::Stopped));
        let take = |kept: &Arc<Mutex<Captured>>| std::mem::take(&mut *lock(kept));
        Ran {
            ends: self.members.iter().map(end).collect(),
            begun: self.begun,
            ended,
            killed: self.killed,
            busy: self.busy.0,
            orphans,
            output: self
                .members
                .iter()
                .map(|member| [take(&member.output[0]), take(&member.output[1])])
                .collect(),
            long_lines: *lock(&self.long_lines),
            interrupted: self.interrupted,
        }
    }
}

/// Reads a pipe to its end, as fast as it is filled.
fn hear(
    mut pipe: Box<dyn Read + Send>,
    voice: Voice,
    ear: &Ear,
    clock: Clock,
    kept: &Mutex<Captured>,
    long: &Mutex<u64>,
    done: &Sender<()>,
) {
    let mut lines = Lines::default();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match pipe.read(&mut buffer) {
            Ok(0) => break,
            Ok(n) => {
                let now = clock.now();
                lock(kept).push(&buffer[..n]);
                lines.push(&buffer[..n], &mut |line| ear(voice, now, line));
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => break,
        }
    }
    lines.end(&mut |line| ear(voice, clock.now(), line));
    *lock(long) += lines.cut;
    // Nobody waits any more for whoever held the pipe too long.
    let _ = done.send(());
}
