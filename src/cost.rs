//! What a run cost: usage × price → money, per cell and class of waste; what a plan would cost at the most;
//! what a month would cost; which supplier is cheaper when.
//!
//! Prices themselves are `prices/`. Pure: no clock, no network, no file.

mod age;
mod billed;
mod break_even;
mod budget;
mod disagree;
mod forecast;
mod project;
mod run;
mod spent;
mod till;
mod waste;

pub use age::{StaleError, age_days, fresh, prices_hold};
pub use billed::{BilledTokens, billed};
pub use break_even::{Range, Supplier, as_decimal, break_even, minor, sentence};
pub use budget::budget_rows;
pub use forecast::{BudgetForecast, CellForecast, Forecast, LeastMost, PhaseForecast, Volume, forecast};
pub use project::{JobUse, LEAST_JOBS, PriceContext, ProjectError, Projection, job_uses, project};
pub use run::run_cost;
pub(crate) use spent::{per_job, spent};
pub use waste::{Bought, Class, classes};
