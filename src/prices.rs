//! Dated rate cards, and what a request costs by one: exact, priced once, and never a guess.
//!
//! A [`Card`] is one dated row of prices, a [`Book`] a set of them. What a vendor reports ([`Usage`]) is
//! taken apart into disjoint [`Counts`] first; tokens are added up as integers, per card and [`Regime`], and
//! priced once at the end, so that neither order nor grouping can change a sum. A [`Price`] is a card and
//! what it comes to where it is paid. Pure: no clock, no network, no file.

mod amount;
mod book;
mod calendar;
mod card;
mod component;
mod diff;
mod file;
mod import;
mod landed;
mod price;
mod snapshot;
mod tally;
mod usage;

pub use amount::Amount;
pub use book::{Book, BookError, LookupError};
pub use calendar::{Days, WeekHours, day_of};
pub use card::{Above, Card, Circumstances, Counted, PriceError, Regime, When};
pub use component::{Component, Counts, Rates, Unit, decimal, price_text};
pub use diff::{PriceChange, diff};
pub use file::RawCard;
pub use import::{Dropped, Format, ImportError, Imported, import};
pub use landed::{Factor, Fx, FxTable, Landed, LandedError, PaymentTerms, landed};
pub(crate) use price::stated;
pub use price::{Meter, Price};
pub use snapshot::{ARTICLE, LIST, snapshot, snapshots};
pub use tally::PriceTally;
pub use usage::{CacheTokens, Usage, UsageError};
