//! `processes-agree`: one total, however many processes it is gathered from.

use super::retries::nothing_seen;
use super::tally::{Ruling, Tally, count};
use super::totals::{RequestCounts, claimed_tokens, difference, known_tokens, no_claim};
use super::view::{CellView, sum_claims};
use crate::history::Claim;

/// Processes whose share a witness gives, at the most.
const SHARES: usize = 8;

/// What is wrong with the totals of several processes.
enum Disagreement {
    /// Together they have this many requests, which are not those that were made.
    Requests(u64),
    /// Together they have so many tokens, which are neither those delivered nor those billed.
    Tokens(u64, u64),
    /// They have one sum of requests and of tokens, and the client claims another.
    Claim((u64, u64), (u64, u64)),
}

/// Over several processes, the sum of what each has counted equals the ledger (requests and tokens, as
/// `requests-counted` and `tokens-counted` have it), and it is what the client claims. Where all of them keep
/// one account, that account is the sum.
pub(super) fn processes_agree(view: &CellView<'_>) -> Ruling {
    if view.strategy.processes() <= 1 {
        return Ruling::not_applicable("the strategy runs in one process");
    }
    let Some(claim) = &view.claim else { return no_claim() };
    let claims = &view.evidence.claims;
    let shares: Vec<&Claim> = claims.iter().filter(|c| c.cell == view.cell && c.process.is_some()).collect();
    let sum = sum_claims(shares.iter().copied()).unwrap_or_else(|| claim.clone());
    let made = RequestCounts::of(view);
    if made.most() == 0 && sum.requests == 0 && claim.requests == 0 {
        return nothing_seen(view);
    }
    let [delivered, ..] = known_tokens(view);
    let mut tally = Tally::new();
    tally.relevant = made.most().max(1);
    if let Some(discord) = discord(view, &made, &sum, claim) {
        tally.violation(view.last_ns(), discord);
    }
    let claimant = match shares.len() {
        0 => "the one account of all processes has".to_owned(),
        1 => "the one process that counted has".to_owned(),
        n => format!("{n} processes together have"),
    };
    let words = |discord| {
        let text = match discord {
            Disagreement::Requests(sum) => format!(
                "{claimant} {}, {} the {} that were made{}",
                count(sum, "request"),
                difference(sum, made.nearest(sum)),
                made.nearest(sum),
                each(&shares)
            ),
            Disagreement::Tokens(prompt, completion) => format!(
                "{claimant} {prompt} prompt and {completion} completion tokens; {} prompt and {} completion \
                 tokens were \
                 delivered",
                delivered.prompt, delivered.completion
            ),
            Disagreement::Claim((requests, tokens), (claimed, claimed_tokens)) => format!(
                "the client claims {} and {claimed_tokens} tokens, but {claimant} {} and {tokens} tokens{}",
                count(claimed, "request"),
                count(requests, "request"),
                each(&shares)
            ),
        };
        (Vec::new(), text)
    };
    tally.ruling(words, || nothing_seen(view))
}

fn discord(view: &CellView<'_>, made: &RequestCounts, sum: &Claim, claim: &Claim) -> Option<Disagreement> {
    let figures = |c: &Claim| (c.requests, c.prompt_tokens, c.completion_tokens, c.total_tokens);
    if !made.agrees(sum.requests) {
        return Some(Disagreement::Requests(sum.requests));
    }
    if !known_tokens(view).contains(&claimed_tokens(sum)) {
        return Some(Disagreement::Tokens(sum.prompt_tokens, sum.completion_tokens));
    }
    (figures(sum) != figures(claim)).then_some(Disagreement::Claim(
        (sum.requests, sum.total_tokens),
        (claim.requests, claim.total_tokens),
    ))
}

/// ` (process 0 has 12, process 1 has 11)`.
fn each(shares: &[&Claim]) -> String {
    let words = |c: &&Claim| format!("process {} has {}", c.process.unwrap_or(0), c.requests);
    let named: Vec<String> = shares.iter().take(SHARES).map(words).collect();
    match (named.is_empty(), shares.len() > SHARES) {
        (true, _) => String::new(),
        (_, more) => format!(" ({}{})", named.join(", "), if more { ", …" } else { "" }),
    }
}
