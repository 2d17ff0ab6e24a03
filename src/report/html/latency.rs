//! Distributions: each metric as a percentile curve and a histogram, the cells over one another.

use super::ShownLimits;
use super::chart::{COLOURS, Chart, Line, LineStyle, legend};
use super::scale::Scale;
use crate::report::text::figures::{NONE, count, maybe_ms, ms, percent};
use crate::report::text::spark::decode;
use crate::summary::{MetricRow, Summary};
use hdrhistogram::Histogram;
use maud::{Markup, html};

/// Metrics that are open when the page is.
const FIRST: [&str; 3] = ["ttft", "response", "itl"];
/// Bars of a histogram.
const BARS: usize = 44;
/// Nanoseconds in a millisecond.
const NS_PER_MS: f64 = 1e6;

/// A cell's distribution.
struct CellHistogram<'a> {
    row: &'a MetricRow,
    histogram: Histogram<u64>,
    colour: usize,
}

/// What a metric is, in a few words.
fn meaning(metric: &str) -> &'static str {
    match metric {
        "ttft" => "from sent to the first token",
        "first-byte" => "from sent to the first byte",
        "itl" => "between two content chunks",
        "tpot" => "per token after the first",
        "service" => "from sent to done, per attempt",
        "response" => "from due to done, per job, waits and retries included",
        "lag" => "from due to sent",
        _ => "",
    }
}

pub(super) fn section(summary: &Summary, room: ShownLimits) -> Markup {
    let mut metrics: Vec<&str> = Vec::new();
    for row in &summary.metrics {
        if !metrics.contains(&row.metric.as_str()) {
            metrics.push(&row.metric);
        }
    }
    let (first, rest): (Vec<&str>, Vec<&str>) = metrics.into_iter().partition(|m| FIRST.contains(m));
    html! {
        @if !(first.is_empty() && rest.is_empty()) {
            section #latency {
                h2 { "Latency" }
                @for metric in first { (shown(summary, metric, room)) }
                @if room.metrics && !rest.is_empty() {
                    details {
                        summary { "More metrics: " (rest.join(", ")) }
                        @for metric in rest { (shown(summary, metric, room)) }
                    }
                }
                @if summary.counters.len() > room.cells { p.dim { "Of the cells the first " (room.cells)
                    " are drawn." } }
                (table(summary, room))
            }
        }
    }
}

fn shown(summary: &Summary, metric: &str, room: ShownLimits) -> Markup {
    let rows = summary.metrics.iter().filter(|row| row.metric == metric);
    let drawn = rows.take(room.cells).enumerate().filter_map(|(at, row)| {
        let histogram = decode(&row.hdr).filter(|histogram| !histogram.is_empty())?;
        Some(CellHistogram { row, histogram, colour: at % COLOURS })
    });
    let drawn: Vec<CellHistogram<'_>> = drawn.collect();
    let several = summary.counters.len() > 1;
    html! {
        h3 { (metric) " " span.dim { (meaning(metric)) } }
        @for (n, group) in drawn.chunks(COLOURS).enumerate() {
            @if n == 0 {
                (pair(metric, group, several))
            } @else {
                details {
                    summary { "Cells " (n * COLOURS + 1) " to " (n * COLOURS + group.len()) }
                    (pair(metric, group, several))
                }
            }
        }
    }
}

fn name(row: &MetricRow) -> String {
    format!("{}/{}", row.target, row.strategy)
}

