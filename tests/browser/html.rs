//! `report.html`, opened in a real browser.

use crate::browser;
use crate::cli;
use crate::summary;

use browser::Browser;
use cli::Place;
use deadheat::report::{Extras, html};
use deadheat::summary::{CellCourse, Course, Moment, Scene, Summary, What};
use serde_json::Value;
use std::path::Path;

/// Two targets, a right strategy and a broken one, with prices and thresholds, in virtual time.
const SCENARIO: &str = r#"
version = 1
name = "page"
seed = 7
clock = "virtual"
[target.near]
api = "openai-chat"
latency = { ttft = { lognormal = { p50 = "40ms", p99 = "400ms" } }, itl = { constant = "4ms" } }
limits = { requests_per_minute = 3000 }
price = { input = "2.00", output = "8.00" }
[target.far]
api = "openai-chat"
latency = { ttft = { constant = "200ms" }, itl = { constant = "4ms" } }
price = { input = "1.00", output = "4.00" }
[workload]
prompt_tokens = { uniform = [10, 40] }
output_tokens = { uniform = [5, 20] }
[profile.constant-arrival-rate]
rate = 100
duration = "4s"
[declared]
concurrency = 12
[retry]
max_attempts = 3
[strategy.semaphore]
permits = 12
[strategy.unbounded]
[[fault]]
kind.status = { code = 503 }
when = { every = 25 }
[thresholds]
ttft = ["p(95) < 100ms", "p(50) < 10s"]
"#;

/// What the page is asked in the browser: what must be there, and what must work.
const WORKS: &str = r##"(() => {
  const all = q => Array.from(document.querySelectorAll(q));
  const charts = all("svg[data-px]"), said = {};
  said.charts = charts.length;
  said.empty = charts.filter(c => !c.querySelector("path.l[d^=M]")).length;
  said.stories = all("svg.story").length;
  said.scripts = document.scripts.length;
  said.nan = all("svg").some(s => s.outerHTML.includes("NaN"));
  const tip = document.getElementById("tip"), chart = charts[0];
  chart.scrollIntoView();
  const box = chart.getBoundingClientRect();
  const move = { clientX: box.left + box.width * 0.6, clientY: box.top + 40, bubbles: true };
  chart.dispatchEvent(new PointerEvent("pointermove", move));
  said.tip = tip.hidden ? "" : tip.textContent;
  chart.dispatchEvent(new PointerEvent("pointerleave", {}));
  said.hides = tip.hidden;
  chart.focus();
  chart.dispatchEvent(new KeyboardEvent("keydown", { key: "End", bubbles: true }));
  said.key = tip.hidden ? "" : tip.textContent;
  const find = t => Array.from(t.tHead.rows[0].cells).findIndex(c => c.textContent === "Attempts");
  const table = all("#compare table.sortable").find(t => find(t) >= 0), head = find(table);
  const column = () => Array.from(table.tBodies[0].rows).map(r => Number(r.cells[head].dataset.s));
  const press = table.tHead.rows[0].cells[head].querySelector("button");
  press.click();
  said.up = column();
  said.sort = table.tHead.rows[0].cells[head].getAttribute("aria-sort");
  press.click();
  said.down = column();
  const named = e => e.getAttribute("aria-label") || e.textContent.trim();
  said.unnamed = all("svg[role=img], button, a").filter(e => !named(e)).length;
  said.wide = document.documentElement.scrollWidth - innerWidth;
  said.resources = performance.getEntriesByType("resource").length;
  return JSON.stringify(said);
})()"##;

fn works(browser: &mut Browser, page: &Path) -> Value {
    browser.open(page);
    let said: Value = serde_json::from_str(browser.eval(WORKS).as_str().expect("a text")).expect("JSON");
    assert_eq!(browser.complaints(), Vec::<String>::new());
    said
}

