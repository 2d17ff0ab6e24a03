//! What is exact in every pair, put together over all of them.

use super::exact::exact;
use super::pairs::Pair;
use crate::summary::{Change, ExactRow};
use rust_decimal::Decimal;
use std::cmp::Ordering;
use std::collections::BTreeSet;

/// Fewest pairs from which a count by a real clock is taken to be always the same.
const SAME: usize = 5;

/// The exact rows over pairs. An invariant is as its worst run, invalid load or not. By the virtual clock
/// each pair is one exact comparison, and what is worse in any of them is worse. By a real one a count is
/// exact if it is the same in every run of an arm, or in both runs of every pair; one that varies is no
/// evidence by itself, and is judged among the measured values.
pub(super) fn constant(all: &[Pair], valid: &[&Pair]) -> Vec<ExactRow> {
    let of = |pair: &Pair| exact(&pair.base, &pair.new, 0.0);
    let is_invariant = |row: &ExactRow| row.what.starts_with("invariant ");
    let virtual_time = valid.first().is_some_and(|pair| pair.base.clock == "virtual");
    let invariants = grouped(all.iter().map(of), is_invariant);
    let values = grouped(valid.iter().map(|pair| of(pair)), |row| !is_invariant(row));
    let invariants = invariants.iter().map(|rows| worst(rows));
    let values = values.iter().map(|rows| match virtual_time {
        true => pair_by_pair(rows),
        false => arm_by_arm(rows),
    });
    invariants.chain(values).collect()
}

/// The rows of each value that any pair has, a row a pair, in the order in which they first appear.
fn grouped(
    pairs: impl Iterator<Item = Vec<ExactRow>>,
    wanted: impl Fn(&ExactRow) -> bool,
) -> Vec<Vec<ExactRow>> {
    let mut groups: Vec<Vec<ExactRow>> = Vec::new();
    for row in pairs.flatten().filter(|row| wanted(row)) {
        let same = |group: &&mut Vec<ExactRow>| {
            let first = &group[0];
            first.target == row.target && first.strategy == row.strategy && first.what == row.what
        };
        match groups.iter_mut().find(same) {
            Some(group) => group.push(row),
            None => groups.push(vec![row]),
        }
    }
    groups
}

/// By the virtual clock: worse in any pair is worse.
fn pair_by_pair(rows: &[ExactRow]) -> ExactRow {
    let in_pairs = |change| rows.iter().filter(|row| row.change == change).count();
    let worse = in_pairs(Change::Worse);
    let (same, better) = (in_pairs(Change::Same), in_pairs(Change::Better));
    let change = if worse > 0 {
        Change::Worse
    } else if same == rows.len() {
        Change::Same
    } else if same + better == rows.len() {
        Change::Better
    } else {
        Change::Differs
    };
    let mut row = ranges(rows, change);
    if worse > 0 && worse < rows.len() {
        row.new += &format!(" (worse in {worse} of {} pairs)", rows.len());
    }
    row
}

/// By a real clock.
fn arm_by_arm(rows: &[ExactRow]) -> ExactRow {
    let first = &rows[0];
    // Each pair has its own seed, and so its own work: what is the same in every pair has not changed.
    let unchanged = rows.iter().all(|row| row.change == Change::Same);
    let constant = rows.iter().all(|row| row.base == first.base && row.new == first.new);
    let change = match (unchanged, constant && rows.len() >= SAME) {
        (true, _) => Change::Same,
        (_, true) => first.change,
        _ => Change::Differs,
    };
    ranges(rows, change)
}

/// A rule that broke in any run of an arm is broken in it; what was known to hold and is not known any more
/// has become worse.
fn worst(rows: &[ExactRow]) -> ExactRow {
    const WORST_FIRST: [&str; 4] = ["broken", "unknown", "holds", "not-applicable"];
    let badness = |verdict: &str| WORST_FIRST.iter().position(|name| *name == verdict).unwrap_or(1);
    let of = |arm: fn(&ExactRow) -> &str| {
        rows.iter().map(arm).min_by_key(|verdict| badness(verdict)).unwrap_or("unknown").to_owned()
    };
    let (old, new) = (of(|row| &row.base), of(|row| &row.new));
    // What does not apply is as good as what holds.
    let rank = |verdict: &str| badness(verdict).min(2);
    let change = match rank(&new).cmp(&rank(&old)) {
        _ if old == new => Change::Same,
        Ordering::Less => Change::Worse,
        Ordering::Equal => Change::Differs,
        Ordering::Greater => Change::Better,
    };
    ExactRow { base: old, new, change, ..rows[0].clone() }
}

