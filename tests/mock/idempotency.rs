//! A provider that honours `Idempotency-Key`: one generation and one bill for each key, whatever happens to
//! the connection, and the same answer for a client that comes again.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use crate::client;

use client::{Provider, always, endless, instant, post, read};
use deadheat::faults::{
    CutStream, ErrorEvent, FaultKind, GatewayTimeout, HintForm, NeverAnswers, RateLimit, ResetAfterAccept,
    ResetMidStream, Slow, Status,
};
use deadheat::history::{LedgerEnd, LedgerEntry};
use deadheat::mock::{Admitted, Arrival, Core, MockConfig, Move, Play, PlayEnd};
use deadheat::plan::{Dist, Limits, MockPlan};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;

const MS: Duration = Duration::from_millis(1);
const ZERO: Duration = Duration::ZERO;

/// The first token after 10 ms, the others 1 ms apart.
fn plan() -> MockPlan {
    MockPlan {
        ttft: Dist::Constant(10 * MS),
        itl: Dist::Constant(MS),
        bill_after_disconnect: false,
        idempotency: true,
        ..instant()
    }
}

fn one_place() -> MockPlan {
    MockPlan { limits: Limits { max_in_flight: Some(1), ..Limits::default() }, ..plan() }
}

fn core(plan: MockPlan, kind: Option<FaultKind>) -> Core {
    let mut config = MockConfig::new("mock", plan);
    config.faults = kind.map(always).unwrap_or_default();
    Core::new(config.core(1_735_689_600))
}

fn body(tokens: u32, stream: bool) -> String {
    format!(
        r#"{{"model":"m","messages":[{{"content":"one two three"}}],"max_tokens":{tokens},"stream":{stream}}}"#
    )
}

/// One attempt of a job whose key is `key`, for nine tokens.
fn request(key: &str, job: u64, attempt: u32, stream: bool) -> Arrival {
    let (tag, attempt) = (format!("job:{job:04}"), attempt.to_string());
    let header = |name: &str| match name {
        "x-deadheat-job" => Some(tag.as_str()),
        "x-deadheat-attempt" => Some(attempt.as_str()),
        "idempotency-key" => Some(key),
        _ => None,
    };
    Arrival::read(header, body(9, stream).as_bytes())
}

fn answer(step: Admitted) -> Box<Play> {
    match step {
        Admitted::Answer(play) => play,
        Admitted::Queued(seq) => panic!("{seq} was queued"),
    }
}

/// Drives a play to its end, letting time jump; the bytes of its body, the ledger entry, and when it ended.
fn drive(core: &mut Core, mut now: Duration, mut play: Box<Play>) -> (String, LedgerEntry, Duration) {
    let mut body = Vec::new();
    let how = loop {
        match play.next(now) {
            Move::Wait(Some(until)) => now = until,
            Move::Wait(None) => break PlayEnd::Gone,
            Move::Head(_) => {}
            Move::Bytes(bytes) => body.extend(bytes),
            Move::Last(bytes) => {
                body.extend(bytes);
                break PlayEnd::Done;
            }
            Move::Close | Move::Reset => break PlayEnd::Done,
        }
    };
    (String::from_utf8(body).unwrap(), core.end(now, play, how), now)
}

fn billed(entries: &[&LedgerEntry]) -> (u64, u64) {
    let sum = |part: fn(&LedgerEntry) -> u64| entries.iter().map(|entry| part(entry)).sum();
    (sum(|entry| entry.billed_prompt_tokens), sum(|entry| entry.billed_completion_tokens))
}

#[test]
fn a_repeated_key_gets_the_same_answer_and_no_bill() {
    for stream in [false, true] {
        let mut core = core(plan(), None);
        let play = answer(core.arrive(ZERO, request("k", 1, 1, stream)));
        let (body, first, now) = drive(&mut core, ZERO, play);
        let play = answer(core.arrive(now + 5 * MS, request("k", 2, 1, stream)));
        let (again, second, ended) = drive(&mut core, now + 5 * MS, play);
        assert_eq!(again, body, "byte for byte");
        assert_eq!(ended, now + 5 * MS, "all of it is there");
        assert_eq!((&second.nonce, &second.text_hash), (&first.nonce, &first.text_hash));
        assert_eq!((second.end, second.delivered_tokens, second.replayed), (LedgerEnd::Whole, 9, true));
        assert!(!first.replayed && billed(&[&first]) == (3, 9) && !second.billed());
        let stats = core.stats();
        assert_eq!((stats.keys, stats.replayed, stats.generating), (1, 1, 0));
    }
}

