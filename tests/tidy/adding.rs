//! What is added often is added in few files: `ARCHITECTURE.md` has the table, and this keeps it true.

use crate::{root, rust_files, shown};
use std::collections::BTreeSet;
use std::fs;

/// Most files of `src/` that adding one of a kind may touch, `ARCHITECTURE.md` says.
const MOST_FILES: usize = 3;

/// Files that know single members of a kind because they are about them, and so are not touched by a new one.
const ABOUT_SINGLE_ONES: [&str; 7] = [
    // Which strategy all are compared with.
    "src/ranking/rank.rs",
    // What a burst of refusals is made of.
    "src/explore/sweep.rs",
    // How rules differ for an external program, and the rule that speaks of programs only.
    "src/invariants/program.rs",
    "src/invariants/judge.rs",
    "src/program/notes.rs",
    "src/program/verdicts.rs",
    // The rules that a client's own history can show to be broken while the run lasts.
    "src/live/breaks.rs",
];

/// The code of each file of `src/`, without comments and tests.
fn code() -> Vec<(String, String)> {
    let read = |path: std::path::PathBuf| {
        let text = fs::read_to_string(&path).expect("a source file");
        let text = text.split("#[cfg(test)]").next().unwrap_or_default();
        let code: Vec<&str> = text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect();
        (shown(&path), code.join("\n"))
    };
    rust_files("src").into_iter().filter(|path| !path.ends_with("tests.rs")).map(read).collect()
}

/// The files that hold `text`, of those that a new member of a kind touches.
fn holding<'a>(code: &'a [(String, String)], text: &str) -> BTreeSet<&'a str> {
    let files = code.iter().filter(|(_, code)| code.contains(text)).map(|(file, _)| file.as_str());
    files.filter(|file| !ABOUT_SINGLE_ONES.contains(file)).collect()
}

/// The members of a table in a source file: what stands on its lines between `from` and `to`.
fn members(file: &str, from: &str, to: &str) -> Vec<String> {
    let text = fs::read_to_string(root().join(file)).expect("a source file");
    let line = |line: &str| {
        let rest = line.trim().strip_prefix(from)?;
        Some(rest.split_once(to)?.0.to_owned())
    };
    text.lines().filter_map(line).collect()
}

#[test]
fn a_strategy_is_named_in_its_table_only() {
    let names = members("src/strategy.rs", "\"", "\" => ");
    assert!(names.len() > 20, "only {names:?} found");
    let code = code();
    for name in names {
        assert_eq!(holding(&code, &format!("\"{name}\"")), BTreeSet::from(["src/strategy.rs"]), "{name}");
    }
}

#[test]
fn a_fault_kind_is_its_file_and_a_line_of_a_table() {
    let members = members("src/faults.rs", "\"", ",");
    assert!(members.len() > 10, "only {members:?} found");
    let code = code();
    for member in members {
        let (_, path) = member.split_once("\" => ").expect("a line of the table");
        let (module, kind) = path.split_once("::").expect("a module and a type");
        let own = format!("src/faults/{module}.rs");
        let imported = code.iter().filter(|(file, code)| {
            let outside = !file.starts_with("src/faults") && !ABOUT_SINGLE_ONES.contains(&file.as_str());
            let lines: String = code.split(';').filter(|part| part.contains("use crate::faults")).collect();
            let names = lines.split(|c: char| !c.is_alphanumeric());
            outside && names.into_iter().any(|name| name == kind)
        });
        assert_eq!(imported.map(|(file, _)| file).collect::<Vec<_>>(), Vec::<&String>::new(), "{kind}");
        assert!(
            holding(&code, &format!("impl Kind for {kind}")).contains(own.as_str()),
            "{kind} is not in {own}"
        );
    }
}

#[test]
fn an_invariant_is_its_name_its_check_and_a_line_of_a_table() {
    let code = code();
    let text = fs::read_to_string(root().join("src/summary/verdict.rs")).expect("a source file");
    let rules = text.lines().filter_map(|line| line.trim().split_once(" = \"")).map(|(rule, _)| rule);
    let rules: Vec<&str> = rules.filter(|rule| rule.chars().all(char::is_alphanumeric)).collect();
    assert!(rules.len() > 15, "only {rules:?} found");
    for rule in rules {
        // Beside `summary/verdict.rs`, where it is named.
        let files = holding(&code, &format!("Invariant::{rule}"));
        assert!(files.len() < MOST_FILES, "Invariant::{rule} is known to {files:?}");
    }
}

#[test]
fn a_protocol_is_its_file_and_a_line_of_a_table() {
    let folder = fs::read_dir(root().join("src/mock/dialect")).expect("a folder");
    let table = fs::read_to_string(root().join("src/mock/dialect.rs")).expect("a source file");
    for file in folder {
        let name = file.expect("a file").file_name().to_string_lossy().trim_end_matches(".rs").to_owned();
        assert!(table.contains(&format!("&{name}::")), "{name} is not in the table");
        let others = code().into_iter().filter(|(file, code)| {
            file.starts_with("src/mock")
                && *file != "src/mock/dialect.rs"
                && code.contains(&format!("{name}::"))
        });
        assert_eq!(others.map(|(file, _)| file).collect::<Vec<_>>(), Vec::<String>::new(), "{name}");
    }
}

#[test]
fn the_table_names_files_that_exist() {
    let map = fs::read_to_string(root().join("ARCHITECTURE.md")).expect("ARCHITECTURE.md");
    let table = map.split("## Adding one of a kind").nth(1).expect("the section").split("\n## ").next();
    let rows: Vec<&str> =
        table.expect("a text").lines().filter(|line| line.starts_with("| ")).skip(2).collect();
    assert!(rows.len() >= 6, "{rows:?}");
    for row in rows {
        let words = row.split('`').skip(1).step_by(2).filter(|word| word.ends_with(".rs"));
        let files: Vec<&str> = words.collect();
        assert!((1..=MOST_FILES).contains(&files.len()), "{row}");
        for file in files.iter().filter(|file| !file.contains("NAME")) {
            assert!(root().join("src").join(file).exists(), "ARCHITECTURE.md: {file} does not exist");
        }
    }
}
