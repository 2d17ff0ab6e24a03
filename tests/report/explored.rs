//! The report of a hunt: findings with their tables, and the clean pass.

use crate::summary;

use deadheat::report::{Context, render};
use deadheat::summary::*;
use std::path::Path;
use summary::*;

const SAMPLE: &str = "tests/fixtures/report/explored.txt";

fn coloured(summary: &Summary) -> String {
    render(summary, &Context { dir: Path::new("reports/hunt-42"), hint: None })
}

/// The part that speaks of the hunt.
fn text(summary: &Summary) -> String {
    let all = anstream::adapter::strip_str(&coloured(summary)).to_string();
    let from = all.find("Findings").unwrap_or(all.len());
    let to = all.find("Latency").unwrap_or(all.len());
    all.get(from..to).unwrap_or_default().trim_end().to_owned() + "\n"
}

fn hunted(findings: Vec<FindingRow>, explored: ExploredRow) -> Summary {
    Summary { findings, explored: vec![explored], ..judged() }
}

#[test]
fn the_sample_is_what_we_print() {
    let mut broken = explored();
    broken.clean_orders = None;
    broken.held.retain(|invariant| *invariant != Invariant::BilledOnce);
    broken.again = [("billed-once".to_owned(), 212)].into();
    let now = format!("{}\n{}", text(&hunted(vec![finding()], broken)), text(&hunted(vec![], explored())));
    if std::env::var_os("REGENERATE").is_some() {
        std::fs::write(SAMPLE, &now).unwrap();
    }
    let kept = std::fs::read_to_string(SAMPLE).unwrap_or_default();
    assert_eq!(now, kept, "read it; if it is better: REGENERATE=1 cargo test --test report explored");
}

#[test]
fn a_run_without_a_hunt_says_nothing_of_one() {
    assert_eq!(text(&judged()), "\n");
    let json = deadheat::report::json(&judged()).expect("JSON");
    assert!(json.contains("\"findings\": []") && !json.contains("explored"));
}

#[test]
fn a_clean_pass_says_its_bound_and_that_it_is_no_proof() {
    let clean = text(&hunted(vec![], explored()));
    let flat = clean.split_whitespace().collect::<Vec<_>>().join(" ");
    for said in [
        "all 44 pair (12 infeasible",
        "500 random",
        "a probability above 0.30% per schedule is excluded (95%, rule of three)",
        "late arrivals 1.5% of 200",
        "unknown: fencing-monotonic, retry-after-respected (nothing in any run that it speaks of)",
        "not in every calm run, so not part of any sweep: body:00ff#1",
        "no proof",
    ] {
        assert!(flat.contains(said), "no {said:?} in\n{clean}");
    }
    // A bound is for clean orders only.
    let broken = ExploredRow { clean_orders: None, ..explored() };
    assert!(!text(&hunted(vec![], broken)).contains("rule of three"));
    let few = ExploredRow { clean_orders: Some(2), ..explored() };
    assert!(!text(&hunted(vec![], few)).contains("rule of three"));
}

#[test]
fn what_is_true_of_every_cell_is_said_once() {
    let second = ExploredRow {
        strategy: "other".into(),
        not_covered: [vec!["82 more jobs".to_owned()], explored().not_covered].concat(),
        late: [0, 0],
        ..explored()
    };
    let third = ExploredRow { stopped: Some("it was stopped".into()), ..ExploredRow::default() };
    let all = text(&Summary { explored: vec![explored(), second, third], ..judged() });
    let flat = all.split_whitespace().collect::<Vec<_>>().join(" ");
    for (said, times) in [
        ("no proof", 1),
        ("unknown: fencing-monotonic", 1),
        ("what the client's threads do", 1),
        ("not covered: 82 more jobs", 1),
        ("late arrivals: could not be told", 1),
        ("not hunted: it was stopped", 1),
    ] {
        assert_eq!(flat.matches(said).count(), times, "{said}\n{all}");
    }
}

#[test]
fn no_line_is_wider_than_a_hundred_columns_and_no_foreign_text_gets_through() {
    const EVIL: &str = "\u{1b}[2J\u{1b}]0;owned\u{7}\r\n\u{202e}fdp";
    let mut row = explored();
    row.unstable = vec![EVIL.into(); 9];
    row.not_covered = vec![EVIL.into(), "many words ".repeat(40)];
    row.unknown = [("progress".into(), EVIL.into())].into();
    row.stopped = Some(EVIL.into());
    row.families[0].family = EVIL.into();
    let mut evil = finding();
    (evil.cause, evil.family, evil.replay) = (EVIL.repeat(9), EVIL.into(), EVIL.into());
    evil.table.push(EVIL.into());
    let ours = coloured(&hunted(vec![evil], row));
    let other = |c: char| (c.is_control() && c != '\n' && c != '\u{1b}') || c == '\u{202e}';
    assert!(!ours.contains(other) && !ours.contains("\u{1b}]"));
    for line in anstream::adapter::strip_str(&ours).to_string().lines() {
        assert!(line.chars().count() <= 100, "{} columns: {line}", line.chars().count());
    }
}

#[test]
fn what_a_hunt_found_survives_its_file() {
    let summary = hunted(vec![finding()], explored());
    let json = deadheat::report::json(&summary).expect("JSON");
    assert_eq!(serde_json::from_str::<Summary>(&json).expect("ours"), summary);
    let outline: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    let finding = &outline["findings"][0];
    assert_eq!(finding["reproduced"], serde_json::json!([5, 5]));
    assert_eq!(finding["without"], serde_json::json!([0, 5]));
    assert_eq!(finding["jobs"], serde_json::json!(["job:0000"]));
    for key in ["invariant", "cause", "schedule", "replay"] {
        assert!(finding[key].is_string(), "{key}");
    }
}
