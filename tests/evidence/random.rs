//! Random lines of both large files, and the rows they must become.

use deadheat::history::*;
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;
use std::collections::BTreeMap;

pub(crate) fn targets() -> Vec<String> {
    vec!["mock".to_owned(), "house".to_owned()]
}

fn hex() -> impl Strategy<Value = String> {
    any::<u64>().prop_map(|n| format!("{n:016x}"))
}

fn job_id() -> impl Strategy<Value = JobId> {
    (0..3u16, 0..50u64).prop_map(|(cell, index)| JobId { cell, index })
}

fn outcome() -> impl Strategy<Value = Outcome> {
    select(vec![Outcome::Ok, Outcome::Failed, Outcome::Unknown])
}

prop_compose! {
    fn attempt()(
        ids in (job_id(), 1..5u32, any::<bool>(), of(hex())),
        stamps in any::<(u64, Option<u64>, Option<u64>, Option<u64>, u64)>(),
        gaps_us in vec(any::<u32>(), 0..5),
        status in any::<Option<u16>>(), outcome in outcome(), error in of(select(ErrorClass::ALL.to_vec())),
        texts in any::<(Option<String>, Option<String>)>(),
        usage in any::<(Option<u64>, Option<u64>, Option<u64>)>(),
    ) -> Attempt {
        let (job, n, warmup, text_hash) = ids;
        let (due_ns, sent_ns, first_byte_ns, first_content_ns, done_ns) = stamps;
        let (prompt_tokens, completion_tokens, retry_after_ms) = usage;
        let (message, id) = texts;
        Attempt {
            job, n, due_ns, sent_ns, first_byte_ns, first_content_ns, done_ns, gaps_us, status, outcome,
            error, message, id, prompt_tokens, completion_tokens, text_hash, retry_after_ms, warmup,
        }
    }
}

prop_compose! {
    fn job()(
        job in job_id(), due_ns: u64, begun_ns: u64, done_ns: u64, outcome in outcome(), attempts: u32,
            warmup: bool,
        deliveries in 1..9u32, end in select(vec![
            JobEnd::Answered, JobEnd::Exhausted, JobEnd::Permanent, JobEnd::Cancelled, JobEnd::OverBudget,
        ]),
        id in any::<Option<String>>(), text_hash in of(hex()),
    ) -> Job {
        Job { job, due_ns, begun_ns, done_ns, outcome, end, attempts, deliveries, id, text_hash, warmup }
    }
}

prop_compose! {
    fn cell_end()(cell in 0..3u16, planned: u64, issued: u64, dropped: u64, offered: Option<u64>,
        stuck: Option<u64>) -> CellEnd {
        CellEnd {
            cell, planned, issued, not_issued: BTreeMap::from([(NotIssued::Dropped, dropped)]),
            elapsed_ns: planned, offered_per_1000_s: offered, cpu_busiest_ppm: 7, cpu_ns: 8,
            stuck_since_ns: stuck,
        }
    }
}

pub(crate) fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => attempt().prop_map(|a| Event::Attempt(Box::new(a))),
        2 => job().prop_map(Event::Job),
        1 => cell_end().prop_map(Event::CellEnd),
    ]
}

prop_compose! {
    pub(crate) fn entry()(
        who in (select(targets()), any::<u64>(), any::<u32>(), any::<bool>()),
        job in prop_oneof![job_id().prop_map(JobKey::Own), any::<String>().prop_map(|t| JobKey::from(&*t))],
        texts in (any::<String>(), of(hex()), of(hex()), hex(), any::<Option<String>>()),
        stamps in any::<(u64, Option<u64>, Option<u64>, u64)>(),
        gaps_us in vec(any::<u32>(), 0..5),
        status in any::<Option<u16>>(), retry_after_ms in any::<Option<u64>>(),
        end in select(vec![
            LedgerEnd::Whole, LedgerEnd::Refused, LedgerEnd::Cut, LedgerEnd::Reset, LedgerEnd::ClientClosed,
            LedgerEnd::Open,
        ]),
        tokens in any::<(u64, u64, u64, u64)>(),
        lock in any::<(Option<String>, Option<u64>, bool, bool)>(),
    ) -> LedgerEntry {
        let (target, seq, attempt, permanent) = who;
        let (request_id, nonce, text_hash, body_hash, idempotency_key) = texts;
        let (arrived_ns, first_byte_ns, first_content_ns, ended_ns) = stamps;
        let (lock, lock_token, fenced, replayed) = lock;
        let (prompt_tokens, delivered_tokens, billed_prompt_tokens, billed_completion_tokens) = tokens;
        LedgerEntry {
            target, seq, job, attempt, request_id, nonce: nonce.map(|n| format!("R-{n}")), arrived_ns,
            first_byte_ns, first_content_ns, ended_ns, gaps_us, status, end, fault: None, permanent,
            retry_after_ms, prompt_tokens, delivered_tokens, billed_prompt_tokens,
            billed_completion_tokens, text_hash, body_hash, idempotency_key, sdk_retry: None,
            lock, lock_token, fenced, replayed,
        }
    }
}
