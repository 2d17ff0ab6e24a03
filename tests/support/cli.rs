//! Running the binary in a directory of its own.

use serde_json::Value;
use sha2::Digest;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long a test waits for a condition before it fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Twenty small jobs on the built-in provider.
pub(crate) const SMALL: &str = r#"
version = 1
name = "small"
seed = 7
[target.mock]
api = "openai-chat"
model = "m"
latency = { ttft = { constant = "10ms" }, itl = { constant = "0ms" } }
[workload]
jobs = 20
prompt_tokens = 10
output_tokens = 5
[profile.constant-vus]
vus = 4
[strategy.semaphore]
permits = 3
# A debug build on a busy machine measures badly; what is tested here is something else.
[fidelity]
ttft_error_p99 = "1m"
lag_p99 = "1m"
cpu = 1.0
achieved = 0.0
"#;

/// The same jobs for an endpoint at `url`.
pub(crate) fn elsewhere(url: &str) -> String {
    at_url(SMALL, url)
}

/// A scenario like [`SMALL`], for an endpoint at `url`.
pub(crate) fn at_url(scenario: &str, url: &str) -> String {
    let (head, rest) = scenario.split_once("latency").expect("a target");
    let rest = rest.split_once('\n').expect("a line").1;
    format!(
        "{head}url = \"{url}\"\napi_key_env = \"DEADHEAT_TEST_KEY\"\n{rest}[budget]\nmax_requests = 1000\n"
    )
}

/// A directory of its own, and the binary run inside it.
pub(crate) struct Place {
    pub(crate) dir: TempDir,
}

/// What a process left.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        Self { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }
}

impl Ran {
    /// Fails with everything that was printed, unless the exit code is this.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "stdout:\n{}\nstderr:\n{}", self.out, self.err);
        self
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|why| panic!("{why}: {}", self.out))
    }
}

impl Place {
    /// With `small.toml` in it.
    pub(crate) fn new() -> Self {
        let place = Self { dir: tempfile::tempdir().expect("a directory") };
        place.write("small.toml", SMALL);
        place
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).expect("written");
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_else(|why| panic!("{name}: {why}"))
    }

    /// The binary, to be run here, without what the machine's own environment might add.
    pub(crate) fn command<S: AsRef<std::ffi::OsStr>>(&self, args: &[S]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_deadheat"));
        command.args(args).current_dir(self.dir.path()).stdin(Stdio::null());
        for name in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
            command.env_remove(name);
        }
        command.env_remove("DEADHEAT_TEST_KEY");
        command
    }

    /// Runs the binary with these words.
    pub(crate) fn run<S: AsRef<std::ffi::OsStr>>(&self, args: &[S]) -> Ran {
        self.command(args).output().expect("it starts").into()
    }

    /// Runs the binary with the words of one line; none holds a space.
    pub(crate) fn line(&self, words: &str) -> Ran {
        self.run(&words.split_whitespace().collect::<Vec<_>>())
    }

    /// Names in a directory here, sorted.
    pub(crate) fn names(&self, dir: &str) -> Vec<String> {
        let entries = std::fs::read_dir(self.path(dir)).expect("a directory");
        let mut names: Vec<String> =
            entries.map(|e| e.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }
}

/// The files of a whole run.
pub(crate) const EVIDENCE: [&str; 9] = [
    "claims.jsonl",
    "history.jsonl.zst",
    "junit.xml",
    "ledger.jsonl.zst",
    "manifest.json",
    "plan.toml",
    "report.html",
    "report.md",
    "summary.json",
];

/// Binds the files of a run's directory anew, as if the run had written them: its manifest is that of
/// `whole`.
pub(crate) fn bind(dir: &Path, whole: &Path) {
    let text = std::fs::read(whole.join("manifest.json")).expect("a manifest");
    let mut manifest: Value = serde_json::from_slice(&text).expect("JSON");
    let mut files = serde_json::Map::new();
    for entry in std::fs::read_dir(dir).expect("a directory") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        if name != "manifest.json" {
            let bytes = std::fs::read(&path).expect("readable");
            let sha256: String =
                sha2::Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
            files.insert(name, serde_json::json!({ "bytes": bytes.len(), "sha256": sha256 }));
        }
    }
    manifest["files"] = files.into();
    std::fs::write(dir.join("manifest.json"), manifest.to_string()).expect("written");
}

/// Waits for a condition; fails with `what` if it never comes.
#[track_caller]
#[allow(clippy::disallowed_methods, reason = "bounds a wait; nothing is measured by it")]
pub(crate) fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < PATIENCE, "waited in vain: {what}");
        std::thread::park_timeout(Duration::from_millis(2));
    }
}

/// A process that is ended with its test.
pub(crate) struct Running(pub(crate) Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// `deadheat mock` on a free port, and its base URL.
pub(crate) fn mock(place: &Place, args: &[&str]) -> (Running, String) {
    let mut child = place
        .command(&[&["mock"], args].concat())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    let mut line = String::new();
    let mut out = BufReader::new(child.stdout.take().expect("piped"));
    out.read_line(&mut line).expect("its address");
    (Running(child), line.trim().to_owned())
}

/// Everything that the files of a directory hold, unpacked, one text each.
pub(crate) fn contents(dir: &Path) -> Vec<(String, Vec<u8>)> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(dir).expect("a directory") {
        let path = entry.expect("an entry").path();
        let bytes = std::fs::read(&path).expect("readable");
        let name = path.display().to_string();
        if name.ends_with(".zst") {
            let mut unpacked = Vec::new();
            let mut decoder = zstd::Decoder::new(&bytes[..]).expect("zstd");
            decoder.read_to_end(&mut unpacked).expect("whole");
            all.push((name.clone(), unpacked));
        }
        all.push((name, bytes));
    }
    all
}

/// What an HTTP GET answers, head and body.
pub(crate) fn get(url: &str) -> String {
    let (host, path) = url.strip_prefix("http://").and_then(|url| url.split_once('/')).expect("a URL");
    let mut stream = TcpStream::connect(host).expect("connected");
    stream.set_read_timeout(Some(PATIENCE)).expect("set");
    write!(stream, "GET /{path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n").expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer
}
