//! A real endpoint that none of us wrote: llmock from PyPI, an OpenAI-compatible server in Python.

use crate::cli;

use cli::{Place, Ran, Running, until};
use serde_json::Value;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The server's binary: named by DEADHEAT_LLMOCK, else where scripts/test installs it.
fn binary() -> PathBuf {
    let binary = std::env::var_os("DEADHEAT_LLMOCK").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join(".cache/llmock/bin/llmock"),
        PathBuf::from,
    );
    assert!(binary.exists(), "llmock is needed: `scripts/test foreign` installs it");
    binary
}

/// A server that accepts connections, and its base URL.
fn server(place: &Place) -> (Running, String) {
    let port = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("bound").port();
    let log = std::fs::File::create(place.path("llmock.log")).expect("a file");
    let child = Command::new(binary())
        .args(["serve", "--host", "127.0.0.1", "--port", &port.to_string()])
        .current_dir(place.dir.path())
        .stdin(Stdio::null())
        .stdout(log.try_clone().expect("a file"))
        .stderr(log)
        .spawn()
        .expect("llmock starts");
    let running = Running(child);
    until("llmock listens", || TcpStream::connect(("127.0.0.1", port)).is_ok());
    (running, format!("http://127.0.0.1:{port}/v1"))
}

fn measured(place: &Place, url: &str, extra: &[&str]) -> Value {
    let scenario = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/endpoint.toml");
    let mut command = place.command(&["run", "--quiet", "--format", "json"]);
    command.arg(scenario).args(extra).env("ENDPOINT_URL", url).env("ENDPOINT_KEY", "any-key-will-do");
    Ran::from(command.output().expect("it starts")).exits(0).json()
}

fn count(summary: &Value, metric: &str) -> u64 {
    let mut rows = summary["metrics"].as_array().expect("metrics").iter();
    rows.find(|row| row["metric"] == metric).map_or(0, |row| row["count"].as_u64().expect("a count"))
}

#[test]
fn streamed_answers_of_a_foreign_server_are_measured() {
    let place = Place::new();
    let (_server, url) = server(&place);
    let summary = measured(&place, &url, &[]);
    all_answered(&summary);
    for metric in ["ttft", "tpot", "response", "service", "first-byte"] {
        assert_eq!(count(&summary, metric), 40, "{metric}");
    }
    assert!(count(&summary, "itl") > 40, "several chunks an answer");
    let chunks = summary["counters"][0]["chunks"].as_u64();
    assert!(chunks > Some(40), "{chunks:?}");
}

#[test]
fn whole_answers_of_a_foreign_server_are_measured() {
    let place = Place::new();
    let (_server, url) = server(&place);
    let summary = measured(&place, &url, &["--set", "workload.stream=false"]);
    all_answered(&summary);
    assert_eq!((count(&summary, "response"), count(&summary, "ttft")), (40, 0));
}

#[test]
fn a_wrong_path_of_a_foreign_server_never_passes() {
    let place = Place::new();
    let (_server, url) = server(&place);
    let scenario = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/endpoint.toml");
    let mut command = place.command(&["run"]);
    command.arg(scenario).env("ENDPOINT_URL", url.replace("/v1", "/nowhere")).env("ENDPOINT_KEY", "k");
    let ran = Ran::from(command.output().expect("it starts")).exits(5);
    assert!(ran.out.contains("not one of 40 attempts was answered (40 client-error)"), "{}", ran.out);
}

/// Every job answered and counted by the server's own usage; nothing is claimed that only a ledger could
/// show, and every open question says why it is open.
fn all_answered(summary: &Value) {
    let counters = &summary["counters"][0];
    assert_eq!((&counters["answered"], &counters["attempts"]), (&40.into(), &40.into()), "{counters}");
    assert_eq!(counters["errors"], serde_json::json!({}));
    let tokens = &counters["tokens"];
    assert!(tokens["client_prompt"].as_u64() > Some(0), "usage was read: {tokens}");
    assert!(tokens["client_completion"].as_u64() > Some(0), "usage was read: {tokens}");
    assert_eq!(tokens["billed"], Value::Null, "only a ledger knows: {tokens}");
    let verdicts = summary["verdicts"].as_array().expect("verdicts");
    assert_eq!(verdicts.len(), 19);
    for row in verdicts {
        assert!(matches!(row["verdict"].as_str(), Some("unknown" | "not-applicable")), "{row}");
        assert!(row["why"].as_str().is_some_and(|why| !why.is_empty()), "{row}");
    }
}