#[test]
fn it_opens_in_a_browser_and_works_by_pointer_and_by_keyboard() {
    let place = Place::new();
    place.write("page.toml", SCENARIO);
    place.line("run page.toml --quiet --out run --explore 10").exits(6);
    let page = place.read("run/report.html");
    assert!(page.len() < 500_000, "{} bytes", page.len());
    for (dark, wide) in [(false, 1280), (true, 390)] {
        let said = works(&mut Browser::start(dark, wide), &place.path("run/report.html"));
        assert_eq!((said["empty"].as_u64(), said["nan"].as_bool()), (Some(0), Some(false)), "{said}");
        assert!(said["charts"].as_u64() >= Some(17), "{said}");
        assert!(said["stories"].as_u64() >= Some(2), "findings and witnesses are drawn: {said}");
        for told in [&said["tip"], &said["key"]] {
            let told = told.as_str().expect("a text");
            assert!(
                told.starts_with('p') && told.contains("near/semaphore") && told.contains("ms"),
                "{said}"
            );
        }
        assert_eq!(said["hides"], true, "{said}");
        let column = |name: &str| -> Vec<u64> {
            said[name].as_array().expect("a column").iter().filter_map(Value::as_u64).collect()
        };
        let (up, mut down) = (column("up"), column("down"));
        assert!(up.is_sorted() && up.len() == 4 && up[0] < up[3], "{said}");
        down.reverse();
        assert_eq!((up, said["sort"].as_str()), (down, Some("ascending")));
        assert_eq!((said["unnamed"].as_u64(), said["resources"].as_u64()), (Some(0), Some(0)), "{said}");
        assert!(said["wide"].as_i64() <= Some(0), "the page itself never scrolls sideways: {said}");
    }
    // The stored run gives the same page again, but for the place where it lies.
    let again = place.line("report run --format html").exits(0).out;
    assert_eq!(again.len(), page.len());
}

/// Markup that would run, load or close something if it were taken for markup.
const HOSTILE: &str = "</title></script></style><script>alert('x')</script><img src=x \
    onerror=alert(2)>\"'><svg onload=alert(3)>&amp;|{{}}";

/// Every text of the summary that another program may have written, made hostile.
fn spoil(value: &mut Value, key: &str) {
    let ours =
        ["hdr", "invariant", "verdict", "held", "idle", "breaks", "what", "clock", "version", "optimise"];
    match value {
        Value::String(_) if ours.contains(&key) => {}
        Value::String(text) => *text = format!("{HOSTILE}{text}"),
        Value::Array(items) => items.iter_mut().for_each(|item| spoil(item, key)),
        Value::Object(map) => map.iter_mut().for_each(|(key, value)| spoil(value, &key.clone())),
        _ => {}
    }
}

fn spoilt() -> Summary {
    let sample = include_str!("../../reports/sample/summary.json");
    let mut summary: Summary = serde_json::from_str(sample).expect("the sample");
    let mut finding = summary::finding();
    finding.moments = moments();
    summary.findings.push(finding);
    summary.explored.push(summary::explored());
    summary.advice = Some("take it".into());
    let mut value = serde_json::to_value(&summary).expect("JSON");
    spoil(&mut value, "");
    serde_json::from_value(value).expect("a summary still")
}

fn moments() -> Vec<Moment> {
    let one = |at_ns, what| Moment {
        at_ns,
        job: HOSTILE.into(),
        attempt: 1,
        repeat: 0,
        what,
        text: HOSTILE.to_owned(),
    };
    vec![
        one(0, What::Arrived),
        one(1, What::Held),
        one(9, What::Struck),
        one(20, What::Booked),
        one(30, What::Broken),
    ]
}

#[test]
fn markup_from_models_and_programs_stays_text() {
    let summary = spoilt();
    let cell = CellCourse {
        target: HOSTILE.into(),
        strategy: HOSTILE.into(),
        due: vec![1, 2],
        begun: vec![1, 2],
        answered: vec![0, 3],
        in_flight: vec![1, 1],
        ttft_p50_ns: vec![None, Some(5)],
        ttft_max_ns: vec![None, Some(7)],
        errors: vec![0, 1],
        limited: vec![1, 0],
    };
    let row = &summary.verdicts[0];
    let (target, strategy) = (row.target.clone(), row.strategy.clone());
    let scene = Scene { target, strategy, invariant: row.invariant, moments: moments() };
    let course =
        Course { step_ns: 5_000_000, steps: 2, cells: vec![cell.clone(), cell], scenes: vec![scene] };
    let extras = Extras { dir: Path::new(HOSTILE), course: Some(&course), plan: Some(HOSTILE) };
    let page = html(&summary, &extras);
    assert!(page.contains("&lt;script&gt;alert('x')"), "it is shown");
    assert_eq!(page.matches("<script>").count(), 1, "and does not run");
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("report.html");
    std::fs::write(&file, page).expect("written");
    let mut browser = Browser::start(false, 1280);
    browser.open(&file);
    let foreign = "document.scripts.length + document.images.length * 100 + \
        document.querySelectorAll('[onload],[onerror]').length * 10000";
    assert_eq!(browser.eval(foreign), 1);
    assert_eq!(browser.eval("document.body.textContent.includes('onerror=alert(2)')"), true);
    assert_eq!(browser.complaints(), Vec::<String>::new());
}
