//! What a run leaves behind, and what can be done with it.

use crate::cli;

use cli::{EVIDENCE, Place};
use serde_json::Value;

fn verdict(summary: &Value, invariant: &str) -> Value {
    let rows = summary["verdicts"].as_array().expect("verdicts");
    rows.iter().find(|row| row["invariant"] == invariant).expect(invariant)["verdict"].clone()
}

#[test]
fn a_run_leaves_a_whole_directory_and_nothing_beside_it() {
    let place = Place::new();
    place.line("run small.toml --quiet").exits(0);
    let runs = place.names("reports");
    assert_eq!(runs.len(), 1, "no partial directory is left: {runs:?}");
    assert!(runs[0].starts_with("small-2") && runs[0].ends_with("Z-7"), "name, time and seed: {runs:?}");
    assert_eq!(place.names(&format!("reports/{}", runs[0])), EVIDENCE);
    assert_eq!(place.names("."), ["reports", "small.toml"]);
}

#[test]
fn check_comes_to_the_same_summary_to_the_letter() {
    let place = Place::new();
    let ran = place.line("run small.toml --format json --out run").exits(0);
    let stored = place.read("run/summary.json");
    assert_eq!(ran.out, stored);
    assert_eq!(place.line("check run --format json").exits(0).out, stored);
    assert_eq!(place.line("report run --format json").exits(0).out, stored);
    let text = place.line("check run").exits(0).out;
    assert_eq!(place.line("report run").exits(0).out, text);
    assert_eq!(place.names("run"), EVIDENCE, "judging writes nothing");
    assert_eq!(place.read("run/summary.json"), stored);
}

#[test]
fn evidence_answers_new_questions_without_new_load() {
    let place = Place::new();
    place.line("run small.toml --out run").exits(0);
    place.run(&["check", "run", "--set", "thresholds.response=[\"p(50) < 1ms\"]"]).exits(5);
    place.write("strict.toml", &format!("{}[thresholds]\nresponse = [\"p(50) < 1ms\"]\n", cli::SMALL));
    let missed = place.line("check run --thresholds strict.toml").exits(5);
    assert!(missed.out.contains("p(50) < 1ms"), "{}", missed.out);
    let price = "target.mock.price={input=\"2.00\",output=\"8.00\"}";
    let priced = place.run(&["check", "run", "--set", price, "--format", "json"]).exits(0).json();
    assert_eq!(priced["cost"].as_array().map(Vec::len), Some(1), "a price found later: {}", priced["cost"]);
    let wrong = place.line("check run --set fidelity.cpuu=1").exits(2);
    assert!(wrong.err.starts_with("error: ") && wrong.err.contains("`cpu`"), "{}", wrong.err);
    assert!(!wrong.err.contains("error: error:"), "{}", wrong.err);
}

/// What a run did is what its evidence says: no key that changes it may be set when the run is judged again.
#[test]
fn check_sets_thresholds_prices_and_budgets_and_refuses_every_other_key() {
    let place = Place::new();
    place.line("run small.toml --out run").exits(0);
    let schema: Value = serde_json::from_str(&deadheat::scenario::schema()).expect("JSON");
    let keys = schema["properties"].as_object().expect("keys").keys().map(String::as_str);
    let refused = keys.filter(|key| !["thresholds", "slo", "cost", "budget", "fidelity"].contains(key));
    let deeper = ["strategy.semaphore.permits", "declared.concurrency", "target.mock.model", "target.mock"];
    for key in refused.chain(deeper) {
        let ran = place.run(&["check", "run", "--set", &format!("{key}=9")]).exits(2);
        assert!(ran.err.contains(&format!("`{key}` says what the run did")), "{key}: {}", ran.err);
    }
    for set in ["slo.response=\"1ms\"", "budget.max_requests=1", "fidelity.cpu=0.5", "cost.currency=\"EUR\""]
    {
        let ran = place.run(&["check", "run", "--set", set]);
        assert!(!ran.err.contains("says what the run did"), "{set}: {}", ran.err);
    }
}

#[test]
fn evidence_is_never_overwritten() {
    let place = Place::new();
    place.line("run small.toml --out run").exits(0);
    let before = cli::contents(&place.path("run"));
    let ran = place.line("run small.toml --out run").exits(2);
    assert!(ran.err.contains("run already exists") && ran.err.contains("--out"), "{}", ran.err);
    assert_eq!(cli::contents(&place.path("run")), before);
    assert_eq!(place.names("."), ["run", "small.toml"]);
    // Without --out every run has a place of its own, however fast they follow each other.
    for _ in 0..3 {
        place.line("run small.toml").exits(0);
    }
    assert_eq!(place.names("reports").len(), 3);
}

