//! The cost part of `summary.json`: exact decimals as text.

use crate::prices::Amount;
use crate::units::Money;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What one cell cost at the scenario's price. Figures per job and the like are rounded half to even at the
/// 12th place; sums are exact.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CostRow {
    /// Target's name.
    pub target: String,
    /// Strategy's name.
    pub strategy: String,
    /// ISO 4217.
    pub currency: String,
    /// What the client was told of, exact decimal.
    pub client: String,
    /// What the ledger charged, exact decimal; `None` without a ledger.
    pub billed: Option<String>,
    /// Without a ledger: the most that may have been charged, with the worst case of whatever reported no
    /// usage; the least is `client`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub most: Option<String>,
    /// Per answered job; `None` if none was answered.
    pub per_answered_job: Option<String>,
    /// Per job within the objectives; `None` if none was.
    #[serde(default)]
    pub per_good_job: Option<String>,
    /// Per job begun; `None` if none was.
    #[serde(default)]
    pub per_job: Option<String>,
    /// Per attempt; `None` if none was made.
    #[serde(default)]
    pub per_request: Option<String>,
    /// Per million tokens charged; `None` if none was.
    #[serde(default)]
    pub per_mtok: Option<String>,
    /// What was bought, by the ledger: disjoint, and together exactly `billed`. Classes without an attempt
    /// are left out.
    #[serde(default)]
    pub classes: Vec<WasteRow>,
    /// Jobs of which the client was told another usage than the ledger charged.
    #[serde(default)]
    pub disagreeing: u64,
    /// Those that differ most in cost, ten at the most.
    #[serde(default)]
    pub disagree: Vec<DisagreeRow>,
    /// The rate card that it was priced by; left out where the scenario states two figures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub card: Option<CardRow>,
    /// The same where it is paid, if the scenario has `[cost]` or terms beside a price.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub landed: Option<LandedRow>,
}

/// A rate card, and how old it was.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CardRow {
    /// `PROVIDER/MODEL`.
    pub card: String,
    /// The set that it stands in; `scenario` for one of the scenario's own.
    pub set: String,
    /// Where its prices were read.
    pub source_url: String,
    /// When: a day.
    pub checked_on: String,
    /// Days between then and the run; `None` for a run in virtual time that is not said to begin on a day.
    #[serde(default)]
    pub age_days: Option<i64>,
    /// What a reader should know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// What was spent of one cap of the budget.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BudgetRow {
    /// `cost`, `tokens`, `requests`.
    pub kind: String,
    /// The cap.
    pub most: String,
    /// What was charged over the whole run, where it is paid.
    pub spent: String,
    /// By how much that is beyond the cap; 0 unless deadheat is at fault.
    pub overshoot: String,
    /// ISO 4217, of money.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
}

impl BudgetRow {
    /// Whether the cap was kept to the last digit.
    #[must_use]
    pub fn overshoot_is_nothing(&self) -> bool {
        self.overshoot.bytes().all(|b| matches!(b, b'0' | b'.'))
    }
}

/// One class of what was bought.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WasteRow {
    /// `useful`, `duplicate`, `abandoned`, `superseded`, `partial`, `rejected`.
    pub class: String,
    /// Attempts.
    pub attempts: u64,
    /// Prompt tokens charged.
    pub prompt_tokens: u64,
    /// Completion tokens charged.
    pub completion_tokens: u64,
    /// What the prompt tokens cost, with the fees of their requests, exact decimal.
    pub prompt_cost: String,
    /// What the completion tokens cost, exact decimal.
    pub completion_cost: String,
    /// What both cost, exact decimal.
    pub cost: String,
    /// What the prompt tokens cost where it is paid; `None` where the row has no `landed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub landed_prompt_cost: Option<String>,
    /// What the completion tokens cost where it is paid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub landed_completion_cost: Option<String>,
}

/// A job whose cost client and ledger see differently.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DisagreeRow {
    /// The job's tag.
    pub job: String,
    /// By what the client was told, exact decimal.
    pub client: String,
    /// By what the ledger charged, exact decimal.
    pub billed: String,
}

/// What a cell cost where it is paid: list × (1 − discount) × exchange rate ÷ top-up × (1 + fee) × (1 + tax).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LandedRow {
    /// ISO 4217.
    pub currency: String,
    /// Every factor, in the order of the formula.
    pub factors: Vec<FactorRow>,
    /// Landed price of a million prompt tokens.
    pub input_per_mtok: String,
    /// Landed price of a million completion tokens.
    pub output_per_mtok: String,
    /// Landed cost of what was charged, exact decimal.
    pub cost: String,
    /// Per million tokens charged.
    pub per_mtok: Option<String>,
    /// Per job begun.
    pub per_job: Option<String>,
    /// Per job within the objectives.
    pub per_good_job: Option<String>,
    /// Paid each month whatever is used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fixed_per_month: Option<String>,
    /// Credit paid for each month that expires with it: used up first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prepaid_per_month: Option<String>,
    /// The volume that `month` is of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jobs_per_month: Option<u64>,
    /// A month at that volume, fixed cost included: the mean of this run, without its uncertainty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub month: Option<String>,
    /// At which volume it is cheaper than the first target of its strategy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub break_even: Option<String>,
}

/// One factor of a landed price.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FactorRow {
    /// `discount`, `exchange rate`, `top-up`, `fee`, `tax`.
    pub name: String,
    /// What the list price is multiplied by.
    pub times: String,
    /// Where it comes from, with its date if it has one.
    pub note: String,
}

impl CostRow {
    /// What was paid: landed where terms are known, by the ledger where there is one. `None` if the row's
    /// currency or amount cannot be read.
    #[must_use]
    pub fn paid(&self) -> Option<Money> {
        let (text, currency) = match &self.landed {
            Some(landed) => (&landed.cost, &landed.currency),
            None => (self.billed.as_ref().unwrap_or(&self.client), &self.currency),
        };
        Some(Amount::read(text, currency.parse().ok()?)?.money())
    }
}
