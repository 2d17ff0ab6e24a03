//! Which strategy breaks which rule: a run of the scenario must give what is expected here, and the matrix in
//! the README must say the same. Its figures are those of one machine and are not compared. To write it anew,
//! with the figures of a release build:
//!
//! ```console
//! REGENERATE=1 cargo test --release --test redis matrix::
//! ```

use crate::cli;

use cli::Place;
use deadheat::summary::{Invariant, StrategyRow, Summary};
use std::path::{Path, PathBuf};

const SCENARIO: &str = "scenarios/strategies.toml";
const BEGIN: &str = "<!-- matrix -->\n";
const END: &str = "<!-- /matrix -->\n";
/// What each strategy breaks, over all providers: a right one nothing, a twin what its bug must break and no
/// more.
const EXPECTED: [(&str, &[Invariant]); 28] = {
    use Invariant as I;
    [
        ("unbounded", &[]),
        ("semaphore", &[]),
        ("thread-pool", &[]),
        ("redis-lock", &[]),
        ("redis-counter", &[]),
        ("single-flight", &[]),
        ("token-bucket", &[]),
        ("adaptive", &[]),
        ("hedged", &[]),
        ("idempotent", &[]),
        ("budgeted", &[]),
        ("broken-counter", &[I::RequestsCounted, I::TokensCounted]),
        ("broken-totals", &[I::RequestsCounted, I::TokensCounted]),
        ("broken-result-order", &[I::EveryJobAnswered, I::AnswerMatchesJob, I::StatusHonest]),
        ("broken-abort-on-error", &[I::EveryJobAnswered, I::OneResultPerJob]),
        ("broken-retry-in-permit", &[I::Progress]),
        ("broken-no-backoff", &[I::RetriesSpread]),
        ("broken-no-jitter", &[I::RetriesSpread]),
        ("broken-ignores-retry-after", &[I::RetryAfterRespected]),
        ("broken-cache", &[I::BilledOnce]),
        ("broken-budget", &[I::BudgetKept]),
        ("broken-lock-unfenced", &[I::BilledOnce, I::LockExclusive, I::FencingMonotonic]),
        ("broken-lock-release", &[I::LockExclusive]),
        ("broken-lock-counter-only", &[I::BilledOnce]),
        ("broken-permit-leak", &[I::Progress]),
        ("broken-local-limit", &[I::InFlightCapped]),
        ("broken-local-counters", &[I::RequestsCounted, I::TokensCounted, I::ProcessesAgree]),
        ("broken-no-idempotency-key", &[I::BilledOnce]),
    ]
};

/// A debug build on a busy machine measures badly; only what was broken is asserted.
const PATIENT: [&str; 8] = [
    "--set",
    "fidelity.ttft_error_p99=1m",
    "--set",
    "fidelity.lag_p99=1m",
    "--set",
    "fidelity.cpu=1.0",
    "--set",
    "fidelity.achieved=0.0",
];

