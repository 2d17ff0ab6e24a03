//! What `deadheat compare` makes of pairs: what is exact in each, what cannot be judged, and which part of a
//! load a pair is.

use crate::cli;

use cli::{Place, Ran, SMALL, at_url};
use serde_json::Value;

const BINARY: &str = env!("CARGO_BIN_EXE_deadheat");

/// Jobs of random lengths at a price, so that no count is the same in two pairs.
fn priced(clock: &str, jobs: u64) -> Place {
    let place = Place::new();
    let scenario = SMALL
        .replace("seed = 7", &format!("seed = 7\nclock = \"{clock}\""))
        .replace("jobs = 20", &format!("jobs = {jobs}"))
        .replace("output_tokens = 5", "output_tokens = { uniform = [5, 50] }")
        .replace("model = \"m\"", "model = \"m\"\nprice = { input = \"2.00\", output = \"8.00\" }");
    place.write("s.toml", &scenario);
    place
}

/// Compares `s.toml` with itself under these flags.
fn compare(place: &Place, base: &str, new: &str, flags: &str) -> Ran {
    let mut words =
        vec!["compare", "--base", base, "--new", new, "--quiet", "--format", "json", "--out", "c"];
    words.extend(flags.split_whitespace());
    place.run(&words)
}

fn timed<'a>(comparison: &'a Value, measure: &str) -> &'a Value {
    let rows = comparison["timed"].as_array().expect("rows");
    rows.iter().find(|row| row["measure"] == measure).unwrap_or_else(|| panic!("no {measure}: {comparison}"))
}

fn exact<'a>(comparison: &'a Value, what: &str) -> &'a Value {
    let rows = comparison["exact"].as_array().expect("rows");
    rows.iter().find(|row| row["what"] == what).unwrap_or_else(|| panic!("no {what}: {comparison}"))
}

/// A command that runs the scenario as it is asked to, and changes what is printed.
fn doctored(sed: &str) -> String {
    format!(
        "{BINARY} run s.toml --quiet --format json --seed $DEADHEAT_SEED --out $DEADHEAT_OUT | sed '{sed}'"
    )
}

#[test]
fn by_the_virtual_clock_each_pair_is_exact_and_dearer_is_worse() {
    let place = priced("virtual", 100);
    let dearer = r#"s.toml --set 'target.mock.price.input="4.00"' --set 'target.mock.price.output="16.00"'"#;
    let dearer = compare(&place, "s.toml", dearer, "--pairs 5 --measure response.p50").exits(3).json();
    let cost = exact(&dearer, "cost");
    assert_eq!(cost["change"], "worse");
    assert!(cost["base"].as_str().expect("text").contains(" … "), "a range over the pairs: {cost}");
    assert_eq!(exact(&dearer, "attempts")["change"], "same");

    std::fs::remove_dir_all(place.path("c")).expect("removed");
    let slower = "s.toml --set target.mock.latency.ttft.constant=10100us";
    let slower = compare(&place, "s.toml", slower, "--pairs 5 --measure error-rate").exits(3).json();
    assert_eq!(exact(&slower, "ttft p50")["change"], "worse", "by a hundredth, and yet certainly");

    std::fs::remove_dir_all(place.path("c")).expect("removed");
    let same = compare(&place, "s.toml", "s.toml", "--pairs 5 --measure error-rate").exits(0).json();
    assert!(same["exact"].as_array().expect("rows").iter().all(|row| row["change"] == "same"), "{same}");
}

/// By a real clock a cost that varies from pair to pair is measured, and one of the usual measures.
#[test]
fn by_a_real_clock_dearer_is_a_regression_too() {
    let place = priced("real", 40);
    let dearer = r#"s.toml --set 'target.mock.price.output="16.00"'"#;
    let dearer = compare(&place, "s.toml", dearer, "--pairs 7").exits(3).json();
    let cost = timed(&dearer, "cost-per-job");
    assert_eq!((&cost["verdict"], &cost["unit"]), (&"regressed".into(), &"USD".into()));
    assert!(cost["effect"].as_f64().expect("an effect") > 0.5, "{cost}");
    assert_eq!(exact(&dearer, "cost")["change"], "differs");
    assert_eq!(timed(&dearer, "attempts-per-job")["verdict"], "pass");
    let named = |row: &Value| row["measure"] == "tokens-per-job";
    assert!(!dearer["timed"].as_array().expect("rows").iter().any(named), "its cost says it: {dearer}");

    let place = priced("real", 40);
    let plain = place.read("s.toml").replace("price = { input = \"2.00\", output = \"8.00\" }", "");
    place.write("s.toml", &plain);
    let longer = "s.toml --set workload.output_tokens.uniform=[20,60]";
    let longer = compare(&place, "s.toml", longer, "--pairs 7").exits(3).json();
    assert_eq!(timed(&longer, "tokens-per-job")["verdict"], "regressed");
}

#[test]
fn what_cannot_be_judged_is_no_pass() {
    let place = priced("virtual", 60);
    let whole = "s.toml --set workload.stream=false";
    let nothing = compare(&place, whole, whole, "--pairs 5 --measure itl.p50").exits(4).json();
    let itl = timed(&nothing, "itl.p50");
    assert_eq!((&itl["verdict"], &itl["why"]), (&"inconclusive".into(), &"no run has any of it".into()));

    let flags = "--pairs 5 --measure error-rate --measure response.p95";
    let few = |more: &str| {
        std::fs::remove_dir_all(place.path("c")).expect("removed");
        compare(&place, "s.toml", "s.toml", &format!("{flags} {more}"))
    };
    let open = few("").exits(0).json();
    assert_eq!(timed(&open, "response.p95")["verdict"], "inconclusive");
    let required = few("--require-conclusive").exits(8).json();
    let why = required["exit_reasons"][0].as_str().expect("text");
    assert!(why.contains("response.p95 is inconclusive: 60 samples a run, and 200 are needed"), "{why}");

    // What BASE has, and NEW has not any more, is missed.
    let line = [
        "compare",
        "--base",
        "s.toml",
        "--new",
        whole,
        "--pairs",
        "7",
        "-q",
        "--require-conclusive",
        "--out",
        "t",
    ];
    let text = place.run(&line).out;
    assert!(text.contains("ttft.p50: NEW has none of it in 7 of 7 pairs"), "{text}");
    assert!(text.contains("INCONCLUSIVE") && !text.contains("-0.00"), "{text}");
}

