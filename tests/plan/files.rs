//! Reading scenarios from disk, and the verbs that write them.

use assert_cmd::Command;
use deadheat::document::{MAX_SOURCE_BYTES, SourceError};
use deadheat::plan::Source;
use deadheat::scenario::{TEMPLATE, load};
use std::path::Path;

fn deadheat(dir: &Path) -> Command {
    let mut command = Command::cargo_bin("deadheat").expect("built");
    command.current_dir(dir);
    command
}

#[test]
fn what_cannot_be_read_says_why() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = |name: &str, bytes: &[u8]| {
        let path = dir.path().join(name);
        std::fs::write(&path, bytes).expect("written");
        path
    };
    let missing = Source::read(&dir.path().join("none.toml"));
    assert!(matches!(missing, Err(SourceError::Missing(_))), "{missing:?}");
    assert!(matches!(Source::read(dir.path()), Err(SourceError::Directory(_))));
    assert!(matches!(Source::read(&file("latin", b"name = \"\xe9\"")), Err(SourceError::NotUtf8(_))));
    let most = usize::try_from(MAX_SOURCE_BYTES).expect("fits");
    assert!(matches!(Source::read(&file("long", &vec![b'#'; most + 1])), Err(SourceError::TooLong(_))));
    assert!(Source::read(&file("longest", &vec![b'#'; most])).is_ok());
    let marked = Source::read(&file("marked", b"\xef\xbb\xbfversion = 1")).expect("read");
    assert_eq!(marked.text, "version = 1", "a byte-order mark is no part of the scenario");
}

#[test]
fn init_writes_a_scenario_that_loads_and_never_overwrites() {
    let dir = tempfile::tempdir().expect("a directory");
    deadheat(dir.path()).arg("init").assert().success();
    let path = dir.path().join("deadheat.toml");
    let source = Source::read(&path).expect("written");
    assert_eq!(source.text, TEMPLATE);
    load(&source, &[], &|_| None).expect("a plan");

    std::fs::write(&path, "mine").expect("written");
    let output = deadheat(dir.path()).arg("init").output().expect("runs");
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("left as it is"));
    assert_eq!(std::fs::read_to_string(&path).expect("still there"), "mine");

    deadheat(dir.path()).args(["init", "other.toml"]).assert().success();
    assert_eq!(std::fs::read_to_string(dir.path().join("other.toml")).expect("written"), TEMPLATE);
    deadheat(dir.path()).args(["init", "no/such/dir.toml"]).assert().code(2);
}

#[test]
fn schema_prints_the_scenario_by_default() {
    let dir = tempfile::tempdir().expect("a directory");
    let output = deadheat(dir.path()).arg("schema").output().expect("runs");
    assert_eq!(String::from_utf8(output.stdout).expect("UTF-8"), deadheat::scenario::schema());
    let output = deadheat(dir.path()).args(["schema", "summary"]).output().expect("runs");
    let schema: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(schema["title"], "deadheat summary");
    deadheat(dir.path()).args(["schema", "other"]).assert().code(2);
}
