//! `deadheat merge`: parts of a run come to the run, in whatever order and grouping.
#![cfg(all(unix, not(loom)))]

mod cli;

use cli::{Place, SMALL};
use serde_json::{Value, json};
use std::io::Read;

fn lines(place: &Place, file: &str) -> Vec<Value> {
    let bytes = std::fs::read(place.path(file)).expect("readable");
    let mut text = String::new();
    zstd::Decoder::new(&bytes[..]).expect("zstd").read_to_string(&mut text).expect("whole");
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

fn write(place: &Place, file: &str, lines: &[Value]) {
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    std::fs::write(place.path(file), zstd::encode_all(text.as_bytes(), 1).expect("packed")).expect("written");
}

/// Which of three parts a line belongs to, by the number of its job.
fn part(job: &Value) -> usize {
    let job = job.as_str().expect("a job");
    job.rsplit(['.', ':']).next().and_then(|number| number.parse::<usize>().ok()).expect("a number") % 3
}

/// A file cut into three, each with header and end mark; `cut` says whose a line is, or what becomes of it in each part.
fn split(place: &Place, run: &str, name: &str, cut: impl Fn(&Value, usize) -> Option<Value>) {
    let all = lines(place, &format!("{run}/{name}"));
    let (header, end) = (&all[0], &all[all.len() - 1]);
    for number in 0..3 {
        let mut kept = vec![header.clone()];
        kept.extend(all[1..all.len() - 1].iter().filter_map(|line| cut(line, number)));
        let mut end = end.clone();
        end["end-of-file"]["lines"] = json!(kept.len() - 1);
        if number > 0 && end["end-of-file"].get("meta").is_some() {
            end["end-of-file"]["meta"]["threads"] = json!(0);
        }
        kept.push(end);
        write(place, &format!("part{number}/{name}"), &kept);
    }
}

/// A run of twenty jobs, and three parts of it as three machines would have made them.
fn parts() -> Place {
    let place = Place::new();
    let scenario = SMALL
        .replace("[profile.constant-vus]\nvus = 4", "[profile.shared-iterations]\nvus = 4\niterations = 21");
    place.write("s.toml", &scenario.replace("jobs = 20", "jobs = 21"));
    place.line("run s.toml -q --out whole").exits(0);
    for number in 0..3 {
        std::fs::create_dir(place.path(&format!("part{number}"))).expect("made");
        std::fs::copy(place.path("whole/plan.toml"), place.path(&format!("part{number}/plan.toml")))
            .expect("copied");
        let claims = place.read("whole/claims.jsonl");
        let mut claims: Vec<Value> =
            claims.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        for key in ["requests", "prompt_tokens", "completion_tokens", "total_tokens"] {
            let all = claims[1][key].as_u64().expect("a count");
            claims[1][key] = json!(if number == 0 { all - 2 * (all / 3) } else { all / 3 });
        }
        let text: String = claims.iter().map(|line| format!("{line}\n")).collect();
        place.write(&format!("part{number}/claims.jsonl"), &text);
    }
    split(&place, "whole", "history.jsonl.zst", |line, number| {
        if let Some(cell) = line.get("cell-end") {
            let mut cell = cell.clone();
            (cell["planned"], cell["issued"]) = (json!(7), json!(7));
            cell["cpu_ns"] = json!(if number == 0 { cell["cpu_ns"].clone() } else { json!(0) });
            return Some(json!({ "cell-end": cell }));
        }
        let job = &line.get("attempt").or_else(|| line.get("job")).expect("a row")["job"];
        (part(job) == number).then(|| line.clone())
    });
    split(&place, "whole", "ledger.jsonl.zst", |line, number| {
        (part(&line["job"]) == number).then(|| line.clone())
    });
    place
}

#[test]
fn parts_come_to_the_whole_in_any_order_and_grouping() {
    let place = parts();
    place.line("merge part0 part1 part2 --out abc").exits(0);
    place.line("merge part2 part0 part1 --out cab").exits(0);
    let merged: Value = serde_json::from_str(&place.read("abc/summary.json")).expect("JSON");
    let whole: Value = serde_json::from_str(&place.read("whole/summary.json")).expect("JSON");
    for key in ["counters", "metrics", "verdicts", "cost", "elapsed_ms", "plan_hash", "exit_code"] {
        assert_eq!(merged[key], whole[key], "{key}");
    }
    assert_eq!(place.read("cab/summary.json"), place.read("abc/summary.json"));
    // What is merged is evidence like any other.
    place.line("check abc").exits(0);
}

#[test]
fn what_is_no_part_of_one_run_is_refused_and_leaves_nothing() {
    let place = parts();
    let twice = place.line("merge part0 part0 part1 --out x").exits(2);
    assert!(twice.err.contains("they are no parts of one run"), "{}", twice.err);
    let lacking = place.line("merge part0 part2 --out x").exits(2);
    assert!(
        lacking.err.contains("the parts of mock/semaphore have 14 jobs, and the plan has 21"),
        "{}",
        lacking.err
    );
    place.line("run small.toml -q --out other").exits(0);
    assert!(place.line("merge part0 other --out x").exits(2).err.contains("another plan"));
    assert!(place.line("merge part0 nowhere --out x").exits(2).err.contains("nowhere"));
    assert!(!place.path("x").exists() && !place.path(".x.partial").exists());
    place.line("merge part0 --out x").exits(2);
}

/// Thresholds hold for the whole, whatever its parts would have come to.
#[test]
fn thresholds_are_judged_after_merging() {
    let place = parts();
    for number in 0..3 {
        let plan = place.read(&format!("part{number}/plan.toml"));
        place.write(
            &format!("part{number}/plan.toml"),
            &plan.replace("[thresholds]", "[thresholds]\nattempts = [\"count == 21\"]"),
        );
    }
    place.line("merge part0 part1 part2 --out all").exits(0);
}
