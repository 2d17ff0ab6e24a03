//! `deadheat compare`, `deadheat calibrate` and thresholds against a baseline, from the outside.

use crate::cli;

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
    cli::bind(&place.path(run), &place.path(run));
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

    place.line("run s.toml -q --out elsewhere").exits(0);
    doctored(&place, "elsewhere", "/interrupted", json!(true));
    let broken_off = place.line("compare base elsewhere").exits(2).err;
    assert!(broken_off.contains("NEW was interrupted"), "{broken_off}");
    // Another machine is another clock's business: virtual time is the same everywhere.
    doctored(&place, "elsewhere", "/interrupted", json!(false));
    doctored(&place, "elsewhere", "/host/cpus", json!(512));
    place.line("compare base elsewhere").exits(0);
    for run in ["base", "elsewhere"] {
        doctored(&place, run, "/clock", json!("real"));
    }
    let machine = place.line("compare base elsewhere").exits(2).err;
    assert!(machine.contains("the machine differs") && machine.contains("512 processors"), "{machine}");
}

/// One run against one shows nothing about error rates: flags that speak of them are refused, not ignored.
#[test]
fn flags_of_pairs_are_refused_with_stored_runs() {
    let place = place();
    for flag in ["--require-conclusive", "--alpha 1%"] {
        let refused = place.line(&format!("compare base new {flag}")).exits(2);
        assert!(refused.err.contains("--pairs"), "{}", refused.err);
    }
}

