//! `deadheat report` and `deadheat check` on directories that are not what they should be.

use assert_cmd::Command;
use std::path::Path;

fn ran(args: &[&str], dir: &Path) -> (Option<i32>, String, String) {
    let mut command = Command::cargo_bin("deadheat").expect("it runs");
    let output = command.arg(args[0]).arg(dir).args(&args[1..]).output().expect("it runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("it runs");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn a_missing_torn_or_foreign_summary_names_its_place_and_exits_2() {
    let dir = tempfile::tempdir().expect("it runs");
    let file = dir.path().join("summary.json");
    for (text, says) in [
        (None, "cannot read"),
        (Some(""), "is not whole"),
        (Some("{\"version\": 1, \"name\""), "is not whole"),
        (Some("{\"version\": 1}"), "is not whole"),
        (Some("{\"version\": 2, \"new\": []}"), "version 2"),
        (Some("[]"), "is not whole"),
    ] {
        if let Some(text) = text {
            std::fs::write(&file, text).unwrap();
        }
        let (code, out, err) = ran(&["report"], dir.path());
        assert_eq!((code, out.as_str()), (Some(2), ""), "{err}");
        assert!(err.contains(says) && err.contains("summary.json"), "{text:?}: {err}");

        let (code, out, err) = ran(&["report", "--format", "json"], dir.path());
        assert_eq!((code, err.as_str()), (Some(2), ""));
        let error: serde_json::Value = serde_json::from_str(&out).unwrap();
        assert_eq!(error["error"]["exit_code"], 2);
        assert!(error["error"]["message"].as_str().unwrap().contains(says), "{out}");
    }
}

#[test]
fn check_of_a_place_without_a_run_names_it_and_exits_2() {
    let dir = tempfile::tempdir().unwrap();
    let (code, _, err) = ran(&["check"], &dir.path().join("nowhere"));
    assert_eq!(code, Some(2));
    assert!(err.contains("nowhere") && err.contains("plan.toml"), "{err}");
    let (code, out, _) = ran(&["check", "--format", "json"], dir.path());
    assert_eq!(code, Some(2));
    assert!(serde_json::from_str::<serde_json::Value>(&out).is_ok(), "{out}");
    let (code, _, err) = ran(&["check", "--set", "novalue"], dir.path());
    assert_eq!(code, Some(2));
    assert!(err.contains("KEY=VALUE"), "{err}");
}
