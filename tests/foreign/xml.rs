//! JUnit texts against `tests/fixtures/junit.xsd`, by xmllint.

use crate::junit;
use quick_junit::Report;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// The faults that xmllint finds in a text; `None` if it keeps to the schema.
pub(crate) fn against_schema(text: &str) -> Option<String> {
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/junit.xsd");
    let mut child = Command::new("xmllint")
        .args(["--noout", "--nonet", "--schema"])
        .args([schema.as_os_str(), "-".as_ref()])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("xmllint is needed: `scripts/test foreign` installs it");
    child.stdin.take().expect("a pipe").write_all(text.as_bytes()).expect("written");
    let output = child.wait_with_output().expect("xmllint ends");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    // 3 and 4: the text is refused. Any other code but 0 is a fault of the test.
    match output.status.code() {
        Some(0) => None,
        Some(1 | 3) => Some(said),
        code => panic!("xmllint ended with {code:?}: {said}"),
    }
}

/// A text that keeps to the schema, and whose counts add up.
#[track_caller]
pub(crate) fn valid(text: &str) -> Report {
    assert_eq!(against_schema(text), None, "{text}");
    junit::valid(text)
}
