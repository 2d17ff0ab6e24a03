//! `deadheat compare`, `deadheat calibrate` and thresholds against a baseline, from the outside.
#![cfg(all(unix, not(loom)))]

mod cli;

use cli::{Place, SMALL};
use serde_json::{Value, json};

/// [`SMALL`] on the virtual clock: quick, and the same every time.
fn small() -> String {
    SMALL.replace("seed = 7", "seed = 7\nclock = \"virtual\"").replace("jobs = 20", "jobs = 200")
}

fn place() -> Place {
    let place = Place::new();
    place.write("s.toml", &small());
    place
}

/// Changes one value of a run's summary, as another program under test would have.
fn doctored(place: &Place, run: &str, pointer: &str, value: Value) {
    let path = format!("{run}/summary.json");
    let mut summary: Value = serde_json::from_str(&place.read(&path)).expect("JSON");
    *summary.pointer_mut(pointer).expect("the value") = value;
    place.write(&path, &summary.to_string());
}

const PAIRS: &str = "--pairs 7 --quiet --format json";

fn row<'a>(comparison: &'a Value, measure: &str) -> &'a Value {
    let rows = comparison["timed"].as_array().expect("rows");
    rows.iter().find(|row| row["measure"] == measure).expect("the measure")
}

#[test]
fn stored_runs_are_compared_value_by_value() {
    let place = place();
    place.line("run s.toml -q --out base").exits(0);
    place.line("run s.toml -q --out new").exits(0);
    let same = place.line("compare base new --format json").exits(0).json();
    let rows = same["exact"].as_array().expect("rows");
    assert!(rows.len() > 20 && rows.iter().all(|row| row["change"] == "same"), "{rows:?}");

    doctored(&place, "new", "/counters/0/attempts", json!(201));
    let worse = place.line("compare base new").exits(3);
    assert!(worse.out.contains("mock/semaphore: attempts went from 200 to 201"), "{}", worse.out);
    let better = place.line("compare new base").exits(0);
    assert!(better.out.contains("201 -> 200  better"), "{}", better.out);

    doctored(&place, "new", "/verdicts/0/verdict", json!("broken"));
    let broken = place.line("compare base new --format json").exits(6).json();
    assert!(broken["exit_reasons"][0].as_str().expect("text").contains("invariant billed-once went from"));
}

#[test]
fn what_cannot_be_compared_is_refused_with_every_reason() {
    let place = place();
    place.line("run s.toml -q --out base").exits(0);
    place.line("run s.toml -q --set workload.jobs=10 --out other").exits(0);
    let refused = place.line("compare base other").exits(2);
    assert!(refused.err.contains("the plan differs"), "{}", refused.err);
    place.line("run s.toml -q --seed 8 --out reseeded").exits(0);
    assert!(
        place.line("compare base reseeded").exits(2).err.contains("the seed differs: 7 in BASE, 8 in NEW")
    );
    assert!(place.line("compare base nowhere").exits(2).err.contains("nowhere"));
    doctored(&place, "other", "/clock", json!("real"));
    let both = place.line("compare base other").exits(2).err;
    assert!(both.contains("the plan differs") && both.contains("the clock differs"), "{both}");
    assert_eq!(place.line("compare base").exits(2).out, "");
}

/// Thresholds are no part of what is run.
#[test]
fn a_run_with_other_thresholds_is_comparable() {
    let place = place();
    place.write("t.toml", &(small() + "[thresholds]\nattempts = [\"count < 900\"]\n"));
    place.line("run s.toml -q --out base").exits(0);
    place.line("run t.toml -q --out new").exits(0);
    place.line("compare base new").exits(0);
}

#[test]
fn identical_arms_pass_and_a_slower_one_regresses() {
    let place = place();
    let same = place.line(&format!("compare --base s.toml --new s.toml {PAIRS} --out same")).exits(0).json();
    assert_eq!(row(&same, "response.p95")["verdict"], "pass");
    let exact = same["exact"].as_array().expect("rows");
    assert!(exact.iter().all(|row| row["change"] == "same"), "{exact:?}");
    assert_eq!((same["pairs"].as_array().map(Vec::len), same["planned"].as_u64()), (Some(7), Some(7)));
    let first = |pair: &Value| pair["first"] == "base";
    let pairs = same["pairs"].as_array().expect("pairs");
    assert!(pairs.iter().any(first) && !pairs.iter().all(first), "the order is drawn: {pairs:?}");

    let slower = [
        "compare",
        "--base",
        "s.toml",
        "--new",
        "s.toml --set target.mock.latency.ttft.constant=12ms",
        "--pairs",
        "7",
        "--quiet",
        "--format",
        "json",
        "--out",
        "slower",
    ];
    let slower = place.run(&slower).exits(3).json();
    let ttft = row(&slower, "ttft.p50");
    assert_eq!((&ttft["verdict"], &ttft["p"]), (&json!("regressed"), &json!(1.0 / 128.0)));
    assert!((0.15..0.25).contains(&ttft["effect"].as_f64().expect("an effect")), "{ttft}");
    let stored: Value = serde_json::from_str(&place.read("slower/comparison.json")).expect("JSON");
    assert_eq!(stored, slower);
}

