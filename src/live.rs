//! A run while it lasts: the history's own events, folded for a display. Never used for a verdict.

mod breaks;

use crate::history::{Attempt, ErrorClass, Event, Job, JobEnd, Outcome};
use crate::judge::{Observed, thresholds};
use crate::metrics::{AttemptTimes, Metric, TimeHistograms, merged, percentile};
use crate::plan::{Cell, Plan};
use crate::prices::{Amount, Circumstances};
use crate::summary::{CounterRow, ThresholdRow};
use crate::units::Money;
use breaks::Breaks;
use hdrhistogram::Histogram;
use std::collections::VecDeque;
use std::sync::Arc;

/// Seconds that a display looks back.
const SECONDS: usize = 60;
/// Bars of the histogram.
const BARS: usize = 24;
/// Most samples of one second; more would not change its median by much.
const SAMPLES: usize = 512;
/// Over how many whole seconds rates are taken.
const RATE_S: usize = 5;
/// Nanoseconds in a second, and in a millisecond.
const NS_PER_S: u64 = 1_000_000_000;
const NS_PER_MS: f64 = 1e6;
/// What a run that lasts can be asked: the rest is known at its end.
const ASKED: [&str; 8] =
    ["ttft", "first-byte", "service", "response", "lag", "error_rate", "attempts", "cost"];

/// What a display shows of the attempts and jobs that have ended. Times are in milliseconds.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct LiveView {
    /// When the latest of them ended, in nanoseconds since the run's epoch.
    pub latest_ns: u64,
    /// Jobs answered, and ended otherwise.
    pub answered: u64,
    /// Jobs that ended without an answer.
    pub unanswered: u64,
    /// Attempts that did not end well, 429 apart.
    pub errors: u64,
    /// Attempts that were answered with 429.
    pub limited: u64,
    /// Jobs answered per second, of late.
    pub answered_per_s: f64,
    /// Tokens received per second, of late.
    pub tokens_per_s: f64,
    /// Median and 99th percentile of the time to first token.
    pub ttft_ms: [Option<f64>; 2],
    /// The same from due to done of each job.
    pub response_ms: [Option<f64>; 2],
    /// The same from due to sent.
    pub lag_ms: [Option<f64>; 2],
    /// Median time to first token in each of the last seconds, oldest first; 0 where nothing came.
    pub ttft_by_second: Vec<u64>,
    /// Median response in each of the last seconds.
    pub response_by_second: Vec<u64>,
    /// Times to first token so far, from the least to the most on a logarithmic scale: upper end and count.
    pub ttft_bars: Vec<(f64, u64)>,
    /// What it cost so far by what the client was told, per currency.
    pub cost: Vec<String>,
    /// The thresholds that can be told so far.
    pub thresholds: Vec<ThresholdRow>,
    /// The attempt or job that ended badly last, in a sentence.
    pub newest: Option<String>,
    /// Rules that the client's own history shows to be broken, and thresholds missed so far.
    pub findings: usize,
    /// The newest of them, in a sentence.
    pub finding: Option<String>,
}

#[derive(Debug, Default)]
struct Second {
    answered: u64,
    tokens: u64,
    ttft_ns: Vec<u64>,
    response_ns: Vec<u64>,
}

struct LiveCell {
    times: TimeHistograms,
    counter: CounterRow,
    /// What its attempts cost where they are paid, by what the client was told; `None` if nothing was told
    /// yet.
    spent: Option<Amount>,
}

/// The fold.
pub(crate) struct Live {
    plan: Arc<Plan>,
    started_utc_s: u64,
    cells: Vec<LiveCell>,
    /// The second that `seconds` begins with, since the run's epoch.
    first_s: u64,
    seconds: VecDeque<Second>,
    view: LiveView,
    breaks: Breaks,
}

impl Live {
    /// Nothing has happened yet. Attempts are priced by the hour, counted from `started_utc_s`.
    #[must_use]
    pub(crate) fn new(plan: Arc<Plan>, started_utc_s: u64) -> Self {
        let cell = |cell: Cell| LiveCell {
            times: TimeHistograms::default(),
            counter: CounterRow {
                target: plan.targets[cell.target].name.clone(),
                strategy: plan.strategies[cell.strategy].name().to_owned(),
                ..CounterRow::default()
            },
            spent: None,
        };
        let cells = plan.cells().into_iter().map(cell).collect();
        let (seconds, view, breaks) = (VecDeque::new(), LiveView::default(), Breaks::default());
        Self { cells, plan, started_utc_s, first_s: 0, seconds, view, breaks }
    }

