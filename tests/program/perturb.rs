//! Races between two requests: seen only where a program's own steps change places, and not in a mended
//! program.

use crate::programs;

use deadheat::explore::{HuntBudget, HuntConfig, Replayed, explore, replay};
use deadheat::report::finding;
use deadheat::schedule::{Fallback, Perturb, Schedule};
use deadheat::summary::Invariant;
use programs::*;
use std::time::Duration;

/// Adds up with `+=`, which is two steps, and looks like one.
const ADDS: &str = r#"
total = 0
def work(job):
    global total
    n = tokens_of(call(job["prompt"]))
    total += n
each(work)
print("total:", total)
"#;

fn total(settings: &mut deadheat::program::Settings) {
    settings.patterns.total = regex::Regex::new(r"total: (\d+)").ok();
}

fn burst() -> Schedule {
    Schedule { fallback: Fallback::Burst, ..calm() }
}

fn perturbed(perturb: Perturb, seed: u64) -> Schedule {
    Schedule { seed, perturb: Some(perturb), ..burst() }
}

#[test]
fn a_thread_race_shows_only_where_threads_change_places_between_bytecodes() {
    let mut adds = python(ADDS, 8, total);
    for schedule in [calm(), burst(), Schedule { fallback: Fallback::Reverse, ..calm() }] {
        assert_eq!(broken(&adds.run(&schedule)), Vec::<&str>::new(), "{schedule:?}");
    }
    let shown =
        (0..8).filter(|seed| broken(&adds.run(&perturbed(Perturb::Python, *seed))) == ["tokens-counted"]);
    assert!(shown.count() >= 4);
    assert_eq!(adds.subject.seen().perturbed, [8, 0]);
    let locked = ADDS.replace("    total += n", "    with lock: total += n");
    let mut mended = python(&locked.replace("total = 0", "total, lock = 0, threading.Lock()"), 8, total);
    for seed in 0..6 {
        let trial = mended.run(&perturbed(Perturb::Python, seed));
        assert_eq!(broken(&trial), Vec::<&str>::new(), "seed {seed}: {:#?}", trial.verdicts);
    }
}

#[test]
fn a_hunt_comes_to_it_by_itself_and_its_finding_shows_it_again() {
    let (stalls, alphabet) = (vec![Duration::from_millis(100)], Vec::new());
    let config = HuntConfig::new(42, HuntBudget::Schedules(20), 6);
    let config = HuntConfig { reproductions: 3, shrink_max: 12, stalls, alphabet, ..config };
    let tries = "    try: n = tokens_of(call(job[\"prompt\"]))\n    except Exception: return \
        print(job[\"job\"], \"failed\")\n";
    let tries = ADDS.replace("    n = tokens_of(call(job[\"prompt\"]))\n", tries);
    let mut adds = python(&tries, 6, total);
    let config = HuntConfig { perturb: Some(Perturb::Python), ..config };
    let report = explore(&mut adds.subject, &config, &|| Duration::ZERO).expect("a hunt");
    let [found] = report.findings.as_slice() else { panic!("{:#?}", report.findings) };
    let finding = finding(found);
    assert_eq!((finding.invariant, finding.family.as_str()), (Invariant::TokensCounted, "perturb"));
    assert_eq!((finding.schedule.perturb, finding.without[0]), (Some(Perturb::Python), 0));
    assert!(finding.cause.contains("between bytecodes"), "{}", finding.cause);
    let again = replay(&mut adds.subject, &finding, 5).expect("runs");
    assert!(matches!(again, Replayed::Still { .. }), "{again:?}");
}

#[test]
fn a_sitecustomize_that_was_there_is_still_loaded() {
    let body = "import sitecustomize\ncall(jobs[0]['prompt'])\nprint('mine', sitecustomize.MINE)";
    let mut program = python(body, 1, |settings| {
        let folder = std::path::Path::new(&settings.command.words[1]).parent().expect("a folder");
        std::fs::write(folder.join("sitecustomize.py"), "MINE = 7\n").expect("a file");
        let path = format!("PYTHONPATH={}", folder.display());
        settings.command.words.splice(0..0, ["env".to_owned(), path]);
    });
    // `env` replaces PYTHONPATH: what is laid there is not found, and that is said.
    program.run(&perturbed(Perturb::Python, 2));
    assert_eq!((program.subject.seen().perturbed, program.subject.seen().last[0].trim()), ([1, 1], "mine 7"));
    let words = |settings: &mut deadheat::program::Settings| {
        let folder = std::path::Path::new(&settings.command.words[1]).parent().expect("a folder");
        std::fs::write(folder.join("sitecustomize.py"), "MINE = 7\n").expect("a file");
        let shell = format!("PYTHONPATH=$PYTHONPATH:{} exec \"$0\" \"$@\"", folder.display());
        settings.command.words.splice(0..0, ["sh".to_owned(), "-c".to_owned(), shell]);
    };
    let mut program = python(body, 1, words);
    program.run(&perturbed(Perturb::Python, 2));
    assert_eq!((program.subject.seen().perturbed, program.subject.seen().last[0].trim()), ([1, 0], "mine 7"));
}

