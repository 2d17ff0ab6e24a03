//! `deadheat merge` of runs that made one block each (`only_block`).

use crate::cli;

use cli::{Place, SMALL};
use serde_json::Value;

/// Three runs in virtual time, each of one block, and one of all three.
fn blocks(profile: &str, jobs: &str) -> Place {
    let place = Place::new();
    let scenario = SMALL
        .replace("[profile.constant-vus]\nvus = 4", profile)
        .replace(
            "ttft = { constant = \"10ms\" }",
            "ttft = { lognormal = { p50 = \"10ms\", p99 = \"50ms\" } }",
        )
        .replace("jobs = 20", jobs)
        .replace("seed = 7", "seed = 7\nclock = \"virtual\"\nblocks = 3")
        .replace("[strategy.semaphore]", "[declared]\nconcurrency = 3\n[strategy.semaphore]");
    place.write("s.toml", &scenario);
    place.line("run s.toml -q --out whole").exits(0);
    for block in 1..=3 {
        place.line(&format!("run s.toml -q --set only_block={block} --out block{block}")).exits(0);
    }
    place
}

fn summary(place: &Place, run: &str) -> Value {
    serde_json::from_str(&place.read(&format!("{run}/summary.json"))).expect("JSON")
}

#[test]
fn blocks_come_to_the_run_of_all_blocks_in_any_grouping() {
    let place = blocks("[profile.shared-iterations]\nvus = 4\niterations = 20", "jobs = 20");
    place.line("merge block1 block2 block3 --out all").exits(0);
    let left = place.line("merge block2 block1 --out left").exits(4);
    assert!(left.err.contains("block 3 of 3 is missing"), "{}", left.err);
    place.line("merge left block3 --out left-first").exits(0);
    place.line("merge block3 block2 --out right").exits(4);
    place.line("merge block1 right --out right-first").exits(0);
    for other in ["left-first", "right-first"] {
        assert_eq!(place.read(&format!("{other}/summary.json")), place.read("all/summary.json"), "{other}");
    }
    let (all, whole) = (summary(&place, "all"), summary(&place, "whole"));
    for key in ["plan_hash", "metrics", "verdicts", "cost", "exit_code", "host"] {
        assert_eq!(all[key], whole[key], "{key}");
    }
    for key in ["planned", "jobs", "answered", "attempts", "chunks", "tokens", "elapsed_ms", "in_flight_max"]
    {
        assert_eq!(all["counters"][0][key], whole["counters"][0][key], "{key}");
    }
    assert_eq!(place.read("all/plan.toml"), place.read("whole/plan.toml"));
    place.line("check all").exits(0);
}

/// Where only time ends the load, no number of jobs tells whether a part is missing: the blocks do.
#[test]
fn a_load_that_time_ends_is_whole_with_its_blocks() {
    let place = blocks("[profile.constant-vus]\nvus = 4\nduration = \"1s\"", "");
    std::fs::rename(place.path("whole"), place.path("old")).expect("moved");
    place.line("merge block1 block3 --out x").exits(4);
    place.line("merge x block2 --out whole").exits(0);
    let refused = place.line("merge old whole --out y").exits(2);
    assert!(refused.err.contains("time ends the load of this plan"), "{}", refused.err);
    let mixed = place.line("merge old block1 --out y").exits(2);
    assert!(mixed.err.contains("block1 is block 1 alone, and old is of all blocks"), "{}", mixed.err);
    let twice = place.line("merge block1 block1 --out y").exits(2);
    assert!(twice.err.contains("are both block 1"), "{}", twice.err);
    assert!(!place.path("y").exists());
}