#[test]
fn without_the_setting_a_key_is_only_written_down() {
    let mut core = core(MockPlan { idempotency: false, ..plan() }, None);
    let mut once = |attempt| {
        let play = answer(core.arrive(ZERO, request("k", 1, attempt, true)));
        drive(&mut core, ZERO, play).1
    };
    let (first, second) = (once(1), once(2));
    assert_ne!(first.nonce, second.nonce);
    assert_eq!((billed(&[&first, &second]), second.replayed), ((6, 18), false));
    assert_eq!((second.idempotency_key.as_deref(), core.stats().keys), (Some("k"), 0));
}

#[test]
fn whatever_strikes_the_first_attempt_the_second_has_the_whole_answer_for_one_bill() {
    let half = 0.5;
    for (kind, replayed) in [
        (FaultKind::from(ResetAfterAccept {}), true),
        (FaultKind::from(CutStream { after: half }), true),
        (FaultKind::from(ResetMidStream { after: half }), true),
        (FaultKind::from(ErrorEvent { after: half }), true),
        (FaultKind::from(GatewayTimeout { status: 504, after: 2 * MS }), true),
        (FaultKind::from(Slow { by: 100 * MS }), true),
        // Nothing was generated for these: the second attempt is the first that is.
        (FaultKind::from(NeverAnswers {}), false),
        (FaultKind::from(Status { code: 500 }), false),
        (FaultKind::from(RateLimit { retry_after: None, hint: HintForm::Seconds }), false),
    ] {
        for (stream, plan) in [(false, plan()), (true, plan()), (true, one_place())] {
            let mut core = core(plan, Some(kind.clone()));
            let play = answer(core.arrive(ZERO, request("k", 1, 1, stream)));
            let first = match kind {
                // The client's patience ends before the slow provider begins.
                FaultKind::Slow(_) => core.end(5 * MS, play, PlayEnd::Gone),
                _ => drive(&mut core, ZERO, play).1,
            };
            let play = answer(core.arrive(5 * MS, request("k", 1, 2, stream)));
            let (_, second, ended) = drive(&mut core, 5 * MS, play);
            assert_eq!(second.replayed, replayed, "{kind:?}");
            assert_eq!((second.end, second.delivered_tokens), (LedgerEnd::Whole, 9), "{kind:?}");
            assert_eq!(billed(&[&first, &second]), (3, 9), "{kind:?}: {first:?} {second:?}");
            if replayed {
                assert_eq!(first.nonce, second.nonce, "{kind:?}");
                let over = if matches!(kind, FaultKind::Slow(_)) { 118 } else { 18 };
                assert_eq!(ended, over * MS, "{kind:?}: not before its generation is over");
            }
        }
    }
}

#[test]
fn a_generation_whose_client_left_goes_on_in_its_place_and_is_billed_once() {
    let mut core = core(one_place(), None);
    let play = answer(core.arrive(ZERO, request("k", 1, 1, true)));
    let first = core.end(MS, play, PlayEnd::Gone);
    assert_eq!((first.end, billed(&[&first])), (LedgerEnd::ClientClosed, (3, 9)));
    assert!(
        matches!(core.arrive(2 * MS, request("other", 2, 1, true)), Admitted::Queued(2)),
        "its place is kept"
    );
    let play = answer(core.arrive(2 * MS, request("k", 1, 2, true)));
    let (_, second, ended) = drive(&mut core, 2 * MS, play);
    assert_eq!((ended, second.delivered_tokens, second.billed()), (18 * MS, 9, false));
    let third = core.take_started().pop().expect("the place was given back");
    let _ = drive(&mut core, 18 * MS, third);
}

