//! A forecast for people.

use crate::cost::{BudgetForecast, Forecast, LeastMost, PhaseForecast, Volume};
use crate::profile::TimelineStep;
use crate::units::format_duration;
use std::fmt::Display;
use std::time::Duration;

const BAR_WIDTH: f64 = 40.0;
const UNKNOWN: &str = "unknown";

pub(super) fn render(forecast: &Forecast) -> String {
    let mut lines = vec![format!("{}, seed {}: nothing has been sent", forecast.name, forecast.seed)];
    lines.extend(phases(&forecast.phases));
    lines.extend(timeline(&forecast.timeline));
    for cell in &forecast.cells {
        lines.extend(volume(&format!("{} × {}", cell.target, cell.strategy), &cell.volume));
    }
    if forecast.cells.len() > 1 {
        lines.extend(volume(&format!("total of {} cells", forecast.cells.len()), &forecast.total));
    }
    if !forecast.without_price.is_empty() {
        let targets = forecast.without_price.join(", ");
        lines.extend([
            String::new(),
            format!("Costs nothing here, as it has no [target.NAME.price]: {targets}"),
        ]);
    }
    if let Some(line) = forecast.budget.as_ref() {
        lines.extend(budget(line, &forecast.total));
    }
    lines.join("\n") + "\n"
}

fn phases(phases: &[PhaseForecast]) -> Vec<String> {
    let line = |phase: &PhaseForecast| {
        let shape = match (phase.arrivals_per_s, phase.workers) {
            (Some(rate), _) => format!("{} arrivals/s", figure(rate)),
            (None, Some(count)) if phase.executor == "barrier" => format!("{} at once", grouped(count)),
            (None, count) => format!("{} workers", or_unknown(count.map(grouped))),
        };
        let time = match phase.end_ns {
            Some(end_ns) => format!("{} to {}", time(phase.start_ns), time(end_ns)),
            None => format!("from {} until its jobs are done", time(phase.start_ns)),
        };
        let jobs =
            phase.jobs.map_or("as many jobs as time allows".to_owned(), |n| format!("{} jobs", grouped(n)));
        format!("  {:<22} {time}, {shape}, {jobs}", phase.executor)
    };
    heading("Each cell", phases.iter().map(line))
}

fn timeline(buckets: &[TimelineStep]) -> Vec<String> {
    let open = buckets.iter().any(|bucket| bucket.arrivals > 0);
    let height = |b: &TimelineStep| if open { b.arrivals_per_s } else { f64::from(b.workers) };
    let highest = buckets.iter().map(height).fold(0.0, f64::max);
    let line = |bucket: &TimelineStep| {
        let value = height(bucket);
        let bar = bar(value, highest);
        format!("  {:>8}  {:>8}  {bar}", time(bucket.from_ns), figure(value)).trim_end().to_owned()
    };
    let title = if open { "Arrivals per second, from" } else { "Workers, from" };
    if highest > 0.0 { heading(title, buckets.iter().map(line)) } else { Vec::new() }
}

/// Anything above nothing is seen.
fn bar(value: f64, highest: f64) -> String {
    let length = (value / highest * BAR_WIDTH).round() as usize;
    match length {
        0 if value > 0.0 => "▏".to_owned(),
        length => "█".repeat(length),
    }
}

fn volume(title: &str, volume: &Volume) -> Vec<String> {
    let length = volume.length_ns.map_or("until the jobs are done".to_owned(), time);
    let mut rows = vec![
        ("jobs, at the most", or_unknown(volume.jobs.map(grouped))),
        ("length", length),
        ("requests", or_unknown(volume.requests.map(range))),
        ("prompt tokens", or_unknown(volume.prompt_tokens.map(range))),
        ("output tokens", or_unknown(volume.output_tokens.map(range))),
    ];
    match &volume.cost_most {
        None => rows.push(("most it can cost", UNKNOWN.to_owned())),
        Some(sums) => rows.extend(sums.iter().map(|sum| ("most it can cost", sum.to_string()))),
    }
    heading(title, rows.into_iter().map(|(name, value)| format!("  {name:<20} {value}")))
}

fn budget(budget: &BudgetForecast, total: &Volume) -> Vec<String> {
    let line = |name: &str, most: Option<String>, cap: Option<String>, fits: Option<bool>| {
        let verdict = match fits {
            Some(true) => "fits",
            Some(false) => "may be reached before the end",
            None => "cannot be said beforehand",
        };
        Some(format!("  {name:<20} {} of {}: {verdict}", or_unknown(most), cap?))
    };
    let costs = total.cost_most.as_ref().filter(|sums| !sums.is_empty());
    let costs = costs.map(|sums| sums.iter().map(ToString::to_string).collect::<Vec<_>>().join(" + "));
    let tokens = total.prompt_tokens.zip(total.output_tokens);
    let tokens = tokens.and_then(|(p, o)| p.most.checked_add(o.most)).map(grouped);
    let requests = total.requests.map(|requests| grouped(requests.most));
    let lines = [
        line("cost", costs, budget.max_cost.map(|cap| cap.to_string()), budget.cost_fits),
        line("requests", requests, budget.max_requests.map(grouped), budget.requests_fit),
        line("tokens", tokens, budget.max_tokens.map(grouped), budget.tokens_fit),
    ];
    heading("Budget of the whole run", lines.into_iter().flatten())
}

