//! At which volume one supplier becomes cheaper than another, or which one always is.

use crate::plan::Plan;
use crate::prices::{Amount, decimal};
use crate::summary::CostRow;
use crate::units::Currency;
use rust_decimal::Decimal;

/// What a supplier costs in a month, by how much is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Supplier {
    /// Its name.
    pub name: String,
    /// For each unit that is used.
    pub each: Decimal,
    /// Whatever is used.
    pub fixed: Decimal,
    /// Credit that is paid in advance and expires: paid whatever is used, and used up first.
    pub prepaid: Decimal,
}

impl Supplier {
    /// What so much costs; `None` beyond 28 digits.
    #[must_use]
    pub fn cost(&self, volume: Decimal) -> Option<Decimal> {
        let used = self.each.checked_mul(volume)?;
        let beyond = used.checked_sub(self.prepaid)?.max(Decimal::ZERO);
        self.fixed.checked_add(self.prepaid)?.checked_add(beyond)
    }

    /// The volume at which its credit is used up; `None` without credit, or if it never is.
    fn kink(&self) -> Option<Decimal> {
        if self.prepaid.is_zero() { None } else { self.prepaid.checked_div(self.each) }
    }

    /// What one more costs at a volume.
    fn slope(&self, volume: Decimal) -> Decimal {
        let on_credit = !self.prepaid.is_zero() && self.kink().is_none_or(|kink| volume < rounded(kink));
        if on_credit { Decimal::ZERO } else { self.each }
    }
}

/// From a volume on, until the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Range {
    /// The volume from which it holds; rounded at the 12th place.
    pub from: Decimal,
    /// Which supplier is cheaper; `None` if both cost the same.
    pub cheaper: Option<String>,
}

/// Which supplier is cheaper at which volume: one range if one always is. `None` if a figure is beyond 28
/// digits.
#[must_use]
pub fn break_even(a: &Supplier, b: &Supplier) -> Option<Vec<Range>> {
    // Both costs are straight lines between these volumes.
    let mut edges = vec![Decimal::ZERO];
    edges.extend([a.kink(), b.kink()].into_iter().flatten().map(rounded));
    edges.sort();
    edges.dedup();
    let apart = |volume: Decimal| Some(rounded(a.cost(volume)?.checked_sub(b.cost(volume)?)?));
    let mut marks = edges.clone();
    for (nth, from) in edges.iter().enumerate() {
        let slope = a.slope(*from).checked_sub(b.slope(*from))?;
        if slope.is_zero() {
            continue;
        }
        let zero = rounded(from.checked_sub(apart(*from)?.checked_div(slope)?)?);
        if zero > *from && edges.get(nth + 1).is_none_or(|next| zero < *next) {
            marks.push(zero);
        }
    }
    marks.sort();
    marks.dedup();
    let mut ranges: Vec<Range> = Vec::new();
    for (nth, from) in marks.iter().enumerate() {
        let inside = match marks.get(nth + 1) {
            Some(next) => from.checked_add(*next)?.checked_div(Decimal::TWO)?,
            None => from.checked_add(Decimal::ONE)?,
        };
        let cheaper = match apart(inside)?.cmp(&Decimal::ZERO) {
            std::cmp::Ordering::Less => Some(a.name.clone()),
            std::cmp::Ordering::Equal => None,
            std::cmp::Ordering::Greater => Some(b.name.clone()),
        };
        if ranges.last().is_none_or(|range| range.cheaper != cheaper) {
            ranges.push(Range { from: *from, cheaper });
        }
    }
    Some(ranges)
}

/// At the 12th place: what a division leaves beyond it is no difference.
fn rounded(value: Decimal) -> Decimal {
    value.round_dp(12).normalize()
}

/// The ranges as a sentence; `unit` is what a volume counts, such as `jobs a month`.
#[must_use]
pub fn sentence(ranges: &[Range], unit: &str) -> String {
    let cheaper = |range: &Range| match &range.cheaper {
        Some(name) => format!("{name} is cheaper"),
        None => "both cost the same".to_owned(),
    };
    match ranges {
        [] => "no figures".to_owned(),
        [always] => format!("{} at any volume", cheaper(always)),
        [first, rest @ ..] => {
            let rest =
                rest.iter().map(|range| format!("{} from {} {unit}", cheaper(range), places(range.from)));
            let up_to = format!("{} below {} {unit}", cheaper(first), places(rest_from(ranges)));
            std::iter::once(up_to).chain(rest).collect::<Vec<_>>().join("; ")
        }
    }
}

fn rest_from(ranges: &[Range]) -> Decimal {
    ranges.get(1).map_or(Decimal::ZERO, |range| range.from)
}