#[test]
fn plan_toml_gives_the_same_run_again() {
    let place = Place::new();
    let first = place.line("run small.toml --seed 99 --set workload.jobs=7 --format json --out first");
    let again = place.line("run first/plan.toml --format json --out again").exits(0).json();
    let first = first.exits(0).json();
    assert_eq!(first["counters"][0]["jobs"], 7);
    for same in ["plan_hash", "seed", "name"] {
        assert_eq!(first[same], again[same], "{same}");
    }
    assert_eq!(first["counters"][0]["tokens"], again["counters"][0]["tokens"]);
    assert_eq!(place.read("first/plan.toml"), place.read("again/plan.toml"));
}

#[test]
fn torn_evidence_of_a_killed_run_is_never_judged_as_whole() {
    let place = Place::new();
    place.line("run small.toml --out run").exits(0);
    // What a run leaves that is killed when its load is over: nothing but the plan is bound by a digest.
    let manifest = place.read("run/manifest.json");
    let mut manifest: Value = serde_json::from_str(&manifest).expect("JSON");
    manifest["files"].as_object_mut().expect("files").retain(|name, _| name == "plan.toml");
    place.write("run/manifest.json", &manifest.to_string());
    let history = place.path("run/history.jsonl.zst");
    let whole = std::fs::read(&history).expect("history");
    std::fs::write(&history, &whole[..whole.len() / 2]).expect("torn");
    let ran = place.line("check run").exits(7);
    let summary = place.line("check run --format json").json();
    assert_eq!(summary["valid"]["holds"], false);
    let verdicts = summary["verdicts"].as_array().expect("verdicts");
    assert!(verdicts.iter().all(|row| row["verdict"] == "unknown"), "half a history decides nothing");
    assert!(ran.out.contains("not whole"), "{}", ran.out);
    std::fs::remove_file(&history).expect("removed");
    let gone = place.line("check run").exits(2);
    assert!(gone.err.contains("history.jsonl.zst"), "{}", gone.err);
}

/// Each way to pass off other evidence as a run's own is refused by each verb that reads runs.
#[test]
fn a_file_that_is_not_the_runs_own_is_refused_by_name() {
    let place = Place::new();
    let wide = "--set strategy.semaphore.permits=9 --set declared.concurrency=3";
    place.line(&format!("run small.toml {wide} --out run")).exits(6);
    place.line(&format!("run small.toml {wide} --out other")).exits(6);
    let plan = place.read("run/plan.toml").replace("concurrency = 3", "concurrency = 9");
    let claims = place.read("run/claims.jsonl");
    let header = claims.lines().next().expect("a header").to_owned() + "\n";
    let ledger = std::fs::read(place.path("other/ledger.jsonl.zst")).expect("a ledger");
    let summary = place.read("run/summary.json") + "\n";
    let cases = [
        ("plan.toml", plan.into_bytes(), "not the file that the run wrote"),
        ("claims.jsonl", header.into_bytes(), "not the file that the run wrote"),
        ("ledger.jsonl.zst", ledger, "belongs to run"),
        ("summary.json", summary.into_bytes(), "not the file that the run wrote"),
    ];
    for (file, text, says) in cases {
        let own = std::fs::read(place.path(&format!("run/{file}"))).expect("readable");
        assert_ne!(own, text, "{file}");
        std::fs::write(place.path(&format!("run/{file}")), text).expect("written");
        for verb in [
            "check run",
            "report run",
            "report run --format jsonl",
            "merge run other --out x",
            "compare other run",
        ] {
            let refused = place.line(verb).exits(2);
            assert!(refused.err.contains(&format!("run/{file}")), "{verb}, {file}: {}", refused.err);
            assert!(refused.err.contains(says), "{verb}, {file}: {}", refused.err);
        }
        std::fs::write(place.path(&format!("run/{file}")), own).expect("restored");
    }
    place.line("check run").exits(6);
}

