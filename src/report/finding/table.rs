//! What happened, one column a job, in the order of time, with the ledger's column at the right.

use super::words::nemesis;
use crate::explore::{Entry, Line, Trial};
use crate::history::JobKey;
use crate::schedule::{RequestKey, Schedule, Trace, TraceEvent, TraceStep, Until, Why};
use crate::units::format_duration;
use crate::units::shown::{clipped, plain};
use std::collections::BTreeSet;
use std::time::Duration;

/// Widest line, in characters.
const WIDTH: usize = 98;

/// The column of times.
const TIME: usize = 9;

/// The ledger's column.
const LEDGER: usize = 24;

/// Most jobs that have a column.
const LANES: usize = 3;

/// Most rows; of more, the middle is left out.
const ROWS: usize = 48;

/// One line of the table before it is laid out.
struct Row {
    at: Duration,
    lanes: Vec<String>,
    ledger: String,
}

/// The table, a line each: no line is longer than 100 columns, and none has a control character.
pub(super) fn table(schedule: &Schedule, trial: &Trial, involved: &[JobKey]) -> Vec<String> {
    let trace = &trial.trace;
    let came = came(trace);
    let mut lanes: Vec<&JobKey> = involved.iter().filter(|job| came.contains(job)).take(LANES).collect();
    if lanes.is_empty() || came.len() <= LANES {
        lanes = came.iter().copied().take(LANES).collect();
        lanes.sort();
    }
    if lanes.is_empty() {
        return vec!["no request came".to_owned()];
    }
    let width = (WIDTH - TIME - LEDGER - 2 * (lanes.len() + 1)) / lanes.len();
    let mut sheet = TableBuilder {
        schedule,
        trial,
        lanes: &lanes,
        width,
        rows: Vec::new(),
        open: vec![Vec::new(); lanes.len()],
    };
    let mut sorted: Vec<&Line> = trial.books.iter().collect();
    sorted.sort_by_key(|line| line.at);
    let mut books = sorted.into_iter().peekable();
    for step in &trace.steps {
        while let Some(line) = books.next_if(|line| line.at < step.at) {
            sheet.book(line);
        }
        sheet.step(step);
    }
    books.for_each(|line| sheet.book(line));
    let head = lanes.iter().map(|job| job.to_string()).collect();
    let rows = std::mem::take(&mut sheet.rows);
    let mut lines = vec![laid_out("t(ms)", &head, "ledger", width)];
    for nemesis in &schedule.nemeses {
        let text = clipped(&plain(&self::nemesis(nemesis)), WIDTH - TIME - 2);
        lines.push(format!("{:>TIME$}  {text}", "with"));
    }
    let left_out = rows.len().saturating_sub(ROWS);
    for (n, row) in rows.iter().enumerate() {
        if left_out > 0 && n == ROWS / 2 {
            lines.push(format!("{:>TIME$}  {left_out} rows left out", "…"));
        }
        if left_out == 0 || n < ROWS / 2 || n >= ROWS / 2 + left_out {
            let ms = format!("{:.1}", row.at.as_secs_f64() * 1e3);
            lines.push(laid_out(&ms, &row.lanes, &row.ledger, width));
        }
    }
    let folded = came.len() - lanes.len();
    if folded > 0 {
        let jobs = if folded == 1 { "job" } else { "jobs" };
        lines.push(format!("{:>TIME$}  {folded} more {jobs}, not shown", "…"));
    }
    lines
}

fn came(trace: &Trace) -> Vec<&JobKey> {
    let mut seen = BTreeSet::new();
    trace.steps.iter().map(|step| &step.request.job).filter(|job| seen.insert(*job)).collect()
}

fn laid_out(time: &str, lanes: &Vec<String>, ledger: &str, width: usize) -> String {
    let mut line = format!("{:>TIME$}", clipped(time, TIME));
    for lane in lanes {
        line.push_str(&format!("  {:<width$}", clipped(&plain(lane), width)));
    }
    line.push_str(&format!("  {}", clipped(&plain(ledger), LEDGER)));
    line.trim_end().to_owned()
}

/// The table while it is written.
struct TableBuilder<'a> {
    schedule: &'a Schedule,
    trial: &'a Trial,
    lanes: &'a [&'a JobKey],
    width: usize,
    rows: Vec<Row>,
    /// By lane: what is in flight, and whether it is held.
    open: Vec<Vec<(RequestKey, bool)>>,
}