fn house(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn readme() -> String {
    std::fs::read_to_string(house("README.md")).expect("a README")
}

/// The README before, in and behind the matrix.
fn parts(readme: &str) -> (&str, &str, &str) {
    let (before, rest) = readme.split_once(BEGIN).expect("a place for the matrix");
    let (matrix, behind) = rest.split_once(END).expect("its end");
    (before, matrix, behind)
}

fn name(row: &StrategyRow) -> String {
    marked(&row.strategy, row.broken_on_purpose.is_some())
}

fn marked(strategy: &str, broken_on_purpose: bool) -> String {
    format!("`{strategy}`{}", if broken_on_purpose { " ✗" } else { "" })
}

/// [`EXPECTED`], as the first two columns have it.
fn expected() -> Vec<(String, String)> {
    let row = |(strategy, rules): &(&str, &[Invariant])| {
        (marked(strategy, strategy.starts_with("broken-")), names(rules))
    };
    let mut columns: Vec<(String, String)> = EXPECTED.iter().map(row).collect();
    columns.sort();
    columns
}

fn breaks(row: &StrategyRow) -> String {
    names(&row.breaks)
}

fn names(rules: &[Invariant]) -> String {
    let names: Vec<&str> = rules.iter().map(|invariant| invariant.name()).collect();
    if names.is_empty() { "—".to_owned() } else { names.join(", ") }
}

fn maybe(value: Option<f64>, show: impl Fn(f64) -> String) -> String {
    value.map_or_else(|| "—".to_owned(), show)
}

/// In the order of ranks, as the report has it.
fn table(summary: &Summary) -> String {
    let tail = summary.strategies.iter().any(|row| row.response_p99_ms.is_some());
    let times = if tail { "p99" } else { "p50" };
    let mut text = format!(
        "| strategy | breaks | good jobs/s | {times} | in flight ≤ | attempts/job | waste |\n\
         |---|---|--:|--:|--:|--:|--:|\n"
    );
    let mut rows: Vec<&StrategyRow> = summary.strategies.iter().collect();
    rows.sort_by_key(|row| row.rank.unwrap_or(u32::MAX));
    for row in rows {
        let time = if tail { row.response_p99_ms } else { row.response_p50_ms };
        text.push_str(&format!(
            "| {} | {} | {:.1} | {} | {} | {} | {} |\n",
            name(row),
            breaks(row),
            row.goodput_per_s,
            maybe(time, |ms| format!("{ms:.0} ms")),
            row.in_flight_max,
            maybe(row.attempts_per_job, |n| format!("{n:.2}")),
            maybe(row.waste, |share| format!("{:.1}%", share * 100.0)),
        ));
    }
    text
}

/// The first two columns, sorted: which strategy breaks what.
fn first_columns(table: &str) -> Vec<(String, String)> {
    let rows = table.lines().filter(|line| line.starts_with("| `"));
    let mut columns: Vec<(String, String)> = rows
        .map(|line| {
            let mut cells = line.split('|').skip(1).map(|cell| cell.trim().to_owned());
            (cells.next().expect("a strategy"), cells.next().expect("what it breaks"))
        })
        .collect();
    columns.sort();
    columns
}

#[test]
fn the_matrix_names_what_a_run_breaks() {
    let place = Place::new();
    let scenario = house(SCENARIO);
    let scenario = scenario.to_str().expect("UTF-8");
    let regenerate = std::env::var_os("REGENERATE").is_some();
    let mut words = vec!["run", scenario, "--quiet", "--format", "json", "--out", "run"];
    if !regenerate {
        words.extend(PATIENT);
    }
    let ran = place.run(&words);
    let summary: Summary = serde_json::from_str(&ran.out).unwrap_or_else(|why| panic!("{why}: {}", ran.err));
    let now = table(&summary);
    assert_eq!(first_columns(&now), expected(), "what is broken is not what must be");
    let text = readme();
    let (before, kept, behind) = parts(&text);
    if regenerate {
        assert!(ran.code == Some(6) && summary.valid.holds, "not a run to show: {:?}", summary.exit_reasons);
        std::fs::write(house("README.md"), format!("{before}{BEGIN}{now}{END}{behind}")).expect("written");
        return;
    }
    assert_eq!(
        first_columns(kept),
        expected(),
        "the README says something else: REGENERATE=1 cargo test --release --test redis matrix::"
    );
    for row in summary.strategies.iter().filter(|row| row.broken_on_purpose.is_none()) {
        assert!(!row.wrong_when.is_empty(), "{}", row.strategy);
    }
}

/// The same in virtual time: what is broken depends on no clock and no socket.
#[test]
fn virtual_time_gives_the_same_matrix() {
    let place = Place::new();
    let scenario = house(SCENARIO);
    let scenario = scenario.to_str().expect("UTF-8");
    let set = ["--set", "clock=virtual"];
    let ran =
        place.run(&[&["run", scenario, "--quiet", "--format", "json", "--out", "run"][..], &set].concat());
    let summary: Summary = serde_json::from_str(&ran.out).unwrap_or_else(|why| panic!("{why}: {}", ran.err));
    assert_eq!(summary.clock, "virtual");
    assert_eq!(first_columns(&table(&summary)), expected(), "what is broken is not what must be");
}

#[test]
fn another_matrix_is_seen() {
    let (_, kept, _) =
        parts("a <!-- matrix -->\n| `x` | — | 1 |\n| `a` ✗ | progress | 2 |\n<!-- /matrix -->\nb");
    let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    assert_eq!(first_columns(kept), [pair("`a` ✗", "progress"), pair("`x`", "—")]);
}