/// One row with the ranges of both arms.
fn ranges(rows: &[ExactRow], change: Change) -> ExactRow {
    let (base, new) = (range(rows.iter().map(|row| &*row.base)), range(rows.iter().map(|row| &*row.new)));
    ExactRow { base, new, change, ..rows[0].clone() }
}

/// From the least to the most of values that begin with their number; those that are none stand behind them.
fn range<'a>(values: impl Iterator<Item = &'a str>) -> String {
    let number = |text: &str| text.split(' ').next().and_then(|number| number.parse::<Decimal>().ok());
    let (numbers, others): (BTreeSet<(Option<Decimal>, &str)>, BTreeSet<_>) =
        values.map(|text| (number(text), text)).partition(|(number, _)| number.is_some());
    let ends = match (numbers.first(), numbers.last()) {
        (Some((_, least)), Some((_, most))) if least != most => vec![format!("{least} … {most}")],
        (Some((_, only)), _) => vec![(*only).to_owned()],
        _ => Vec::new(),
    };
    ends.into_iter().chain(others.into_iter().map(|(_, text)| text.to_owned())).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(what: &str, base: &str, new: &str, change: Change) -> ExactRow {
        let (base, new) = (base.to_owned(), new.to_owned());
        ExactRow {
            target: "t".to_owned(),
            strategy: "s".to_owned(),
            what: what.to_owned(),
            base,
            new,
            change,
        }
    }

    #[test]
    fn many_values_are_a_range_of_numbers() {
        assert_eq!(range(["103 ms", "77 ms", "80 ms"].into_iter()), "77 ms … 103 ms");
        assert_eq!(range(["9", "10", "9"].into_iter()), "9 … 10");
        assert_eq!(range(["none", "3", "3"].into_iter()), "3, none");
        assert_eq!(range(["0.5 USD"; 3].into_iter()), "0.5 USD");
    }

    #[test]
    fn worse_in_one_pair_is_worse_by_the_virtual_clock_alone() {
        let mut rows = vec![row("cost", "9 USD", "8 USD", Change::Better); 6];
        rows.push(row("cost", "10 USD", "11 USD", Change::Worse));
        let judged = pair_by_pair(&rows);
        assert_eq!(
            (judged.change, &*judged.base, &*judged.new),
            (Change::Worse, "9 USD … 10 USD", "8 USD … 11 USD (worse in 1 of 7 pairs)")
        );
        assert_eq!(arm_by_arm(&rows).change, Change::Differs);
        assert_eq!(pair_by_pair(&rows[..6]).change, Change::Better);
    }

    #[test]
    fn a_constant_count_is_exact_and_one_pair_makes_none() {
        let rows = vec![row("attempts", "200", "204", Change::Worse); 5];
        assert_eq!(arm_by_arm(&rows).change, Change::Worse);
        assert_eq!(arm_by_arm(&rows[..4]).change, Change::Differs);
    }

    #[test]
    fn an_invariant_is_as_its_worst_run() {
        let of = |verdicts: &[(&str, &str)]| {
            let rows = verdicts.iter().map(|(base, new)| row("invariant x", base, new, Change::Same));
            worst(&rows.collect::<Vec<_>>()).change
        };
        assert_eq!(of(&[("holds", "holds"), ("holds", "broken")]), Change::Worse);
        assert_eq!(of(&[("holds", "holds"), ("holds", "unknown")]), Change::Worse);
        assert_eq!(of(&[("unknown", "broken")]), Change::Worse);
        assert_eq!(of(&[("broken", "holds"), ("broken", "broken")]), Change::Same);
        assert_eq!(of(&[("unknown", "holds")]), Change::Better);
        assert_eq!(of(&[("holds", "not-applicable")]), Change::Differs);
    }

    #[test]
    fn a_row_that_the_first_pair_lacks_is_kept() {
        let pairs = [vec![], vec![row("cost", "1", "2", Change::Worse)]];
        assert_eq!(grouped(pairs.into_iter(), |_| true).len(), 1);
    }
}
