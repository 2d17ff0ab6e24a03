//! `action.yml`: its steps are run as the shell scripts that they are.

use crate::cli;
use crate::junit;

use cli::{Place, SMALL};
use std::path::Path;
use std::process::Command;

/// The shell steps of the action: name and script.
fn steps() -> Vec<(String, String)> {
    let text = include_str!("../../action.yml");
    let (_, steps) = text.split_once("  steps:\n").expect("steps");
    let steps = steps.split("    - name: ").skip(1).filter_map(|step| {
        let name = step.lines().next().expect("a name").to_owned();
        let (_, script) = step.split_once("      run: |\n")?;
        let script = script.lines().map(|line| line.strip_prefix("        ").expect("a line of the script"));
        Some((name, script.collect::<Vec<_>>().join("\n")))
    });
    steps.collect()
}

/// What a workflow that uses the action ends with.
struct Workflow {
    code: i32,
    said: String,
    summary: String,
    outputs: String,
}

fn read_if_there(path: &Path) -> Option<String> {
    std::fs::read_to_string(path).ok()
}

/// Runs the steps one after the other, as GitHub's runner does: `bash -e` with the step's variables.
fn workflow(place: &Place, scenario: &str, args: &str) -> Workflow {
    comparing(place, scenario, args, "")
}

/// The same, with the input `compare`.
fn comparing(place: &Place, scenario: &str, args: &str, compare: &str) -> Workflow {
    let binary = Path::new(env!("CARGO_BIN_EXE_deadheat")).parent().expect("a folder");
    let path = format!("{}:{}", binary.display(), std::env::var("PATH").expect("a path"));
    let mut done = Workflow { code: 0, said: String::new(), summary: String::new(), outputs: String::new() };
    for (_, script) in steps() {
        let code = done.outputs.lines().find_map(|line| line.strip_prefix("exit-code=")).unwrap_or_default();
        let output = Command::new("bash")
            .args(["--noprofile", "--norc", "-eo", "pipefail", "-c", &script])
            .current_dir(place.dir.path())
            .env("PATH", &path)
            .envs([("GITHUB_ACTIONS", "true"), ("GITHUB_ACTION_PATH", env!("CARGO_MANIFEST_DIR"))])
            .envs([("GITHUB_OUTPUT", "outputs"), ("GITHUB_STEP_SUMMARY", "job.md")])
            .envs([("SCENARIO", scenario), ("ARGS", args), ("OUT", "deadheat-run"), ("CODE", code)])
            .envs([("COMPARE", compare), ("PAIRS", "7")])
            .output()
            .expect("bash");
        done.code = output.status.code().expect("a code");
        done.said.push_str(&String::from_utf8_lossy(&output.stderr));
        let read = |name: &str| read_if_there(&place.path(name)).unwrap_or_default();
        (done.outputs, done.summary) = (read("outputs"), read("job.md"));
    }
    let cases = read_if_there(&place.path("deadheat-run/junit.xml"));
    assert_eq!(cases.is_none_or(|text| junit::valid(&text).failures == 0), [0, 2].contains(&done.code));
    done
}

#[test]
fn a_run_that_passes_leaves_its_report_and_a_summary() {
    let place = Place::new();
    let done = workflow(&place, "small.toml", "--quiet --seed 11");
    assert_eq!((done.code, done.outputs.as_str()), (0, "exit-code=0\n"), "{}", done.said);
    assert!(done.summary.starts_with("## ✅ PASS: small\n"), "{}", done.summary);
    assert!(done.summary.contains("seed 11"), "{}", done.summary);
    assert!(place.names("deadheat-run").contains(&"report.html".to_owned()));
}

#[test]
fn a_run_that_fails_fails_the_job_after_its_report_is_kept() {
    let place = Place::new();
    place.write("strict.toml", &format!("{SMALL}[thresholds]\nresponse = [\"p(50) < 1us\"]\n"));
    let done = workflow(&place, "strict.toml", "--quiet");
    assert_eq!((done.code, done.outputs.as_str()), (5, "exit-code=5\n"), "{}", done.said);
    assert!(
        done.summary.contains("❌ THRESHOLD MISSED") && done.summary.contains("p(50)"),
        "{}",
        done.summary
    );
    let names: Vec<String> = steps().into_iter().map(|(name, _)| name).collect();
    assert_eq!(
        names.last().map(String::as_str),
        Some("Pass or fail"),
        "nothing is kept after the job has failed"
    );
}

#[test]
fn a_fault_of_the_scenario_stands_beside_its_line() {
    let place = Place::new();
    place.write("wrong.toml", &SMALL.replace("jobs = 20", "jobbs = 20"));
    let done = workflow(&place, "wrong.toml", "");
    assert_eq!((done.code, done.summary.as_str()), (2, ""), "{}", done.said);
    let line = 1 + SMALL.lines().position(|line| line.contains("jobs = 20")).expect("the line");
    let begins = format!("::error file=wrong.toml,line={line},col=1,title=deadheat::");
    assert!(done.said.lines().any(|said| said.starts_with(&begins)), "{}", done.said);
}

#[test]
fn a_comparison_stands_on_the_job_s_page_and_fails_the_job_for_a_regression() {
    let virtual_time = SMALL.replace("seed = 7", "seed = 7\nclock = \"virtual\"");
    for (new, code, headline) in [
        ("s.toml", 0, "## ✅ PASS: NEW against BASE\n"),
        ("s.toml --set target.mock.latency.ttft.constant=12ms", 3, "## ❌ REGRESSION: NEW against BASE\n"),
    ] {
        let place = Place::new();
        place.write("s.toml", &virtual_time);
        let done = comparing(&place, new, "--quiet --measure response.p50", "s.toml");
        assert_eq!((done.code, done.outputs), (code, format!("exit-code={code}\n")), "{}", done.said);
        assert!(done.summary.starts_with(headline), "{}", done.summary);
        let kept = place.names("deadheat-run");
        assert!(
            ["comparison.json", "junit.xml"].iter().all(|file| kept.contains(&(*file).to_owned())),
            "{kept:?}"
        );
    }
}

/// Each input reaches a step, and each variable of a step stands for an input or an output.
#[test]
fn every_input_is_used() {
    let text = include_str!("../../action.yml");
    let (head, steps) = text.split_once("\nruns:\n").expect("steps");
    let inputs =
        head.split_once("\ninputs:\n").expect("inputs").1.split_once("\noutputs:\n").expect("outputs").0;
    let names = inputs.lines().filter_map(|line| line.strip_prefix("  ")?.strip_suffix(':'));
    let names: Vec<&str> = names.filter(|name| !name.starts_with(' ')).collect();
    assert_eq!(names, ["scenario", "args", "compare", "pairs", "out", "artifact"]);
    for name in names {
        assert!(steps.contains(&format!("${{{{ inputs.{name} }}}}")), "{name} is not used");
    }
}
