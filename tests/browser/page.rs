//! `report.html`, where it is looked at closely: every column sorts, paper shows what the screen shows, lines
//! can be told apart without colours, commands can be pasted, and a page has an end however large the run
//! was.

use crate::browser;
use crate::summary;

use browser::Browser;
use deadheat::report::{Extras, html};
use deadheat::summary::{CellCourse, Course, Summary, ThresholdRow};
use serde_json::{Value, json};
use std::path::Path;

fn sample() -> Summary {
    serde_json::from_str(include_str!("../../reports/sample/summary.json")).expect("the sample")
}

/// The sample at several targets, whose bills are none of them in the order of their letters.
fn targets(bills: &[&str]) -> Summary {
    let mut summary = sample();
    let (counter, cost, metrics) =
        (summary.counters.remove(0), summary.cost.remove(0), summary.metrics.clone());
    let verdicts = summary.verdicts.clone();
    (summary.counters, summary.cost, summary.metrics, summary.verdicts) = (vec![], vec![], vec![], vec![]);
    let strategy = summary.strategies.remove(0);
    for (n, bill) in (0..).zip(bills) {
        let target = format!("target-{n}");
        let mut row = counter.clone();
        (row.target, row.attempts, row.answered) = (target.clone(), 900 + n * 300, 7 + n * 90);
        summary.counters.push(row);
        let mut row = cost.clone();
        (row.target, row.billed, row.client) = (target.clone(), Some((*bill).to_owned()), format!("{bill}5"));
        (row.per_good_job, row.per_answered_job) = (Some((*bill).to_owned()), Some((*bill).to_owned()));
        (row.per_mtok, row.disagreeing) = (Some((*bill).to_owned()), 0);
        summary.cost.push(row);
        for row in &metrics {
            let mut row = row.clone();
            (row.p50, row.target) = (row.p50.map(|p50| p50 * 0.5 * (n + 1) as f64), target.clone());
            summary.metrics.push(row);
        }
        for row in &verdicts {
            let mut row = row.clone();
            row.target = target.clone();
            summary.verdicts.push(row);
        }
        let mut row = strategy.clone();
        row.strategy = format!("strategy-{n}");
        row.cost_per_good_job = Some(format!("{bill} USD"));
        summary.strategies.push(row);
        summary.thresholds.extend(["9ms", "1.2s", "730us", "12.00%"].map(|observed| ThresholdRow {
            threshold: "ttft p(95) <= baseline + 10%".to_owned(),
            target: target.clone(),
            strategy: "unbounded".to_owned(),
            passed: n == 0,
            void: false,
            observed: Some(observed.to_owned()),
            against: Some("200ms, so the bound is 220ms".to_owned()),
            samples: n,
            why: None,
        }));
    }
    summary
}

fn course(cells: &Summary) -> Course {
    let cell = |n: usize| CellCourse {
        target: cells.counters[n].target.clone(),
        strategy: "unbounded".to_owned(),
        due: vec![5; 30],
        begun: vec![5; 30],
        answered: (0..30).map(|step| step % 7 + n as u64).collect(),
        in_flight: vec![3; 30],
        ttft_p50_ns: vec![Some(5_000_000); 30],
        ttft_max_ns: vec![Some(7_000_000); 30],
        errors: vec![0; 30],
        limited: vec![1; 30],
    };
    let cells = (0..cells.counters.len()).map(cell).collect();
    Course { step_ns: 100_000_000, steps: 30, cells, scenes: vec![] }
}

/// The page in a browser.
fn opened(summary: &Summary, course: &Course, place: &Path) -> (String, Browser) {
    let page = html(summary, &Extras { dir: place, course: Some(course), plan: Some("version = 1\n") });
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("report.html");
    std::fs::write(&file, &page).expect("written");
    let mut browser = Browser::start(false, 1280);
    browser.open(&file);
    assert_eq!(browser.complaints(), Vec::<String>::new());
    (page, browser)
}

fn told(browser: &mut Browser, script: &str) -> Value {
    let said = browser.eval(script);
    serde_json::from_str(said.as_str().expect("a text")).expect("JSON")
}

