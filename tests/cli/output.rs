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

/// Text from outside, in all places from which `--format json` takes it: it is printed as escapes, and reads
/// back as it was.
#[test]
fn json_holds_no_character_that_a_terminal_obeys() {
    const FOREIGN: &str = "\u{9b}31m\u{7f}\u{202e}fdp\u{200b}\u{2066}x\u{feff}\u{e0041}";
    let place = Place::new();
    // TOML has it as an escape only.
    let in_toml = FOREIGN.replace('\u{7f}', "\\u007f");
    let (lost, file) = (format!("{FOREIGN}.toml"), format!("no-{FOREIGN}.toml"));
    place.write(&lost, &cli::SMALL.replace("jobs = 20", &format!("\"{in_toml}\" = 1\njobs = 20")));
    place.write("model.toml", &cli::SMALL.replace("model = \"m\"", &format!("model = \"{in_toml}\"")));
    place.line("run small.toml --set clock=virtual --out run").exits(0);
    let summary = place.read("run/summary.json");
    std::fs::create_dir(place.path("foreign")).expect("made");
    let mut summary: Value = serde_json::from_str(&summary).expect("JSON");
    summary["name"] = FOREIGN.into();
    place.write("foreign/summary.json", &summary.to_string());
    for (words, code, holds) in [
        (&["run", &lost][..], 2, true),
        (&["run", &file], 2, true),
        (&["plan", &lost], 2, true),
        (&["plan", &file], 2, true),
        (&["plan", "model.toml"], 0, false),
        (&["check", &file], 2, true),
        (&["report", "foreign"], 0, true),
        (&["report", &file], 2, true),
        (&["replay", &file], 2, true),
        (&["calibrate", &file, "--pairs", "5"], 2, true),
        (&["cost", "prices", FOREIGN], 2, true),
        (&["run", "model.toml", "--set", "clock=virtual", "--out", "made"], 0, false),
    ] {
        let ran = place.run(&[words, &["--format", "json"]].concat());
        assert_eq!(ran.code, Some(code), "{words:?}: {ran:?}");
        let obeyed =
            |c: &char| (c.is_control() && *c != '\n') || FOREIGN.chars().any(|f| f == *c && !f.is_ascii());
        let found = ran.out.chars().chain(ran.err.chars()).find(obeyed);
        assert_eq!(found.map(|c| c.escape_unicode().to_string()), None, "{words:?}: {ran:?}");
        assert!(!holds || ran.json().to_string().contains("\u{202e}fdp"), "{words:?}: {ran:?}");
    }
}
