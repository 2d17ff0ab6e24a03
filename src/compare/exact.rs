//! What needs no statistics: invariants, counts, tokens, cost, and times by the virtual clock.

use crate::summary::{Change, CounterRow, ExactRow, MetricRow, Summary, Verdict};
use crate::units::Money;
use rust_decimal::Decimal;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

/// What more of something means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum More {
    Worse,
    Better,
    Neither,
}

/// Compares two runs value by value, in BASE's order. By the virtual clock every change for the worse counts;
/// by a real one, changes of counts below `floor` (a share) do not: they may come from timing.
pub(super) fn exact(base: &Summary, new: &Summary, floor: f64) -> Vec<ExactRow> {
    let virtual_time = base.clock == "virtual";
    let floor = if virtual_time { 0.0 } else { floor };
    let mut rows = Vec::new();
    for old in &base.counters {
        let same_cell = |row: &&CounterRow| row.target == old.target && row.strategy == old.strategy;
        let Some(row) = new.counters.iter().find(same_cell) else { continue };
        let cell = CellRows { base, new, old, floor };
        rows.extend(cell.invariants());
        rows.extend(cell.counts(row));
        rows.extend(cell.cost());
        if virtual_time {
            rows.extend(cell.times());
        }
    }
    rows
}

/// One cell of both runs.
struct CellRows<'a> {
    base: &'a Summary,
    new: &'a Summary,
    old: &'a CounterRow,
    floor: f64,
}

impl CellRows<'_> {
    fn is(&self, target: &str, strategy: &str) -> bool {
        self.old.target == target && self.old.strategy == strategy
    }

    fn row(&self, what: String, base: String, new: String, change: Change) -> ExactRow {
        let (target, strategy) = (self.old.target.clone(), self.old.strategy.clone());
        ExactRow { target, strategy, what, base, new, change }
    }

    /// Verdicts, best first: what was known to hold and is not known any more has become worse.
    fn invariants(&self) -> Vec<ExactRow> {
        let goodness = |verdict| match verdict {
            Verdict::Holds | Verdict::NotApplicable => 2,
            Verdict::Unknown => 1,
            Verdict::Broken => 0,
        };
        let of = |run: &Summary| -> BTreeMap<&'static str, Verdict> {
            let rows = run.verdicts.iter().filter(|row| self.is(&row.target, &row.strategy));
            rows.map(|row| (row.invariant.name(), row.verdict)).collect()
        };
        let (olds, news) = (of(self.base), of(self.new));
        let names: BTreeSet<&str> = olds.keys().chain(news.keys()).copied().collect();
        let row = |name| {
            // What a run says nothing of did not apply to it.
            let verdict = |of: &BTreeMap<_, Verdict>| of.get(name).copied().unwrap_or(Verdict::NotApplicable);
            let (old, new) = (verdict(&olds), verdict(&news));
            let change = match goodness(new).cmp(&goodness(old)) {
                _ if old == new => Change::Same,
                Ordering::Less => Change::Worse,
                Ordering::Equal => Change::Differs,
                Ordering::Greater => Change::Better,
            };
            self.row(format!("invariant {name}"), old.name().to_owned(), new.name().to_owned(), change)
        };
        names.into_iter().map(row).collect()
    }

    fn counts(&self, new: &CounterRow) -> Vec<ExactRow> {
        let errors = |row: &CounterRow| row.errors.values().sum::<u64>();
        let told = |row: &CounterRow| row.tokens.client_prompt + row.tokens.client_completion;
        let retries = |row: &CounterRow| row.attempts.saturating_sub(row.jobs);
        let old = self.old;
        let always = [
            ("jobs", Some(old.jobs), Some(new.jobs), More::Neither),
            ("answered jobs", Some(old.answered), Some(new.answered), More::Better),
            ("failed jobs", Some(old.failed), Some(new.failed), More::Worse),
            ("jobs of unknown fate", Some(old.unknown), Some(new.unknown), More::Worse),
            ("attempts", Some(old.attempts), Some(new.attempts), More::Worse),
            ("retries", Some(retries(old)), Some(retries(new)), More::Worse),
            ("errors", Some(errors(old)), Some(errors(new)), More::Worse),
            ("tokens by the client", Some(told(old)), Some(told(new)), More::Neither),
            ("delivered tokens", old.tokens.delivered, new.tokens.delivered, More::Neither),
            ("billed tokens", old.tokens.billed, new.tokens.billed, More::Worse),
            ("wasted tokens", old.waste_tokens, new.waste_tokens, More::Worse),
        ];
        let counted = always.into_iter().filter_map(|(what, old, new, more)| {
            let (old, new) = (old?, new?);
            // Few retries of many jobs are little, however much more they are than fewer.
            let scale = if what.contains("tokens") { old } else { self.old.jobs.max(old) };
            let change = change(Decimal::from(old), Decimal::from(new), more, self.floor * scale as f64);
            Some(self.row(what.to_owned(), old.to_string(), new.to_string(), change))
        });
        counted.collect()
    }

    fn cost(&self) -> Option<ExactRow> {
        let of = |run: &Summary| {
            let row = run.cost.iter().find(|row| self.is(&row.target, &row.strategy))?;
            row.paid()
        };
        let (old, new) = (of(self.base)?, of(self.new)?);
        let change = if old.currency == new.currency {
            let pico = |money: Money| Decimal::from_i128_with_scale(money.pico, 0);
            change(pico(old), pico(new), More::Worse, self.floor * old.pico as f64)
        } else {
            Change::Differs
        };
        Some(self.row("cost".to_owned(), old.to_string(), new.to_string(), change))
    }

    fn times(&self) -> Vec<ExactRow> {
        let shown = |ms: f64| format!("{ms:.3} ms");
        let mut rows = Vec::new();
        for old in self.base.metrics.iter().filter(|row| self.is(&row.target, &row.strategy)) {
            let same = |row: &&MetricRow| self.is(&row.target, &row.strategy) && row.metric == old.metric;
            let Some(new) = self.new.metrics.iter().find(same) else {
                let (what, old) = (format!("{} p50", old.metric), old.p50);
                rows.extend(old.map(|old| self.row(what, shown(old), "none".to_owned(), Change::Differs)));
                continue;
            };
            let points = [
                ("p50", old.p50, new.p50),
                ("p95", old.p95, new.p95),
                ("p99", old.p99, new.p99),
                ("max", Some(old.max), Some(new.max)),
            ];
            for (point, old_ms, new_ms) in points {
                let (Some(old_ms), Some(new_ms)) = (old_ms, new_ms) else { continue };
                let change = match new_ms.total_cmp(&old_ms) {
                    Ordering::Less => Change::Better,
                    Ordering::Equal => Change::Same,
                    Ordering::Greater => Change::Worse,
                };
                rows.push(self.row(format!("{} {point}", old.metric), shown(old_ms), shown(new_ms), change));
            }
        }
        rows
    }
}

fn change(old: Decimal, new: Decimal, more: More, least: f64) -> Change {
    let difference = f64::try_from(new - old).unwrap_or(0.0);
    match (new == old, more, new > old) {
        (true, ..) => Change::Same,
        (_, More::Neither, _) => Change::Differs,
        (_, More::Better, true) | (_, More::Worse, false) => Change::Better,
        _ if difference.abs() < least => Change::WithinFloor,
        _ => Change::Worse,
    }
}
