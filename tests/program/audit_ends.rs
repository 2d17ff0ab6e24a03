//! However `deadheat audit` is ended, no process and no file stays behind.

use crate::cli;

use cli::{Place, Running, until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::process::Command;

/// Ends for nothing but `kill -9`, and neither does its child, which has left the group.
const STUBBORN: &str = r#"
import os, signal, subprocess, sys, time
for deaf in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT): signal.signal(deaf, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import os, time; os.setsid(); time.sleep(600)"])
with open("pids.new", "w") as file: file.write(f"{os.getpid()} {child.pid}")
os.rename("pids.new", "pids")
time.sleep(600)
"#;

/// Starts what follows with SIGHUP as it is on a terminal, or ignored as under `nohup`.
const WITH: &str = "import os, signal, sys\n\
    signal.signal(signal.SIGHUP, getattr(signal, sys.argv[1]))\n\
    os.execv(sys.argv[2], sys.argv[2:])";

struct Underway {
    place: Place,
    audit: Running,
    members: Vec<String>,
}

impl Underway {
    fn start(hangup: &str) -> Self {
        let place = Place::new();
        place.write("stubborn.py", STUBBORN);
        std::fs::create_dir(place.path("tmp")).expect("a folder");
        let log = std::fs::File::create(place.path("stderr")).expect("a file");
        let audit = Command::new("python3")
            .args(["-c", WITH, hangup, env!("CARGO_BIN_EXE_deadheat")])
            .args(["audit", "--jobs", "1", "--out", "out", "--timeout", "5m", "--", "python3", "stubborn.py"])
            .current_dir(place.dir.path())
            .env("TMPDIR", place.path("tmp"))
            .stderr(log)
            .spawn()
            .expect("it starts");
        let audit = Running(audit);
        until("the program", || place.path("pids").exists());
        let members = place.read("pids").split(' ').map(str::to_owned).collect();
        assert_eq!(place.names("tmp").len(), 1);
        Self { place, audit, members }
    }

    fn send(&self, signal: Signal) {
        kill(Pid::from_raw(i32::try_from(self.audit.0.id()).expect("fits")), signal).expect("sent");
    }

    fn leaves_nothing(mut self) {
        until("the end", || self.audit.0.try_wait().expect("asked").is_some());
        assert_eq!(self.audit.0.wait().expect("ended").code(), Some(130), "{}", self.place.read("stderr"));
        for member in &self.members {
            let alive = std::fs::read_to_string(format!("/proc/{member}/stat")).unwrap_or_default();
            let state = alive.rsplit(')').next().unwrap_or("").trim().chars().next();
            assert!(matches!(state, None | Some('Z' | 'X')), "process {member} is still there: {alive}");
        }
        assert_eq!(self.place.names("tmp"), Vec::<String>::new());
    }
}

#[test]
fn ctrl_c_twice_kills_the_program_and_clears_its_folder() {
    let audit = Underway::start("SIG_DFL");
    audit.send(Signal::SIGINT);
    until("the first", || audit.place.read("stderr").contains("stopping"));
    audit.send(Signal::SIGINT);
    audit.leaves_nothing();
}

#[test]
fn a_closed_terminal_ends_the_audit_and_its_program() {
    let audit = Underway::start("SIG_DFL");
    audit.send(Signal::SIGHUP);
    audit.leaves_nothing();
}

#[test]
fn nohup_is_obeyed() {
    let audit = Underway::start("SIG_IGN");
    let status = std::fs::read_to_string(format!("/proc/{}/status", audit.audit.0.id())).expect("its status");
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).expect("a mask");
    assert_eq!(u64::from_str_radix(ignored.trim(), 16).map(|mask| mask & 1), Ok(1), "{status}");
    audit.send(Signal::SIGHUP);
    audit.send(Signal::SIGTERM);
    audit.leaves_nothing();
}
