//! Reads JUnit texts and checks what no schema can say. `tests/foreign/` holds them against the schema.

use quick_junit::{Report, TestCase, TestCaseStatus};

/// A JUnit text whose counts add up.
#[track_caller]
pub(crate) fn valid(text: &str) -> Report {
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
