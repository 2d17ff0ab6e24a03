//! Runs a program in a process group of its own, reads its output, stops it in time, and ends all its
//! descendants.

use super::capture::{Captured, Lines};
use super::command::{Command, LineSink, ProcessEnd, ProgramError, ProgramOutcome, Stream};
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

/// How often the processes' processor time is read.
const CHECK_EVERY: Duration = Duration::from_secs(1);
/// Ticks, of a hundredth of a second, from which a process counts as busy.
const BUSY_TICKS: u64 = 10;
/// How often an interruption is checked for.
const POLL: Duration = Duration::from_millis(100);
/// How long processes that outlive the program go on before they are ended.
const ORPHAN_TIME: Duration = Duration::from_millis(400);
/// How long the rest of the output is waited for once all processes have ended.
const OUTPUT_WAIT: Duration = Duration::from_secs(2);

/// What can happen while programs run.
#[derive(Debug)]
enum Event {
    /// This process has ended.
    Ended(usize, io::Result<ExitStatus>),
    /// The provider has answered.
    Answered,
    /// All requests to the program have ended.
    Enough,
}

/// Tells a run of each answer; the run counts them.
#[derive(Debug, Clone)]
pub(super) struct AnswerCounter(Sender<Event>);

impl AnswerCounter {
    /// One more whole answer has left.
    pub(super) fn add(&self) {
        // Fails once the run has ended.
        let _ = self.0.send(Event::Answered);
    }

    /// All requests to the program have ended: it may be stopped.
    pub(super) fn enough(&self) {
        let _ = self.0.send(Event::Enough);
    }
}

/// What a run needs.
pub(super) struct Launch<'a> {
    /// The command, and its limits.
    pub command: &'a Command,
    /// The environment of each process.
    pub environment: &'a dyn Fn(u32) -> Vec<(OsString, OsString)>,
    /// The working directory; `None` is deadheat's own.
    pub place: Option<PathBuf>,
    /// An entry of the environment of all its descendants, `NAME=value`, beside `DEADHEAT_PROCESS`.
    pub mark: Vec<u8>,
    /// Receives its lines.
    pub sink: LineSink,
    /// The run's clock.
    pub clock: Clock,
    /// Set to give the run up.
    pub stop: Arc<AtomicBool>,
    /// After how long it is given up unjudged, whatever it does.
    pub give_up: Option<Duration>,
}

/// Runs programs and receives what happens meanwhile.
#[derive(Debug)]
pub(super) struct Supervisor {
    sender: Sender<Event>,
    events: Receiver<Event>,
}

impl Default for Supervisor {
    fn default() -> Self {
        let (sender, events) = mpsc::channel();
        Self { sender, events }
    }
}

impl Supervisor {
    /// The counter by which the provider reports answers.
    #[must_use]
    pub(super) fn answers(&self) -> AnswerCounter {
        AnswerCounter(self.sender.clone())
    }

    /// Runs the program to its end, and ends its descendants.
    ///
    /// # Errors
    /// If it cannot be started.
    pub(super) fn run(self, run: &Launch<'_>) -> Result<ProgramOutcome, ProgramError> {
        let mut execution = Execution {
            run,
            watch: self,
            processes: Vec::new(),
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
            let started = execution.start(process)?;
            execution.processes.push(started);
        }
        let ended = execution.watch()?;
        Ok(execution.finish(ended))
    }
}

/// A run while it goes on.
struct Execution<'a> {
    run: &'a Launch<'a>,
    watch: Supervisor,
    processes: Vec<Process>,
    readers: (Sender<()>, Receiver<()>),
    reading: usize,
    begun: Duration,
    killed: Option<Duration>,
    /// When they were last busy, and their ticks then.
    busy: (Duration, u64),
    /// When that was last checked.
    looked: Duration,
    interrupted: bool,
    /// It was stopped because all requests had ended.
    dismissed: bool,
    long_lines: Arc<Mutex<u64>>,
}

