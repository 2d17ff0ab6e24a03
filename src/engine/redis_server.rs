//! A Redis server that a run starts for itself and ends with it.

use crate::strategy::redis::{RedisClient, RedisError};
use std::ffi::OsStr;
use std::fs::Permissions;
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::Duration;
use tempfile::TempDir;

/// How long the log of a starting server must pause before it is pinged, and how often it is pinged at the
/// most: ten seconds in all. It loads no data, so it takes some 20 ms.
const PAUSE: Duration = Duration::from_millis(5);
const PINGS_MAX: u32 = 2000;

/// Starts the server `$1` and kills it when standard input ends, as it does even if deadheat is killed. Then
/// it deletes the server's folder `$2`, unless it has read a line: then the server will be restarted.
const SUPERVISOR: &str = r#"
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
    /// There is no `redis-server` on this machine.
    #[error(
        "redis-server is not installed; install it (Debian: apt-get install redis-server) or give the URL \
         of your own: redis = \"redis://…\""
    )]
    NotInstalled,
    /// The folder for its socket could not be created.
    #[error(
        "{}: cannot create a folder for the socket of redis-server: {source}; set TMPDIR to a folder that \
         can be written to",
        path.display()
    )]
    Folder {
        /// The folder above.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The system could not start it.
    #[error("cannot start {}: {source}", path.display())]
    Start {
        /// The server's path.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It ended, or was not ready in time.
    #[error("{} {what}; the last line of its log: {last_line}", path.display())]
    NotReady {
        /// The server's path.
        path: PathBuf,
        /// What happened instead.
        what: &'static str,
        /// The last line of its log.
        last_line: String,
    },
    /// The path of its socket is not a valid address.
    #[error(transparent)]
    Address(#[from] RedisError),
}

/// A private `redis-server`, empty at first, that keeps nothing on disk.
///
/// It listens on a socket in a folder that only this user can enter, and on no port: clients of other users
/// cannot reach it, and no other program can take its address while it is down. It has its own process group,
/// so that Ctrl-C does not end it before the run. It ends when this value is dropped or the process ends,
/// even if it is killed.
#[derive(Debug)]
pub struct RedisServer {
    program: PathBuf,
    folder: TempDir,
    supervisor: Option<Child>,
}

impl RedisServer {
    /// Starts the `redis-server` found in `PATH`, and waits until it answers.
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
        let mut server = Self { program, folder, supervisor: None };
        server.restart_empty()?;
        Ok(server)
    }

    /// Its address, the same after a restart. It holds no secret.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis+unix://{}", self.socket().display())
    }

    /// Kills it with SIGKILL: all its data is lost. Returns when it has ended.
    pub fn kill(&mut self) {
        if let Some(mut supervisor) = self.supervisor.take() {
            if let Some(mut stdin) = supervisor.stdin.take() {
                // If the shell has ended it reads nothing, and then there is no server either.
                let _ = stdin.write_all(b"kept\n");
            }
            let _ = supervisor.wait();
        }
    }

    /// Kills the server, starts an empty one at the same address, and waits until it answers.
    ///
    /// # Errors
    /// If it does not start.
    pub fn restart_empty(&mut self) -> Result<(), RedisServerError> {
        self.kill();
        let mut supervisor = Command::new("/bin/sh")
            .args(["-c", SUPERVISOR, "deadheat-redis"])
            .args([self.program.as_path(), self.folder.path()])
            .env("DEADHEAT_REDIS_CONFIG", self.config())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .map_err(|source| RedisServerError::Start { path: self.program.clone(), source })?;
        let log = supervisor.stdout.take();
        self.supervisor = Some(supervisor);
        let (lines, log_lines) = mpsc::channel();
        if let Some(log) = log {
            // Reads until the server ends: a full pipe would block it.
            std::thread::spawn(move || {
                for line in BufReader::new(log).lines().map_while(Result::ok) {
                    let _ = lines.send(line);
                }
            });
        }
        self.wait_until_ready(&log_lines).inspect_err(|_| self.kill())
    }

    /// Pings the server whenever its log pauses, until it answers.
    fn wait_until_ready(&self, log: &Receiver<String>) -> Result<(), RedisServerError> {
        let client = RedisClient::new(&self.url())?;
        let mut last_line = String::new();
        let mut pings = 0;
        let what = loop {
            match log.recv_timeout(PAUSE) {
                Ok(line) => last_line = line,
                Err(RecvTimeoutError::Disconnected) => break "ended while it started",
                Err(RecvTimeoutError::Timeout) => match client.ping() {
                    Ok(()) => return Ok(()),
                    Err(_) if pings < PINGS_MAX => pings += 1,
                    Err(_) => break "does not answer",
                },
            }
        };
        Err(RedisServerError::NotReady { path: self.program.clone(), what, last_line })
    }

    fn config(&self) -> String {
        let (folder, socket) = (quoted(self.folder.path()), quoted(&self.socket()));
        format!(
            "port 0\nunixsocket {socket}\nunixsocketperm 600\ndir {folder}\nsave \"\"\nappendonly no\n\
             daemonize no\nlogfile \"\"\nloglevel notice\n"
        )
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("redis.sock")
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A folder that only this user can enter.
fn new_folder() -> Result<TempDir, RedisServerError> {
    let mut builder = tempfile::Builder::new();
    let folder = builder.prefix("deadheat-redis-").permissions(Permissions::from_mode(0o700)).tempdir();
    folder.map_err(|source| RedisServerError::Folder { path: std::env::temp_dir(), source })
}

/// A path as Redis reads one in its configuration.
fn quoted(path: &Path) -> String {
    format!("\"{}\"", path.display().to_string().replace('\\', "\\\\").replace('"', "\\\""))
}