fn pair(metric: &str, group: &[CellHistogram<'_>], several: bool) -> Markup {
    let names: Vec<(usize, String)> = group.iter().map(|d| (d.colour, name(d.row))).collect();
    html! {
        div.pair {
            (percentiles(metric, group).draw())
            (histogram(metric, group).draw())
        }
        @if several { (legend(&names)) }
    }
}

/// The quantiles of a curve: denser towards the tail, as far as the samples reach.
fn quantiles(most: u64) -> Vec<f64> {
    // To 1 - 1/n, where the largest of n values stands.
    let reach = (most.max(2) as f64).log10();
    let steps = (reach * 16.0).clamp(16.0, 72.0);
    (0..=steps as u32).map(|n| 1.0 - 10f64.powf(-reach * f64::from(n) / steps)).collect()
}

fn percentile_name(q: f64) -> String {
    let percent = q * 100.0;
    match percent {
        p if p < 99.0 => format!("p{p:.0}"),
        p if p < 99.9 => format!("p{p:.1}"),
        p => format!("p{p:.3}"),
    }
}

fn percentiles(metric: &str, group: &[CellHistogram<'_>]) -> Chart {
    let most = group.iter().map(|d| d.histogram.len()).max().unwrap_or(2);
    let quantiles = quantiles(most);
    let reach = (most.max(2) as f64).log10();
    let place = |q: f64| -(1.0 - q).log10() / reach;
    let values = |d: &CellHistogram<'_>| {
        let own_reach = 1.0 - 1.0 / d.histogram.len().max(1) as f64;
        let within = quantiles.iter().filter(|q| **q <= own_reach + 1e-9);
        within.map(|q| Some(d.histogram.value_at_quantile(*q) as f64 / NS_PER_MS)).collect()
    };
    let marks = [0.0, 0.5, 0.9, 0.95, 0.99, 0.999, 0.9999, 0.99999];
    let marks = marks.iter().filter(|q| place(**q) <= 1.0);
    let says = group.iter().map(|d| {
        format!(
            "{} p50 {}, p99 {}, max {}",
            name(d.row),
            maybe_ms(d.row.p50),
            maybe_ms(d.row.p99),
            ms(d.row.max)
        )
    });
    Chart {
        title: metric.to_owned(),
        note: "by percentile".to_owned(),
        says: says.collect::<Vec<_>>().join("; "),
        places: quantiles.iter().map(|q| place(*q)).collect(),
        labels: quantiles.iter().map(|q| percentile_name(*q)).collect(),
        marks: thinned(marks.map(|q| (place(*q), mark_name(*q))).collect()),
        scale: scale(group),
        show: ms,
        lines: group
            .iter()
            .map(|d| Line {
                name: name(d.row),
                colour: d.colour,
                stroke: LineStyle::Solid,
                values: values(d),
            })
            .collect(),
    }
}

fn mark_name(q: f64) -> String {
    let text = format!("{:.3}", q * 100.0);
    format!("p{}", text.trim_end_matches('0').trim_end_matches('.'))
}

fn scale(group: &[CellHistogram<'_>]) -> Scale {
    let of = |f: fn(&MetricRow) -> f64| group.iter().map(move |d| f(d.row));
    let least = of(|row| row.min).fold(f64::INFINITY, f64::min);
    let most = of(|row| row.max).fold(0.0, f64::max);
    let middle = of(|row| row.p50.unwrap_or(row.mean)).fold(0.0, f64::max);
    Scale::of_times(least, middle, most)
}

/// Shares of the samples per bar, on a logarithmic axis of time unless all lie close together.
fn histogram(metric: &str, group: &[CellHistogram<'_>]) -> Chart {
    let least = group.iter().map(|d| d.histogram.min_nz()).min().unwrap_or(1).max(1) as f64;
    let most = group.iter().map(|d| d.histogram.max()).max().unwrap_or(1) as f64;
    let axis = if most > least * 4.0 {
        Scale::Log(least, most * 1.001)
    } else {
        let margin = ((most - least) * 0.05).max(most * 0.001).max(1.0);
        Scale::Linear((least - margin).max(0.0), most + margin)
    };
    let value_at = |share: f64| match axis {
        Scale::Linear(low, high) => low + share * (high - low),
        Scale::Log(low, high) => low * (high / low).powf(share),
    };
    let edge = |n: usize| value_at(n as f64 / BARS as f64);
    let bars: Vec<Vec<Option<f64>>> = group.iter().map(|d| shares(&d.histogram, axis)).collect();
    let highest = bars.iter().flatten().flatten().copied().fold(0.0, f64::max);
    let marks: Vec<(f64, String)> = match axis {
        Scale::Linear(low, high) => Scale::Linear(low / NS_PER_MS, high / NS_PER_MS),
        Scale::Log(low, high) => Scale::Log(low / NS_PER_MS, high / NS_PER_MS),
    }
    .ticks()
    .into_iter()
    .map(|tick| (axis.share(tick * NS_PER_MS), ms(tick)))
    .collect();
    let lines = group.iter().zip(bars);
    Chart {
        title: metric.to_owned(),
        note: "histogram, share of samples".to_owned(),
        says: format!("spread from {} to {}", ms(least / NS_PER_MS), ms(most / NS_PER_MS)),
        places: (0..BARS).map(|n| (n as f64 + 0.5) / BARS as f64).collect(),
        labels: (0..BARS)
            .map(|n| format!("{} to {}", ms(edge(n) / NS_PER_MS), ms(edge(n + 1) / NS_PER_MS)))
            .collect(),
        marks: thinned(marks),
        scale: Scale::from_zero(highest),
        show: percent,
        lines: lines
            .map(|(d, values)| Line { name: name(d.row), colour: d.colour, stroke: LineStyle::Steps, values })
            .collect(),
    }
}

/// Marks far enough from each other to be read.
fn thinned(marks: Vec<(f64, String)>) -> Vec<(f64, String)> {
    let mut kept: Vec<(f64, String)> = Vec::new();
    for mark in marks {
        if kept.last().is_none_or(|last| mark.0 - last.0 > 0.1) {
            kept.push(mark);
        }
    }
    kept
}

fn shares(histogram: &Histogram<u64>, axis: Scale) -> Vec<Option<f64>> {
    let mut bars = vec![0u64; BARS];
    for step in histogram.iter_recorded() {
        let at = (axis.share(step.value_iterated_to() as f64) * BARS as f64) as usize;
        bars[at.min(BARS - 1)] += step.count_at_value();
    }
    bars.into_iter().map(|n| Some(n as f64 / histogram.len() as f64)).collect()
}

fn table(summary: &Summary, room: ShownLimits) -> Markup {
    let rows = summary
        .metrics
        .iter()
        .filter(|row| room.metrics || FIRST.contains(&row.metric.as_str()))
        .take(room.rows);
    let head = ["p50", "p90", "p95", "p99", "p99.9", "max"];
    html! {
        div.scroll {
            table.sortable {
                caption { "Percentiles; " (NONE) " where there are too few samples" }
                thead { tr {
                    th scope="col" { "Metric" } th scope="col" { "Target" } th scope="col" { "Strategy" }
                    @for name in head { th.n scope="col" { (name) } }
                    th.n scope="col" { "Samples" }
                } }
                tbody {
                    @for row in rows {
                        tr {
                            td { (row.metric) } td { (row.target) } td { (row.strategy) }
                            @for value in [row.p50, row.p90, row.p95, row.p99, row.p999, Some(row.max)] {
                                td.n data-s=(value.map_or_else(String::new, |v| v.to_string())) {
                                    (maybe_ms(value)) }
                            }
                            td.n data-s=(row.count) { (count(row.count)) }
                        }
                    }
                }
            }
        }
    }
}
