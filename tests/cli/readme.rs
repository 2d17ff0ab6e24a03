//! Every command that the README shows can be typed, and ends as the README says.

use crate::cli;

use cli::{Place, Ran};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::path::Path;

/// What is known of a command.
enum Known {
    /// It ends with this exit code. `run` is given a debug build's patience, and these words more.
    Ends(i32, &'static [&'static str]),
    /// It serves until it is stopped; its port may be taken here.
    Serves,
    /// Not run here, for this reason.
    Exempt(&'static str),
}

/// Commands by their first words; the longest that fits decides.
const TABLE: [(&str, Known); 26] = [
    ("./scripts/test", Known::Exempt("it is what runs this test")),
    ("cargo install --path .", Known::Exempt("it builds what is tested here, and writes to a user's home")),
    ("deadheat run scenarios/quickstart.toml", Known::Ends(0, &[])),
    ("deadheat run scenarios/unbounded.toml", Known::Ends(6, &[])),
    ("deadheat compare --base", Known::Ends(0, &["--measure", "response.p50", "--quiet"])),
    ("deadheat audit", Known::Exempt("tests/program/audit.rs audits programs of its own")),
    ("deadheat run scenarios/mixed-up.toml", Known::Ends(6, &[])),
    ("deadheat run scenarios/hunt.toml", Known::Exempt("tests/cli/hunt.rs hunts it")),
    ("deadheat run scenarios/strategies.toml", Known::Exempt("tests/redis/matrix.rs runs it")),
    ("deadheat run scenarios/article/1000-concurrent.toml", Known::Ends(0, &[])),
    ("deadheat run scenarios/article/100k-calls.toml", Known::Ends(0, &["--set", "workload.jobs=2000"])),
    ("deadheat run my.toml", Known::Ends(0, &[])),
    ("deadheat plan scenarios/", Known::Ends(0, &[])),
    ("deadheat check reports/", Known::Ends(0, &[])),
    ("deadheat report reports/", Known::Ends(0, &[])),
    ("deadheat run scenarios/providers.toml", Known::Exempt("tests/cli/cost.rs runs it")),
    ("deadheat run scenarios/article/prices.toml", Known::Exempt("tests/cli/cost.rs runs it")),
    ("deadheat cost prices --import", Known::Exempt("it reads a file that the reader has")),
    ("deadheat cost prices", Known::Ends(0, &[])),
    ("deadheat cost project RUN_DIR", Known::Exempt("it stands for a run of the reader's")),
    ("deadheat cost break-even", Known::Ends(0, &[])),
    ("deadheat report RUN_DIR", Known::Exempt("it stands for a run of the reader's")),
    ("deadheat init", Known::Ends(0, &[])),
    ("deadheat schema", Known::Ends(0, &[])),
    ("deadheat completions", Known::Ends(0, &[])),
    ("deadheat mock", Known::Serves),
];
const PATIENT: [&str; 6] =
    ["--set", "fidelity.ttft_error_p99=1m", "--set", "fidelity.lag_p99=1m", "--set", "fidelity.cpu=1.0"];
/// What talks to a server that the reader started: there is none here.
const FOREIGN: [&str; 2] = ["curl ", "export "];

fn readme() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    std::fs::read_to_string(path).expect("a README")
}

/// The commands in the fenced blocks of a shell, without prompts and comments.
fn commands(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut shell = None;
    for line in text.lines() {
        if let Some(language) = line.trim_start().strip_prefix("```") {
            shell = match shell {
                None => Some(matches!(language.trim(), "console" | "sh" | "bash" | "shell")),
                Some(_) => None,
            };
        } else if shell == Some(true) {
            let command = line.split(" #").next().unwrap_or("").trim();
            let command = command.strip_prefix("$ ").unwrap_or(command);
            if !command.is_empty() && !command.starts_with('#') {
                found.push(command.to_owned());
            }
        }
    }
    found
}

/// The command with the built binary's name in the place of cargo's.
fn as_installed(command: &str) -> String {
    match command.split_once(" -- ") {
        Some((cargo, rest)) if cargo.starts_with("cargo run") => format!("deadheat {rest}"),
        _ => command.to_owned(),
    }
}

fn known(command: &str) -> Option<&'static Known> {
    let fitting = TABLE.iter().filter(|(words, _)| command.starts_with(words));
    fitting.max_by_key(|(words, _)| words.len()).map(|(_, known)| known)
}

fn try_out(place: &Place, command: &str) {
    let installed = as_installed(command);
    match known(&installed) {
        None if FOREIGN.iter().any(|words| installed.starts_with(words)) => {}
        None => panic!("the README shows a command that this test does not know: {command}"),
        Some(Known::Exempt(reason)) => assert!(!reason.is_empty()),
        Some(Known::Serves) => {
            let words: Vec<&str> = installed.split_whitespace().skip(2).collect();
            let words: Vec<&str> =
                words.iter().map(|word| if *word == "8080" { "0" } else { word }).collect();
            let (mut mock, url) = cli::mock(place, &words);
            assert!(cli::get(&format!("{url}/models")).contains("200 OK"), "{command}");
            let pid = Pid::from_raw(i32::try_from(mock.0.id()).expect("fits"));
            kill(pid, Signal::SIGINT).expect("sent");
            assert_eq!(mock.0.wait().expect("ended").code(), Some(0), "{command}");
        }
        Some(Known::Ends(code, more)) => {
            let mut words: Vec<&str> = installed.split_whitespace().skip(1).collect();
            words.extend(*more);
            if words[0] == "run" {
                words.extend(PATIENT);
            }
            let Ran { code: seen, out, err } = place.run(&words);
            assert_eq!(seen, Some(*code), "{command}\n{out}\n{err}");
        }
    }
}

#[test]
fn every_command_of_the_readme_does_what_it_says() {
    let place = Place::new();
    let house = Path::new(env!("CARGO_MANIFEST_DIR"));
    std::os::unix::fs::symlink(house.join("scenarios"), place.path("scenarios")).expect("linked");
    let commands = commands(&readme());
    let ours = commands.iter().filter(|command| as_installed(command).starts_with("deadheat ")).count();
    assert!(ours >= 5, "the README shows how it is used: {commands:?}");
    for command in &commands {
        try_out(&place, command);
    }
}

#[test]
fn the_first_screen_holds_the_two_commands() {
    let first = commands(&readme());
    assert_eq!(as_installed(&first[0]), "deadheat run scenarios/quickstart.toml");
    assert_eq!(first[1], "./scripts/test");
}

#[test]
fn commands_are_found_and_unknown_ones_are_not_passed_over() {
    let text = "```toml\nno = 1\n```\n```console\n$ deadheat dance  # why not\n# only a remark\n\ncurl \
        x\n```\n deadheat run\n";
    assert_eq!(commands(text), ["deadheat dance", "curl x"]);
    assert!(known("deadheat dance").is_none());
    assert_eq!(as_installed("cargo run --release -- run x.toml"), "deadheat run x.toml");
    assert!(known("deadheat run some/other.toml").is_none());
}
