//! `deadheat mock` from the outside: it says where it is, serves, and leaves when asked.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

struct Mock {
    child: Child,
    address: String,
}

impl Mock {
    fn start(args: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_deadheat"))
            .args(["mock", "--seed", "7"])
            .args(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let url = lines.next().unwrap().unwrap();
        let hint = lines.next().unwrap().unwrap();
        assert!(hint.starts_with(&format!("export OPENAI_BASE_URL={url}")), "{hint}");
        let address = url.strip_prefix("http://").and_then(|u| u.strip_suffix("/v1")).expect("a base URL");
        assert!(address.starts_with("127.0.0.1:"), "loopback unless asked: {address}");
        Self { child, address: address.to_owned() }
    }

    fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }
}

impl Drop for Mock {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn it_serves_until_it_is_interrupted() {
    let mut mock = Mock::start(&[]);
    assert!(mock.get("/v1/models").contains("\"mock-1\""));
    assert!(mock.get("/deadheat/stats").contains("\"received\":0"));
    kill(Pid::from_raw(i32::try_from(mock.child.id()).unwrap()), Signal::SIGINT).unwrap();
    assert_eq!(mock.child.wait().unwrap().code(), Some(0));
}

#[test]
fn who_is_held_does_not_hold_up_its_end_and_what_did_not_happen_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("order.toml");
    let hold = |job: &str| format!("[[hold]]\nrequest = \"{job}#1\"\nuntil = \"disconnect\"\n");
    std::fs::write(&path, format!("version = 1\n{}{}", hold("job:0003"), hold("job:0009"))).unwrap();
    let mut mock = Mock::start(&["--schedule", path.to_str().unwrap()]);
    let mut client = TcpStream::connect(&mock.address).unwrap();
    client.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let body = r#"{"model":"m","messages":[{"content":"[job:0003]"}]}"#;
    write!(
        client,
        "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: \
         {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    assert!((0..10_000).any(|_| mock.get("/deadheat/stats").contains("\"held\":1")));
    kill(Pid::from_raw(i32::try_from(mock.child.id()).unwrap()), Signal::SIGINT).unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "it was let go: {answer}");
    assert_eq!(mock.child.wait().unwrap().code(), Some(0));
    let mut told = String::new();
    mock.child.stderr.take().unwrap().read_to_string(&mut told).unwrap();
    assert!(told.contains("never came: job:0009#1, to be held until its client hangs up"), "{told}");
    assert!(!told.contains("job:0003"), "{told}");
}

#[test]
fn it_says_what_its_ledger_is_worth_to_a_test_in_any_language() {
    let mock = Mock::start(&[]);
    let ask = |job: &str| {
        let body = format!(r#"{{"model":"m","messages":[{{"role":"user","content":"x [{job}]"}}]}}"#);
        let mut stream = TcpStream::connect(&mock.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let length = body.len();
        write!(
            stream,
            "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nconnection: \
            close\r\ncontent-length: {length}\r\n\r\n{body}"
        )
        .unwrap();
        stream.read_to_string(&mut String::new()).unwrap();
    };
    for job in ["job:0000", "job:0001"] {
        ask(job);
    }
    let good = mock.get("/deadheat/verdicts?requests=2");
    assert!(good.starts_with("HTTP/1.1 200") && good.contains("\"broken\": []"), "{good}");
    let wrong = mock.get("/deadheat/verdicts?requests=3&total-tokens=7");
    assert!(wrong.starts_with("HTTP/1.1 409") && wrong.contains("tokens-counted"), "{wrong}");
    ask("job:0001");
    let twice = mock.get("/deadheat/verdicts");
    assert!(twice.starts_with("HTTP/1.1 409") && twice.contains("billed-once"), "{twice}");
    let odd = mock.get("/deadheat/verdicts?concurency=3");
    assert!(odd.starts_with("HTTP/1.1 400") && odd.contains("concurency is not known"), "{odd}");
}

#[test]
fn a_scenario_that_is_not_there_is_a_usage_error() {
    let output = Command::new(env!("CARGO_BIN_EXE_deadheat"))
        .args(["mock", "--config", "no/such/scenario.toml"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("no/such/scenario.toml"));
}

#[test]
fn a_schedule_is_obeyed_or_every_fault_of_it_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("order.toml");
    let path = path.to_str().unwrap();
    let text = "version = 1\n[[hold]]\nrequest = \"job:0003#1\"\nuntil = { after = \"300ms\" }\n";
    std::fs::write(path, text).unwrap();
    let mock = Mock::start(&["--schedule", path]);
    let shown = mock.get("/deadheat/schedule");
    assert!(shown.contains("until = { after = \"300ms\" }"), "{shown}");
    std::fs::write(path, text.replace("after", "afterwards").replace("#1", "")).unwrap();
    let wrong =
        Command::new(env!("CARGO_BIN_EXE_deadheat")).args(["mock", "--schedule", path]).output().unwrap();
    assert_eq!(wrong.status.code(), Some(2));
    let told = String::from_utf8_lossy(&wrong.stderr);
    assert!(told.contains("order.toml:3") && told.contains("order.toml:4"), "{told}");
    let refused = |path: &str| {
        let output =
            Command::new(env!("CARGO_BIN_EXE_deadheat")).args(["mock", "--schedule", path]).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let missing = refused("no/such.toml");
    assert!(missing.contains("give a schedule") && !missing.contains("init"), "{missing}");
    std::fs::write(path, "version = 1\n[[nemesis]]\nkind.lose-unlock = {}\n").unwrap();
    let locked = refused(path);
    assert!(locked.contains("a provider does not see"), "{locked}");
}