#[test]
fn too_few_pairs_are_refused_before_they_cost_anything() {
    let place = place();
    let refused = place.line("compare --base s.toml --new s.toml --pairs 4").exits(2);
    assert!(
        refused.err.contains("4 pairs can show nothing") && refused.err.contains("at least 5"),
        "{}",
        refused.err
    );
    let family = place.line("compare --base s.toml --new s.toml --pairs 5 -q --out five").exits(2);
    assert!(family.err.contains("at least 7 pairs, or name fewer values"), "{}", family.err);
    place.line("compare --base s.toml --new s.toml --pairs 5 -q --measure response.p50 --out one").exits(0);
    let again = place
        .line("compare --base s.toml --new s.toml --pairs 5 -q --measure response.p50 --out one")
        .exits(2);
    assert!(again.err.contains("whose result stands"), "{}", again.err);
}

#[test]
fn planned_looks_stop_early_and_spend_the_error_rate() {
    let place = place();
    let line = "compare --base s.toml --new s.toml --pairs 12 --looks 8,10 --measure response.p50 -q --format json --out l";
    let looked = place.line(line).exits(0).json();
    assert_eq!(looked["pairs"].as_array().map(Vec::len), Some(8), "all was shown at the first look");
    assert!((looked["alpha"].as_f64().expect("alpha") - 0.0221).abs() < 1e-9);
}

#[test]
fn an_arm_may_be_a_command_and_an_invalid_run_voids_its_pair() {
    let place = place();
    let binary = env!("CARGO_BIN_EXE_deadheat");
    let run = format!("{binary} run s.toml --quiet --format json --seed $DEADHEAT_SEED --out $DEADHEAT_OUT");
    let bad = format!(
        "{run} | sed 's/\"holds\": true/\"holds\": false/; s/\"why\": \\[\\]/\"why\": [\"it was slow\"]/'"
    );
    let compared = |new: &str, out: &str| {
        let words = [
            "compare", "--base", "s.toml", "--new", new, "--pairs", "7", "--quiet", "--format", "json",
            "--out", out,
        ];
        place.run(&words)
    };
    compared(&run, "good").exits(0);
    let void = compared(&bad, "bad").exits(7).json();
    assert!(void["pairs"][0]["void"].as_str().expect("a reason").contains("new: it was slow"), "{void}");
    let mute = compared("true", "mute").exits(9);
    assert!(mute.out.contains("printed no summary"), "{}", mute.out);
    assert!(compared("nosuch.toml", "missing").exits(2).out.contains("nosuch.toml"));
}

#[test]
fn a_calibration_tells_what_can_be_found_and_what_is_too_noisy() {
    let place = place();
    let calm = place.line("calibrate s.toml --pairs 5 -q --format json --out noise").exits(0).json();
    assert_eq!(calm["rows"][0]["deviation"], 0.0);
    let text = place.read("noise/calibration.json").replace("\"deviation\": 0.0", "\"deviation\": 0.5");
    place.write("noisy.json", &text);
    let line = format!("compare --base s.toml --new s.toml {PAIRS} --calibration noisy.json --out c");
    let compared = place.line(&line).exits(0).json();
    let ttft = row(&compared, "ttft.p50");
    assert_eq!(ttft["verdict"], "advisory");
    assert!(ttft["why"].as_str().expect("a reason").contains("too noisy on this machine"), "{ttft}");
}

#[test]
fn thresholds_name_a_baseline() {
    let place = Place::new();
    place.write("s.toml", &(small() + "[thresholds]\nattempts = [\"count <= baseline + 2%\"]\n"));
    let without = place.line("run s.toml -q --out base").exits(5);
    assert!(without.out.contains("no baseline"), "{}", without.out);
    place.line("run s.toml -q --baseline base --out same").exits(0);
    // What it was held against lies beside the evidence, so it is judged the same again.
    place.line("check same").exits(0);
    doctored(&place, "base", "/counters/0/attempts", json!(190));
    let worse = place.line("run s.toml -q --baseline base --out worse").exits(3);
    assert!(worse.out.contains("the baseline has 190"), "{}", worse.out);
    place.line("check worse").exits(3);
    place.line("check same --baseline base").exits(3);
    let other = place.line("run s.toml -q --set workload.jobs=10 --baseline base --out other").exits(2);
    assert!(other.err.contains("is no baseline for this run") && other.err.contains("the plan differs"));
    place.write("w.toml", &(small() + "[thresholds]\nttft = [\"p(95) < baseline * 2\"]\n"));
    assert!(place.line("run w.toml -q").exits(2).err.contains("write baseline, baseline + 10%"));
}
