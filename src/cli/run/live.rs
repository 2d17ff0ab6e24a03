//! The live display of a run: a picture of swapped snapshots, ten times a second at the most.

use crate::live::LiveView;
use crate::plan::Plan;
use crate::shared::Snapshot;
use crate::units::format_duration;
use crate::units::shown::plain;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Gauge, Paragraph, Sparkline};
use std::time::Duration;

/// What is drawn.
pub(super) struct Shown<'a> {
    pub(super) plan: &'a Plan,
    /// Jobs of all cells, if they can be counted beforehand.
    pub(super) total: Option<u64>,
    pub(super) seen: Snapshot,
    pub(super) view: &'a LiveView,
    /// Jobs due by the schedule so far.
    pub(super) due: u64,
    /// Jobs due and ended per second, of late.
    pub(super) rates: [f64; 2],
    pub(super) elapsed: Duration,
    pub(super) stopping: bool,
}

fn ms(value: Option<f64>) -> String {
    let time = value.and_then(|ms| Duration::try_from_secs_f64(ms / 1e3).ok());
    time.map_or_else(|| "—".to_owned(), format_duration)
}

pub(super) fn dim(text: impl Into<String>) -> Span<'static> {
    Span::styled(text.into(), Style::new().add_modifier(Modifier::DIM))
}

pub(super) fn bold(text: impl Into<String>) -> Span<'static> {
    Span::styled(text.into(), Style::new().add_modifier(Modifier::BOLD))
}

/// Draws one frame.
pub(super) fn draw(frame: &mut Frame<'_>, shown: &Shown<'_>) {
    let rows = [
        Constraint::Length(3),
        Constraint::Length(6),
        Constraint::Length(6),
        Constraint::Min(4),
        Constraint::Length(4),
    ];
    let [head, figures, sparks, bottom, newest] = Layout::vertical(rows).areas(frame.area());
    progress(frame, head, shown);
    numbers(frame, figures, shown);
    let halves = [Constraint::Percentage(50), Constraint::Percentage(50)];
    let [left, right] = Layout::horizontal(halves).areas(sparks);
    let view = shown.view;
    spark(frame, left, "TTFT p50 by second", &view.ttft_by_second, Color::Blue);
    spark(frame, right, "response p50 by second", &view.response_by_second, Color::Cyan);
    let [left, right] = Layout::horizontal(halves).areas(bottom);
    histogram(frame, left, view);
    thresholds(frame, right, view);
    newest_of(frame, newest, view);
}

/// What was found last, and what ended badly last.
fn newest_of(frame: &mut Frame<'_>, area: Rect, view: &LiveView) {
    let or = |text: &Option<String>, none: &str| text.as_deref().map_or_else(|| none.to_owned(), plain);
    let found = Style::new().fg(if view.finding.is_some() { Color::Red } else { Color::Reset });
    let finding = Span::styled(or(&view.finding, "no rule seen broken so far"), found);
    let lines = vec![
        Line::from(vec![dim("newest finding "), finding]),
        Line::from(vec![dim("newest error   "), Span::raw(or(&view.newest, "none"))]),
    ];
    let title =
        format!(" findings {} by the client's own history; all rules are judged at the end ", view.findings);
    frame.render_widget(Paragraph::new(lines).block(Block::bordered().title(title)), area);
}

fn progress(frame: &mut Frame<'_>, area: Rect, shown: &Shown<'_>) {
    let (ended, total) = (shown.seen.jobs_ended, shown.total);
    let share = total.filter(|total| *total > 0).map_or(0.0, |total| (ended as f64 / total as f64).min(1.0));
    let of = total.map_or_else(String::new, |total| format!(" of {total}"));
    let title = format!(
        " deadheat  {}  seed {}  {} clock ",
        plain(&shown.plan.name),
        shown.plan.seed,
        shown.plan.clock.name()
    );
    let label = match shown.stopping {
        true => format!("stopping: {ended}{of} jobs, answers in flight are waited for"),
        false => format!(
            "{ended}{of} jobs  {}",
            format_duration(Duration::from_millis(shown.elapsed.as_millis() as u64))
        ),
    };
    let gauge = Gauge::default().block(Block::bordered().title(title)).ratio(share).label(label);
    frame.render_widget(gauge.gauge_style(Style::new().fg(Color::Blue)), area);
}

