//! How long a line may be.

use crate::{rust_files, shown};
use std::fs;

const MOST_COLUMNS: usize = 110;

/// The numbers of the lines that are too long. A raw string has no place to break, so its lines are left out.
fn too_long(text: &str) -> Vec<usize> {
    let (mut raw, mut found) = (false, Vec::new());
    for (at, line) in text.lines().enumerate() {
        let (opens, closes) = (line.rfind("r#\""), line.rfind("\"#"));
        let within = raw || opens.is_some();
        raw = match (opens, closes) {
            (Some(opens), closes) => closes.is_none_or(|closes| closes < opens),
            (None, Some(_)) => false,
            (None, None) => raw,
        };
        if !within && line.chars().count() > MOST_COLUMNS {
            found.push(at + 1);
        }
    }
    found
}

#[test]
fn lines_fit_the_page() {
    let mut faults = Vec::new();
    for path in ["src", "tests", "benches"].into_iter().flat_map(rust_files) {
        let text = fs::read_to_string(&path).expect("a source file");
        let lines = too_long(&text).into_iter();
        faults.extend(lines.map(|line| format!("{}:{line}: over {MOST_COLUMNS} columns", shown(&path))));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn a_long_line_is_seen() {
    let long = "x".repeat(MOST_COLUMNS + 1);
    assert_eq!(too_long(&format!("a\n// {long}\n")), [2]);
    assert_eq!(too_long(&format!("let a = r#\"\n{long}\n\"#;\n{long}\n")), [4]);
    assert!(too_long(&"ü".repeat(MOST_COLUMNS)).is_empty());
}
