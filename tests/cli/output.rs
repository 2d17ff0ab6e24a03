//! What is printed where: JSON for programs, plain text into pipes, nothing when quiet.

use crate::cli;

use cli::{Place, Ran};
use serde_json::Value;
use std::io::Write;
use std::process::Stdio;

#[test]
fn every_answer_is_json_where_that_was_asked_for() {
    let place = Place::new();
    place.write("bad.toml", "version = 1\nnmae = \"x\"\n");
    place.line("run small.toml --out run").exits(0);
    for (line, code) in [
        ("run small.toml --format json", 0),
        ("run small.toml --format json --set declared.concurrency=1", 6),
        ("plan small.toml --format json", 0),
        ("check run --format json", 0),
        ("report run --format json", 0),
        ("schema", 0),
        ("schema summary", 0),
    ] {
        let ran = place.line(line).exits(code);
        assert!(ran.json().is_object(), "{line}");
        assert_eq!(ran.err, "", "{line}");
    }
}

#[test]
fn every_error_is_json_where_that_was_asked_for() {
    let place = Place::new();
    place.write("bad.toml", "version = 1\nnmae = \"x\"\n");
    place.write("dead.toml", &cli::elsewhere("http://127.0.0.1:1/v1"));
    place.write("reports", "in the way");
    for (line, code) in [
        ("run bad.toml --format json", 2),
        ("plan bad.toml --format json", 2),
        ("run none.toml --format json", 2),
        ("plan none.toml --format json", 2),
        ("check none --format json", 2),
        ("report none --format json", 2),
        ("check none --format json --set x", 2),
        ("run --format=json --bogus", 2),
        ("run dead.toml --format json", 9),
        ("run small.toml --format json", 1),
    ] {
        let ran = place.line(line).exits(code);
        let error = &ran.json()["error"];
        assert_eq!(error["exit_code"], code, "{line}: {}", ran.out);
        assert!(error["message"].as_str().is_some_and(|text| text.len() > 10), "{line}: {}", ran.out);
        assert_eq!(ran.err, "", "{line}");
    }
    let faults = place.line("run bad.toml --format json").json();
    let faults = faults["faults"].as_array().expect("faults");
    assert!(faults.iter().any(|fault| fault["line"] == 2 && fault["column"] == 1), "{faults:?}");
}

#[test]
fn a_pipe_gets_no_escape_codes() {
    let place = Place::new();
    for line in
        ["run small.toml", "run small.toml --set declared.concurrency=1", "plan small.toml", "run none"]
    {
        for no_color in [false, true] {
            let mut command = place.command(&line.split(' ').collect::<Vec<_>>());
            if no_color {
                command.env("NO_COLOR", "1");
            }
            let ran = Ran::from(command.output().expect("it starts"));
            assert!(!ran.out.contains('\u{1b}') && !ran.err.contains('\u{1b}'), "{line}: {ran:?}");
        }
    }
}

#[test]
fn quiet_says_nothing_beside_the_report() {
    let place = Place::new();
    let ran = place.line("run small.toml --quiet").exits(0);
    assert_eq!(ran.err, "");
    assert!(ran.out.contains("Verdicts"));
    let broken = place.line("run small.toml -q --set declared.concurrency=1").exits(6);
    assert_eq!(broken.err, "");
    let wrong = place.line("run none.toml --quiet").exits(2);
    assert!(wrong.err.contains("none.toml"), "quiet is no reason to hide an error");
}

#[test]
fn a_scenario_comes_from_standard_input_too() {
    let place = Place::new();
    for (verb, scenario, code) in [("plan", cli::SMALL, 0), ("run", cli::SMALL, 0), ("run", "version = 9", 2)]
    {
        let mut child = place
            .command(&[verb, "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        child.stdin.take().expect("piped").write_all(scenario.as_bytes()).expect("written");
        Ran::from(child.wait_with_output().expect("ended")).exits(code);
    }
}

#[test]
fn every_verb_explains_itself() {
    let place = Place::new();
    let help = place.line("--help").exits(0).out;
    for verb in ["run", "plan", "mock", "check", "report", "init", "schema", "completions"] {
        assert!(help.contains(&format!("  {verb}")), "{verb}: {help}");
        let own = place.line(&format!("{verb} --help")).exits(0);
        assert!(own.out.contains("Usage: deadheat") && own.err.is_empty(), "{verb}");
    }
    assert_eq!(place.line("--version").exits(0).out, format!("deadheat {}\n", env!("CARGO_PKG_VERSION")));
    // A script that is not empty and speaks of every verb.
    let script = place.line("completions bash").exits(0).out;
    assert!(script.contains("deadheat") && script.contains("check"), "{script}");
}

#[test]
fn init_writes_what_runs() {
    let place = Place::new();
    place.line("init my.toml").exits(0);
    let ran = place
        .line("run my.toml --quiet --format json --set fidelity.ttft_error_p99=1m --set fidelity.cpu=1.0");
    let summary: Value = ran.exits(0).json();
    assert_eq!(summary["counters"][0]["jobs"], 200);
}