/// The figures, each in words that the report uses too.
fn numbers(frame: &mut Frame<'_>, area: Rect, shown: &Shown<'_>) {
    let (seen, view) = (shown.seen, shown.view);
    let [offered, achieved] = shown.rates;
    let pair = |name: &str, value: String| vec![dim(format!("{name:>10} ")), bold(format!("{value:<14}"))];
    let line = |parts: Vec<Vec<Span<'static>>>| Line::from(parts.concat());
    let both = |pair: [Option<f64>; 2]| format!("{} / {}", ms(pair[0]), ms(pair[1]));
    let cost = if view.cost.is_empty() { "—".to_owned() } else { view.cost.join(", ") };
    let lines = vec![
        line(vec![
            pair("offered", format!("{offered:.1} jobs/s")),
            pair("achieved", format!("{achieved:.1} jobs/s")),
            pair("in flight", seen.in_flight().to_string()),
        ]),
        line(vec![
            pair("attempts", seen.attempts.to_string()),
            pair("errors", view.errors.to_string()),
            pair("429", view.limited.to_string()),
        ]),
        line(vec![
            pair("TTFT", both(view.ttft_ms)),
            pair("response", both(view.response_ms)),
            pair("lag p99", ms(view.lag_ms[1])),
        ]),
        line(vec![
            pair("tokens/s", format!("{:.0}", view.tokens_per_s)),
            pair("overdue", format!("{} jobs", overdue(shown))),
            pair("cost", cost),
        ]),
    ];
    frame.render_widget(Paragraph::new(lines).block(Block::bordered().title(" load  p50 / p99 ")), area);
}

/// Jobs that are due and not begun: what a client that cannot keep up leaves lying.
fn overdue(shown: &Shown<'_>) -> u64 {
    shown.due.saturating_sub(shown.seen.jobs_begun)
}

fn spark(frame: &mut Frame<'_>, area: Rect, name: &str, by_second: &[u64], color: Color) {
    let most = by_second.iter().max().copied().unwrap_or(0);
    let block = Block::bordered().title(format!(" {name}, up to {} ", ms(Some(most as f64))));
    let room = usize::from(area.width.saturating_sub(2));
    let latest = &by_second[by_second.len().saturating_sub(room)..];
    frame.render_widget(Sparkline::default().block(block).data(latest).style(Style::new().fg(color)), area);
}

fn histogram(frame: &mut Frame<'_>, area: Rect, view: &LiveView) {
    let ends = [view.ttft_bars.first(), view.ttft_bars.last()].map(|bar| ms(bar.map(|(upper, _)| *upper)));
    let block = Block::bordered().title(format!(" TTFT so far, {} to {}, log ", ends[0], ends[1]));
    // Each bar as wide as there is room for.
    let wide = (usize::from(area.width.saturating_sub(2)) / view.ttft_bars.len().max(1)).max(1);
    let data: Vec<u64> = view.ttft_bars.iter().flat_map(|(_, n)| std::iter::repeat_n(*n, wide)).collect();
    frame.render_widget(
        Sparkline::default().block(block).data(&data).style(Style::new().fg(Color::Magenta)),
        area,
    );
}

fn thresholds(frame: &mut Frame<'_>, area: Rect, view: &LiveView) {
    let line = |row: &crate::summary::ThresholdRow| {
        let (mark, color) = match (row.observed.is_some(), row.passed) {
            (false, _) => ("… ", Color::DarkGray),
            (_, true) => ("✓ ", Color::Green),
            (_, false) => ("✗ ", Color::Red),
        };
        let observed = row.observed.as_deref().unwrap_or("too few samples");
        let place = if row.strategy.is_empty() {
            String::new()
        } else {
            format!("  {}/{}", row.target, row.strategy)
        };
        Line::from(vec![
            Span::styled(mark, Style::new().fg(color)),
            Span::raw(plain(&row.threshold)),
            dim(format!("  {}{}", plain(observed), plain(&place))),
        ])
    };
    let lines: Vec<Line<'_>> = match view.thresholds.is_empty() {
        true => vec![Line::from(dim("none that can be told before the end"))],
        false => view.thresholds.iter().map(line).collect(),
    };
    frame.render_widget(Paragraph::new(lines).block(Block::bordered().title(" thresholds so far ")), area);
}

