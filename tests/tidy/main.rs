//! The house rules, as a test: who may import whom, how long files and functions may be, no dead files.
#![cfg(not(loom))]

mod adding;
mod imports;
mod library;
mod lines;
mod names;
mod structure;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

const MOST_LINES_IN_A_FILE: usize = 400;
const MOST_LINES_IN_A_FUNCTION: usize = 70;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn rust_files(folder: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder of the project") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn shown(path: &Path) -> String {
    path.strip_prefix(root()).expect("a path of the project").display().to_string()
}

/// The room a file of `src/` belongs to: `src/mock/core.rs` and `src/mock.rs` are in `mock`.
fn room(path: &Path) -> String {
    let inside = path.strip_prefix(root().join("src")).expect("a path in src");
    let first = inside.components().next().expect("a name").as_os_str().to_string_lossy();
    first.trim_end_matches(".rs").to_owned()
}

/// Functions and their lengths, by counting braces from each `fn` on; good enough for formatted code.
fn functions(text: &str) -> Vec<(String, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (start, line) in lines.iter().enumerate() {
        let trimmed = line.trim_start();
        let indent = line.len() - trimmed.len();
        let head = trimmed.split('(').next().unwrap_or("");
        if trimmed.starts_with("//") || !head.split_whitespace().any(|word| word == "fn") {
            continue;
        }
        let closing = format!("{}}}", " ".repeat(indent));
        let one_line = line.trim_end().ends_with('}') || line.trim_end().ends_with(';');
        let length = lines[start..]
            .iter()
            .position(|l| **l == closing || (l.starts_with(&closing) && l.trim() == "}"));
        if let (false, Some(length)) = (one_line, length) {
            let name = head.rsplit("fn ").next().unwrap_or("").to_owned();
            found.push((name, length + 1));
        }
    }
    found
}

/// The lines of a file at which a `select!` begins that is not biased.
fn unbiased(text: &str) -> Vec<usize> {
    let lines: Vec<&str> = text.lines().collect();
    let begins = |(_, line): &(usize, &&str)| line.contains("tokio::select! {");
    let first = |at: usize| lines[at + 1..].iter().map(|l| l.trim()).find(|l| !l.starts_with("//"));
    let found = lines.iter().enumerate().filter(begins).map(|(at, _)| at);
    found.filter(|at| first(*at) != Some("biased;")).map(|at| at + 1).collect()
}

/// Tokio's own choice between what is ready is random, and would make two runs of one seed differ.
#[test]
fn what_runs_in_virtual_time_chooses_by_rule() {
    let rooms = ["engine", "lab", "mock", "provider", "shared", "strategy"];
    let mut faults = Vec::new();
    for path in rust_files("src").into_iter().filter(|path| rooms.contains(&room(path).as_str())) {
        let text = fs::read_to_string(&path).expect("a source file");
        faults.extend(
            unbiased(&text).into_iter().map(|line| format!("{}:{line}: begin it with biased;", shown(&path))),
        );
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert_eq!(unbiased("tokio::select! {\n    a => {}\n}\n"), [1]);
    assert!(unbiased("tokio::select! {\n    // Why.\n    biased;\n}\n").is_empty());
}

const SLEEP: &str = concat!("thread", "::sleep(");

/// What reads a clock, or waits on one, behind the back of the run's own.
fn clock_words(text: &str) -> Vec<&'static str> {
    let words = [
        "Instant::now(",
        "SystemTime::now(",
        "Timestamp::now(",
        "Zoned::now(",
        "Instant::elapsed(",
        "UNIX_EPOCH.elapsed(",
        "clock_gettime(",
        SLEEP,
    ];
    let code = text.lines().map(|line| line.split("//").next().unwrap_or_default());
    let code: Vec<&str> = code.collect();
    words.into_iter().filter(|word| code.iter().any(|line| line.contains(word))).collect()
}

