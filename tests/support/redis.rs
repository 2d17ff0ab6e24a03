//! What the tests of Redis share: waiting, and servers of their own.

use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Runs one task on a runtime like an engine thread's.
pub(crate) fn block_on<T>(task: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(task)
}

/// Asks until there is an answer; ten seconds at the most.
pub(crate) async fn until<T>(mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let asked = async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            pause(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), asked).await.expect("it never came true")
}

/// Lets time pass: that of a lock, or of a pause of its holder.
pub(crate) async fn pause(time: Duration) {
    tokio::time::sleep(time).await;
}

/// The process of the server at this address, as the server says.
pub(crate) fn process_id(url: &str) -> u32 {
    let client = redis::Client::open(url).expect("an address");
    let mut connection = client.get_connection().expect("a connection");
    let info: String = redis::cmd("INFO").arg("server").query(&mut connection).expect("an answer");
    let line = info.lines().find_map(|line| line.strip_prefix("process_id:")).expect("its process");
    line.trim().parse().expect("a number")
}

/// Whether the process is there and is not merely waiting to be reaped.
pub(crate) fn running(process: u32) -> bool {
    let stat = PathBuf::from(format!("/proc/{process}/stat"));
    std::fs::read_to_string(stat).is_ok_and(|stat| !stat.contains(") Z "))
}

/// A server on ports of this machine, with settings of the test's own. It ends when it is dropped.
pub(crate) struct PortServer {
    process: Child,
    pub(crate) port: u16,
    _folder: tempfile::TempDir,
}

impl PortServer {
    /// Starts one; `settings` gets its port and says the rest. Waits until the port is open.
    pub(crate) fn start(settings: impl Fn(u16) -> Vec<String>) -> Self {
        // The port that is free now may be taken when the server comes to it: then another one.
        for _ in 0..5 {
            let port =
                TcpListener::bind("127.0.0.1:0").and_then(|at| at.local_addr()).expect("a port").port();
            let folder = tempfile::tempdir().expect("a folder");
            let mut process = Command::new("redis-server")
                .args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir"])
                .arg(folder.path())
                .args(settings(port))
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .spawn()
                .expect("redis-server");
            let open = block_on(until(async || {
                let ended = process.try_wait().expect("its state").is_some();
                let open = TcpStream::connect(("127.0.0.1", port)).is_ok();
                (ended || open).then_some(!ended)
            }));
            if open {
                return Self { process, port, _folder: folder };
            }
        }
        panic!("redis-server ended five times; its settings are wrong");
    }
}

impl Drop for PortServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
