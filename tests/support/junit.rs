//! Holds JUnit texts against the schema, by xmllint, and against what no schema can say.

use quick_junit::{Report, TestCase, TestCaseStatus};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// What `xmllint` has against a text by `tests/junit.xsd`; `None` if nothing.
pub(crate) fn against_schema(text: &str) -> Option<String> {
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/junit.xsd");
    let mut child = Command::new("xmllint")
        .args(["--noout", "--nonet", "--schema"])
        .args([schema.as_os_str(), "-".as_ref()])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("xmllint, of the Debian package libxml2-utils: scripts/test installs it");
    child.stdin.take().expect("a pipe").write_all(text.as_bytes()).expect("written");
    let output = child.wait_with_output().expect("xmllint ends");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    // 3 and 4: the text is refused. Whatever else is not 0 is a fault of the test.
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
    let report = Report::deserialize_from_str(text).expect("JUnit");
    assert!(text.starts_with("<?xml version=\"1.0\" encoding=\"UTF-8\"?>"), "{text}");
    let cases = || report.test_suites.iter().flat_map(|suite| &suite.test_cases);
    assert_eq!((report.tests, report.errors), (cases().count(), 0));
    assert_eq!(report.failures, cases().filter(|case| failed(case)).count());
    for suite in &report.test_suites {
        assert_eq!(suite.tests, suite.test_cases.len());
        assert_eq!(suite.failures, suite.test_cases.iter().filter(|case| failed(case)).count());
        let skipped = |case: &&TestCase| matches!(case.status, TestCaseStatus::Skipped { .. });
        assert_eq!(suite.skipped, suite.test_cases.iter().filter(skipped).count());
    }
    let named = |case: &TestCase| case.classname.as_ref().is_some_and(|class| class.starts_with("deadheat."));
    assert!(cases().all(named), "{text}");
    report
}

/// Whether a case is red.
pub(crate) fn failed(case: &TestCase) -> bool {
    matches!(case.status, TestCaseStatus::NonSuccess { .. })
}