/// Clippy bans these by what they are; this bans them by name as well, where no lint looks.
#[test]
fn nothing_reads_a_clock_but_the_clock() {
    // Threads that stand in for a client's own, or watch a process that is none of the run's.
    let sleepers = [
        "src/strategy/thread_pool.rs",
        "src/program/drive.rs",
        "src/program/group.rs",
        "src/program/process.rs",
    ];
    let mut faults = Vec::new();
    for path in rust_files("src").into_iter().filter(|path| room(path) != "clock") {
        let name = shown(&path);
        let words = clock_words(&fs::read_to_string(&path).expect("a source file"));
        let found = words.into_iter().filter(|word| *word != SLEEP || !sleepers.contains(&&*name));
        faults.extend(found.map(|word| format!("{name}: {word}: use crate::clock::Clock")));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    let both = clock_words("let at = jiff::Zoned::now();\nuse std::fs;");
    assert_eq!((both, clock_words(SLEEP)), (vec!["Zoned::now("], vec![SLEEP]));
    assert!(clock_words("// Instant::now() is banned.").is_empty());
}

#[test]
fn files_and_functions_stay_small() {
    let mut faults = Vec::new();
    for path in ["src", "tests", "benches"].into_iter().flat_map(rust_files) {
        let text = fs::read_to_string(&path).expect("a source file");
        let lines = text.lines().count();
        if lines > MOST_LINES_IN_A_FILE {
            faults.push(format!("{}: {lines} lines, at most {MOST_LINES_IN_A_FILE}", shown(&path)));
        }
        for (name, length) in
            functions(&text).into_iter().filter(|(_, length)| *length > MOST_LINES_IN_A_FUNCTION)
        {
            faults.push(format!(
                "{}: fn {name} has {length} lines, at most {MOST_LINES_IN_A_FUNCTION}",
                shown(&path)
            ));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn a_long_function_is_seen() {
    let text = format!("impl A {{\n    fn long() {{\n{}    }}\n}}\n", "        call();\n".repeat(80));
    assert_eq!(functions(&text), [("long".to_owned(), 82)]);
}

#[test]
fn every_source_file_is_reached_from_the_library() {
    let declared = |path: &Path| -> BTreeSet<String> {
        let text = fs::read_to_string(path).expect("a source file");
        let names = text.lines().filter_map(|line| {
            let line = line.trim().trim_start_matches("pub ").trim_start_matches("pub(crate) ");
            let line = line.trim_start_matches("pub(super) ");
            line.strip_prefix("mod ")?.strip_suffix(';').map(str::to_owned)
        });
        names.collect()
    };
    for path in rust_files("src") {
        let stem = path.file_stem().expect("a name").to_string_lossy().into_owned();
        let folder = path.parent().expect("a folder");
        let parent =
            if folder == root().join("src") { folder.join("lib.rs") } else { folder.with_extension("rs") };
        if ["lib", "main"].contains(&stem.as_str()) {
            continue;
        }
        assert!(parent.exists(), "{}: its room has no {}", shown(&path), shown(&parent));
        assert!(declared(&parent).contains(&stem), "{}: not declared in {}", shown(&path), shown(&parent));
    }
}

#[test]
fn nothing_is_called_a_drawer() {
    for path in ["src", "tests", "benches"].into_iter().flat_map(rust_files) {
        let stem = path.file_stem().expect("a name").to_string_lossy().into_owned();
        for word in ["util", "utils", "common", "helper", "helpers", "misc", "manager"] {
            assert_ne!(stem, word, "{}: name it by what it does", shown(&path));
        }
    }
}

#[test]
fn the_map_of_the_house_names_files_that_exist() {
    let map = fs::read_to_string(root().join("ARCHITECTURE.md")).expect("ARCHITECTURE.md");
    let rows = map.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("/`"));
    let mut named = 0;
    for (room, row) in rows {
        for file in row.split('`').filter(|word| word.ends_with(".rs") && !word.contains('/')) {
            let inside = root().join("src").join(room).join(file);
            assert!(inside.exists(), "ARCHITECTURE.md names {}, which does not exist", shown(&inside));
            named += 1;
        }
    }
    assert!(named > 10, "only {named} files found in the table of rooms");
}

#[test]
fn no_test_is_ignored_and_none_sleeps() {
    let banned: BTreeMap<String, &str> = [
        (format!("#[{}]", "ignore"), "an ignored test guards nothing"),
        (format!("thread::{}(", "sleep"), "wait for a condition, or pause the clock"),
    ]
    .into();
    for path in rust_files("tests") {
        let text = fs::read_to_string(&path).expect("a test file");
        for (word, why) in &banned {
            assert!(!text.contains(word), "{}: {word}: {why}", shown(&path));
        }
    }
}

#[test]
fn the_changelog_opens_with_this_version() {
    let changelog = fs::read_to_string(root().join("CHANGELOG.md")).expect("CHANGELOG.md");
    let first = changelog.lines().find(|line| line.starts_with("## ")).expect("an entry");
    assert!(first.contains(env!("CARGO_PKG_VERSION")), "CHANGELOG.md opens with {first}");
}

/// A suite that `cargo test` leaves out is prepared and run by scripts/test, and says what it needs.
#[test]
fn every_suite_is_run_by_the_script() {
    let read =
        |name: &str| fs::read_to_string(root().join(name)).unwrap_or_else(|why| panic!("{name}: {why}"));
    let manifest: toml::Table = read("Cargo.toml").parse().expect("TOML");
    let tests = manifest["test"].as_array().expect("targets").iter();
    let left_out = tests.filter(|test| test.get("test").and_then(toml::Value::as_bool) == Some(false));
    let left_out: BTreeSet<&str> = left_out.map(|test| test["name"].as_str().expect("a name")).collect();
    let told = manifest["package"]["metadata"]["suites"].as_table().expect("a table");
    assert_eq!(left_out, told.keys().map(String::as_str).collect());
    let script = read("scripts/test");
    for suite in left_out {
        assert!(script.contains(&format!("\n    {suite})")), "scripts/test does not prepare {suite}");
        assert!(script.contains(&format!(" --test {suite}")), "scripts/test does not run {suite}");
    }
}