#[test]
fn a_key_that_still_waits_for_its_turn_is_in_use() {
    for left in [false, true] {
        let mut core = core(one_place(), None);
        let holder = answer(core.arrive(ZERO, request("other", 1, 1, true)));
        assert!(matches!(core.arrive(ZERO, request("k", 2, 1, true)), Admitted::Queued(2)));
        let mut entries: Vec<LedgerEntry> = Vec::new();
        if left {
            // Who leaves the queue has its answer generated nevertheless: it may come again.
            entries.extend(core.leave(MS, 2, PlayEnd::Gone));
        }
        let play = answer(core.arrive(MS, request("k", 2, 2, true)));
        let (body, refused, _) = drive(&mut core, MS, play);
        assert!(body.contains("idempotency_key_in_use"), "{body}");
        assert_eq!((refused.status, refused.retry_after_ms, refused.permanent), (Some(409), Some(50), false));
        assert!(!refused.billed() && !refused.replayed && refused.nonce.is_none());
        let (_, _, now) = drive(&mut core, ZERO, holder);
        if let Some(play) = core.take_started().pop() {
            entries.push(core.end(now + MS, play, PlayEnd::Gone));
        }
        let play = answer(core.arrive(now + 2 * MS, request("k", 2, 3, true)));
        let (_, replay, ended) = drive(&mut core, now + 2 * MS, play);
        assert_eq!((ended, replay.delivered_tokens, replay.replayed), (now + 18 * MS, 9, true));
        entries.push(replay);
        assert_eq!(billed(&entries.iter().collect::<Vec<_>>()), (3, 9));
    }
}

#[test]
fn a_key_with_another_body_is_refused_for_good() {
    let mut core = core(plan(), None);
    let play = answer(core.arrive(ZERO, request("k", 1, 1, true)));
    let _ = drive(&mut core, ZERO, play);
    let play = answer(core.arrive(MS, request("k", 1, 2, false)));
    let (body, entry, _) = drive(&mut core, MS, play);
    assert!(body.contains("idempotency_key_reused"), "{body}");
    assert_eq!((entry.status, entry.permanent, entry.billed()), (Some(400), true, false));
    for odd in [String::new(), "k".repeat(256), "schlüssel".to_owned()] {
        let play = answer(core.arrive(MS, request(&odd, 1, 3, false)));
        let (body, entry, _) = drive(&mut core, MS, play);
        assert!(entry.status == Some(400) && body.contains("Idempotency-Key must be"), "{body}");
    }
}

#[test]
fn a_replay_counts_as_a_request_but_takes_no_tokens() {
    let limits = Limits { requests_per_minute: Some(120), tokens_per_minute: Some(720), ..Limits::default() };
    let mut core = core(MockPlan { limits, ..plan() }, None);
    let mut once = |attempt| {
        let play = answer(core.arrive(ZERO, request("k", 1, attempt, false)));
        drive(&mut core, ZERO, play).1
    };
    let entries = [once(1), once(2), once(3)];
    assert_eq!(entries.each_ref().map(|entry| entry.status), [Some(200), Some(200), Some(429)]);
    assert_eq!(billed(&entries.iter().collect::<Vec<_>>()), (3, 9));
}

#[test]
fn a_reset_forgets_every_key() {
    let mut core = core(plan(), None);
    let play = answer(core.arrive(ZERO, request("k", 1, 1, true)));
    core.reset();
    let _ = drive(&mut core, ZERO, play);
    let play = answer(core.arrive(30 * MS, request("k", 1, 2, true)));
    assert!(!drive(&mut core, 30 * MS, play).1.replayed);
}

/// A request over a socket, with a key.
fn ask(key: &str, attempt: u32) -> String {
    let headers =
        format!("x-deadheat-job: job:0001\r\nx-deadheat-attempt: {attempt}\r\nidempotency-key: {key}\r\n");
    post("/v1/chat/completions", &headers, &body(9, true))
}

#[test]
fn over_a_socket_a_torn_stream_is_had_whole_by_asking_again() {
    let plan = MockPlan { idempotency: true, ..instant() };
    let provider = Provider::start(plan, always(FaultKind::from(ResetMidStream { after: 0.5 })));
    let torn = provider.ask(&ask("k", 1));
    let first = provider.entry();
    let whole = provider.ask(&ask("k", 2));
    let second = provider.entry();
    assert_eq!(whole.header("idempotent-replayed"), Some("true"));
    assert!(whole.body.ends_with("data: [DONE]\n\n") && whole.content().starts_with(&torn.content()));
    assert!(whole.events()[0].contains(&first.nonce.clone().unwrap()), "the same id");
    assert_eq!((second.end, second.replayed, second.fault.is_none()), (LedgerEnd::Whole, true, true));
    assert_eq!(billed(&[&first, &second]), (3, 9));
}

