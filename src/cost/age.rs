//! How old the prices of a run are, and whether they hold at all.

use crate::plan::{ClockKind, Plan};
use crate::prices::{Card, day_of};
use jiff::civil::Date;

/// A price that should not be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StaleError {
    /// It holds on other days.
    #[error(
        "target `{target}`: the price of {card} holds {days}, not on {today}: name a card that does, or say \
         when the run is taken to begin, [cost] start = \"2026-11-24T02:00:00Z\""
    )]
    NotThen {
        /// Whose.
        target: String,
        /// By which card.
        card: String,
        /// When it holds.
        days: String,
        /// The day of the run.
        today: Date,
    },
    /// It was checked too long ago.
    #[error(
        "the price of {card} was checked on {checked_on}, {age} days ago, more than the {most} allowed: \
         look at {source_url} and write a card of your own"
    )]
    Old {
        /// Which.
        card: String,
        /// When it was checked.
        checked_on: Date,
        /// Days since then.
        age: i64,
        /// Days allowed.
        most: u32,
        /// Where it was read.
        source_url: String,
    },
}

/// Days since a card was checked; below 0 if that is still to come.
#[must_use]
pub fn age_days(card: &Card, today: Date) -> i64 {
    i64::from((today - card.checked_on).get_days())
}

/// Refuses a card that was checked more than so many days ago.
///
/// # Errors
/// If it was.
pub fn fresh(card: &Card, today: Date, most: Option<u32>) -> Result<(), StaleError> {
    let age = age_days(card, today);
    match most.filter(|most| age > i64::from(*most)) {
        None => Ok(()),
        Some(most) => Err(StaleError::Old {
            card: card.name(),
            checked_on: card.checked_on,
            age,
            most,
            source_url: card.source_url.clone(),
        }),
    }
}

/// Refuses to begin a run whose prices are of other days, or were checked too long ago. What the scenario
/// itself states has no age.
///
/// # Errors
/// The first price that should not be used.
pub fn prices_hold(plan: &Plan, today: Date, most: Option<u32>) -> Result<(), StaleError> {
    let begins = match (plan.cost.start_utc_s, plan.clock) {
        (Some(start), _) => day_of(start),
        (None, ClockKind::Real) => Some(today),
        (None, ClockKind::Virtual) => None,
    };
    for target in &plan.targets {
        let Some(price) = target.price.as_ref().filter(|price| price.is_listed()) else { continue };
        if let Some(today) = begins.filter(|day| !price.days.hold(*day)) {
            let (target, card, days) = (target.name.clone(), price.list.name(), price.days.text());
            return Err(StaleError::NotThen { target, card, days, today });
        }
        fresh(&price.list, today, most)?;
    }
    Ok(())
}
