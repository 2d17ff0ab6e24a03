//! What the library's first page documents.

use crate::root;
use std::fs;

/// The rooms of `lib.rs` that are documented, and the names that it exports itself.
fn documented(text: &str) -> (Vec<&str>, Vec<&str>) {
    let (mut rooms, mut names, mut hidden) = (Vec::new(), Vec::new(), false);
    for line in text.lines() {
        if let Some(room) = line.strip_prefix("pub mod ").filter(|_| !hidden) {
            rooms.push(room.trim_end_matches(';'));
        }
        if let Some((_, group)) = line.strip_prefix("pub use ").and_then(|path| path.rsplit_once("::")) {
            names.extend(group.trim_matches(['{', '}', ';']).split(", ").map(|name| name.trim_matches('}')));
        }
        hidden = line == "#[doc(hidden)]" || hidden && line.starts_with("#[");
    }
    rooms.sort_unstable();
    names.sort_unstable();
    (rooms, names)
}

/// A new room is hidden or private, unless users of the library are meant to use it: then its page is
/// written for them.
#[test]
fn the_first_page_documents_only_what_is_meant_to_be_used() {
    let text = fs::read_to_string(root().join("src/lib.rs")).expect("the library's first file");
    let (rooms, names) = documented(&text);
    assert_eq!(rooms, ["faults", "schedule", "summary"]);
    let exported = [
        "Declaration",
        "Diagnostic",
        "Diagnostics",
        "Error",
        "Provider",
        "Verdicts",
        "judge_dir",
        "run_virtual",
    ];
    assert_eq!(names, exported);
    let page = text.lines().filter_map(|line| line.strip_prefix("//!"));
    let examples = page.filter(|line| line.trim_start().starts_with("```")).collect::<Vec<_>>();
    assert_eq!(examples, [" ```"; 6], "three examples, which all run");
}

#[test]
fn a_room_that_is_not_hidden_is_seen() {
    let text = "#[cfg(x)]\n#[doc(hidden)]\npub mod a;\n#[doc(hidden)]\n#[cfg(x)]\npub mod b;\n\
                #[cfg(x)]\npub mod c;\n\
                pub(crate) mod d;\npub use e::{F, G};\npub use h::I;\n";
    assert_eq!(documented(text), (vec!["c"], vec!["F", "G", "I"]));
}
