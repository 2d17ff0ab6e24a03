//! A Redis server of the run's own, which lives and ends with it.

use crate::strategy::redis::{RedisClient, RedisError};
use std::ffi::OsStr;
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::Duration;

/// How long the log of a server that starts must pause before it is asked, and how often it is asked: ten
/// seconds in all. It loads nothing, so 20 ms is what it takes.
const PAUSE: Duration = Duration::from_millis(5);
const MOST_ASKED: u32 = 2000;

/// Starts the server `$1` and ends it when standard input ends, which it does however deadheat ends, be it by
/// SIGKILL. Then it deletes the server's folder `$2`, unless a line came first: the server will be restarted.
const KEEPER: &str = r#"
printf '%s' "$DEADHEAT_REDIS_CONFIG" | "$1" - &
server=$!
exec >/dev/null 2>&1
read -r kept
kill -9 "$server"
wait "$server"
[ -n "$kept" ] || rm -rf "$2"
"#;

/// Why a server did not start.
#[derive(Debug, thiserror::Error)]
pub enum RedisServerError {
    /// There is none on this machine.
    #[error(
        "redis-server is not installed; install it (Debian: apt-get install redis-server) or give the URL \
         of your own: redis = \"redis://…\""
    )]
    NotInstalled,
    /// No folder for its socket.
    #[error("{}: cannot create the folder for the socket of redis-server: {source}; set TMPDIR to a writable folder", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The system did not start it.
    #[error("{}: cannot be started: {source}", path.display())]
    Start {
        /// The server's path.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It ended, or did not get ready in time; what it wrote last says why.
    #[error("{}: it {what}; its last words: {last_words}", path.display())]
    NotReady {
        /// The server's path.
        path: PathBuf,
        /// What it did instead of getting ready.
        what: &'static str,
        /// The end of its log.
        last_words: String,
    },
    /// The path of its socket is no address.
    #[error(transparent)]
    Address(#[from] RedisError),
}

/// A private `redis-server`, empty at first, that keeps nothing on disk.
///
/// It listens on a socket in a folder that only this user can enter, and on no port: nobody else's client
/// can reach it, and no other program can take its address while it is down. It has its own process group,
/// so that a Ctrl-C that lets the run end in order does not end it first. It ends when this value is dropped
/// or the process ends, however that happens.
#[derive(Debug)]
pub struct RedisServer {
    program: PathBuf,
    folder: PathBuf,
    keeper: Option<Child>,
}

impl RedisServer {
    /// Starts the `redis-server` that `PATH` names, and waits until it answers.
    ///
    /// # Errors
    /// If there is none, or it does not start.
    pub fn spawn() -> Result<Self, RedisServerError> {
        Self::spawn_found_in(&std::env::var_os("PATH").unwrap_or_default())
    }

    /// Like [`spawn`](Self::spawn), with the folders of `path` instead of those of `PATH`.
    ///
    /// # Errors
    /// If there is none, or it does not start.
    pub fn spawn_found_in(path: &OsStr) -> Result<Self, RedisServerError> {
        let program = std::env::split_paths(path)
            .map(|folder| folder.join("redis-server"))
            .find(|file| file.is_file())
            .ok_or(RedisServerError::NotInstalled)?;
        let folder = new_folder()?;
        let mut server = Self { program, folder, keeper: None };
        server.restart_empty()?;
        Ok(server)
    }

    /// Its address, the same after a restart. Holds no secret.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis+unix://{}", self.socket().display())
    }

    /// Ends it at once, as `kill -9` does: all that it held is lost. Returns when it is gone.
    pub fn kill(&mut self) {
        if let Some(mut keeper) = self.keeper.take() {
            if let Some(mut stdin) = keeper.stdin.take() {
                // A keeper that is gone reads nothing, and then there is no server either.
                let _ = stdin.write_all(b"kept\n");
            }
            let _ = keeper.wait();
        }
    }

    /// Starts an empty one at the same address, ending the one that runs, and waits until it answers.
    ///
    /// # Errors
    /// If it does not start.
    pub fn restart_empty(&mut self) -> Result<(), RedisServerError> {
        self.kill();
        let mut keeper = Command::new("/bin/sh")
            .args(["-c", KEEPER, "deadheat-redis"])
            .args([&self.program, &self.folder])
            .env("DEADHEAT_REDIS_CONFIG", self.config())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .map_err(|source| RedisServerError::Start { path: self.program.clone(), source })?;
        let log = keeper.stdout.take();
        self.keeper = Some(keeper);
        let (lines, log_lines) = mpsc::channel();
        if let Some(log) = log {
            // Reads on for as long as the server lives, or its log would fill the pipe and stop it.
            std::thread::spawn(move || {
                for line in BufReader::new(log).lines().map_while(Result::ok) {
                    let _ = lines.send(line);
                }
            });
        }
        self.wait_until_ready(&log_lines).inspect_err(|_| self.kill())
    }

    /// Asks whenever the log pauses, until there is an answer.
    fn wait_until_ready(&self, log: &Receiver<String>) -> Result<(), RedisServerError> {
        let client = RedisClient::new(&self.url())?;
        let mut last_words = String::new();
        let mut asked = 0;
        let what = loop {
            match log.recv_timeout(PAUSE) {
                Ok(line) => last_words = line,
                Err(RecvTimeoutError::Disconnected) => break "ended at once",
                Err(RecvTimeoutError::Timeout) => match client.ping() {
                    Ok(()) => return Ok(()),
                    Err(_) if asked < MOST_ASKED => asked += 1,
                    Err(_) => break "did not answer",
                },
            }
        };
        Err(RedisServerError::NotReady { path: self.program.clone(), what, last_words })
    }

    fn config(&self) -> String {
        let (folder, socket) = (quoted(&self.folder), quoted(&self.socket()));
        format!(
            "port 0\nunixsocket {socket}\nunixsocketperm 600\ndir {folder}\nsave \"\"\nappendonly no\n\
             daemonize no\nlogfile \"\"\nloglevel notice\n"
        )
    }

    fn socket(&self) -> PathBuf {
        self.folder.join("redis.sock")
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
        // What is left is an empty folder at the most.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// A folder that only this user can enter, under a name that nobody has taken.
fn new_folder() -> Result<PathBuf, RedisServerError> {
    static STARTED: AtomicU64 = AtomicU64::new(0);
    loop {
        let number = STARTED.fetch_add(1, Relaxed);
        let path = std::env::temp_dir().join(format!("deadheat-redis-{}-{number}", std::process::id()));
        match std::fs::DirBuilder::new().mode(0o700).create(&path) {
            Ok(()) => return Ok(path),
            // Left behind by a process that had this number before.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(source) => return Err(RedisServerError::Folder { path, source }),
        }
    }
}

/// A path as Redis reads one in its configuration.
fn quoted(path: &Path) -> String {
    format!("\"{}\"", path.display().to_string().replace('\\', "\\\\").replace('"', "\\\""))
}
