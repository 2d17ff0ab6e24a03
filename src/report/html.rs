//! `report.html`: one file that works offline. Pictures are drawn here; the script only adds tooltips and
//! sorting.
//!
//! Every text goes through the template's escaping; the policy in the head allows this page's own script
//! alone.

mod bill;
mod chart;
mod compare;
mod findings;
mod foot;
mod latency;
mod mark;
mod scale;
mod series;
mod story;
mod verdicts;

use super::text::figures::{NONE, count, many, maybe_ms, rate, rounded};
use super::text::headline::word;
use crate::summary::{Course, Summary};
use crate::units::format_duration;
use crate::units::shown::plain_lines;
use chart::COLOURS;
use maud::{DOCTYPE, Markup, PreEscaped, html as markup};
use std::path::Path;
use std::time::Duration;

const STYLE: &str = include_str!("html/report.css");
const SCRIPT: &str = include_str!("html/report.js");
/// No request leaves the page, and no script runs but this one: its SHA-256 stands here, and the browser's
/// test fails with the right one if it is wrong.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; \
    form-action 'none'; script-src 'sha256-Y51TGFIg9URWjXPqkPHufC5cPfJ6hHKaT262CNLVSZ8='";
/// A small mark for the browser's tab: two lines that end level.
const ICON: &str = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 \
    16'%3E%3Cpath d='M2 5h9M2 11h9' stroke='%232f5bd7' stroke-width='3'/%3E%3Cpath d='M13.5 1v14' \
    stroke='%23d9480f' stroke-width='2'/%3E%3C/svg%3E";
/// Reasons that are listed before the rest is counted.
const REASONS: usize = 8;

/// What a report shows beyond its summary.
#[derive(Debug, Clone, Copy)]
pub struct Extras<'a> {
    /// Where the evidence lies.
    pub dir: &'a Path,
    /// What happened over time, if the evidence is there.
    pub course: Option<&'a Course>,
    /// The text of `plan.toml`, if it is there.
    pub plan: Option<&'a str>,
}

/// Most bytes of a page: it is mailed, attached and kept.
const BYTES_MAX: usize = 480_000;

/// How much of a large run is shown; `summary.json` has all of it.
#[derive(Debug, Clone, Copy)]
struct ShownLimits {
    /// Most cells that are drawn.
    cells: usize,
    /// Most findings that are told.
    findings: usize,
    /// Whether the metrics that few ask for are drawn too.
    metrics: bool,
    /// Most rows of a table.
    rows: usize,
    /// Most bytes of the plan, and of each text of a finding.
    text: usize,
}

/// From all that a reader may want to what a page of thousands of cells has room for.
const ROOMS: [ShownLimits; 4] = [
    ShownLimits { cells: 3 * COLOURS, findings: 60, metrics: true, rows: 300, text: 200_000 },
    ShownLimits { cells: 3 * COLOURS, findings: 40, metrics: false, rows: 300, text: 40_000 },
    ShownLimits { cells: COLOURS, findings: 25, metrics: false, rows: 120, text: 10_000 },
    ShownLimits { cells: COLOURS, findings: 8, metrics: false, rows: 40, text: 4_000 },
];

impl ShownLimits {
    /// The text, or its first lines and where the rest is.
    fn cut(self, text: &str, rest: &str) -> String {
        if text.len() <= self.text {
            return text.to_owned();
        }
        let whole = (0..=self.text).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        let end = text[..whole].rfind('\n').unwrap_or(0);
        format!("{}\n… cut here: {rest} has all of it\n", &text[..end])
    }
}

/// The page, with as much of a large run as there is room for.
#[must_use]
pub fn html(summary: &Summary, extras: &Extras<'_>) -> String {
    let pages = ROOMS.iter().map(|room| page(summary, extras, *room));
    let mut last = String::new();
    for page in pages {
        last = page;
        if last.len() <= BYTES_MAX {
            break;
        }
    }
    last
}

fn page(summary: &Summary, extras: &Extras<'_>, room: ShownLimits) -> String {
    let page = markup! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="generator" content=(format!("deadheat {}", summary.deadheat));
                link rel="icon" href=(ICON);
                title { (word(summary.exit_code).0) " " (summary.name) " – deadheat" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                a.skip href="#main" { "Skip to the report" }
                (header(summary))
                main #main {
                    (findings::section(summary, extras, room))
                    (verdicts::section(summary, room))
                    (compare::section(summary, room))
                    (latency::section(summary, room))
                    @if !summary.counters.is_empty() { (series::section(extras.course, room)) }
                    (bill::section(summary, room))
                    @if !summary.counters.is_empty() { (foot::fidelity(summary)) }
                    (foot::plan(summary, extras, room))
                }
                footer { "Written by deadheat " (summary.deadheat) ". A clean pass says what was tried; it \
                    is no proof." }
                div #tip role="status" aria-live="polite" hidden {}
                script { (PreEscaped(SCRIPT)) }
            }
        }
    };
    // The template escapes markup; what could reorder or hide a text is written out here, for all fields at
    // once.
    plain_lines(&page.into_string())
}