/// Sorts every column of figures both ways, and holds the order against the figures that are shown. A time
/// and a share in one column are ordered by no rule; a row's own kind is what counts.
const SORTS: &str = r##"(() => {
  const unit = { ns: 1e-6, us: 1e-3, "µs": 1e-3, ms: 1, s: 1e3, m: 6e4, h: 3.6e6 };
  const size = text => {
    text = text.replace(/,/g, "").replace(/^✗ /, "").replace(/^✓$/, "0").trim();
    if (text === "" || text === "—") return null;
    const time = /^(\d+(\.\d+)?(ns|us|µs|ms|s|m|h))+$/.test(text);
    if (time) return [...text.matchAll(/([\d.]+)([a-zµ]+)/g)].reduce((sum, m) => sum + m[1] * unit[m[2]], 0);
    return parseFloat(text);
  };
  const wrong = [];
  let columns = 0;
  for (const table of document.querySelectorAll("table.sortable")) {
    if (table.tBodies[0].rows.length < 2) continue;
    for (const head of table.querySelectorAll("thead th.n")) {
      columns += 1;
      for (const up of [true, false]) {
        head.querySelector("button").click();
        const cells = Array.from(table.tBodies[0].rows).map(row => row.cells[head.cellIndex]);
        const there = cells.map(cell => size(cell.textContent));
        const shown = there.filter(n => n !== null);
        const sorted = shown.every((n, at) => at === 0 || (up ? shown[at - 1] <= n : shown[at - 1] >= n));
        const last = there.slice(0, shown.length).every(n => n !== null);
        if (!sorted || shown.some(Number.isNaN) || !last)
          wrong.push(head.textContent + ": " + cells.map(cell => cell.textContent).join(" "));
      }
    }
  }
  return JSON.stringify({ columns, wrong });
})()"##;

#[test]
fn every_column_of_figures_sorts_by_its_figures() {
    let summary = targets(&["0.80", "10.00", "9.00", "110.00"]);
    let (_, mut browser) = opened(&summary, &course(&summary), Path::new("reports/x"));
    let said = told(&mut browser, SORTS);
    assert_eq!(said["wrong"], json!([]), "{said}");
    assert!(said["columns"].as_u64() >= Some(30), "{said}");
    let spoilt = SORTS.replace("head.querySelector(\"button\").click();", "");
    assert_ne!(
        told(&mut browser, &spoilt)["wrong"],
        json!([]),
        "the check itself sees a column that is not sorted"
    );
}

#[test]
fn a_threshold_against_a_baseline_shows_what_it_was_held_against() {
    let summary = targets(&["0.80"]);
    let (page, _) = opened(&summary, &course(&summary), Path::new("reports/x"));
    assert!(page.contains("The baseline has") && page.contains("200ms, so the bound is 220ms"));
    let mut plain = summary.clone();
    plain.thresholds.iter_mut().for_each(|row| row.against = None);
    let (page, _) = opened(&plain, &course(&plain), Path::new("reports/x"));
    assert!(!page.contains("The baseline has"), "no column for what was not named");
}

/// What paper gets: marks that are backgrounds, and everything open while it prints.
const PRINTS: &str = r##"(() => {
  const all = q => Array.from(document.querySelectorAll(q));
  const marks = all(".swatch, .key span, .verdict, .waste svg");
  const closed = () => all("details:not([open])").filter(d => !d.parentElement.closest("details")).length;
  const said = { marks: marks.length, before: closed() };
  said.dropped = marks.filter(e => getComputedStyle(e).printColorAdjust !== "exact").length;
  dispatchEvent(new Event("beforeprint"));
  said.during = closed();
  dispatchEvent(new Event("afterprint"));
  said.after = closed();
  return JSON.stringify(said);
})()"##;