#[test]
fn over_a_socket_who_left_the_queue_finds_its_key_in_use() {
    let limits = Limits { max_in_flight: Some(1), ..Limits::default() };
    let provider = Provider::start(MockPlan { limits, idempotency: true, ..endless() }, Vec::new());
    let open = |key: &str, count: u64| {
        let mut stream = provider.connect();
        stream.write_all(ask(key, 1).as_bytes()).unwrap();
        while provider.server.stats().open < count {
            std::thread::yield_now();
        }
        stream
    };
    let (_running, queued) = (open("other", 1), open("k", 2));
    drop(queued);
    assert_eq!(provider.entry().end, LedgerEnd::ClientClosed);
    let mut stream = provider.connect();
    stream.write_all(ask("k", 2).as_bytes()).unwrap();
    let answer = read(&mut stream);
    assert_eq!((answer.status, answer.header("retry-after-ms")), (409, Some("50")));
    provider.server.stop_within(ZERO);
}

proptest! {
    /// Attempts under a few keys come, are heard out, left or cut, in any order: each key has one answer and
    /// one bill.
    #[test]
    fn a_key_is_billed_at_most_once_and_has_one_text(
        ops in prop::collection::vec((0u64..3, 0u8..3, any::<bool>(), 0u32..12), 1..60),
        places in prop::option::of(1u32..3),
        fault in prop::sample::select(vec![
            None, Some(FaultKind::from(ResetAfterAccept {})), Some(FaultKind::from(CutStream { after: 0.3 })),
            Some(FaultKind::from(ErrorEvent { after: 0.7 })), Some(FaultKind::from(NeverAnswers {})),
            Some(FaultKind::from(GatewayTimeout { status: 504, after: 3 * MS })), Some(FaultKind::from(Slow {
                by: 40 * MS })),
        ]),
    ) {
        let limits = Limits { max_in_flight: places, ..Limits::default() };
        let mut core = core(MockPlan { limits, ..plan() }, fault);
        let (mut now, mut ledger, mut queued) = (ZERO, Vec::new(), Vec::new());
        for (attempt, (key, patience, stays, pass)) in (1u32..).zip(ops) {
            now += pass * MS;
            match core.arrive(now, request(&key.to_string(), key, attempt.min(4), true)) {
                Admitted::Queued(seq) if stays => queued.push(seq),
                Admitted::Queued(seq) => ledger.extend(core.leave(now, seq, PlayEnd::Gone)),
                Admitted::Answer(play) if patience == 0 => ledger.push(core.end(now, play, PlayEnd::Gone)),
                Admitted::Answer(play) => {
                    let (_, entry, ended) = drive(&mut core, now, play);
                    now = now.max(ended);
                    ledger.push(entry);
                }
            }
            for play in core.take_started() {
                queued.retain(|seq| *seq != play.seq());
                ledger.push(core.end(now, play, PlayEnd::Gone));
            }
        }
        ledger.extend(queued.into_iter().filter_map(|seq| core.leave(now, seq, PlayEnd::Gone)));
        let mut texts = BTreeMap::new();
        for key in ["0", "1", "2"] {
            let of_key: Vec<_> = ledger.iter().filter(|e| e.idempotency_key.as_deref() ==
                Some(key)).collect();
            let (prompt, completion) = billed(&of_key);
            prop_assert!((prompt, completion) == (3, 9) || (prompt, completion) == (0, 0), "{:?}", of_key);
            let answered = of_key.iter().filter(|e| e.end == LedgerEnd::Whole);
            for entry in answered {
                let text = texts.entry(key).or_insert_with(|| entry.text_hash.clone());
                prop_assert_eq!(&*text, &entry.text_hash);
                prop_assert_eq!(entry.delivered_tokens, 9);
                prop_assert_eq!(completion, 9, "what is delivered was billed");
            }
        }
    }
}