/// How an exit code is coloured.
fn tone(exit_code: u8) -> &'static str {
    match exit_code {
        0 => "good",
        7 | 8 | 10 | 130 => "warn",
        _ => "bad",
    }
}

fn header(summary: &Summary) -> Markup {
    let length = format_duration(Duration::from_millis(summary.elapsed_ms));
    let class = tone(summary.exit_code);
    markup! {
        header.{ "top is-" (class) } {
            p.brand { (logo()) "deadheat" span.dim { " report" } }
            h1 { span.{ "verdict " (class) } { (word(summary.exit_code).0) } " " (summary.name) }
            p.dim {
                "exit " (summary.exit_code) " · " (summary.started_utc) " · " (length) " · " (summary.clock)
                    " clock · seed " (summary.seed)
                @if summary.interrupted { " · interrupted" }
            }
            @if !summary.exit_reasons.is_empty() {
                ul.reasons {
                    @for reason in summary.exit_reasons.iter().take(REASONS) { li { (reason) } }
                    @if summary.exit_reasons.len() > REASONS { li { "and " (summary.exit_reasons.len() -
                        REASONS) " more" } }
                }
            }
            (tiles(summary))
            (contents(summary))
        }
    }
}

fn logo() -> Markup {
    markup! {
        svg.logo viewBox="0 0 28 20" aria-hidden="true" {
            path.a d="M1 6h19M1 14h19" {}
            path.b d="M24 1v18" {}
        }
    }
}

/// The figures that most readers came for.
fn tiles(summary: &Summary) -> Markup {
    let sum = |of: fn(&crate::summary::CounterRow) -> u64| summary.counters.iter().map(of).sum::<u64>();
    let one = summary.counters.len() == 1;
    let at = |name: &str| summary.metrics.iter().find(|row| one && row.metric == name);
    let tile = |name: &str, value: String, more: String| {
        markup! { div.tile { span.name { (name) } span.value { (value) } span.more { (more) } } }
    };
    let hunted: u64 = summary.explored.iter().map(|row| row.schedules).sum();
    markup! {
        div.tiles {
            @if !summary.counters.is_empty() {
                (tile("Jobs answered", count(sum(|row| row.answered)), format!("of {}",
                    count(sum(|row| row.planned)))))
                (tile("Attempts", count(sum(|row| row.attempts)), format!("{} did not end well",
                    count(sum(|row| row.errors.values().sum())))))
            }
            @if !one && !summary.counters.is_empty() { (tile("Cells", count(summary.counters.len() as u64),
                "targets × strategies".to_owned())) }
            @if let Some(row) = summary.counters.first().filter(|_| one) {
                (tile("Goodput", format!("{}/s", rate(row.goodput_per_s)), format!("{} tokens/s",
                    rate(row.tokens_per_s))))
                (tile("In flight", count(row.in_flight_max), "at the most".to_owned()))
            }
            @if let Some(row) = at("ttft") { (tile("TTFT p50", maybe_ms(row.p50), format!("p99 {}",
                maybe_ms(row.p99)))) }
            @if let Some(row) = at("response") { (tile("Response p50", maybe_ms(row.p50), format!("p99 {}",
                maybe_ms(row.p99)))) }
            @if let [bill] = summary.cost.as_slice() {
                (tile("Billed", format!("{} {}", rounded(bill.billed.as_ref().unwrap_or(&bill.client)),
                    bill.currency),
                    format!("{} per good job", bill.per_good_job.as_deref().map_or_else(|| NONE.to_owned(),
                        rounded))))
            }
            @if hunted > 0 { (tile("Schedules hunted", count(hunted), many(summary.findings.len() as u64,
                "finding"))) }
        }
    }
}

fn contents(summary: &Summary) -> Markup {
    let load = !summary.counters.is_empty();
    let all = [
        ("findings", "Findings", true),
        ("verdicts", "Verdicts", true),
        ("compare", "Comparison", load),
        ("latency", "Latency", !summary.metrics.is_empty()),
        ("time", "Over time", load),
        ("cost", "Cost", !summary.cost.is_empty()),
        ("fidelity", "Fidelity", load),
        ("plan", "Plan", true),
    ];
    markup! {
        nav aria-label="Sections" {
            @for (id, name, _) in all.iter().filter(|(_, _, there)| *there) { a href=(format!("#{id}")) {
                (name) } }
        }
    }
}
