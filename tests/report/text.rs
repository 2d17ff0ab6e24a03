//! The terminal report, from a summary by hand.

use crate::support;

use deadheat::report::{Context, render};
use deadheat::summary::*;
use std::collections::BTreeMap;
use std::path::Path;
use support::*;

const SAMPLE: &str = "tests/fixtures/report/sample.txt";

fn threshold(text: &str, passed: bool, seen: Option<&str>) -> ThresholdRow {
    ThresholdRow {
        threshold: text.into(),
        target: "mock".into(),
        strategy: "unbounded".into(),
        passed,
        void: false,
        against: None,
        observed: seen.map(Into::into),
        samples: 400,
        why: seen.is_none().then(|| "too few samples: 400, and 3000 are needed to tell".into()),
    }
}

fn cost(strategy: &str, client: &str) -> CostRow {
    CostRow {
        target: "mock".into(),
        strategy: strategy.into(),
        currency: "USD".into(),
        client: client.into(),
        billed: Some("0.644".into()),
        per_answered_job: Some("0.00064529".into()),
        ..CostRow::default()
    }
}

fn summary() -> Summary {
    let spread: Vec<u64> = (1..=400u64).map(|n| 80 * MS + n * n * 9_000).collect();
    let gaps: Vec<u64> = (1..=4000u64).map(|n| 19 * MS + n * 500).collect();
    let of = |strategy| {
        let mut rows = vec![
            metric(strategy, "lag", &histogram(&[200_000; 400])),
            metric(strategy, "ttft", &histogram(&spread)),
            metric(strategy, "itl", &histogram(&gaps)),
            metric(strategy, "response", &histogram(&spread)),
        ];
        rows[0].p99 = None;
        rows
    };
    let verdicts = ["unbounded", "semaphore"].into_iter().flat_map(|strategy| {
        Invariant::ALL.into_iter().map(move |invariant| {
            let became = match (invariant, strategy) {
                (Invariant::InFlightCapped, "unbounded") => Verdict::Broken,
                (Invariant::RetryAfterRespected, _) => Verdict::NotApplicable,
                (Invariant::Progress | Invariant::TokensCounted, "semaphore") => Verdict::Unknown,
                _ => Verdict::Holds,
            };
            verdict(strategy, invariant, became)
        })
    });
    Summary {
        version: SUMMARY_VERSION,
        deadheat: "0.1.0".into(),
        name: "unbounded storm".into(),
        seed: 42,
        plan_hash: "f00d".into(),
        clock: "real".into(),
        started_utc: "2026-11-22T23:28:33Z".into(),
        elapsed_ms: 8_420,
        exit_code: 6,
        exit_reasons: vec![
            "in-flight-capped is broken at mock/unbounded: 12 of 1117".into(),
            "threshold missed at mock/unbounded: ttft: p(99) < 1500ms, observed: 1.52s".into(),
        ],
        valid: Validity { holds: true, why: vec![] },
        interrupted: false,
        counters: vec![counter("unbounded"), counter("semaphore")],
        metrics: ["unbounded", "semaphore"].into_iter().flat_map(of).collect(),
        verdicts: verdicts.collect(),
        findings: vec![],
        explored: vec![],
        fidelity: fidelity(),
        cost: vec![cost("unbounded", "0.64"), cost("semaphore", "0.644")],
        budget: vec![],
        thresholds: vec![
            threshold("ttft: p(99) < 1500ms", false, Some("1.52s")),
            threshold("error_rate: rate < 20%", true, Some("10.47%")),
            threshold("itl: p(99.9) < 80ms", false, None),
        ],
        optimise: "goodput".into(),
        strategies: vec![],
        advice: None,
        host: Host {
            os: "linux".into(),
            arch: "x86_64".into(),
            cpus: 2,
            kernel: Some("6.8.0".into()),
            pacer: "timerfd".into(),
            threads: 2,
        },
    }
}

fn coloured(summary: &Summary) -> String {
    let hint = Some("Next: deadheat run scenarios/quickstart.toml");
    render(summary, &Context { dir: Path::new("reports/storm-20261122T232833Z-42"), hint })
}

fn text(summary: &Summary) -> String {
    anstream::adapter::strip_str(&coloured(summary)).to_string()
}

#[test]
fn the_sample_is_what_we_print() {
    let now = text(&summary());
    if std::env::var_os("REGENERATE").is_some() {
        std::fs::write(SAMPLE, &now).unwrap();
    }
    let kept = std::fs::read_to_string(SAMPLE).unwrap_or_default();
    assert_eq!(now, kept, "read the new report; if it is better: REGENERATE=1 cargo test --test report text");
}