fn heading(title: &str, lines: impl Iterator<Item = String>) -> Vec<String> {
    [String::new(), title.to_owned()].into_iter().chain(lines).collect()
}

fn time(ns: u64) -> String {
    format_duration(Duration::from_nanos(ns))
}

fn range(range: LeastMost) -> String {
    if range.least == range.most {
        grouped(range.most)
    } else {
        format!("{} to {}", grouped(range.least), grouped(range.most))
    }
}

fn or_unknown(text: Option<String>) -> String {
    text.unwrap_or_else(|| UNKNOWN.to_owned())
}

/// Three figures, or all of a whole part.
fn figure(value: f64) -> String {
    match value {
        v if v >= 100.0 || v == v.trunc() => format!("{v:.0}"),
        v if v >= 10.0 => format!("{v:.1}"),
        v if v >= 0.01 => format!("{v:.2}"),
        v => format!("{v:.1e}"),
    }
}

/// `1234567` as `1,234,567`.
fn grouped(number: impl Display) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.char_indices() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_from_the_right() {
        for (number, text) in [(0u64, "0"), (999, "999"), (1000, "1,000"), (12_345_678, "12,345,678")] {
            assert_eq!(grouped(number), text);
        }
    }

    #[test]
    fn a_bar_shows_all_that_is_above_nothing() {
        assert_eq!((bar(0.0, 9.0).as_str(), bar(1e-6, 9.0).as_str()), ("", "▏"));
        assert_eq!(bar(9.0, 9.0).chars().count(), 40);
    }

    fn forecast() -> Forecast {
        let range = |least, most| Some(LeastMost { least, most });
        let volume = Volume {
            jobs: Some(1500),
            length_ns: Some(10_000_000_000),
            requests: range(1500, 7500),
            prompt_tokens: range(2, 2),
            output_tokens: None,
            cost_most: Some(vec!["1.25 USD".parse().expect("money")]),
        };
        let bucket = |from_ns, until_ns, arrivals| TimelineStep {
            from_ns,
            until_ns,
            arrivals,
            arrivals_per_s: arrivals as f64 / 5.0,
            workers: 0,
        };
        Forecast {
            name: "night run".to_owned(),
            seed: 7,
            cells: vec![],
            phases: vec![],
            timeline: vec![bucket(0, 5_000_000_000, 500), bucket(5_000_000_000, 10_000_000_000, 1000)],
            without_price: vec!["house".to_owned()],
            budget: Some(BudgetForecast {
                max_cost: Some("1.00 USD".parse().expect("money")),
                cost_fits: Some(false),
                max_requests: Some(7500),
                requests_fit: Some(true),
                max_tokens: None,
                tokens_fit: None,
            }),
            total: volume,
        }
    }

    #[test]
    fn a_forecast_reads_like_this() {
        let mut forecast = forecast();
        forecast.phases.push(PhaseForecast {
            executor: "barrier",
            start_ns: 0,
            end_ns: None,
            jobs: Some(1500),
            workers: Some(3),
            arrivals_per_s: None,
        });
        let text = render(&forecast);
        for line in [
            "night run, seed 7: nothing has been sent",
            "  barrier                from 0s until its jobs are done, 3 at once, 1,500 jobs",
            "        0s       100  ████████████████████",
            "     5.00s       200  ████████████████████████████████████████",
            "  cost                 1.25 USD of 1.00 USD: may be reached before the end",
            "  requests             7,500 of 7,500: fits",
        ] {
            assert!(text.lines().any(|l| l == line), "no line {line:?} in\n{text}");
        }
        assert!(text.contains("house") && !text.contains("  tokens "), "{text}");
    }

    #[test]
    fn what_is_unknown_says_so() {
        let lines = volume("a cell", &Volume { jobs: None, cost_most: None, ..forecast().total });
        let text = lines.join("\n");
        for line in [
            "  jobs, at the most    unknown",
            "  requests             1,500 to 7,500",
            "  prompt tokens        2",
            "  most it can cost     unknown",
        ] {
            assert!(text.lines().any(|l| l == line), "no line {line:?} in\n{text}");
        }
    }
}
