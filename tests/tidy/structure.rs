//! How the rooms are built inside: no circles, and one place for what a run is made of.

use crate::{root, rust_files};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// The sibling files that a file of a room imports, outside its tests.
fn siblings(text: &str) -> BTreeSet<String> {
    let text = text.split("#[cfg(test)]").next().unwrap_or_default();
    let uses = text.lines().filter_map(|line| line.trim().strip_prefix("use super::"));
    uses.map(|rest| rest.chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect()).collect()
}

/// Those files of a room that import each other in a circle.
fn circles(files: &BTreeMap<String, BTreeSet<String>>) -> Vec<String> {
    let reaches = |from: &str, to: &str| {
        let (mut seen, mut open) = (BTreeSet::new(), vec![from]);
        while let Some(file) = open.pop() {
            for next in files.get(file).into_iter().flatten() {
                if next == to {
                    return true;
                }
                if seen.insert(next) {
                    open.push(next);
                }
            }
        }
        false
    };
    files.keys().filter(|file| reaches(file, file)).cloned().collect()
}

/// A room is read file by file, from the files that import nothing of it on.
#[test]
fn no_files_of_the_engine_import_each_other_in_a_circle() {
    let folder = root().join("src/engine");
    let direct = rust_files("src/engine").into_iter().filter(|path| path.parent() == Some(&folder));
    let name = |path: &Path| path.file_stem().expect("a name").to_string_lossy().into_owned();
    let text = |path: &Path| fs::read_to_string(path).expect("a source file");
    let files = direct.map(|path| (name(&path), siblings(&text(&path)))).collect();
    assert_eq!(circles(&files), Vec::<String>::new());
    let circle =
        [("a", "use super::b;"), ("b", "use super::c::D;"), ("c", "use super::a;"), ("d", "use super::a;")];
    let circle = circle.map(|(name, text)| (name.to_owned(), siblings(text))).into();
    assert_eq!(circles(&circle), ["a", "b", "c"]);
}

/// How many literals of a struct stand in a text: `Name {` that is neither its definition, nor an `impl`, nor
/// a return type.
fn literals(text: &str, name: &str) -> usize {
    let code = text.lines().map(|line| line.split("//").next().unwrap_or_default());
    let built = |line: &str| {
        let at = line.find(&format!("{name} {{"))?;
        let before = line[..at].trim_end();
        let part_of_a_name =
            before.len() == at && before.ends_with(|c: char| c.is_alphanumeric() || c == '_');
        let other = ["struct", "enum", "impl", "for", "->"].iter().any(|word| before.ends_with(word));
        (!part_of_a_name && !other).then_some(())
    };
    code.filter_map(built).count()
}

/// What a run is made of is built from its plan in one place for each type, so that no two callers drift
/// apart.
#[test]
fn the_parts_of_a_run_are_built_in_one_place_each() {
    let files = rust_files("src");
    let texts: Vec<String> =
        files.iter().map(|path| fs::read_to_string(path).expect("a source file")).collect();
    for name in ["Endpoint", "MockConfig", "CoreConfig", "Meta", "Summary"] {
        let count: usize = texts.iter().map(|text| literals(text, name)).sum();
        assert!(count <= 1, "{name} is built by hand in {count} places: use its constructors");
    }
    assert_eq!(literals("let meta = Meta { a: 1 };\nMeta { a: 2 }", "Meta"), 2);
    assert_eq!(literals("pub struct Meta {\nimpl Meta {\nfn meta() -> Meta {\nHistoryMeta {", "Meta"), 0);
}