#[test]
fn verdicts_stand_before_latency_and_the_hint_is_last() {
    let text = text(&summary());
    let at = |what: &str| text.find(what).unwrap_or_else(|| panic!("no {what:?} in\n{text}"));
    assert!(
        at("BROKEN") < at("Verdicts") && at("Verdicts") < at("Latency") && at("Latency") < at("Fidelity")
    );
    assert!(text.contains("512 attempts were in flight where 32 were declared"), "{text}");
    assert_eq!(text.lines().last(), Some("Next: deadheat run scenarios/quickstart.toml"));
}

#[test]
fn no_line_is_wider_than_a_hundred_columns() {
    let mut long = summary();
    long.exit_reasons.push("x".repeat(350));
    long.counters[0].target = "a-very-long-name-".repeat(9);
    long.counters[0].attempts = 12_345_678;
    (long.counters[0].jobs, long.counters[0].answered) = (9_999_999, 9_876_543);
    long.cost[1].billed = Some("123456.000000000001".into());
    long.valid = Validity { holds: false, why: vec!["many words ".repeat(60)] };
    let mut alone = long.clone();
    alone.counters.truncate(1);
    for line in text(&long).lines().chain(text(&alone).lines()) {
        assert!(line.chars().count() <= 100, "{} columns: {line}", line.chars().count());
    }
}

#[test]
fn too_few_samples_are_a_dash_and_never_a_number() {
    let text = text(&summary());
    let lag = text.lines().find(|line| line.trim_start().starts_with("lag ")).expect("a lag row");
    assert_eq!(lag.matches('—').count(), 2, "{lag}");
}

#[test]
fn foreign_text_cannot_move_the_cursor_or_colour_the_terminal() {
    const EVIL: &str = "\u{1b}[2J\u{1b}]0;owned\u{7}\r\n\u{202e}fdp\u{9b}31m";
    let mut hostile = summary();
    hostile.name.push_str(EVIL);
    hostile.started_utc.push_str(EVIL);
    hostile.exit_reasons.push(EVIL.into());
    hostile.valid = Validity { holds: false, why: vec![EVIL.into()] };
    hostile.host.kernel = Some(EVIL.into());
    for row in &mut hostile.counters {
        row.target = EVIL.into();
        row.errors = BTreeMap::from([(EVIL.into(), 3)]);
        row.not_issued = BTreeMap::from([(EVIL.into(), 3)]);
    }
    for row in &mut hostile.metrics {
        (row.target, row.metric, row.hdr) = (EVIL.into(), EVIL.into(), EVIL.into());
    }
    for row in &mut hostile.verdicts {
        row.target = EVIL.into();
        row.why = Some(EVIL.into());
        if let Some(witness) = &mut row.witness {
            witness.text = EVIL.into();
            witness.jobs = vec![EVIL.into()];
        }
    }
    for row in &mut hostile.cost {
        (row.currency, row.billed) = (EVIL.into(), Some(EVIL.into()));
    }
    for row in &mut hostile.thresholds {
        (row.threshold, row.observed) = (EVIL.into(), Some(EVIL.into()));
    }
    hostile.fidelity.errors[0].metric = EVIL.into();
    let ours = coloured(&hostile);
    assert!(ours.contains("\\u{1b}[2J"), "it is shown, not swallowed");
    for (at, _) in ours.match_indices('\u{1b}') {
        let tail = &ours[at + 1..];
        let end = tail.find('m').expect("an end of the escape");
        let body = tail[..end].strip_prefix('[').expect("a colour, and nothing else");
        assert!(body.bytes().all(|b| b.is_ascii_digit() || b == b';'), "only colours: {body:?}");
    }
    let other = |c: char| (c.is_control() && c != '\n' && c != '\u{1b}') || c == '\u{202e}';
    assert!(!ours.contains(other));
    assert!(!ours.contains("owned\n"), "no line of theirs");
}

#[test]
fn an_empty_summary_still_makes_a_report() {
    let mut empty = summary();
    empty.counters.clear();
    empty.metrics.clear();
    empty.verdicts.clear();
    empty.thresholds.clear();
    empty.cost.clear();
    empty.fidelity.errors.clear();
    empty.fidelity.cpu_busiest = f64::NAN;
    let text = text(&empty);
    assert!(text.contains("nothing was judged") && text.contains("no ledger"), "{text}");
}

fn strategy(name: &str, bug: Option<&str>, breaks: &[Invariant], rank: u32) -> StrategyRow {
    StrategyRow {
        strategy: name.into(),
        broken_on_purpose: bug.map(Into::into),
        processes: 1,
        breaks: breaks.to_vec(),
        rank: Some(rank),
        recommended: rank == 1,
        score: Some(99.0),
        goodput_per_s: 99.0 / f64::from(rank),
        response_p50_ms: Some(440.0),
        response_p99_ms: Some(1_490.0),
        in_flight_max: 1_135,
        attempts_per_job: Some(2.84),
        waste: Some(0.031),
        cost_per_good_job: Some("0.00064529 USD".into()),
        wrong_when: format!("wrong for others than {name}: {}", "here 2.8 attempts per job, ".repeat(5)),
    }
}

