//! `deadheat merge`: parts of a run come to the run, in whatever order and grouping.

use crate::cli;
use crate::junit;
use crate::summary;

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

/// A file cut into three, each with header and end mark; `cut` says whose a line is, or what becomes of it in
/// each part.
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

/// What a share of a third of the jobs planned.
fn third(line: &Value, number: usize) -> Option<Value> {
    if let Some(cell) = line.get("cell-end") {
        let mut cell = cell.clone();
        (cell["planned"], cell["issued"]) = (json!(7), json!(7));
        cell["cpu_ns"] = json!(if number == 0 { cell["cpu_ns"].clone() } else { json!(0) });
        return Some(json!({ "cell-end": cell }));
    }
    let job = &line.get("attempt").or_else(|| line.get("job")).expect("a row")["job"];
    (part(job) == number).then(|| line.clone())
}

/// A run of 21 jobs with this in its scenario too, and three parts of it as three machines would have made
/// them.
fn parts_of(more: &str) -> Place {
    let place = Place::new();
    let scenario = SMALL
        .replace("[profile.constant-vus]\nvus = 4", "[profile.shared-iterations]\nvus = 4\niterations = 21");
    place.write("s.toml", &(scenario.replace("jobs = 20", "jobs = 21") + more));
    place.line("run s.toml -q --out whole").exits(0);
    for number in 0..3 {
        std::fs::create_dir(place.path(&format!("part{number}"))).expect("made");
        for name in ["plan.toml", "summary.json", "baseline.json"] {
            let from = place.path(&format!("whole/{name}"));
            if from.exists() {
                std::fs::copy(from, place.path(&format!("part{number}/{name}"))).expect("copied");
            }
        }
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
    split(&place, "whole", "history.jsonl.zst", third);
    split(&place, "whole", "ledger.jsonl.zst", |line, number| {
        (part(&line["job"]) == number).then(|| line.clone())
    });
    bind(&place);
    place
}

/// Binds the files of the parts anew, as if their runs had written them.
fn bind(place: &Place) {
    for number in 0..3 {
        cli::bind(&place.path(&format!("part{number}")), &place.path("whole"));
    }
}

fn parts() -> Place {
    parts_of("")
}

fn json_of(place: &Place, file: &str) -> Value {
    serde_json::from_str(&place.read(file)).expect("JSON")
}

/// Changes a JSON file.
fn change(place: &Place, file: &str, change: impl Fn(&mut Value)) {
    let mut value = json_of(place, file);
    change(&mut value);
    place.write(file, &value.to_string());
}

/// Changes the facts of a part's run.
fn change_meta(place: &Place, part: &str, change: impl Fn(&mut Value)) {
    let file = format!("{part}/history.jsonl.zst");
    let mut all = lines(place, &file);
    change(&mut all.last_mut().expect("an end")["end-of-file"]["meta"]);
    write(place, &file, &all);
    bind(place);
}

#[test]
fn parts_come_to_the_whole_in_any_order_and_grouping() {
    let place = parts();
    place.line("merge part0 part1 part2 --out all").exits(0);
    place.line("merge part2 part0 part1 --out other").exits(0);
    let unfinished = place.line("merge part0 part1 --out left").exits(4);
    assert!(
        unfinished.err.contains("the parts of mock/semaphore have 14 jobs, and the plan has 21"),
        "{}",
        unfinished.err
    );
    place.line("merge part2 part1 --out right").exits(4);
    place.line("merge left part2 --out left-first").exits(0);
    place.line("merge part0 right --out right-first").exits(0);
    let (merged, whole) = (json_of(&place, "all/summary.json"), json_of(&place, "whole/summary.json"));
    for key in ["counters", "metrics", "verdicts", "cost", "elapsed_ms", "plan_hash", "exit_code", "host"] {
        assert_eq!(merged[key], whole[key], "{key}");
    }
    for other in ["other", "left-first", "right-first"] {
        assert_eq!(place.read(&format!("{other}/summary.json")), place.read("all/summary.json"), "{other}");
        assert!(!place.path(&format!("{other}/parts")).exists());
    }
    // What is merged is evidence like any other, with the reports that any other has.
    place.line("check left-first").exits(0);
    assert_eq!(junit::valid(&place.read("all/junit.xml")).failures, 0);
    assert!(place.path("all/report.html").exists());
}

#[test]
fn a_part_that_is_missing_is_no_pass_and_what_is_there_is_not_judged() {
    let place = parts();
    place.line("merge part0 part1 --out left").exits(4);
    assert_eq!(place.names("left"), ["manifest.json", "parts"], "nothing that could be taken for a run");
    for verb in ["check", "report"] {
        let refused = place.line(&format!("{verb} left")).exits(2);
        assert!(refused.err.contains("deadheat merge"), "{}", refused.err);
    }
    let twice = place.line("merge left part1 --out x").exits(2);
    assert!(twice.err.contains("they are no parts of one run"), "{}", twice.err);
    place.line("merge left part2 --out all").exits(0);
    assert!(place.line("merge all part0 --out x").exits(2).err.contains("have 28 jobs"));
    assert!(!place.path("x").exists() && !place.path(".x.partial").exists());
}

#[test]
fn what_is_no_part_of_one_run_is_refused_and_leaves_nothing() {
    let place = parts();
    let twice = place.line("merge part0 part0 part1 --out x").exits(2);
    assert!(twice.err.contains("they are no parts of one run"), "{}", twice.err);
    place.line("run small.toml -q --out other").exits(0);
    assert!(place.line("merge part0 other --out x").exits(2).err.contains("another plan"));
    assert!(place.line("merge part0 nowhere --out x").exits(2).err.contains("nowhere"));
    assert!(!place.path("x").exists() && !place.path(".x.partial").exists());
    place.line("merge part0 --out x").exits(2);
}

/// Thresholds hold for the whole, whatever its parts would have come to; and which, does not hang on an
/// order.
#[test]
fn thresholds_are_judged_after_merging_and_are_the_same_everywhere() {
    let place = parts();
    let ask = |number: usize, count: usize| {
        let plan = place.read("whole/plan.toml");
        let asked = format!("[thresholds]\nattempts = [\"count == {count}\"]");
        place.write(&format!("part{number}/plan.toml"), &plan.replace("[thresholds]", &asked));
        bind(&place);
    };
    (0..3).for_each(|number| ask(number, 21));
    place.line("merge part0 part1 part2 --out all").exits(0);
    ask(0, 5);
    for order in ["part0 part1 part2", "part1 part0 part2", "part1 part0"] {
        let refused = place.line(&format!("merge {order} --out x")).exits(2);
        assert!(refused.err.contains("other thresholds than"), "{order}: {}", refused.err);
    }
}

#[test]
fn a_cell_that_no_part_has_is_missing() {
    let place = parts_of("[strategy.unbounded]\n");
    for number in 0..3 {
        let file = format!("part{number}/history.jsonl.zst");
        let mut all = lines(&place, &file);
        all.retain(|line| line["cell-end"]["cell"] != 1);
        let kept = all.len() - 2;
        all.last_mut().expect("an end")["end-of-file"]["lines"] = json!(kept);
        write(&place, &file, &all);
    }
    bind(&place);
    let refused = place.line("merge part0 part1 part2 --out x").exits(4);
    assert!(
        refused.err.contains("the parts of mock/unbounded have 0 jobs, and the plan has 21"),
        "{}",
        refused.err
    );
}

#[test]
fn shares_of_one_load_were_made_at_the_same_time() {
    let place = parts();
    change_meta(&place, "part1", |meta| {
        meta["started_utc_s"] = json!(meta["started_utc_s"].as_u64().expect("seconds") + 3_600);
    });
    let refused = place.line("merge part1 part0 part2 --out x").exits(2);
    assert!(refused.err.contains("part1 began 3600 s after part0"), "{}", refused.err);
}

#[test]
fn the_machine_the_baseline_and_the_findings_are_those_of_the_parts() {
    let place = parts();
    let finding = serde_json::to_value(summary::finding()).expect("JSON");
    for number in 0..3 {
        change(&place, &format!("part{number}/summary.json"), |summary| {
            (summary["host"]["os"], summary["host"]["cpus"]) = (json!("plan9"), json!(512 + number));
            if number > 0 {
                summary["findings"] = json!([finding]);
            }
        });
    }
    bind(&place);
    place.line("merge part0 part1 part2 --out all").exits(6);
    let all = json_of(&place, "all/summary.json");
    assert_eq!((&all["host"]["os"], &all["host"]["cpus"]), (&json!("plan9"), &json!(514)));
    assert_eq!(all["findings"], json!([finding]), "found twice, told once");
    place.line("check all").exits(6);

    std::fs::copy(place.path("whole/summary.json"), place.path("part0/baseline.json")).expect("copied");
    bind(&place);
    let refused = place.line("merge part0 part1 part2 --out x").exits(2);
    assert!(refused.err.contains("another baseline"), "{}", refused.err);
    for number in 1..3 {
        let to = place.path(&format!("part{number}/baseline.json"));
        std::fs::copy(place.path("whole/summary.json"), to).expect("copied");
    }
    bind(&place);
    place.line("merge part0 part1 part2 --out held").exits(6);
    assert_eq!(place.read("held/baseline.json"), place.read("whole/summary.json"));
}