/// One process and its group.
struct Process {
    group: Group,
    end: Option<ProcessEnd>,
    output: [Arc<Mutex<Captured>>; 2],
    orphans: bool,
    /// It was killed on purpose, and is to be started again.
    again: bool,
}

impl Execution<'_> {
    fn start(&mut self, process: u32) -> Result<Process, ProgramError> {
        let Command { words, stdin, .. } = self.run.command;
        let (program, arguments) = words.split_first().ok_or(ProgramError::Empty)?;
        let mut command = std::process::Command::new(program);
        command.args(arguments).env_clear().envs((self.run.environment)(process)).process_group(0);
        command.stdin(if stdin.is_some() { Stdio::piped() } else { Stdio::null() });
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        if let Some(place) = &self.run.place {
            command.current_dir(place);
        }
        // Its siblings have the run's mark too, and must not be ended with it.
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
            // Fails if the program does not read its input.
            thread("stdin", Box::new(move || _ = pipe.write_all(&text)))?;
        }
        let pipes: [Option<Box<dyn Read + Send>>; 2] = [
            child.stdout.take().map(|pipe| Box::new(pipe) as Box<dyn Read + Send>),
            child.stderr.take().map(|pipe| Box::new(pipe) as Box<dyn Read + Send>),
        ];
        for (n, pipe) in pipes.into_iter().enumerate() {
            let Some(pipe) = pipe else { continue };
            let stream = Stream { process, error: n == 1 };
            let (sink, clock, kept) = (self.run.sink.clone(), self.run.clock, output[n].clone());
            let (done, long) = (self.readers.0.clone(), self.long_lines.clone());
            self.reading += 1;
            thread("output", Box::new(move || read_output(pipe, stream, &sink, clock, &kept, &long, &done)))?;
        }
        let (events, number) = (self.watch.sender.clone(), process as usize);
        thread("wait", Box::new(move || _ = events.send(Event::Ended(number, child.wait()))))?;
        Ok(Process { group, end: None, output, orphans: false, again: false })
    }

    /// Waits until all have ended or the time is up, and returns when that was.
    fn watch(&mut self) -> Result<Duration, ProgramError> {
        let clock = self.run.clock;
        let deadline = self.begun + self.run.command.timeout;
        let (mut answered, mut last) = (0, self.begun);
        while self.processes.iter().any(|process| process.end.is_none()) {
            let left = deadline.saturating_sub(clock.now());
            let late = self.run.give_up.is_some_and(|most| clock.now() >= self.begun + most);
            self.interrupted |= late || self.run.stop.load(Ordering::Relaxed);
            if left.is_zero() || self.interrupted {
                last = clock.now();
                self.stop();
                return Ok(last);
            }
            self.look();
            match self.watch.events.recv_timeout(left.min(POLL)) {
                Ok(Event::Ended(number, status)) => {
                    last = clock.now();
                    self.ended(number, status)?;
                }
                Ok(Event::Answered) => {
                    answered += 1;
                    if self.run.command.kill_at == Some(answered)
                        && let Some(first) = self.processes.first_mut().filter(|first| first.end.is_none())
                    {
                        first.again = true;
                        first.group.kill();
                        self.killed = Some(clock.now());
                    }
                }
                Ok(Event::Enough) => {
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

    /// Notes whether they are busy: a silent program that uses no processor waits for something.
    fn look(&mut self) {
        let now = self.run.clock.now();
        if now < self.looked + CHECK_EVERY {
            return;
        }
        self.looked = now;
        let ticks = self.processes.iter().map(|process| process.group.ticks()).sum();
        if ticks >= self.busy.1 + BUSY_TICKS {
            self.busy = (now, ticks);
        }
    }

    /// A started process has ended: by itself, or because it was killed to be started again.
    fn ended(&mut self, number: usize, status: io::Result<ExitStatus>) -> Result<(), ProgramError> {
        let Some(process) = self.processes.get_mut(number) else { return Ok(()) };
        if std::mem::take(&mut process.again) {
            process.group.end(Duration::ZERO);
            let process = u32::try_from(number).unwrap_or(0);
            let mut fresh = self.start(process).map_err(|error| ProgramError::Restart(Box::new(error)))?;
            // Its output goes on where that of the killed process ended.
            let before = std::mem::take(&mut self.processes[number].output);
            for (old, new) in before.iter().zip(&fresh.output) {
                let text = lock(old).text();
                lock(new).push(text.as_bytes());
            }
            fresh.orphans = self.processes[number].orphans;
            self.processes[number] = fresh;
            return Ok(());
        }
        let process = &mut self.processes[number];
        process.end = Some(match status {
            Ok(status) => match (status.code(), status.signal()) {
                (Some(code), _) => ProcessEnd::Exited(code),
                (None, signal) => ProcessEnd::Signalled(signal.unwrap_or(0)),
            },
            Err(_) => ProcessEnd::Signalled(0),
        });
        Ok(())
    }

    /// Stops all: SIGTERM, the grace time, SIGKILL.
    fn stop(&mut self) {
        let open = |processes: &[Process]| processes.iter().any(|process| process.end.is_none());
        for (signal, patience) in
            [(Signal::SIGTERM, self.run.command.grace), (Signal::SIGKILL, Duration::from_secs(5))]
        {
            for process in self.processes.iter().filter(|process| process.end.is_none()) {
                process.group.signal(signal);
            }
            let until = self.run.clock.now() + patience;
            while open(&self.processes) {
                let left = until.saturating_sub(self.run.clock.now());
                match self.watch.events.recv_timeout(left) {
                    Ok(Event::Ended(number, _)) => {
                        if let Some(process) = self.processes.get_mut(number) {
                            process.end = Some(ProcessEnd::Stopped);
                        }
                    }
                    Ok(Event::Answered | Event::Enough) => {}
                    Err(_) => break,
                }
            }
        }
        for process in self.processes.iter_mut().filter(|process| process.end.is_none()) {
            process.end = Some(ProcessEnd::Stopped);
        }
    }

    /// Ends the descendants that are left, and takes the rest of the output.
    fn finish(mut self, ended: Duration) -> ProgramOutcome {
        let stopped = |process: &Process| process.end == Some(ProcessEnd::Stopped);
        for process in self.processes.iter_mut().filter(|process| !stopped(process)) {
            process.orphans |= !process.group.members().is_empty();
        }
        let orphans = self.processes.iter().any(|process| process.orphans);
        if orphans && !self.interrupted {
            // Requests that they still make belong in the ledger.
            std::thread::sleep(ORPHAN_TIME);
        }
        for process in &mut self.processes {
            process.group.widen();
            process.group.end(self.run.command.grace);
        }
        let until = self.run.clock.now() + OUTPUT_WAIT;
        for _ in 0..self.reading {
            let left = until.saturating_sub(self.run.clock.now());
            if self.readers.1.recv_timeout(left).is_err() {
                break;
            }
        }
        let dismissed =
            |end| if self.dismissed && end == ProcessEnd::Stopped { ProcessEnd::Exited(0) } else { end };
        let end = |process: &Process| dismissed(process.end.unwrap_or(ProcessEnd::Stopped));
        let take = |kept: &Arc<Mutex<Captured>>| std::mem::take(&mut *lock(kept));
        ProgramOutcome {
            ends: self.processes.iter().map(end).collect(),
            ended,
            killed: self.killed,
            busy: self.busy.0,
            orphans,
            output: self
                .processes
                .iter()
                .map(|process| [take(&process.output[0]), take(&process.output[1])])
                .collect(),
            long_lines: *lock(&self.long_lines),
            interrupted: self.interrupted,
        }
    }
}

/// Reads a pipe to its end, as fast as it is filled.
fn read_output(
    mut pipe: Box<dyn Read + Send>,
    stream: Stream,
    sink: &LineSink,
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
                lines.push(&buffer[..n], &mut |line| sink(stream, now, line));
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => break,
        }
    }
    lines.end(&mut |line| sink(stream, clock.now(), line));
    *lock(long) += lines.cut;
    // Fails if the run no longer waits for this pipe.
    let _ = done.send(());
}
