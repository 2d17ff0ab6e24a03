//! Quantities as people write them in files and on the command line, and as reports print them.

mod duration;
mod money;
pub(crate) mod shown;
pub(crate) mod text;
mod url;

pub use duration::{exact_duration, format_duration, parse_duration};
pub use money::{Currency, Money, MoneyError, PricePerMtok};
pub use url::ExpandedUrl;