/// A run that compares two right strategies, one of which broke its word, and two twins.
pub(super) fn comparison() -> Summary {
    use Invariant::{BilledOnce, InFlightCapped, Progress, RequestsCounted};
    const BUG: &str = "counter read before the call and written after it";
    let mut several = summary();
    several.optimise = "goodput".into();
    several.advice = Some("best for goodput here: semaphore (99.0 good jobs/s)".into());
    several.strategies = vec![
        strategy("unbounded", None, &[InFlightCapped], 3),
        strategy("semaphore", None, &[], 1),
        strategy("broken-counter", Some(BUG), &[BilledOnce, InFlightCapped, Progress, RequestsCounted], 4),
        strategy("broken-no-idempotency-key", Some("retry without idempotency key"), &[], 2),
    ];
    for name in ["broken-counter", "broken-no-idempotency-key"] {
        several.counters.push(counter(name));
    }
    for invariant in [BilledOnce, InFlightCapped, Progress, RequestsCounted] {
        several.verdicts.push(verdict("broken-counter", invariant, Verdict::Broken));
    }
    several
}

#[test]
fn a_comparison_is_what_we_print() {
    let now = text(&comparison());
    let kept = "tests/fixtures/report/strategies.txt";
    if std::env::var_os("REGENERATE").is_some() {
        std::fs::write(kept, &now).unwrap();
    }
    let kept = std::fs::read_to_string(kept).unwrap_or_default();
    assert_eq!(now, kept, "read the new report; if it is better: REGENERATE=1 cargo test --test report text");
}

#[test]
fn a_matrix_names_every_broken_rule_and_twins_have_one_witness() {
    let text = text(&comparison());
    let (matrix, rest) = text.split_once("Verdicts").expect("both");
    for name in ["billed-once", "in-flight-capped", "progress", "requests-counted"] {
        assert!(matrix.contains(name), "{name} in {matrix}");
    }
    assert_eq!(matrix.matches("✗ broken on purpose").count(), 2, "{matrix}");
    let at = |what: &str| matrix.find(what).unwrap_or_else(|| panic!("no {what:?} in\n{matrix}"));
    assert!(at("1  semaphore") < at("3  unbounded") && at("3  unbounded") < at("4  broken-counter"));
    assert!(at("best for goodput here") < at("wrong for others than unbounded"));
    let witnesses = rest.matches("512 attempts were in flight where 32 were declared").count();
    assert_eq!(witnesses, 2, "one of unbounded, one of the twin: {rest}");
}

#[test]
fn many_cells_do_not_drown_the_report() {
    let mut many = comparison();
    for n in 0..80 {
        let name = format!("broken-{n}");
        many.counters.push(counter(&name));
        many.metrics.push(metric(&name, "response", &histogram(&[MS; 10])));
        many.verdicts.extend(Invariant::ALL.map(|invariant| verdict(&name, invariant, Verdict::Broken)));
        many.strategies.push(strategy(&name, Some("everything"), &Invariant::ALL[..2], 5 + n));
        many.exit_reasons.push("x".into());
    }
    let text = text(&many);
    let verdicts = text.split_once("Verdicts").expect("there").1.split_once("Cells").expect("there").0;
    // A line of up to thirteen figures for each twin, and its witness.
    assert!(verdicts.lines().count() < 80 * 9, "{} lines", verdicts.lines().count());
    assert!(!text.contains("min to max, log"), "distributions of 84 cells");
    assert!(text.contains("in 84 cells") && text.contains("summary.json"), "{text}");
}

#[test]
fn a_matrix_keeps_its_width_and_escapes_what_it_prints() {
    const EVIL: &str = "\u{1b}[2J\u{7}\r\n\u{202e}fdp";
    let mut hostile = comparison();
    hostile.optimise = EVIL.into();
    hostile.advice = Some(EVIL.into());
    for row in &mut hostile.strategies {
        row.strategy = format!("{EVIL}{}", "x".repeat(90));
        row.wrong_when = EVIL.into();
        row.broken_on_purpose = Some(EVIL.into());
        row.breaks = Invariant::ALL.to_vec();
        (row.goodput_per_s, row.in_flight_max) = (1e18, u64::MAX);
        (row.response_p99_ms, row.attempts_per_job, row.waste) = (Some(1e15), Some(1e12), Some(f64::NAN));
        row.rank = Some(u32::MAX);
    }
    let ours = coloured(&hostile);
    assert!(ours.contains("\\u{1b}[2J"), "it is shown, not swallowed");
    assert!(!ours.contains("\u{1b}[2J") && !ours.contains(['\u{7}', '\r', '\u{202e}']));
    for line in text(&hostile).lines().chain(text(&comparison()).lines()) {
        assert!(line.chars().count() <= 100, "{} columns: {line}", line.chars().count());
    }
}
