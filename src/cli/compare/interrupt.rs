//! Ctrl-C while pairs are made: once stops the run in progress and reports the finished pairs.

use crate::cli::output;
use crate::cli::signals::Signals;
use std::io;
use std::process::{Child, Command, Output};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};

/// Signals that are passed on to the run in progress; any after these kills it.
const PASSED_ON: u32 = 2;

/// How often the user asked to stop, and the run in progress.
#[derive(Debug, Default)]
pub(in crate::cli) struct Interrupt {
    state: Mutex<Asked>,
}

#[derive(Debug, Default)]
struct Asked {
    times: u32,
    /// The process group of the run in progress.
    group: Option<u32>,
}

impl Interrupt {
    /// Watches for Ctrl-C on a thread of its own, until the process ends. When it returns, the watch is on.
    pub(in crate::cli) fn watch() -> Arc<Self> {
        let interrupt = Arc::new(Self::default());
        let (on, ready) = mpsc::channel();
        let shared = Arc::clone(&interrupt);
        let watcher = std::thread::Builder::new().name("interrupt".to_owned()).spawn(move || {
            if let Err(error) = shared.listen(&on) {
                let _ = on.send(Err(error));
            }
        });
        let watching = watcher.and_then(|_| ready.recv().unwrap_or_else(|gone| Err(io::Error::other(gone))));
        if let Err(error) = watching {
            output::say(&format!("Ctrl-C will end the comparison without a report: {error}"));
        }
        interrupt
    }

    fn listen(&self, on: &mpsc::Sender<io::Result<()>>) -> io::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let mut signals = Signals::listen()?;
            let _ = on.send(Ok(()));
            loop {
                signals.next().await;
                self.ask();
            }
        })
    }

    fn ask(&self) {
        let mut asked = self.state();
        asked.times += 1;
        if asked.times == 1 {
            output::say(
                "stopping: the run in progress is stopped, then the finished pairs are reported; Ctrl-C \
                 again ends \
                 the run at once",
            );
        }
        asked.pass_on();
    }

    /// Whether the user asked to stop.
    pub(in crate::cli) fn is_asked(&self) -> bool {
        self.state().times > 0
    }

    /// Runs a command to its end. It gets each signal once, from here: its process group is its own, so that
    /// the terminal does not send it a second one.
    pub(in crate::cli) fn output(&self, command: &mut Command) -> io::Result<Output> {
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(command, 0);
        let child = {
            // Held while it starts: a signal in between is passed on to the child that the user means.
            let mut asked = self.state();
            let child = command.spawn()?;
            asked.group = Some(child.id());
            if asked.times > 0 {
                asked.pass_on();
            }
            child
        };
        let ended = ended(child, || self.state().group = None);
        self.state().group = None;
        ended
    }

    fn state(&self) -> MutexGuard<'_, Asked> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Asked {
    #[cfg(unix)]
    fn pass_on(&self) {
        use nix::sys::signal::{Signal, killpg};
        let Some(group) = self.group.and_then(|group| i32::try_from(group).ok()) else { return };
        let signal = if self.times > PASSED_ON { Signal::SIGKILL } else { Signal::SIGINT };
        // A group that has just ended needs no signal.
        let _ = killpg(nix::unistd::Pid::from_raw(group), signal);
    }

    #[cfg(not(unix))]
    fn pass_on(&self) {}
}

/// Waits for the child. `before_reaped` is called when it has ended but its number cannot yet be another
/// process's.
#[cfg(unix)]
fn ended(mut child: Child, before_reaped: impl FnOnce()) -> io::Result<Output> {
    use nix::sys::wait::{Id, WaitPidFlag, waitid};
    let mut stdout = Vec::new();
    if let Some(mut pipe) = child.stdout.take() {
        io::Read::read_to_end(&mut pipe, &mut stdout)?;
    }
    let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).map_err(io::Error::other)?);
    while waitid(Id::Pid(pid), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT) == Err(nix::errno::Errno::EINTR) {
    }
    before_reaped();
    Ok(Output { status: child.wait()?, stdout, stderr: Vec::new() })
}

#[cfg(not(unix))]
fn ended(child: Child, _: impl FnOnce()) -> io::Result<Output> {
    child.wait_with_output()
}