    /// Takes what has happened.
    pub(crate) fn add(&mut self, events: &[Event]) {
        for event in events {
            match event {
                Event::Attempt(attempt) => self.attempt(attempt),
                Event::Job(job) => self.job(job),
                Event::CellEnd(_) => {}
            }
        }
    }

    /// The second of a moment; `None` if it is too long ago.
    fn second(&mut self, at_ns: u64) -> Option<&mut Second> {
        self.view.latest_ns = self.view.latest_ns.max(at_ns);
        let at_s = at_ns / NS_PER_S;
        if self.seconds.is_empty() {
            self.first_s = at_s;
        }
        while at_s >= self.first_s + self.seconds.len() as u64 {
            self.seconds.push_back(Second::default());
            if self.seconds.len() > SECONDS {
                self.seconds.pop_front();
                self.first_s += 1;
            }
        }
        let at = usize::try_from(at_s.checked_sub(self.first_s)?).ok()?;
        self.seconds.get_mut(at)
    }

    fn attempt(&mut self, attempt: &Attempt) {
        let Some(place) = self.plan.cells().into_iter().find(|cell| cell.index == attempt.job.cell) else {
            return;
        };
        let paid = self.paid(place, attempt);
        self.breaks.attempt(&self.plan, place, attempt);
        let Some(cell) = self.cells.get_mut(usize::from(attempt.job.cell)) else { return };
        if let Some(paid) = paid {
            cell.spent = cell.spent.map_or(Some(paid), |spent| spent.plus(paid));
        }
        let counter = &mut cell.counter;
        counter.attempts += 1;
        counter.attempts_ok += u64::from(attempt.outcome == Outcome::Ok);
        counter.tokens.client_prompt += attempt.prompt_tokens.unwrap_or(0);
        counter.tokens.client_completion += attempt.completion_tokens.unwrap_or(0);
        match attempt.error {
            None => {}
            Some(ErrorClass::RateLimited | ErrorClass::QuotaExhausted) => self.view.limited += 1,
            Some(error) => {
                self.view.errors += 1;
                self.view.newest = Some(format!("{}#{}: {}", attempt.job, attempt.n, error.name()));
            }
        }
        if let Some(error) = attempt.error {
            *cell.counter.errors.entry(error.name().to_owned()).or_default() += 1;
        }
        let ttft =
            attempt.first_content_ns.zip(attempt.sent_ns).map(|(first, sent)| first.saturating_sub(sent));
        if !attempt.warmup {
            cell.times.add_attempt(AttemptTimes {
                due_ns: attempt.due_ns,
                sent_ns: attempt.sent_ns,
                first_byte_ns: attempt.first_byte_ns,
                first_content_ns: attempt.first_content_ns,
                done_ns: attempt.done_ns,
            });
        }
        let tokens = attempt.completion_tokens.unwrap_or(0);
        if let Some(second) = self.second(attempt.done_ns) {
            second.tokens += tokens;
            second.ttft_ns.extend(ttft.filter(|_| second.ttft_ns.len() < SAMPLES));
        }
    }

    /// What one attempt cost, if its target has a price and the client was told of tokens.
    fn paid(&self, cell: Cell, attempt: &Attempt) -> Option<Amount> {
        let card = &self.plan.targets[cell.target].price.as_ref()?.landed;
        let counts = card.request(attempt.prompt_tokens?, attempt.completion_tokens.unwrap_or(0));
        let at_utc_s = self.plan.cost.at(self.started_utc_s, attempt.due_ns);
        card.cost(&counts, &Circumstances { at_utc_s, ..Circumstances::default() }).ok()
    }

