//! Invariants and their verdicts.

use crate::history::JobKey;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Makes [`Invariant`] from one entry for each rule: what it demands, its name here, and its name in files.
macro_rules! invariants {
    ($(#[doc = $demand:literal] $rule:ident = $name:literal,)*) => {
        /// A rule that evidence must obey. The names are part of the interface.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
            JsonSchema)]
        pub enum Invariant {
            $(#[doc = $demand] #[serde(rename = $name)] $rule,)*
        }

        impl Invariant {
            /// All, in the order of reports.
            pub const ALL: [Self; [$($name),*].len()] = [$(Self::$rule),*];

            /// The name in files, such as `billed-once`.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$rule => $name,)*
                }
            }
        }
    };
}

// In the order of reports. The check of each is a line in `invariants.rs`.
invariants! {
    /// No request of a job is billed twice.
    BilledOnce = "billed-once",
    /// No job has more attempts than declared.
    AttemptsCapped = "attempts-capped",
    /// No attempt comes before the wait the provider asked for.
    RetryAfterRespected = "retry-after-respected",
    /// Nothing follows an answer that forbids it.
    NoRetryWhenPermanent = "no-retry-when-permanent",
    /// Retries of different jobs do not come in lockstep waves.
    RetriesSpread = "retries-spread",
    /// Attempts in flight never exceed the declared concurrency.
    InFlightCapped = "in-flight-capped",
    /// With work pending, something happens within the deadline.
    Progress = "progress",
    /// Every planned job was answered, or given up honestly.
    EveryJobAnswered = "every-job-answered",
    /// What the client gave up is closed, and nothing starts after the result.
    CancelPropagates = "cancel-propagates",
    /// What is billed never passes the budget by more than one request.
    BudgetKept = "budget-kept",
    /// No two holders of a lock have work under it at once.
    LockExclusive = "lock-exclusive",
    /// The resource accepts no fencing token below one that it has accepted.
    FencingMonotonic = "fencing-monotonic",
    /// Claimed requests equal the ledger's attempts.
    RequestsCounted = "requests-counted",
    /// Claimed totals equal delivered or billed tokens.
    TokensCounted = "tokens-counted",
    /// The answer claimed for a job is one that the job was given.
    AnswerMatchesJob = "answer-matches-job",
    /// No job without a result, none with two.
    OneResultPerJob = "one-result-per-job",
    /// The claimed text is the delivered text.
    ContentIntact = "content-intact",
    /// A cut or failed answer is not claimed as ok.
    StatusHonest = "status-honest",
    /// The sum over processes equals the ledger, and is what the client claims.
    ProcessesAgree = "processes-agree",
    /// A program admits every job that ended unanswered.
    ExitHonest = "exit-honest",
}

/// What became of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Looked at, and obeyed.
    Holds,
    /// Broken, with a witness.
    Broken,
    /// Cannot be decided from this evidence.
    Unknown,
    /// Nothing in this run that the rule speaks of.
    NotApplicable,
}

impl Verdict {
    /// The name in files, such as `not-applicable`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Holds => "holds",
            Self::Broken => "broken",
            Self::Unknown => "unknown",
            Self::NotApplicable => "not-applicable",
        }
    }
}

/// One verdict: a row of `summary.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct VerdictRow {
    /// Target's name.
    pub target: String,
    /// Strategy's name.
    pub strategy: String,
    /// Which rule.
    pub invariant: Invariant,
    /// What became of it.
    pub verdict: Verdict,
    /// How many jobs, attempts or totals the rule was checked on.
    pub relevant: u64,
    /// How many of them broke it.
    pub violations: u64,
    /// Why it is `unknown` or `not-applicable`, and what would decide it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// The first violation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub witness: Option<Witness>,
}

/// One violation, in enough detail to find it in the evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Witness {
    /// The jobs involved.
    #[schemars(with = "Vec<String>")]
    pub jobs: Vec<JobKey>,
    /// When, in nanoseconds since the run's epoch.
    pub at_ns: u64,
    /// One sentence: what was seen, and what should have been.
    pub text: String,
}