/// Where nothing paused, that is told; what `-c` is given is the program's own code.
#[test]
fn only_a_run_that_paused_counts_as_perturbed() {
    let code = |settings: &mut deadheat::program::Settings| {
        total(settings);
        let text = std::fs::read_to_string(&settings.command.words[1]).expect("a program");
        settings.command.words = vec!["python3".to_owned(), "-c".to_owned(), text];
    };
    let mut adds = python(ADDS, 8, code);
    let shown =
        (0..8).filter(|seed| broken(&adds.run(&perturbed(Perturb::Python, *seed))) == ["tokens-counted"]);
    assert!(shown.count() >= 2);
    assert_eq!((adds.subject.seen().perturbed, adds.subject.seen().unpaused), ([8, 0], 0));
    let mut alone = python("for job in jobs: call(job['prompt'])", 2, |_| ());
    alone.run(&perturbed(Perturb::Python, 2));
    assert_eq!((alone.subject.seen().perturbed, alone.subject.seen().unpaused), ([1, 0], 1));
    let isolated = |settings: &mut deadheat::program::Settings| {
        settings.command.words.insert(1, "-I".to_owned());
    };
    let mut isolated = python("for job in jobs: call(job['prompt'])", 2, isolated);
    isolated.run(&perturbed(Perturb::Python, 2));
    assert_eq!((isolated.subject.seen().perturbed, isolated.subject.seen().unpaused), ([1, 1], 0));
}

/// Takes a place in the list when the headers are there, and fills it when the body is.
const PLACES: &str = r#"
const { readFileSync } = require("node:fs");
const jobs = readFileSync(process.env.DEADHEAT_JOBS, "utf8").trim().split("\n").map(JSON.parse);
const used = [];
const ask = async (job) => {
  const answer = await fetch(process.env.OPENAI_BASE_URL + "/chat/completions", {
    method: "POST", headers: { "content-type": "application/json" },
    body: JSON.stringify({ model: "m", messages: [{ role: "user", content: job.prompt }] }),
  });
  BOOK
};
(async () => {
  await Promise.all(jobs.map(ask));
  console.log("total:", used.reduce((sum, n) => sum + n, 0));
})();
"#;

#[test]
fn a_race_in_node_shows_where_bodies_are_late() {
    let racy =
        "const place = used.length; const { usage } = await answer.json(); used[place] = usage.total_tokens;";
    let mut racy = node(&PLACES.replace("BOOK", racy), 6, total);
    let shown =
        (0..8).filter(|seed| broken(&racy.run(&perturbed(Perturb::Node, *seed))) == ["tokens-counted"]);
    assert!(shown.count() >= 2);
    assert_eq!((racy.subject.seen().perturbed, racy.subject.seen().unpaused), ([8, 0], 0));
    let mended = "const { usage } = await answer.json(); used.push(usage.total_tokens);";
    let mut mended = node(&PLACES.replace("BOOK", mended), 6, total);
    for seed in 0..6 {
        let trial = mended.run(&perturbed(Perturb::Node, seed));
        assert_eq!(broken(&trial), Vec::<&str>::new(), "seed {seed}: {:#?}", trial.verdicts);
    }
}

/// What a script prints under `--perturb` with this seed, without a provider.
fn said(words: &[&str], script: &str, seed: u64) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let from = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/program/perturb").join(script);
    let laid = folder.path().join(script);
    std::fs::copy(from, &laid).expect("a script");
    let mut command = std::process::Command::new(words[0]);
    command.args(&words[1..]).env("DEADHEAT_PERTURB_SEED", seed.to_string());
    command.env("PYTHONPATH", folder.path()).env("NODE_OPTIONS", format!("--require \"{}\"", laid.display()));
    let ran = command.output().expect("an interpreter");
    assert!(folder.path().join("paused").exists(), "{words:?} {seed}: nothing paused");
    let errors = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert!(ran.status.success(), "{words:?} {seed}: {errors}");
    String::from_utf8_lossy(&ran.stdout).trim().to_owned()
}

#[test]
fn no_order_arises_that_node_forbids_and_planted_races_show() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/program/perturb/lawful.cjs");
    for seed in 0..12 {
        assert_eq!(said(&["node", script, "laws"], "node.cjs", seed), "[]", "seed {seed}");
    }
    let shown = (0..12).map(|seed| said(&["node", script, "races"], "node.cjs", seed)).collect::<String>();
    for race in ["a sum read", "a cache asked", "a place in a list", "a file read"] {
        assert!(shown.contains(race), "{race}: {shown}");
    }
}

/// Every Python from 3.7 on that is on the PATH and runs: up to 3.11 they are traced, from 3.12 on monitored.
fn pythons() -> Vec<String> {
    let names = (7..20).map(|minor| format!("python3.{minor}")).chain(["python3".to_owned()]);
    let path = std::env::var_os("PATH").expect("a PATH");
    let folders = std::env::split_paths(&path).collect::<Vec<_>>();
    let runs = |file: &String| {
        let asked = std::process::Command::new(file).args(["-c", "import threading"]).output();
        asked.is_ok_and(|ran| ran.status.success())
    };
    let first = |name: String| {
        folders.iter().map(|folder| folder.join(&name).display().to_string()).find(|file| runs(file))
    };
    names.filter_map(first).collect()
}

#[test]
fn no_order_arises_that_python_forbids_and_a_race_shows_in_each_version() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/program/perturb/lawful.py");
    let pythons = pythons();
    assert!(!pythons.is_empty());
    for python in pythons {
        for seed in 0..2 {
            assert_eq!(said(&[&python, script, "laws"], "sitecustomize.py", seed), "[]", "{python} {seed}");
        }
        let lost = (0..4)
            .filter(|seed| said(&[python.as_str(), script, "race"], "sitecustomize.py", *seed) == "lost");
        assert!(lost.count() >= 2, "{python}");
    }
}
