//! Who may import whom.

use crate::{room, rust_files, shown};
use std::collections::BTreeSet;
use std::fs;

/// What each room may import. The data flows one way; `ARCHITECTURE.md` says why.
const ROOMS: [(&str, &[&str]); 33] = [
    ("clock", &[]),
    ("secret", &[]),
    ("seed", &[]),
    ("units", &[]),
    ("sync", &[]),
    ("document", &[]),
    ("faults", &[]),
    ("prices", &[]),
    ("history", &[]),
    ("shared", &[]),
    ("strategy", &["history", "shared"]),
    ("plan", &["document", "faults", "prices", "strategy"]),
    ("summary", &["prices", "history"]),
    ("scenario", &["document", "faults", "prices", "strategy", "plan"]),
    ("schedule", &["document", "faults", "history", "plan"]),
    ("profile", &["plan"]),
    ("metrics", &["plan", "history", "summary"]),
    ("invariants", &["prices", "plan", "history", "strategy", "summary"]),
    ("cost", &["prices", "plan", "history", "summary", "profile"]),
    ("compare", &["plan", "summary"]),
    ("ranking", &["plan", "history", "strategy", "summary", "metrics", "cost"]),
    ("judge", &["plan", "history", "summary", "metrics", "cost", "invariants", "compare", "ranking"]),
    ("live", &["prices", "plan", "history", "summary", "metrics", "judge", "scenario"]),
    ("report", &["plan", "schedule", "history", "summary", "compare", "explore"]),
    ("provider", &["plan", "history"]),
    ("mock", &["faults", "plan", "schedule", "history"]),
    ("explore", &["faults", "plan", "schedule", "history", "summary"]),
    ("engine", &["prices", "plan", "scenario", "history", "profile", "strategy", "shared", "provider"]),
    (
        "lab",
        &[
            "plan",
            "scenario",
            "schedule",
            "history",
            "summary",
            "profile",
            "strategy",
            "shared",
            "metrics",
            "invariants",
            "judge",
            "provider",
            "mock",
            "engine",
            "explore",
        ],
    ),
    (
        "program",
        &[
            "prices",
            "plan",
            "scenario",
            "schedule",
            "history",
            "strategy",
            "summary",
            "invariants",
            "provider",
            "mock",
            "explore",
        ],
    ),
    (
        "embed",
        &[
            "document", "plan", "scenario", "schedule", "history", "summary", "judge", "report", "mock",
            "lab", "program",
        ],
    ),
    (
        "cli",
        &[
            "document", "prices", "plan", "scenario", "schedule", "history", "summary", "profile",
            "strategy", "shared", "metrics", "cost", "judge", "compare", "live", "report", "provider",
            "mock", "engine", "explore", "lab", "program",
        ],
    ),
    ("main", &["cli"]),
];
const LEAVES: [&str; 5] = ["clock", "secret", "seed", "units", "sync"];

/// The rooms that follow each `crate::` and `deadheat::` of a text, outside comments. A group may span lines:
/// `use crate::{a, b::{c}};` names `a` and `b`.
fn imports(text: &str) -> BTreeSet<String> {
    let code: Vec<&str> = text.lines().map(|line| line.split("//").next().unwrap_or("")).collect();
    let code = code.join("\n");
    let mut found = BTreeSet::new();
    for prefix in ["crate::", "deadheat::"] {
        for (at, _) in code.match_indices(prefix) {
            let rest = &code[at + prefix.len()..];
            let firsts = match rest.strip_prefix('{') {
                Some(group) => members(group),
                None => vec![rest],
            };
            found.extend(firsts.into_iter().map(first_name).filter(|name| is_room(name)));
        }
    }
    found
}

/// The members of a `use` group, from behind its opening brace to the brace that closes it.
fn members(group: &str) -> Vec<&str> {
    let (mut depth, mut start, mut found) = (0, 0, Vec::new());
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => {
                found.push(&group[start..at]);
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                found.push(&group[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    found
}

fn first_name(path: &str) -> String {
    path.trim_start().chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect()
}

fn is_room(name: &str) -> bool {
    ROOMS.iter().any(|(room, _)| *room == name)
}

fn allowed(room: &str) -> &'static [&'static str] {
    ROOMS.iter().find(|(name, _)| *name == room).map_or(&[], |(_, allowed)| *allowed)
}

fn wrong_arrows(room: &str, text: &str) -> Vec<String> {
    let right = |name: &String| {
        name == room || LEAVES.contains(&name.as_str()) || allowed(room).contains(&name.as_str())
    };
    imports(text).into_iter().filter(|name| !right(name)).collect()
}

/// Every file of `src` but the library's first, with its room.
fn sources() -> Vec<(String, String, String)> {
    let read = |path: &std::path::PathBuf| fs::read_to_string(path).expect("a source file");
    let files = rust_files("src").into_iter().map(|path| (room(&path), shown(&path), read(&path)));
    files.filter(|(room, ..)| room != "lib").collect()
}

#[test]
fn imports_follow_the_arrows() {
    let mut faults = Vec::new();
    for (room, file, text) in sources() {
        assert!(is_room(&room), "{file}: not a room of the house");
        let wrong = wrong_arrows(&room, &text).into_iter();
        faults.extend(wrong.map(|target| format!("{file}: {room} may not import {target}")));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn a_wrong_arrow_is_seen() {
    assert_eq!(wrong_arrows("mock", "use crate::provider::Client;"), ["provider"]);
    assert_eq!(wrong_arrows("metrics", "use crate::{clock, engine::run};"), ["engine"]);
    let over_lines = "use crate::{\n    clock::{\n        Clock, utc\n    },\n    engine::run,\n};";
    assert_eq!(wrong_arrows("metrics", over_lines), ["engine"]);
    assert!(wrong_arrows("engine", "use crate::provider::Client; // not crate::mock").is_empty());
}

/// A permission that no file uses would let an arrow come back unseen.
#[test]
fn every_permission_is_used() {
    let used: BTreeSet<(String, String)> = sources()
        .into_iter()
        .flat_map(|(room, _, text)| imports(&text).into_iter().map(move |target| (room.clone(), target)))
        .collect();
    let given = ROOMS.iter().flat_map(|(room, allowed)| allowed.iter().map(|a| (*room, *a)));
    let unused = given.filter(|(room, a)| !used.contains(&((*room).to_owned(), (*a).to_owned())));
    assert_eq!(unused.collect::<Vec<_>>(), []);
}