#[test]
fn a_measure_that_is_named_twice_is_judged_once() {
    let place = priced("virtual", 40);
    let flags = "--pairs 5 --measure error-rate --measure error-rate";
    let once = compare(&place, "s.toml", "s.toml", flags).exits(0).json();
    assert_eq!(once["timed"].as_array().map(Vec::len), Some(1));
}

/// One run, printed again and again, is one run; and runs by two clocks have nothing to say about each other.
#[test]
fn pairs_stand_on_one_ground() {
    let place = priced("virtual", 40);
    place.line("run s.toml -q --out base").exits(0);
    let stored = "cat base/summary.json";
    let refused = compare(&place, stored, stored, "--pairs 5 --measure error-rate").exits(9).out;
    assert!(refused.contains("printed a run of seed 7") && refused.contains("DEADHEAT_SEED"), "{refused}");

    let place = priced("virtual", 40);
    let ground = |sed: &str| {
        let refused = compare(&place, "s.toml", &doctored(sed), "--pairs 5 --measure error-rate").exits(2);
        assert_eq!(place.names("."), ["s.toml", "small.toml"], "nothing is left of it");
        refused.out
    };
    let clocks = ground(r#"s/"clock": "virtual"/"clock": "real"/"#);
    assert!(
        clocks.contains("the clock differs: virtual in BASE of pair 1, real in NEW of pair 1"),
        "{clocks}"
    );
    let cells = ground(r#"s/"strategy": "semaphore"/"strategy": "other"/"#);
    assert!(cells.contains("the arms have different cells"), "{cells}");
}

/// A slow generator falsifies times. What is broken stays broken.
#[test]
fn an_invalid_load_does_not_hide_a_broken_invariant() {
    let place = priced("virtual", 40);
    let bad = r#"s/"holds": true/"holds": false/; s/"why": \[\]/"why": ["it was slow"]/"#;
    let broken = format!(r#"{bad}; s/"verdict": "holds"/"verdict": "broken"/"#);
    let both =
        compare(&place, "s.toml", &doctored(&broken), "--pairs 5 --measure error-rate").exits(6).json();
    let why = both["exit_reasons"].as_array().expect("reasons");
    assert!(
        why.iter().any(|why| why.as_str().is_some_and(|why| why.contains("0 of 5 pairs count (5 void)")))
    );
    assert_eq!(exact(&both, "invariant billed-once")["change"], "worse");
    std::fs::remove_dir_all(place.path("c")).expect("removed");
    let slow = compare(&place, "s.toml", &doctored(bad), "--pairs 5 --measure error-rate").exits(7).json();
    let why = slow["exit_reasons"][0].as_str().expect("text");
    assert!(why.ends_with("a comparison needs 5"), "{why}");
}

/// An endpoint that no run starts anew is measured in short blocks, and those that only warm it up are left
/// out.
#[test]
fn pairs_at_an_endpoint_are_blocks_of_the_load() {
    let place = Place::new();
    let (_mock, url) = cli::mock(&place, &[]);
    let profile = "[profile.constant-arrival-rate]\nrate = 100\nduration = \"5s\"\nwarmup = \"1200ms\"\n";
    let scenario = SMALL.replace("[profile.constant-vus]\nvus = 4\n", profile).replace("jobs = 20\n", "");
    place.write("s.toml", &at_url(&scenario, &url).replace("api_key_env = \"DEADHEAT_TEST_KEY\"\n", ""));
    let line = "compare --base s.toml --new s.toml --pairs 5 --measure error-rate --out c";
    let made = place.line(line);
    assert!(matches!(made.code, Some(0 | 7)), "{} {}", made.out, made.err);
    for (pair, block) in [(1, 2), (2, 3), (3, 4), (4, 5), (5, 2)] {
        let told = format!("block {block} of 5 of the load");
        let line = made.err.lines().find(|line| line.contains(&format!("pair {pair} of 5")));
        assert!(line.is_some_and(|line| line.contains(&told)), "{}", made.err);
        for arm in ["base", "new"] {
            let run = format!("c/pair-{pair:02}-{arm}");
            let summary: Value =
                serde_json::from_str(&place.read(&format!("{run}/summary.json"))).expect("JSON");
            assert_eq!(summary["counters"][0]["planned"], 100, "{run}");
            let plan = place.read(&format!("{run}/plan.toml"));
            assert!(plan.contains("blocks = 5") && plan.contains(&format!("only_block = {block}")), "{plan}");
        }
    }
}

/// A provider that each run starts anew is measured whole.
#[test]
fn pairs_at_the_built_in_provider_are_whole_runs() {
    let place = priced("virtual", 600);
    let made =
        place.line("compare --base s.toml --new s.toml --pairs 5 --measure error-rate --out c").exits(0);
    assert!(made.err.contains("pair 5 of 5") && !made.err.contains("block"), "{}", made.err);
    let summary: Value = serde_json::from_str(&place.read("c/pair-01-new/summary.json")).expect("JSON");
    assert_eq!(summary["counters"][0]["planned"], 600);
}
