//! What can be seen broken while a run goes on. The client's own history shows it, without the ledger: the
//! judge has the last word at the end, and many rules only then.

use crate::history::Attempt;
use crate::plan::{Cell, Plan};
use crate::summary::{Invariant, ThresholdRow};
use crate::units::format_duration;
use std::collections::VecDeque;
use std::time::Duration;

/// Attempts that are looked back over to see how many were in flight at once.
const FLIGHTS: usize = 2048;

/// What was found: each rule once for each cell, each threshold for as long as it is missed.
#[derive(Debug, PartialEq, Eq)]
enum FoundBreak {
    Rule(u16, Invariant),
    Threshold(String),
}

/// Findings so far, the newest last.
#[derive(Debug, Default)]
pub(super) struct Breaks {
    found: Vec<(FoundBreak, String)>,
    /// Cell, sent and done of the attempts that ended last.
    flights: VecDeque<(u16, u64, u64)>,
    /// Whether there are new ones.
    fresh: bool,
}

fn place(plan: &Plan, cell: Cell) -> String {
    format!("{}/{}", plan.targets[cell.target].name, plan.strategies[cell.strategy].name())
}

impl Breaks {
    /// How many there are, and the newest of them.
    pub(super) fn newest(&self) -> (usize, Option<String>) {
        (self.found.len(), self.found.last().map(|(_, text)| text.clone()))
    }

    fn find(&mut self, what: FoundBreak, text: impl FnOnce() -> String) {
        if !self.found.iter().any(|(known, _)| *known == what) {
            self.found.push((what, text()));
        }
    }

    /// Takes an attempt that has ended.
    pub(super) fn attempt(&mut self, plan: &Plan, cell: Cell, attempt: &Attempt) {
        let most = plan.retry.max_attempts;
        // Over processes a job may be given to another one, which begins to count anew.
        if attempt.n > most && attempt.sent_ns.is_some() && plan.strategies[cell.strategy].processes() == 1 {
            self.find(FoundBreak::Rule(cell.index, Invariant::AttemptsCapped), || {
                let (job, n) = (&attempt.job, attempt.n);
                format!(
                    "attempts-capped at {}: {job} made attempt {n}; the declared most is {most}",
                    place(plan, cell)
                )
            });
        }
        if let Some(sent_ns) = attempt.sent_ns {
            self.flights.push_back((cell.index, sent_ns, attempt.done_ns));
            if self.flights.len() > FLIGHTS {
                self.flights.pop_front();
            }
            self.fresh = true;
        }
    }

    /// Looks at what is only worth a look now and then: how many attempts were in flight at once, and
    /// thresholds.
    pub(super) fn look(&mut self, plan: &Plan, thresholds: &[ThresholdRow]) {
        if std::mem::take(&mut self.fresh) {
            self.in_flight(plan);
        }
        let missed = |row: &&ThresholdRow| row.observed.is_some() && !row.passed;
        let missed: Vec<(FoundBreak, String)> = thresholds.iter().filter(missed).map(told).collect();
        self.found.retain(|(what, _)| {
            matches!(what, FoundBreak::Rule(..)) || missed.iter().any(|(still, _)| still == what)
        });
        for (what, text) in missed {
            match self.found.iter_mut().find(|(known, _)| *known == what) {
                Some((_, known)) => *known = text,
                None => self.found.push((what, text)),
            }
        }
    }

    /// The latest cell against its cap. Of attempts that have not ended nothing is known here, so that fewer
    /// may be seen than there were, and never more.
    fn in_flight(&mut self, plan: &Plan) {
        let Some(index) = self.flights.back().map(|(cell, ..)| *cell) else { return };
        let Some(cell) = plan.cells().into_iter().find(|cell| cell.index == index) else { return };
        let declared = plan.declared.concurrency.map(|n| (n, "the declared concurrency"));
        let promised = plan.strategies[cell.strategy].cap().map(|cap| (cap, "the strategy"));
        let caps = declared.into_iter().chain(promised);
        let Some((cap, source)) = caps.min_by_key(|(cap, _)| *cap) else { return };
        let (most, at_ns) = self.most_at_once(index);
        if most > u64::from(cap) {
            self.find(FoundBreak::Rule(index, Invariant::InFlightCapped), || {
                let at = format_duration(Duration::from_nanos(at_ns));
                format!(
                    "in-flight-capped at {}: {most} attempts in flight at {at}; {source} allows {cap}",
                    place(plan, cell)
                )
            });
        }
    }

    fn most_at_once(&self, cell: u16) -> (u64, u64) {
        let here = || self.flights.iter().filter(|flight| flight.0 == cell);
        let mut starts: Vec<u64> = here().map(|flight| flight.1).collect();
        let mut ends: Vec<u64> = here().map(|flight| flight.2).collect();
        starts.sort_unstable();
        ends.sort_unstable();
        let (mut closed, mut most) = (0, (0, 0));
        for (opened, start) in (1usize..).zip(&starts) {
            // An end and a start at the same moment do not overlap.
            closed += ends[closed..].iter().take_while(|end| *end <= start).count();
            let open = opened.saturating_sub(closed) as u64;
            if open > most.0 {
                most = (open, *start);
            }
        }
        most
    }
}

fn told(row: &ThresholdRow) -> (FoundBreak, String) {
    let at =
        if row.target.is_empty() { String::new() } else { format!(" at {}/{}", row.target, row.strategy) };
    let observed = row.observed.as_deref().unwrap_or_default();
    (
        FoundBreak::Threshold(format!("{}{at}", row.threshold)),
        format!("threshold missed so far{at}: {}, observed {observed}", row.threshold),
    )
}
