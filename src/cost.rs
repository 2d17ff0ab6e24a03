//! Usage × dated price × exchange rate → money: exact, priced once, and never a guess.
//!
//! A [`Card`] is one dated row of prices, a [`Book`] a set of them. What a vendor reports ([`Usage`]) is taken
//! apart into disjoint [`Counts`] first; tokens are added up as integers, per card and [`Regime`], and priced once
//! at the end, so that neither order nor grouping can change a sum. Pure: no clock, no network, no file.

mod amount;
mod book;
mod calendar;
mod card;
mod component;
mod diff;
mod file;
mod import;
mod snapshot;
mod usage;

pub use amount::Amount;
pub use book::{Book, BookError, LookupError};
pub use calendar::{Days, Schedule, day_of};
pub use card::{Above, Card, Circumstances, Counted, PriceError, Regime, When};
pub use component::{Component, Counts, Rates, Unit, decimal};
pub use diff::{Change, diff};
pub use import::{Dropped, Format, ImportError, Imported, import};
pub use snapshot::{ARTICLE, LIST, snapshot, snapshots};
pub use usage::{CacheTokens, Usage, UsageError};
