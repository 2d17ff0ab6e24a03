//! A real endpoint has no ledger: its cells are checked against the client's own history, which can
//! convict the client but never acquit it.

use super::tally::{Ruling, count};
use crate::history::{AttemptRow, ErrorClass, JobKey, LedgerEnd, LedgerRow, Outcome};
use crate::plan::Cell;
use crate::summary::{Invariant, Verdict};

const NO_LEDGER: &str = "no ledger: a real endpoint keeps its own books";

/// The client's attempts that went over the wire, written as a ledger would have them had it seen the
/// same. What a client cannot see (bills, request bodies) stays empty.
pub(super) fn own_books(cell: Cell, attempts: &[AttemptRow]) -> Vec<LedgerRow> {
    let target = u16::try_from(cell.target).unwrap_or(u16::MAX);
    let sent = attempts.iter().filter(|a| !never_arrived(a));
    let rows = sent.zip(1u64..).map(|(a, seq)| LedgerRow {
        target,
        seq,
        job: JobKey::Own(a.job),
        attempt: a.n,
        status: a.status,
        end: end_of(a),
        permanent: is_permanent(a),
        arrived_ns: a.sent_ns.unwrap_or(a.due_ns),
        first_byte_ns: a.first_byte_ns,
        first_content_ns: a.first_content_ns,
        ended_ns: a.done_ns,
        answer: a.answer,
        text_hash: a.text_hash,
        body_hash: 0,
        idempotency_key: None,
        lock: None,
        lock_token: None,
        fenced: false,
        replayed: false,
        retry_after_ms: a.retry_after_ms,
        prompt_tokens: a.prompt_tokens.unwrap_or(0),
        delivered_tokens: a.completion_tokens.unwrap_or(0),
        billed_prompt_tokens: 0,
        billed_completion_tokens: 0,
    });
    rows.collect()
}

/// Whether the attempt ended before its request can have arrived anywhere.
pub(super) fn never_arrived(a: &AttemptRow) -> bool {
    let unconnected = [ErrorClass::Dns, ErrorClass::Connect, ErrorClass::Tls, ErrorClass::TimeoutConnect];
    a.sent_ns.is_none() || a.error.is_some_and(|error| unconnected.contains(&error))
}

fn end_of(a: &AttemptRow) -> LedgerEnd {
    match (a.outcome, a.status) {
        (Outcome::Ok, _) => LedgerEnd::Whole,
        (Outcome::Failed, Some(_)) => LedgerEnd::Refused,
        (_, Some(_)) => LedgerEnd::Cut,
        (_, None) => LedgerEnd::Reset,
    }
}

fn is_permanent(a: &AttemptRow) -> bool {
    a.error == Some(ErrorClass::QuotaExhausted) || matches!(a.status, Some(400 | 401 | 403 | 404))
}

/// What may be said without a ledger: broken stays broken, everything else is unknown.
pub(super) fn without_ledger(invariant: Invariant, mut ruling: Ruling) -> Ruling {
    if ruling.verdict == Verdict::Broken {
        if let Some(witness) = &mut ruling.witness {
            witness.text = format!("by the client's own history: {}", witness.text);
        }
        return ruling;
    }
    let why = match (invariant, ruling.verdict, &ruling.why) {
        (Invariant::BilledOnce, ..) => format!("{NO_LEDGER}, and only those say what was billed"),
        (_, Verdict::Holds, _) => {
            let checks = count(ruling.relevant, "check");
            format!("{NO_LEDGER}; the client's own shows no violation in {checks}, but cannot clear itself")
        }
        (_, _, Some(why)) => format!("{NO_LEDGER}; and {why}"),
        (_, _, None) => NO_LEDGER.to_owned(),
    };
    Ruling { verdict: Verdict::Unknown, violations: 0, why: Some(why), witness: None, ..ruling }
}