/// The same in one line, where there is no terminal.
pub(super) fn words(shown: &Shown<'_>) -> String {
    let (seen, view) = (shown.seen, shown.view);
    let of = shown.total.map_or_else(String::new, |total| format!(" of {total}"));
    let in_progress = seen.jobs_begun.saturating_sub(seen.jobs_ended);
    let [offered, achieved] = shown.rates;
    let overdue = match overdue(shown) {
        0 => String::new(),
        jobs => format!(", {jobs} overdue"),
    };
    let finding = view.finding.as_deref().map(|text| format!(", newest finding: {}", plain(text)));
    let finding = finding.unwrap_or_default();
    let cost = if view.cost.is_empty() { String::new() } else { format!(", {}", view.cost.join(", ")) };
    let missed = view.thresholds.iter().filter(|row| row.observed.is_some() && !row.passed).count();
    let missed = if missed == 0 { String::new() } else { format!(", thresholds missed so far: {missed}") };
    format!(
        "{}{of} jobs, {in_progress} in progress, {} in flight{overdue}, {} attempts, {} failed ({} of them \
         429), \
         offered {offered:.1}/s, achieved {achieved:.1}/s, \
         ttft p50 {} p99 {}, response p50 {} p99 {}, lag p99 {}, {:.0} tokens/s{cost}{missed}{finding}",
        seen.jobs_ended,
        seen.in_flight(),
        seen.attempts,
        seen.attempts_failed,
        view.limited,
        ms(view.ttft_ms[0]),
        ms(view.ttft_ms[1]),
        ms(view.response_ms[0]),
        ms(view.response_ms[1]),
        ms(view.lag_ms[1]),
        view.tokens_per_s,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Source;
    use crate::scenario::load;
    use crate::units::shown::is_unsafe;
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    fn plan() -> Plan {
        let text = include_str!("../../../scenarios/quickstart.toml").to_owned();
        load(&Source { path: "quickstart.toml".into(), text }, &[], &|_| None).expect("a scenario")
    }

    #[test]
    fn a_frame_fits_any_terminal_and_shows_what_the_line_says() {
        let (plan, view) = (
            plan(),
            LiveView {
                limited: 7,
                ttft_ms: [Some(437.0), None],
                ttft_by_second: vec![0, 3, 9],
                ttft_bars: vec![(1.0, 4), (2.0, 9)],
                cost: vec!["0.12 USD".to_owned()],
                newest: Some("job:0042#1: reset\u{1b}[2J\u{202e}\u{200b}".to_owned()),
                findings: 1,
                finding: Some("attempts-capped at mock/x: \u{1b}job:0042 made attempt 4".to_owned()),
                ..LiveView::default()
            },
        );
        let seen = Snapshot {
            jobs_begun: 60,
            jobs_ended: 42,
            attempts: 51,
            attempts_failed: 9,
            busy: 18,
            waiting: 5,
        };
        let (rates, elapsed) = ([12.0, 10.5], Duration::from_millis(4200));
        let shown = Shown {
            plan: &plan,
            total: Some(100),
            seen,
            view: &view,
            due: 97,
            rates,
            elapsed,
            stopping: false,
        };
        let line = words(&shown);
        for (width, height) in [(120, 40), (80, 24), (20, 5), (1, 1)] {
            let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a terminal");
            terminal.draw(|frame| draw(frame, &shown)).expect("drawn");
            let text: String =
                terminal.backend().buffer().content().iter().map(|cell| cell.symbol()).collect();
            assert!(!text.contains(is_unsafe) && !line.contains(is_unsafe));
            if width >= 80 {
                for part in [
                    "42 of 100 jobs",
                    "437ms",
                    "0.12 USD",
                    "10.5",
                    "12.0",
                    "37 ",
                    "13",
                    "job:0042 made attempt 4",
                ] {
                    assert!(text.contains(part) && line.contains(part), "{part} in {text} and in {line}");
                }
                assert!(text.contains("job:0042#1: reset"), "{text}");
            }
        }
    }
}
