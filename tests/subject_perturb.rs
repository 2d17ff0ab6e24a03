//! Races between two requests: seen only where a program's own steps change places, and not in a mended program.
#![cfg(not(loom))]

#[path = "programs/mod.rs"]
mod programs;

use deadheat::explore::{Budget, Config, Replayed, explore, replay};
use deadheat::history::Invariant;
use deadheat::schedule::{Fallback, Perturb, Schedule};
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

fn total(settings: &mut deadheat::subject::Settings) {
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
    let config = Config::new(42, Budget::Schedules(20), 6);
    let config = Config { reproductions: 3, shrink_max: 12, stalls, alphabet, ..config };
    let tries = "    try: n = tokens_of(call(job[\"prompt\"]))\n    except Exception: return print(job[\"job\"], \"failed\")\n";
    let tries = ADDS.replace("    n = tokens_of(call(job[\"prompt\"]))\n", tries);
    let mut adds = python(&tries, 6, total);
    let config = Config { perturb: Some(Perturb::Python), ..config };
    let report = explore(&mut adds.subject, &config, &|| Duration::ZERO).expect("a hunt");
    let [finding] = report.findings.as_slice() else { panic!("{:#?}", report.findings) };
    assert_eq!((finding.invariant, finding.family.as_str()), (Invariant::TokensCounted, "perturb"));
    assert_eq!((finding.schedule.perturb, finding.without[0]), (Some(Perturb::Python), 0));
    assert!(finding.cause.contains("between bytecodes"), "{}", finding.cause);
    let again = replay(&mut adds.subject, finding, 5).expect("runs");
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
    let words = |settings: &mut deadheat::subject::Settings| {
        let folder = std::path::Path::new(&settings.command.words[1]).parent().expect("a folder");
        std::fs::write(folder.join("sitecustomize.py"), "MINE = 7\n").expect("a file");
        let shell = format!("PYTHONPATH=$PYTHONPATH:{} exec \"$0\" \"$@\"", folder.display());
        settings.command.words.splice(0..0, ["sh".to_owned(), "-c".to_owned(), shell]);
    };
    let mut program = python(body, 1, words);
    program.run(&perturbed(Perturb::Python, 2));
    assert_eq!((program.subject.seen().perturbed, program.subject.seen().last[0].trim()), ([1, 0], "mine 7"));
}

/// Counts behind a timer, and prints once it believes that all timers are over.
const LATE: &str = r#"
const { readFileSync } = require("node:fs");
const jobs = readFileSync(process.env.DEADHEAT_JOBS, "utf8").trim().split("\n").map(JSON.parse);
let total = 0;
const ask = async (job) => {
  const answer = await fetch(process.env.OPENAI_BASE_URL + "/chat/completions", {
    method: "POST", headers: { "content-type": "application/json" },
    body: JSON.stringify({ model: "m", messages: [{ role: "user", content: job.prompt }] }),
  });
  const { usage } = await answer.json();
  BOOK
};
(async () => {
  await Promise.all(jobs.map(ask));
  await new Promise((resolve) => setTimeout(resolve, 10));
  console.log("total:", total);
})();
"#;

#[test]
fn a_race_of_timers_in_node_shows_only_where_they_are_late() {
    let late = LATE.replace("BOOK", "setTimeout(() => { total += usage.total_tokens; }, 1);");
    let mut late = node(&late, 6, total);
    for schedule in [calm(), burst()] {
        assert_eq!(broken(&late.run(&schedule)), Vec::<&str>::new(), "{schedule:?}");
    }
    let shown =
        (0..8).filter(|seed| broken(&late.run(&perturbed(Perturb::Node, *seed))) == ["tokens-counted"]);
    assert!(shown.count() >= 1);
    assert_eq!(late.subject.seen().perturbed, [8, 0]);
    let mut mended = node(&LATE.replace("BOOK", "total += usage.total_tokens;"), 6, total);
    for seed in 0..6 {
        let trial = mended.run(&perturbed(Perturb::Node, seed));
        assert_eq!(broken(&trial), Vec::<&str>::new(), "seed {seed}: {:#?}", trial.verdicts);
    }
}