/// Whole for large volumes, six places for small ones; never rounded down to a volume at which it is not yet
/// true.
fn places(volume: Decimal) -> String {
    let places = if volume >= Decimal::ONE_HUNDRED { 0 } else { 6 };
    let strategy = rust_decimal::RoundingStrategy::ToPositiveInfinity;
    volume.round_dp_with_strategy(places, strategy).normalize().to_string()
}

/// Says in each landed row how it stands beside the first of its strategy and currency.
pub(super) fn beside_the_first(plan: &Plan, rows: &mut [CostRow]) {
    for nth in 0..rows.len() {
        let row = &rows[nth];
        let first = rows[..nth].iter().find(|other| other.strategy == row.strategy);
        let said = first.and_then(|first| {
            let (ours, theirs) = (row.landed.as_ref()?, first.landed.as_ref()?);
            if ours.currency != theirs.currency {
                return None;
            }
            let ranges = break_even(&supplier(plan, first)?, &supplier(plan, row)?)?;
            let said = sentence(&ranges, "jobs a month");
            let strategy = match plan.strategies.len() {
                0 | 1 => String::new(),
                _ => format!(" ({})", row.strategy),
            };
            Some(format!("{} beside {}{strategy}: {said}", row.target, first.target))
        });
        if let Some(landed) = &mut rows[nth].landed {
            landed.break_even = said;
        }
    }
}

fn supplier(plan: &Plan, row: &CostRow) -> Option<Supplier> {
    let landed = row.landed.as_ref()?;
    let terms = &plan.targets.iter().find(|target| target.name == row.target)?.price.as_ref()?.terms;
    let each = decimal(landed.per_job.as_ref()?)?;
    let (fixed, prepaid) = (terms.fixed_per_month, terms.prepaid_per_month);
    Some(Supplier { name: row.target.clone(), each, fixed, prepaid })
}

/// An amount as a decimal; `None` beyond 28 digits.
#[must_use]
pub fn as_decimal(amount: Amount) -> Option<Decimal> {
    decimal(&amount.rounded(12))
}

/// A figure in a currency, rounded to its minor unit: none for a currency without one.
#[must_use]
pub fn minor(value: Decimal, currency: Currency) -> String {
    const WITHOUT: [&str; 5] = ["JPY", "KRW", "VND", "CLP", "ISK"];
    let places = if WITHOUT.contains(&currency.to_string().as_str()) { 0 } else { 2 };
    let rounded = value.round_dp(places);
    format!("{rounded:.*} {currency}", places as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn supplier(name: &str, each: &str, fixed: &str, prepaid: &str) -> Supplier {
        let number = |text: &str| decimal(text).expect(text);
        Supplier { name: name.to_owned(), each: number(each), fixed: number(fixed), prepaid: number(prepaid) }
    }

    fn said(a: &Supplier, b: &Supplier) -> String {
        sentence(&break_even(a, b).expect("ranges"), "MTok a month")
    }

    #[test]
    fn a_fixed_cost_is_earned_back_at_one_volume() {
        let (a, b) = (supplier("a", "58.4", "0", "0"), supplier("b", "8", "504", "0"));
        assert_eq!(said(&a, &b), "a is cheaper below 10 MTok a month; b is cheaper from 10 MTok a month");
    }

    #[test]
    fn who_is_dearer_in_both_is_never_the_cheaper() {
        let (a, b) = (supplier("a", "8", "0", "0"), supplier("b", "9", "1", "0"));
        assert_eq!(said(&a, &b), "a is cheaper at any volume");
        assert_eq!(said(&b, &a), "a is cheaper at any volume");
        assert_eq!(said(&a, &supplier("c", "8", "0", "0")), "both cost the same at any volume");
    }

    #[test]
    fn credit_that_expires_is_paid_whatever_is_used() {
        // 100 in advance at 5 each against 8 each: worth it from 12.5 on.
        let (prepaid, free) = (supplier("prepaid", "5", "0", "100"), supplier("free", "8", "0", "0"));
        assert_eq!(
            said(&prepaid, &free),
            "free is cheaper below 12.5 MTok a month; prepaid is cheaper from 12.5 MTok a month"
        );
        // Cheaper only while the credit lasts.
        let (prepaid, flat) = (supplier("prepaid", "10", "0", "100"), supplier("flat", "2", "90", "0"));
        let ranges = break_even(&prepaid, &flat).expect("ranges");
        let names: Vec<_> = ranges.iter().map(|range| range.cheaper.as_deref()).collect();
        assert_eq!(names, [Some("flat"), Some("prepaid"), Some("flat")]);
    }

    #[test]
    fn money_has_as_many_places_as_its_currency() {
        let yen: Currency = "JPY".parse().expect("a currency");
        let yuan: Currency = "CNY".parse().expect("a currency");
        assert_eq!(minor(decimal("1234.5").expect("a number"), yen), "1234 JPY");
        assert_eq!(minor(decimal("800").expect("a number"), yuan), "800.00 CNY");
    }
}
