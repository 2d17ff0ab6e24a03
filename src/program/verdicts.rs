//! What a ledger alone says of whoever called the provider, for tests that start the program themselves.

use super::numbers::{JobNumbers, is_whole};
use super::run_evidence::layers;
use super::settings::{Settings, TARGET};
use crate::history::{Booked, Conduct, Evidence, LedgerEntry, Meta};
use crate::invariants;
use crate::plan::BudgetPlan;
use crate::summary::{Invariant, Verdict};
use serde_json::json;

/// Judges a ledger. `declared` is what the asker declares, as a query:
/// `concurrency=4&attempts-cap=3&max-tokens=4000`, and what the program claims:
/// `requests=10&total-tokens=1234`. Whether nothing is broken, and the verdicts as JSON.
///
/// # Errors
/// What is wrong with `declared`.
pub fn verdicts(mut entries: Vec<LedgerEntry>, declared: &str) -> Result<(bool, String), String> {
    let mut settings = Settings::new(Vec::new());
    let mut book = Booked { whose: "the program".to_owned(), ..Booked::default() };
    for pair in declared.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let number: u64 =
            value.parse().map_err(|_| format!("{key} must be a whole number, such as {key}=4"))?;
        let small = u32::try_from(number).unwrap_or(u32::MAX).max(1);
        match key.replace('_', "-").as_str() {
            "concurrency" => settings.concurrency = Some(small),
            "attempts-cap" => settings.attempts_cap = Some(small),
            "max-tokens" => {
                settings.budget =
                    Some(BudgetPlan { max_cost: None, max_requests: None, max_tokens: Some(number) });
            }
            "requests" => book.requests = Some(number),
            "total-tokens" => book.total_tokens = Some(number),
            _ => {
                let known = "concurrency, attempts-cap, max-tokens, requests and total-tokens";
                return Err(format!("nothing is called {key}: there are {known}"));
            }
        }
    }
    for entry in &mut entries {
        TARGET.clone_into(&mut entry.target);
    }
    let numbers = JobNumbers::give(&mut entries, None);
    let own = |entry: &LedgerEntry| entry.job.own();
    let (layers, calls) = layers(&entries);
    let hurt = entries.iter().filter(|entry| entry.fault.is_some() || !is_whole(entry));
    let claims = book.requests.is_some() || book.has_tokens();
    let conduct = Conduct {
        ended_ns: entries.iter().map(|entry| entry.ended_ns).max().unwrap_or(0),
        planned: entries.iter().filter_map(own).collect(),
        disturbed: hurt.filter_map(own).collect(),
        attempts_cap: settings.attempts_cap,
        books: if claims { vec![book] } else { Vec::new() },
        calls,
        layers,
        names: numbers.names,
        ..Conduct::default()
    };
    let meta = Meta::new(0, conduct.ended_ns);
    let mut evidence = Evidence::in_memory(&[], &entries, Vec::new(), meta, &[TARGET.to_owned()]);
    evidence.conduct = Some(Box::new(conduct));
    let mut rows = invariants::judge(&settings.plan()?, &evidence);
    // How the program ended, and what it said, nobody has heard.
    rows.retain(|row| !matches!(row.invariant, Invariant::ExitHonest | Invariant::Progress));
    let broken: Vec<&str> =
        rows.iter().filter(|row| row.verdict == Verdict::Broken).map(|row| row.invariant.name()).collect();
    let shown: Vec<_> = rows
        .iter()
        .map(|row| {
            json!({"invariant": row.invariant, "verdict": row.verdict, "relevant": row.relevant,
                   "why": row.why, "witness": row.witness})
        })
        .collect();
    let text = json!({"broken": broken, "attempts": entries.len(), "verdicts": shown});
    Ok((broken.is_empty(), format!("{text:#}\n")))
}