impl TableBuilder<'_> {
    fn lane(&self, job: &JobKey) -> Option<usize> {
        self.lanes.iter().position(|lane| *lane == job)
    }

    fn step(&mut self, step: &TraceStep) {
        let Some(lane) = self.lane(&step.request.job) else { return };
        let label = label(&step.request);
        let open = &mut self.open[lane];
        let text = match step.event {
            TraceEvent::Arrived => {
                open.push((step.request.clone(), true));
                format!("-> {label}{}", self.held(&step.request))
            }
            TraceEvent::Struck { fault } => format!("!! {label} {fault}"),
            TraceEvent::Released { why } => {
                open.iter_mut()
                    .filter(|(request, _)| *request == step.request)
                    .for_each(|(_, held)| *held = false);
                match why {
                    Why::Free | Why::Picked | Why::Closed => return,
                    Why::Met => format!("~> {label} let go"),
                    Why::TimeUp => format!("~> {label} let go in the end"),
                    Why::Disconnected => return,
                    Why::Infeasible => format!("~> {label} let go, unmet"),
                }
            }
            TraceEvent::Answered { status } => {
                open.retain(|(request, _)| *request != step.request);
                let status = status.map_or_else(|| "no status".to_owned(), |status| status.to_string());
                format!("<- {label} {status}")
            }
            TraceEvent::Left => {
                open.retain(|(request, _)| *request != step.request);
                let why = if self.trial.died(step.at) { "killed" } else { "client gave up" };
                format!("x  {label} {why}")
            }
            TraceEvent::Cut => {
                open.retain(|(request, _)| *request != step.request);
                format!("x  {label} cut by provider")
            }
        };
        self.put(step.at, lane, &text);
    }

    /// What the schedule asks of a request.
    fn held(&self, request: &RequestKey) -> String {
        let hold = self.schedule.holds.iter().find(|hold| hold.request == *request);
        match hold.map(|hold| &hold.until) {
            None => String::new(),
            Some(Until::Answered(other)) => format!(" held until {}", short(other)),
            Some(Until::After(time)) => format!(" held {}", format_duration(*time)),
            Some(Until::Disconnect) => " held".to_owned(),
        }
    }

    fn book(&mut self, line: &Line) {
        let Some(lane) = self.lane(&line.job) else { return };
        match &line.entry {
            Entry::Client(text) => self.put(line.at, lane, &format!(".. {text}")),
            Entry::Ledger { request, status, billed, .. } => {
                let status = status.map_or_else(|| "-".to_owned(), |status| status.to_string());
                let text = format!("{} +{billed} {status}", short(request));
                match self.rows.last_mut().filter(|row| row.at == line.at && row.ledger.is_empty()) {
                    Some(row) => row.ledger = text,
                    None => self.fresh(line.at).ledger = text,
                }
            }
        }
    }

    /// Writes into a lane: into the last row if that is of the same moment and there is room, else a new one.
    fn put(&mut self, at: Duration, lane: usize, text: &str) {
        let width = self.width;
        if let Some(row) = self.rows.last_mut().filter(|row| row.at == at) {
            let cell = &mut row.lanes[lane];
            if matches!(cell.as_str(), "" | "~" | "|") {
                text.clone_into(cell);
                return;
            }
            if cell.chars().count() + 1 + text.chars().count() <= width {
                *cell = format!("{cell} {text}");
                return;
            }
        }
        self.fresh(at).lanes[lane] = text.to_owned();
    }

    /// A new row, in which every lane shows what it is about.
    fn fresh(&mut self, at: Duration) -> &mut Row {
        let mark = |open: &Vec<(RequestKey, bool)>| match open.last() {
            None => String::new(),
            Some((_, true)) => "~".to_owned(),
            Some((_, false)) => "|".to_owned(),
        };
        let lanes = self.open.iter().map(mark).collect();
        self.rows.push(Row { at, lanes, ledger: String::new() });
        let last = self.rows.len() - 1;
        &mut self.rows[last]
    }
}

/// `#1`, or `#1+2`.
fn label(request: &RequestKey) -> String {
    let repeat = if request.repeat > 0 { format!("+{}", request.repeat) } else { String::new() };
    format!("#{}{repeat}", request.attempt)
}

/// A request in few characters.
fn short(request: &RequestKey) -> String {
    let job = request.job.to_string();
    format!("{}{}", job.strip_prefix("job:").unwrap_or(&job), label(request))
}