/// Whether a run may write to its place is known before it makes any load.
#[cfg(unix)]
#[test]
fn a_place_that_another_run_writes_to_is_refused_before_the_load() {
    let place = Place::new();
    let other = deadheat::history::RunDir::create_at(&place.path("run")).expect("a place");
    for line in ["run small.toml --out run", "audit --out run -- true"] {
        let refused = place.line(line).exits(2);
        assert!(refused.err.contains("is being written in"), "{line}: {}", refused.err);
        assert!(refused.err.contains(".run.partial"), "{line}: {}", refused.err);
    }
    drop(other);
    assert_eq!(place.names("."), ["small.toml"]);
    std::os::unix::fs::symlink("nowhere", place.path("link")).expect("a link");
    let refused = place.line("run small.toml --out link").exits(2);
    assert!(refused.err.contains("link is a symbolic link"), "{}", refused.err);
}

#[cfg(unix)]
#[test]
fn a_full_disk_is_told_with_its_place_and_keeps_what_was_written() {
    let place = Place::new();
    // A limit on the size of files, in kilobytes, stands in for a full disk: it needs no privilege.
    let line = format!(
        "trap '' XFSZ; ulimit -f 8; exec {} run small.toml --set workload.jobs=3000 --out run",
        env!("CARGO_BIN_EXE_deadheat")
    );
    let output = std::process::Command::new("bash")
        .args(["-c", &line])
        .current_dir(place.dir.path())
        .output()
        .expect("it starts");
    let ran = cli::Ran::from(output).exits(1);
    assert!(ran.err.contains(".jsonl.zst") && ran.err.contains("stays in ./.run.partial"), "{}", ran.err);
    assert_eq!(ran.out, "", "no verdict without evidence");
    assert!(!place.path("run").exists());
    let kept = std::fs::metadata(place.path(".run.partial/history.jsonl.zst")).expect("kept").len();
    assert!(kept > 0, "what was written is there");
}

#[test]
fn a_place_that_cannot_be_written_is_told() {
    let place = Place::new();
    place.write("reports", "a file where the directory should be");
    let ran = place.line("run small.toml").exits(1);
    assert!(ran.err.contains("reports") && ran.err.contains("--out"), "{}", ran.err);
    place.line("run small.toml --out elsewhere").exits(0);
    let ran = place.line("run small.toml --out reports/run").exits(2);
    assert!(ran.err.contains("cannot create reports"), "{}", ran.err);
}

#[cfg(target_os = "linux")]
#[test]
fn a_read_only_directory_needs_a_place_by_name() {
    let place = Place::new();
    // No user, not even root, may make a directory in /sys.
    let run = |out: &[&str]| {
        let mut command = place.command(&["run"]);
        command.arg(place.path("small.toml")).args(out).current_dir("/sys");
        cli::Ran::from(command.output().expect("it starts"))
    };
    let ran = run(&[]).exits(1);
    assert!(ran.err.contains("cannot create reports") && ran.err.contains("--out"), "{}", ran.err);
    let out = place.path("run");
    run(&["--out", out.to_str().expect("UTF-8")]).exits(0);
    assert_eq!(place.names("run"), EVIDENCE);
}

#[test]
fn only_what_was_promised_is_judged() {
    let place = Place::new();
    let summary = place.line("run small.toml --format json").exits(0).json();
    assert_eq!(verdict(&summary, "in-flight-capped"), "holds", "a semaphore's permits are declared");
    let unbounded = "[strategy.unbounded]\n";
    place.write("free.toml", &cli::SMALL.replace("[strategy.semaphore]\npermits = 3\n", unbounded));
    let summary = place.line("run free.toml --format json").exits(0).json();
    assert_eq!(verdict(&summary, "in-flight-capped"), "unknown", "an unbounded client has promised nothing");
}

#[test]
fn a_second_run_into_one_place_is_refused_before_it_makes_load() {
    let place = Place::new();
    place.write(
        "slow.toml",
        &cli::SMALL.replace("ttft = { constant = \"10ms\" }", "ttft = { constant = \"1h\" }"),
    );
    let mut first = place.command(&["run", "slow.toml", "-q", "--out", "run"]).spawn().expect("it starts");
    cli::until("the first run", || place.path(".run.partial/history.jsonl.zst").exists());
    let second = place.line("run small.toml -q --out run").exits(2);
    assert!(second.err.contains("another run for run is being written in ./.run.partial"), "{}", second.err);
    first.kill().expect("it runs");
    first.wait().expect("it ends");
    // The claim of a run that was killed does not last.
    place.line("run small.toml -q --out run").exits(0);
}
