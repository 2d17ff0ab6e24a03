//! What happened over time: load, in flight, time to first token, errors and 429.

use super::ShownLimits;
use super::chart::{COLOURS, Chart, Line, LineStyle, legend};
use super::scale::Scale;
use crate::report::text::figures::{ms, rate};
use crate::summary::{CellCourse, Course};
use maud::{Markup, html};

/// Nanoseconds in a second, and in a millisecond.
const NS_PER_S: f64 = 1e9;
const NS_PER_MS: f64 = 1e6;

pub(super) fn section(course: Option<&Course>, room: ShownLimits) -> Markup {
    html! {
        section #time {
            h2 { "Over time" }
            @match course {
                Some(course) if course.cells.iter().any(|cell| cell.begun.iter().any(|n| *n > 0)) => {
                    @let shown = &course.cells[..course.cells.len().min(room.cells)];
                    @for (n, cells) in shown.chunks(COLOURS).enumerate() {
                        @if n == 0 { (charts(course, cells, 0)) } @else {
                            details {
                                summary { "Cells " (n * COLOURS + 1) " to " (n * COLOURS + cells.len()) }
                                (charts(course, cells, n * COLOURS))
                            }
                        }
                    }
                    p.dim {
                        "Steps of " (ms(course.step_ns as f64 / NS_PER_MS)) ", warm-ups included. Cells are \
                         run in turns, so that a drift of the machine falls on all alike."
                        @if course.cells.len() > room.cells { " The first " (room.cells) " cells are drawn." }
                    }
                }
                Some(_) => p.dim { "No load was made by deadheat itself in this run." },
                None => p.dim { "The evidence beside the summary is not there, so nothing can be drawn over \
                    time." },
            }
        }
    }
}

fn name(cell: &CellCourse) -> String {
    format!("{}/{}", cell.target, cell.strategy)
}

fn charts(course: &Course, cells: &[CellCourse], first: usize) -> Markup {
    let several = cells.len() > 1 || first > 0;
    let line = |at: usize, of: &str, stroke, values| {
        let name = if several { format!("{} {of}", name(&cells[at])) } else { of.to_owned() };
        Line { name, colour: at % COLOURS, stroke, values }
    };
    let per_s = NS_PER_S / course.step_ns.max(1) as f64;
    let numbers = 0..cells.len();
    let load = numbers.clone().flat_map(|at| {
        let active = active(&cells[at]);
        [
            line(at, "due", LineStyle::Dashed, rates(&cells[at].due, &active, per_s)),
            line(at, "answered", LineStyle::Solid, rates(&cells[at].answered, &active, per_s)),
        ]
    });
    let flying = numbers.clone().map(|at| {
        let counts = gated(&cells[at].in_flight, &active(&cells[at]), 1.0);
        line(at, "in flight", LineStyle::Steps, counts)
    });
    let ttft = numbers.clone().flat_map(|at| {
        let times = |list: &[Option<u64>]| list.iter().map(|ns| ns.map(|ns| ns as f64 / NS_PER_MS)).collect();
        [
            line(at, "slowest", LineStyle::Dashed, times(&cells[at].ttft_max_ns)),
            line(at, "median", LineStyle::Solid, times(&cells[at].ttft_p50_ns)),
        ]
    });
    let bad = numbers
        .clone()
        .map(|at| line(at, "errors", LineStyle::Steps, rates(&cells[at].errors, &active(&cells[at]), per_s)));
    let limited = numbers
        .map(|at| line(at, "429", LineStyle::Steps, rates(&cells[at].limited, &active(&cells[at]), per_s)));
    let names: Vec<(usize, String)> = cells.iter().enumerate().map(|(at, cell)| (at, name(cell))).collect();
    html! {
        div.pair {
            (chart(course, "Jobs per second", "dashed: due, solid: answered", rate, load.collect()).draw())
            (chart(course, "Attempts in flight", "most in each step", whole, flying.collect()).draw())
            (chart(course, "Time to first token", "solid: median, dashed: slowest", ms,
                ttft.collect()).draw())
            @if any(cells, |cell| &cell.errors) {
                (chart(course, "Errors per second", "429 apart", rate, bad.collect()).draw())
            }
            @if any(cells, |cell| &cell.limited) {
                (chart(course, "429 per second", "refused for a limit", rate, limited.collect()).draw())
            }
        }
        @if !any(cells, |cell| &cell.errors) { p.good-note { "✓ No errors other than 429 at any time." } }
        @if !any(cells, |cell| &cell.limited) { p.good-note { "✓ No 429 at any time." } }
        @if several { (legend(&names)) }
    }
}

fn any(cells: &[CellCourse], of: fn(&CellCourse) -> &Vec<u64>) -> bool {
    cells.iter().any(|cell| of(cell).iter().any(|n| *n > 0))
}

fn whole(value: f64) -> String {
    format!("{value:.0}")
}

/// From when to when a cell had anything to do, in steps.
fn active(cell: &CellCourse) -> Vec<bool> {
    let at = |n: usize| {
        [&cell.due, &cell.answered, &cell.in_flight, &cell.errors, &cell.limited]
            .iter()
            .any(|list| list[n] > 0)
    };
    let busy: Vec<bool> = (0..cell.due.len()).map(at).collect();
    // A zero beside something is worth a point: it shows where a line comes down.
    (0..busy.len()).map(|n| busy[n] || (n > 0 && busy[n - 1]) || busy.get(n + 1) == Some(&true)).collect()
}

fn gated(counts: &[u64], active: &[bool], times: f64) -> Vec<Option<f64>> {
    counts.iter().zip(active).map(|(n, active)| active.then_some(*n as f64 * times)).collect()
}

fn rates(counts: &[u64], active: &[bool], per_s: f64) -> Vec<Option<f64>> {
    gated(counts, active, per_s)
}

fn chart(course: &Course, title: &str, note: &str, show: fn(f64) -> String, lines: Vec<Line>) -> Chart {
    let steps = course.steps.max(1);
    let place = |n: usize| if steps == 1 { 0.5 } else { n as f64 / (steps - 1) as f64 };
    let at_ms = |n: usize| n as f64 * course.step_ns as f64 / NS_PER_MS;
    let most = lines.iter().flat_map(|line| &line.values).flatten().copied().fold(0.0, f64::max);
    let length_s = at_ms(steps - 1) / 1e3;
    let marks = Scale::Linear(0.0, length_s.max(1e-9)).ticks().into_iter();
    let marks = marks.map(|s| (s / length_s.max(1e-9), if s == 0.0 { "0".to_owned() } else { ms(s * 1e3) }));
    Chart {
        title: title.to_owned(),
        note: note.to_owned(),
        says: format!("over {}, at the most {}", ms(length_s * 1e3), show(most)),
        places: (0..steps).map(place).collect(),
        labels: (0..steps).map(|n| ms(at_ms(n))).collect(),
        marks: marks.collect(),
        scale: Scale::from_zero(most),
        show,
        lines,
    }
}
