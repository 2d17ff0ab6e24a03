//! Judges a ledger without a run around it, for tests that start their program themselves.

use super::numbers::{JobNumbers, is_whole};
use super::run_evidence::layers;
use super::settings::{Settings, TARGET};
use crate::history::{Booked, Evidence, LedgerEntry, Meta, ProgramRun};
use crate::invariants;
use crate::plan::BudgetPlan;
use crate::summary::{Invariant, Verdict, VerdictRow};
use serde_json::json;

/// What a client promises, and what it counted. A rule about a field that is `None` is `unknown`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Declaration {
    /// Most attempts in flight at once, at least 1.
    pub concurrency: Option<u32>,
    /// Most attempts for one job, at least 1.
    pub attempts_cap: Option<u32>,
    /// Most tokens that may be billed.
    pub max_tokens: Option<u64>,
    /// Requests that the client counted.
    pub requests: Option<u64>,
    /// Tokens that the client counted, prompts and answers together.
    pub total_tokens: Option<u64>,
}

impl Declaration {
    /// Reads a query such as `concurrency=4&attempts-cap=3&max-tokens=4000&requests=10&total-tokens=1234`.
    ///
    /// # Errors
    /// A key that does not exist, or a value that is no whole number; says what to write instead.
    pub(super) fn from_query(query: &str) -> Result<Self, String> {
        let mut declared = Self::default();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let number: u64 =
                value.parse().map_err(|_| format!("{key} must be a whole number, such as {key}=4"))?;
            let small = Some(u32::try_from(number).unwrap_or(u32::MAX));
            match key.replace('_', "-").as_str() {
                "concurrency" => declared.concurrency = small,
                "attempts-cap" => declared.attempts_cap = small,
                "max-tokens" => declared.max_tokens = Some(number),
                "requests" => declared.requests = Some(number),
                "total-tokens" => declared.total_tokens = Some(number),
                _ => {
                    let known = "concurrency, attempts-cap, max-tokens, requests and total-tokens";
                    return Err(format!("{key} is not known: there are {known}"));
                }
            }
        }
        Ok(declared)
    }
}

/// Judges a ledger by what its client declares. The rows do not cover how the program ended and whether it
/// stood still: a ledger alone does not show that.
///
/// # Errors
/// If deadheat's own plan for this is refused: a bug.
pub fn judge_ledger(
    mut entries: Vec<LedgerEntry>,
    declared: &Declaration,
) -> Result<Vec<VerdictRow>, String> {
    let mut settings = Settings::new(Vec::new());
    settings.concurrency = declared.concurrency.map(|most| most.max(1));
    settings.attempts_cap = declared.attempts_cap.map(|most| most.max(1));
    settings.budget = declared.max_tokens.map(|most| BudgetPlan {
        max_cost: None,
        max_requests: None,
        max_tokens: Some(most),
    });
    let book = Booked {
        whose: "the program".to_owned(),
        requests: declared.requests,
        total_tokens: declared.total_tokens,
        ..Booked::default()
    };
    for entry in &mut entries {
        TARGET.clone_into(&mut entry.target);
    }
    let numbers = JobNumbers::give(&mut entries, None);
    let own = |entry: &LedgerEntry| entry.job.own();
    let (layers, calls) = layers(&entries);
    let hurt = entries.iter().filter(|entry| entry.fault.is_some() || !is_whole(entry));
    let claims = book.requests.is_some() || book.has_tokens();
    let conduct = ProgramRun {
        ended_ns: entries.iter().map(|entry| entry.ended_ns).max().unwrap_or(0),
        planned: entries.iter().filter_map(own).collect(),
        disturbed: hurt.filter_map(own).collect(),
        attempts_cap: settings.attempts_cap,
        books: if claims { vec![book] } else { Vec::new() },
        calls,
        layers,
        names: numbers.names,
        ..ProgramRun::default()
    };
    let meta = Meta::new(0, conduct.ended_ns);
    let mut evidence = Evidence::in_memory(&[], &entries, Vec::new(), meta, &[TARGET.to_owned()]);
    evidence.conduct = Some(Box::new(conduct));
    let mut rows = invariants::judge(&settings.plan()?, &evidence);
    rows.retain(|row| !matches!(row.invariant, Invariant::ExitHonest | Invariant::Progress));
    Ok(rows)
}

/// Answers `/deadheat/verdicts`: whether nothing is broken, and the verdicts as JSON.
///
/// # Errors
/// What is wrong with the query.
pub fn verdicts(entries: Vec<LedgerEntry>, query: &str) -> Result<(bool, String), String> {
    let attempts = entries.len();
    let rows = judge_ledger(entries, &Declaration::from_query(query)?)?;
    let broken: Vec<&str> =
        rows.iter().filter(|row| row.verdict == Verdict::Broken).map(|row| row.invariant.name()).collect();
    let shown: Vec<_> = rows
        .iter()
        .map(|row| {
            json!({"invariant": row.invariant, "verdict": row.verdict, "relevant": row.relevant,
                   "why": row.why, "witness": row.witness})
        })
        .collect();
    let text = json!({"broken": broken, "attempts": attempts, "verdicts": shown});
    Ok((broken.is_empty(), format!("{text:#}\n")))
}
