//! Says which suites `cargo test` leaves out, so that their absence is no silence.
#![allow(clippy::print_stderr, reason = "this program is its message")]

#[cfg(not(loom))]
fn main() {
    // A test runner asks for a list of tests: there are none.
    if std::env::args().any(|word| word == "--list") {
        return;
    }
    let manifest = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"));
    let manifest: toml::Table = manifest.expect("Cargo.toml").parse().expect("TOML");
    let suites = manifest["package"]["metadata"]["suites"].as_table().expect("a table of suites");
    for (name, needs) in suites {
        let needs = needs.as_str().expect("what it needs");
        eprintln!("`cargo test` leaves the suite {name} out. It needs {needs}: run scripts/test {name}");
    }
}

#[cfg(loom)]
fn main() {}
