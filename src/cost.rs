//! Usage × dated price × exchange rate → money: exact, priced once, and never a guess.
//!
//! A [`Card`] is one dated row of prices, a [`Book`] a set of them. What a vendor reports ([`Usage`]) is taken
//! apart into disjoint [`Counts`] first; tokens are added up as integers, per card and [`Regime`], and priced once
//! at the end, so that neither order nor grouping can change a sum. Pure: no clock, no network, no file.

mod amount;
mod book;
mod break_even;
mod calendar;
mod card;
mod component;
mod diff;
mod disagree;
mod file;
mod import;
mod landed;
mod project;
mod run;
mod snapshot;
mod tally;
mod usage;
mod waste;

pub use amount::Amount;
pub use book::{Book, BookError, LookupError};
pub use break_even::{Range, Supplier, as_decimal, break_even, minor, sentence};
pub use calendar::{Days, Schedule, day_of};
pub use card::{Above, Card, Circumstances, Counted, PriceError, Regime, When};
pub use component::{Component, Counts, Rates, Unit, decimal, price_text};
pub use diff::{Change, diff};
pub use import::{Dropped, Format, ImportError, Imported, import};
pub use landed::{Factor, Landed, LandedError, landed};
pub use project::{JobUse, LEAST_JOBS, ProjectError, Projection, job_uses, project};
pub use run::{card_of, rates_of, run_cost};
pub use snapshot::{ARTICLE, LIST, snapshot, snapshots};
pub use tally::Tally;
pub use usage::{CacheTokens, Usage, UsageError};
pub use waste::{Bought, Class, classes};
