//! Invariants and their verdicts.

use crate::history::JobKey;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A rule that evidence must obey. The names are part of the interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Invariant {
    /// No request of a job is billed twice.
    BilledOnce,
    /// No job has more attempts than declared.
    AttemptsCapped,
    /// No attempt comes before the wait the provider asked for.
    RetryAfterRespected,
    /// Nothing follows an answer that forbids it.
    NoRetryWhenPermanent,
    /// Retries of different jobs do not come in lockstep waves.
    RetriesSpread,
    /// Attempts in flight never exceed the declared concurrency.
    InFlightCapped,
    /// With work pending, something happens within the deadline.
    Progress,
    /// Every planned job was answered, or given up honestly.
    EveryJobAnswered,
    /// What the client gave up is closed, and nothing starts after the result.
    CancelPropagates,
    /// What is billed never passes the budget by more than one request.
    BudgetKept,
    /// No two holders of a lock have work under it at once.
    LockExclusive,
    /// The resource accepts no fencing token below one that it has accepted.
    FencingMonotonic,
    /// Claimed requests equal the ledger's attempts.
    RequestsCounted,
    /// Claimed totals equal delivered or billed tokens.
    TokensCounted,
    /// The answer claimed for a job is one that the job was given.
    AnswerMatchesJob,
    /// No job without a result, none with two.
    OneResultPerJob,
    /// The claimed text is the delivered text.
    ContentIntact,
    /// A cut or failed answer is not claimed as ok.
    StatusHonest,
    /// The sum over processes equals the ledger, and is what the client claims.
    ProcessesAgree,
    /// A program admits every job that ended unanswered.
    ExitHonest,
}

impl Invariant {
    /// All, in the order of reports.
    pub const ALL: [Self; 20] = [
        Self::BilledOnce,
        Self::AttemptsCapped,
        Self::RetryAfterRespected,
        Self::NoRetryWhenPermanent,
        Self::RetriesSpread,
        Self::InFlightCapped,
        Self::Progress,
        Self::EveryJobAnswered,
        Self::CancelPropagates,
        Self::BudgetKept,
        Self::LockExclusive,
        Self::FencingMonotonic,
        Self::RequestsCounted,
        Self::TokensCounted,
        Self::AnswerMatchesJob,
        Self::OneResultPerJob,
        Self::ContentIntact,
        Self::StatusHonest,
        Self::ProcessesAgree,
        Self::ExitHonest,
    ];

    /// The name in files, such as `billed-once`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::BilledOnce => "billed-once",
            Self::AttemptsCapped => "attempts-capped",
            Self::RetryAfterRespected => "retry-after-respected",
            Self::NoRetryWhenPermanent => "no-retry-when-permanent",
            Self::RetriesSpread => "retries-spread",
            Self::InFlightCapped => "in-flight-capped",
            Self::Progress => "progress",
            Self::EveryJobAnswered => "every-job-answered",
            Self::CancelPropagates => "cancel-propagates",
            Self::BudgetKept => "budget-kept",
            Self::LockExclusive => "lock-exclusive",
            Self::FencingMonotonic => "fencing-monotonic",
            Self::RequestsCounted => "requests-counted",
            Self::TokensCounted => "tokens-counted",
            Self::AnswerMatchesJob => "answer-matches-job",
            Self::OneResultPerJob => "one-result-per-job",
            Self::ContentIntact => "content-intact",
            Self::StatusHonest => "status-honest",
            Self::ProcessesAgree => "processes-agree",
            Self::ExitHonest => "exit-honest",
        }
    }
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
