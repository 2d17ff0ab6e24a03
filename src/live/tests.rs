//! Tests of the fold.

use super::*;
use crate::history::JobId;
use crate::plan::Source;
use crate::scenario::load;

fn live() -> Live {
    let text = include_str!("../../scenarios/quickstart.toml").to_owned();
    let source = Source { path: "quickstart.toml".into(), text };
    Live::new(Arc::new(load(&source, &[], &|_| None).expect("a scenario")), 1_700_000_000)
}

/// An attempt of 50 ms to its first token, or one that ends with an error.
fn attempt(at_ms: u64, error: Option<ErrorClass>) -> Event {
    let ns = |ms: u64| ms * 1_000_000;
    Event::Attempt(Box::new(Attempt {
        job: JobId { cell: 0, index: at_ms },
        n: 1,
        due_ns: ns(at_ms),
        sent_ns: Some(ns(at_ms)),
        first_byte_ns: None,
        first_content_ns: error.is_none().then(|| ns(at_ms + 50)),
        done_ns: ns(at_ms + 60),
        gaps_us: Vec::new(),
        status: None,
        outcome: if error.is_none() { Outcome::Ok } else { Outcome::Failed },
        error,
        message: None,
        id: None,
        prompt_tokens: Some(10),
        completion_tokens: Some(5),
        text_hash: None,
        retry_after_ms: None,
        warmup: false,
    }))
}

#[test]
fn a_long_run_is_shown_by_its_last_minute_and_counted_whole() {
    let mut live = live();
    for second in 0..200 {
        live.add(&[attempt(second * 1000, None), attempt(second * 1000 + 500, None)]);
    }
    live.add(&[attempt(7, Some(ErrorClass::RateLimited)), attempt(8, Some(ErrorClass::Reset))]);
    let view = live.view();
    assert_eq!((view.ttft_by_second.len(), view.ttft_by_second.last()), (SECONDS, Some(&50)));
    assert!(view.ttft_ms[0].is_some_and(|ms| (ms - 50.0).abs() < 0.1), "{:?}", view.ttft_ms);
    assert_eq!(view.ttft_bars.iter().map(|(_, n)| n).sum::<u64>(), 400, "what is too old to be shown too");
    assert_eq!((view.limited, view.errors, view.tokens_per_s), (1, 1, 10.0));
    assert_eq!(view.newest.as_deref(), Some("job:0008#1: reset"));
    assert_eq!(view.cost.len(), usize::from(live.plan.targets[0].price.is_some()));
}

/// What the view calls the newest finding, after these attempts of 60 ms.
fn found(live: &mut Live, attempts: &[(u64, u32)]) -> (usize, String) {
    for (at_ms, n) in attempts {
        let Event::Attempt(mut one) = attempt(*at_ms, None) else { continue };
        one.n = *n;
        live.add(&[Event::Attempt(one)]);
    }
    let view = live.view();
    (view.findings, view.finding.unwrap_or_default())
}

#[test]
fn what_the_client_s_own_history_shows_broken_is_found_while_it_lasts() {
    let text = include_str!("../../scenarios/quickstart.toml").to_owned();
    let set = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    let live_with = |threshold: &str| {
        let set = [
            set("declared.concurrency", "2"),
            set("strategy.semaphore.permits", "8"),
            set("retry.max_attempts", "3"),
            set("thresholds.ttft", &format!("[\"{threshold}\"]")),
        ];
        let source = Source { path: "quickstart.toml".into(), text: text.clone() };
        Live::new(Arc::new(load(&source, &set, &|_| None).expect("a scenario")), 0)
    };
    let live = || live_with("p(50) < 1h");
    // Side by side and one after the other, as often as is allowed: a threshold may still be too short of
    // samples.
    let kept = found(&mut live(), &[(0, 1), (1, 3), (60, 1), (61, 1), (121, 2)]);
    assert_eq!(kept, (0, String::new()));
    let (n, text) = found(&mut live(), &[(0, 1), (1, 1), (59, 1)]);
    assert_eq!(n, 1, "{text}");
    assert!(
        text.starts_with("in-flight-capped at ") && text.contains("3 attempts in flight at 59.0ms"),
        "{text}"
    );
    assert!(text.ends_with("the declared concurrency allows 2"), "{text}");
    let (n, text) = found(&mut live(), &[(0, 1), (100, 4), (200, 5)]);
    assert_eq!(n, 1, "each rule once for a cell: {text}");
    assert!(text.contains("job:0100 made attempt 4; the declared most is 3"), "{text}");
    let mut slow = live_with("p(50) < 40ms");
    let many: Vec<(u64, u32)> = (0..200).map(|n| (n * 100, 1)).collect();
    let (n, text) = found(&mut slow, &many);
    assert_eq!(n, 1, "{text}");
    assert!(
        text.starts_with("threshold missed so far at ") && text.contains("p(50) < 40ms, observed 50"),
        "{text}"
    );
}

#[test]
fn nothing_yet_is_shown_as_nothing() {
    let view = live().view();
    assert_eq!((view.ttft_ms, view.ttft_bars.len(), view.answered), ([None, None], 0, 0));
    assert!(view.thresholds.iter().all(|row| !row.passed && row.observed.is_none()));
}