    fn job(&mut self, job: &Job) {
        let Some(cell) = self.cells.get_mut(usize::from(job.job.cell)) else { return };
        let (answered, response) = (job.end == JobEnd::Answered, job.done_ns.saturating_sub(job.due_ns));
        cell.counter.jobs += 1;
        if !job.warmup {
            cell.times.add_job(job.due_ns, job.done_ns);
        }
        if answered {
            cell.counter.answered += 1;
            self.view.answered += 1;
        } else {
            self.view.unanswered += 1;
            self.view.newest = Some(format!("{} ended without an answer", job.job));
        }
        if let Some(second) = self.second(job.done_ns) {
            second.answered += u64::from(answered);
            if second.response_ns.len() < SAMPLES {
                second.response_ns.push(response);
            }
        }
    }

    /// What a display shows now.
    #[must_use]
    pub(crate) fn view(&mut self) -> LiveView {
        let both = |metric: Metric| {
            let all = merged(self.cells.iter().map(|cell| cell.times.of(metric)));
            let at = |q| percentile(&all, q).map(|ns| ns as f64 / NS_PER_MS);
            ([at(0.5), at(0.99)], all)
        };
        let (ttft_ms, ttft) = both(Metric::Ttft);
        // The last second is not whole yet.
        let whole = self.seconds.iter().rev().skip(1).take(RATE_S);
        let (mut answered, mut tokens, mut n) = (0, 0, 0u32);
        for second in whole {
            (answered, tokens, n) = (answered + second.answered, tokens + second.tokens, n + 1);
        }
        let per_s = |sum: u64| sum as f64 / f64::from(n.max(1));
        let asked = |row: &ThresholdRow| ASKED.iter().any(|name| row.threshold.starts_with(name));
        let judged: Vec<ThresholdRow> =
            thresholds(&self.plan, self, None).into_iter().filter(asked).collect();
        self.breaks.look(&self.plan, &judged);
        let (findings, finding) = self.breaks.newest();
        LiveView {
            answered_per_s: per_s(answered),
            tokens_per_s: per_s(tokens),
            ttft_ms,
            response_ms: both(Metric::Response).0,
            lag_ms: both(Metric::Lag).0,
            ttft_by_second: self.seconds.iter().map(|second| median_ms(&second.ttft_ns)).collect(),
            response_by_second: self.seconds.iter().map(|second| median_ms(&second.response_ns)).collect(),
            ttft_bars: bars(&ttft),
            cost: self.spent(),
            thresholds: judged,
            findings,
            finding,
            ..self.view.clone()
        }
    }

    fn spent(&self) -> Vec<String> {
        let mut sums: Vec<Money> = Vec::new();
        for money in self.plan.cells().into_iter().filter_map(|cell| self.cost(cell)) {
            match sums.iter_mut().find(|sum| sum.currency == money.currency) {
                Some(sum) => sum.pico += money.pico,
                None => sums.push(money),
            }
        }
        sums.iter().map(|sum| format!("{} {}", sum.decimal(), sum.currency)).collect()
    }
}

impl Observed for Live {
    fn histogram(&self, cell: Cell, metric: &str) -> Option<&Histogram<u64>> {
        Some(self.cells.get(usize::from(cell.index))?.times.of(Metric::from_name(metric)?))
    }

    fn counter(&self, cell: Cell) -> Option<&CounterRow> {
        self.cells.get(usize::from(cell.index)).map(|cell| &cell.counter)
    }

    fn cost(&self, cell: Cell) -> Option<Money> {
        Some(self.cells.get(usize::from(cell.index))?.spent?.money())
    }
}

fn median_ms(values_ns: &[u64]) -> u64 {
    let mut sorted = values_ns.to_vec();
    sorted.sort_unstable();
    sorted.get(sorted.len().saturating_sub(1) / 2).map_or(0, |ns| (ns / 1_000_000).max(1))
}

fn bars(histogram: &Histogram<u64>) -> Vec<(f64, u64)> {
    if histogram.is_empty() {
        return Vec::new();
    }
    let (low, high) = (histogram.min_nz().max(1) as f64, histogram.max().max(2) as f64);
    let span = (high / low).ln().max(1e-9);
    let mut bars: Vec<(f64, u64)> =
        (1..=BARS).map(|n| (low * (span * n as f64 / BARS as f64).exp() / NS_PER_MS, 0)).collect();
    for step in histogram.iter_recorded() {
        let share = (step.value_iterated_to().max(1) as f64 / low).ln().max(0.0) / span;
        bars[((share * BARS as f64) as usize).min(BARS - 1)].1 += step.count_at_value();
    }
    bars
}

#[cfg(test)]
mod tests;