/// A plan names a card; what the card said that day is known to the run alone.
#[test]
fn runs_at_prices_of_another_day_are_refused() {
    let place = Place::new();
    let priced = "model = \"m\"\nprice = { card = \"openai/gpt-4.1\" }";
    place.write("s.toml", &small().replace("model = \"m\"", priced));
    place.line("run s.toml -q --out base").exits(0);
    place.line("run s.toml -q --out new").exits(0);
    place.line("compare base new").exits(0);
    place.line("run s.toml -q --baseline base --out held").exits(0);
    doctored(&place, "base", "/cost/0/card/checked_on", json!("2020-01-02"));
    doctored(&place, "base", "/cost/0/billed", json!("0.000001"));
    let refused = place.line("compare base new").exits(2).err;
    assert!(
        refused.contains("what the price of openai/gpt-4.1 rests on differs")
            && refused.contains("2020-01-02"),
        "{refused}"
    );
    let refused = place.line("run s.toml -q --baseline base --out again").exits(2).err;
    assert!(refused.contains("checked on 2020-01-02 in BASE"), "{refused}");
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
fn too_few_pairs_are_refused_and_leave_nothing() {
    let place = place();
    let refused = place.line("compare --base s.toml --new s.toml --pairs 4").exits(2);
    assert!(
        refused.err.contains("4 pairs can show nothing") && refused.err.contains("at least 5"),
        "{}",
        refused.err
    );
    // Not at another error rate either.
    let lax = "compare --base s.toml --new s.toml --pairs 3 --alpha 20% --measure ttft.p50";
    let lax = place.line(lax).exits(2).err;
    assert!(lax.contains("from fewer than five nothing is concluded"), "{lax}");
    let looks = "compare --base s.toml --new s.toml --pairs 9 --looks 3 --alpha 40% --measure ttft.p50";
    assert!(place.line(looks).exits(2).err.contains("3 pairs can show nothing"));
    assert!(!place.path("reports").exists());
    // How many values there are shows in the first pair, which is then taken away.
    let family = place.line("compare --base s.toml --new s.toml --pairs 5 -q --out five").exits(2);
    assert!(family.err.contains("at least 7 pairs, or name fewer values"), "{}", family.err);
    assert_eq!(place.names("."), ["s.toml", "small.toml"]);
    place.line("compare --base s.toml --new s.toml --pairs 5 -q --measure response.p50 --out one").exits(0);
    let again = place
        .line("compare --base s.toml --new s.toml --pairs 5 -q --measure response.p50 --out one")
        .exits(2);
    assert!(again.err.contains("whose result stands"), "{}", again.err);
}

#[test]
fn planned_looks_stop_early_and_spend_the_error_rate() {
    let place = place();
    let line = "compare --base s.toml --new s.toml --pairs 9 --looks 6,8 --measure response.p50 -q --format \
        json --out l";
    let looked = place.line(line).exits(0).json();
    assert_eq!(looked["pairs"].as_array().map(Vec::len), Some(6), "all was shown at the first look");
    assert_eq!((&looked["alpha"], &looked["looks"]), (&json!(0.05), &json!([6, 8, 9])));
    let line = "compare --base s.toml --new s.toml --pairs 7 --looks 6 --measure response.p50 -q --out t";
    let text = place.line(line).exits(0).out.replace("\n  ", " ");
    assert!(text.contains("at most 5.0% false alarms") && text.contains("each at 2.5%"), "{text}");
    assert!(text.contains("(error rates: 1 point)") && text.contains("one-sided, 97.5%"), "{text}");
    // Ten looks share 5 % as well: half a percent each needs eight pairs.
    let many =
        "compare --base s.toml --new s.toml --pairs 16 --looks 7,8,9,10,11,12,13,14,15 --measure ttft.p50";
    assert!(place.line(many).exits(2).err.contains("make at least 8"));
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
    // Without noise an effect of the floor is found, and no smaller one; six values together need seven
    // pairs.
    assert_eq!(calm["rows"][0]["detectable"][1], json!([6, null]));
    let least = calm["rows"][0]["detectable"][2][1].as_f64().expect("an effect");
    assert!((least - 0.05).abs() < 1e-9 && calm["rows"][0]["gated_from"] == 7, "{calm}");
    // All but one too noisy: one is left, and five pairs can judge that.
    let mut noisy = calm;
    for row in
        noisy["rows"].as_array_mut().expect("rows").iter_mut().filter(|row| row["measure"] != "error-rate")
    {
        row["deviation"] = json!(0.5);
    }
    place.write("noisy.json", &noisy.to_string());
    let line =
        "compare --base s.toml --new s.toml --pairs 5 -q --format json --calibration noisy.json --out c";
    let compared = place.line(line).exits(0).json();
    let ttft = row(&compared, "ttft.p50");
    assert_eq!(ttft["verdict"], "advisory");
    assert!(ttft["why"].as_str().expect("a reason").contains("too noisy on this machine"), "{ttft}");
    assert_eq!(row(&compared, "error-rate")["verdict"], "pass");
    // And where nothing is left, nothing was shown.
    let line = format!("{} --measure ttft.p50", line.replace("--out c", "--out d"));
    assert!(place.line(&line).exits(4).out.contains("none of the measured values could be judged"));
}

#[test]
fn a_calibration_says_which_measures_are_advisory_and_which_were_not_measured() {
    let place = place();
    let words =
        ["calibrate", "s.toml --set workload.jobs=60", "--pairs", "5", "--floor", "3%", "-q", "--out", "n"];
    let text = place.run(&words).exits(0).out;
    assert!(text.contains("gated") && text.contains("from 7 pairs"), "{text}");
    assert!(text.contains("response.p95: 60 samples a run, and 200 are needed"), "{text}");
    assert!(text.contains("not measured") && text.contains("twice the floor (6.0%"), "{text}");
}

/// What was found elsewhere, or of something else, allows nothing here.
#[test]
fn a_calibration_of_something_else_is_refused() {
    let place = place();
    let calm = place.line("calibrate s.toml --pairs 5 -q --format json --out noise").exits(0).json();
    let doctored = |pointer: &str, value: Value| {
        let mut other = calm.clone();
        *other.pointer_mut(pointer).expect("the value") = value;
        place.write("other.json", &other.to_string());
        let line = format!("compare --base s.toml --new s.toml {PAIRS} --calibration other.json --out o");
        place.line(&line).exits(2).out
    };
    assert!(doctored("/version", json!(99)).contains("it has version 99"));
    assert!(doctored("/host/os", json!("plan9")).contains("it was made on plan9"));
    assert!(doctored("/host/cpus", json!(512)).contains("512 processors"));
    assert!(doctored("/name", json!("other")).contains("it is of \\\"other\\\""));
    assert!(doctored("/plan_hash", json!("0")).contains("it is of another plan"));
    // An error rate in the file is not the one that is asked for.
    assert!(!place.path("o").exists());
    let line = "compare --base s.toml --new s.toml --seed 9 --pairs 7 -q --calibration \
        noise/calibration.json --out p";
    place.line(line).exits(0);
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
    doctored(&place, "base", "/valid", json!({ "holds": false, "why": ["it was slow"] }));
    let invalid = place.line("run s.toml -q --baseline base --out invalid").exits(2);
    assert!(invalid.err.contains("its own load was invalid: it was slow"), "{}", invalid.err);
    doctored(&place, "base", "/valid", json!({ "holds": true, "why": [] }));
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