#[test]
fn paper_shows_the_marks_and_the_page_closes_what_printing_opened() {
    let mut summary = targets(&["0.80", "9.00"]);
    summary.findings = (0..5).map(|_| summary::finding()).collect();
    let (_, mut browser) = opened(&summary, &course(&summary), Path::new("reports/x"));
    browser.call("Emulation.setEmulatedMedia", json!({ "media": "print" }));
    let said = told(&mut browser, PRINTS);
    assert!(said["marks"].as_u64() > Some(3) && said["before"].as_u64() > Some(2), "{said}");
    assert_eq!((said["dropped"].as_u64(), said["during"].as_u64()), (Some(0), Some(0)), "{said}");
    assert_eq!(said["after"], said["before"], "{said}");
    // A sheet of A4 with its margins, at 96 dots to the inch.
    let sheet = json!({ "width": 718, "height": 1047, "deviceScaleFactor": 1, "mobile": false });
    browser.call("Emulation.setDeviceMetricsOverride", sheet);
    let wide = "Array.from(document.querySelectorAll('table')).filter(t => t.getBoundingClientRect().right \
        > innerWidth + 1).length";
    assert_eq!(browser.eval(wide), 0, "no table is cut off at the edge of the paper");
}

/// Each chart of several cells: the shapes of its lines, by colour.
const SHAPES: &str = r##"(() => {
  const colour = e => e.getAttribute("class").match(/c\d/)[0];
  const shape = e => (e.getAttribute("d") || "").replace(/M[-\d.]+ [-\d.]+/g, "M").slice(0, 24);
  const charts = Array.from(document.querySelectorAll("svg[data-px]"));
  const bare = charts.filter(c => {
    const lines = new Set(Array.from(c.querySelectorAll("path.l")).map(colour));
    const marks = Array.from(c.querySelectorAll("path.m"));
    return new Set(marks.map(shape)).size !== lines.size || marks.some(m => !m.getAttribute("d"));
  }).length;
  const keys = Array.from(document.querySelectorAll(".legend .sample path.m"));
  return JSON.stringify({ charts: charts.length, bare, keys: new Set(keys.map(shape)).size });
})()"##;

#[test]
fn the_lines_of_cells_differ_by_shape_too() {
    let summary = targets(&["1", "2", "3", "4", "5", "6", "7", "8"]);
    let (_, mut browser) = opened(&summary, &course(&summary), Path::new("reports/x"));
    let said = told(&mut browser, SHAPES);
    assert_eq!((said["bare"].as_u64(), said["keys"].as_u64()), (Some(0), Some(8)), "{said}");
    assert!(said["charts"].as_u64() > Some(8), "{said}");
}

#[test]
fn commands_are_quoted_for_a_shell() {
    let summary = targets(&["1"]);
    let page = html(&summary, &Extras { dir: Path::new("my runs/it's"), course: None, plan: None });
    for command in [r"deadheat run 'my runs/it'\''s/plan.toml'", r"deadheat check 'my runs/it'\''s'"] {
        assert!(page.contains(command), "{command}");
    }
    let page = html(&summary, &Extras { dir: Path::new("reports/x"), course: None, plan: None });
    assert!(page.contains("deadheat run reports/x/plan.toml"), "a plain path stays as it is");
}

#[test]
fn the_page_of_a_very_large_run_still_has_an_end() {
    let bills: Vec<String> = (0..400).map(|n| format!("{n}.5")).collect();
    let mut summary = targets(&bills.iter().map(String::as_str).collect::<Vec<_>>());
    summary.findings = (0..100).map(|_| summary::finding()).collect();
    for finding in &mut summary.findings {
        finding.table = vec!["x".repeat(990); 60];
        finding.schedule = "# a hold\n".repeat(9_000);
    }
    let plan = "[target.some-target-with-a-name]\n".repeat(12_000);
    let course = course(&summary);
    let page =
        html(&summary, &Extras { dir: Path::new("reports/x"), course: Some(&course), plan: Some(&plan) });
    assert!(page.len() <= 480_000, "{} bytes", page.len());
    assert!(page.contains("cut here: plan.toml has all of it"));
    // What fits is not cut.
    let small = targets(&["1"]);
    let plan = "[target.some-target-with-a-name]\n".repeat(1_000);
    let page = html(&small, &Extras { dir: Path::new("reports/x"), course: None, plan: Some(&plan) });
    assert!(page.contains(&plan) && !page.contains("cut here"));
}
