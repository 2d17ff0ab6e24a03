//! One name for one thing.

use crate::{room, rust_files};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;

/// Names that several rooms give to types that other files see.
const ALLOWED: [&str; 0] = [];

/// The types that a text defines, outside its tests, for other folders to see. A private type is
/// read beside its definition.
fn types(text: &str) -> BTreeSet<&str> {
    text.split("#[cfg(test)]").next().unwrap_or_default().lines().filter_map(defined).collect()
}

/// The type that a line begins to define.
fn defined(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let line = line.strip_prefix("pub ").or_else(|| line.strip_prefix("pub(crate) "))?;
    let rest = ["struct ", "enum ", "trait "].into_iter().find_map(|word| line.strip_prefix(word))?;
    let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
    Some(&rest[..end])
}

/// The rooms that define each name, of those that more than one defines.
fn repeated(sources: &[(String, String)]) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut rooms: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (room, text) in sources {
        for name in types(text) {
            rooms.entry(name).or_default().insert(room);
        }
    }
    rooms.retain(|_, rooms| rooms.len() > 1);
    rooms
}

#[test]
fn two_rooms_do_not_give_one_name_to_two_types() {
    let sources = rust_files("src").into_iter();
    let sources: Vec<_> =
        sources.map(|path| (room(&path), fs::read_to_string(&path).expect("a source file"))).collect();
    let found = repeated(&sources);
    let faults: Vec<String> = found
        .iter()
        .filter(|(name, _)| !ALLOWED.contains(name))
        .map(|(name, rooms)| format!("{name}: {}", rooms.iter().copied().collect::<Vec<_>>().join(", ")))
        .collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    let unused: Vec<_> = ALLOWED.iter().filter(|name| !found.contains_key(*name)).collect();
    assert!(unused.is_empty(), "allowed, but no two rooms define it: {unused:?}");
}

#[test]
fn a_name_of_two_rooms_is_seen() {
    let source = |room: &str, text: &str| (room.to_owned(), text.to_owned());
    let sources = [
        source("a", "pub(crate) struct Row {"),
        source("b", "pub enum Row<T> {"),
        source("b", "struct B;"),
        source("a", "struct B;"),
    ];
    assert_eq!(repeated(&sources).into_keys().collect::<Vec<_>>(), ["Row"]);
    let tested =
        [source("a", "pub struct Row;"), source("b", "#[cfg(test)]\nmod tests {\n    pub struct Row;\n}")];
    assert!(repeated(&tested).is_empty());
}
