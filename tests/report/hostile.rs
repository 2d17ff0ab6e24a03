//! Text from outside in every field of a result: no format prints a character that moves the cursor, colours
//! the terminal, or reorders or hides text.

use crate::summary::{explored, finding};
use crate::text::comparison;
use deadheat::report::{
    Context, Extras, Offered, compared, compared_json, compared_junit, compared_markdown, csv, error_json,
    focus_csv, hdr_log, hgrm, html, json as summary_json, junit, llmd_report, markdown, render, vllm_bench,
};
use deadheat::summary::*;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::path::Path;

const HOSTILE: &str = "\u{1b}[2J\u{1b}]0;owned\u{7}\r\u{9b}31m\u{202e}fdp\u{200b}\u{2066}x\u{feff}";

/// Paths of all texts, and of all maps, below a value.
fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    match value {
        Value::String(_) => found.push(at.to_owned()),
        Value::Array(list) => {
            (0..).zip(list).for_each(|(n, value): (usize, _)| places(value, &format!("{at}/{n}"), found));
        }
        Value::Object(map) => {
            found.push(at.to_owned());
            map.iter().for_each(|(key, value)| places(value, &format!("{at}/{key}"), found));
        }
        _ => {}
    }
}

/// The same with hostile text in every field, and in every map's key, that takes any text.
fn hostile<T: Serialize + DeserializeOwned>(of: &T) -> (T, usize) {
    let mut value = serde_json::to_value(of).expect("JSON");
    let (mut found, mut changed) = (Vec::new(), 0);
    places(&value, "", &mut found);
    for place in found {
        let mut trial = value.clone();
        match trial.pointer_mut(&place) {
            Some(Value::String(text)) => *text = format!("{HOSTILE}{text}{HOSTILE}"),
            Some(Value::Object(map)) => {
                let Some((_, some)) = map.iter().next() else { continue };
                let some = some.clone();
                map.insert(HOSTILE.to_owned(), some);
            }
            _ => continue,
        }
        if serde_json::from_value::<T>(trial.clone()).is_ok() {
            (value, changed) = (trial, changed + 1);
        }
    }
    (serde_json::from_value(value).expect("checked"), changed)
}

/// Everything but line feeds, and the colours of a text for the terminal, is refused.
fn check(format: &str, text: &str) {
    let text = if format == "text" { colourless(text) } else { text.replace("\r\n", "\n") };
    let bad = |c: char| {
        (c.is_control() && c != '\n')
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' |
                '\u{feff}')
    };
    if let Some(at) = text.find(bad) {
        let around: String =
            text[..at].chars().rev().take(80).collect::<Vec<_>>().into_iter().rev().collect();
        panic!(
            "{format} has {} after {around:?}",
            text[at..].chars().next().unwrap_or_default().escape_unicode()
        );
    }
}

/// Without our own colours, which are `ESC [ digits m`.
fn colourless(text: &str) -> String {
    let mut pieces = text.split("\u{1b}[");
    let mut out = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (colour, rest) = piece.split_once('m').expect("a colour");
        assert!(colour.bytes().all(|b| b.is_ascii_digit() || b == b';'), "{colour:?} is no colour");
        out.push_str(rest);
    }
    out
}

fn whole() -> Summary {
    let program = ProgramRow {
        command: vec!["python".into()],
        ends: [("exit 0".to_owned(), 3)].into(),
        warnings: vec!["a warning".into()],
        ..ProgramRow::default()
    };
    let stopped = Some("it was stopped".to_owned());
    let moment = json!([{ "at_ns": 1, "job": "job:0000", "attempt": 1, "what": "arrived", "text": "held" }]);
    let moments = serde_json::from_value(moment).expect("moments");
    Summary {
        findings: vec![FindingRow { moments, ..finding() }],
        explored: vec![ExploredRow { program: Some(program), stopped, ..explored() }],
        ..comparison()
    }
}

#[test]
fn no_format_of_a_run_prints_an_unsafe_character() {
    let (summary, changed) = hostile(&whole());
    assert!(changed > 100, "only {changed} fields");
    // An audit has a report of its own, and so has a load that was not valid.
    let mut audit = summary.clone();
    audit.explored[0].strategy = PROGRAM.into();
    let mut invalid = summary.clone();
    invalid.valid = Validity { holds: false, why: vec![HOSTILE.into()] };
    let mut one = summary.clone();
    one.counters.truncate(1);
    for summary in [&summary, &audit, &invalid, &one] {
        let dir = Path::new(HOSTILE);
        check("text", &render(summary, &Context { dir, hint: Some(HOSTILE) }));
        check("html", &html(summary, &Extras { dir, course: None, plan: Some(HOSTILE) }));
        check("markdown", &markdown(summary, dir));
        check("junit", &junit(summary).expect("XML"));
        check("csv", &csv(summary));
        check("focus-csv", &focus_csv(summary));
        check("hgrm", &hgrm(summary));
        check("hdr-log", &hdr_log(summary));
        check("json", &summary_json(summary).expect("JSON"));
        check("vllm-bench", &vllm_bench(summary, &Offered::default()));
        check("llmd-report", &llmd_report(summary));
    }
}

#[test]
fn no_format_of_a_comparison_prints_an_unsafe_character() {
    let timed = json!({
        "target": "mock", "strategy": "naive", "measure": "ttft.p50", "unit": "ms", "base": 100.0,
            "new": 112.5,
        "pairs": 8, "effect": 0.125, "lower": 0.1, "upper": null, "p": 0.01, "p_adjusted": 0.02,
        "detectable": 0.05, "verdict": "regressed", "why": "a reason",
    });
    let comparison = json!({
        "version": 1, "deadheat": "0.1.0", "base": "load.toml", "new": "load.toml",
        "order": "random", "seed": 11,
        "planned": 8, "pairs": [{ "number": 1, "first": "base", "void": "the load was invalid" }],
        "alpha": 0.05, "floor": 0.05,
        "exact": [{
            "target": "mock", "strategy": "naive", "what": "attempts", "base": "200", "new": "201",
                "change": "worse",
        }],
        "timed": [timed], "exit_code": 3, "exit_reasons": ["slower"], "notes": ["a note"],
        "host": { "os": "linux", "arch": "x86_64", "cpus": 2, "kernel": "6", "pacer": "timerfd",
            "threads": 1 },
    });
    let (comparison, changed) =
        hostile::<Compared>(&serde_json::from_value(comparison).expect("a comparison"));
    assert!(changed > 10, "only {changed} fields");
    check("text", &compared(&comparison));
    check("json", &compared_json(&comparison));
    check("json", &error_json(2, HOSTILE));
    check("markdown", &compared_markdown(&comparison));
    check("junit", &compared_junit(&comparison).expect("XML"));
}
