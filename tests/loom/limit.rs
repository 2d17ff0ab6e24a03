//! Model checks of the adaptive limit.

use crate::loom_model;

use deadheat::shared::{AdaptiveLimit, LoadSignal, Rule, Sample};
use loom::sync::Mutex;
use loom_model::{bounded, check, exhaustive, note, spawn};
use std::sync::Arc;
use std::time::Duration;

const SERVICE: Duration = Duration::from_millis(100);
const NOW: Duration = Duration::from_secs(1);

fn observe(limit: &AdaptiveLimit, outcome: LoadSignal) -> u32 {
    let then = limit.observe(NOW, Sample { service: SERVICE, outcome });
    note(format!("{outcome:?} ➜ {then}"));
    then
}

#[test]
fn a_wave_of_refusals_cuts_once_and_no_observation_is_lost() {
    check("limit, one wave", &exhaustive(), || {
        let limit = Arc::new(AdaptiveLimit::new(Rule::Aimd { backoff: 0.5 }, 1, 100, 16));
        let others = [limit.clone(), limit.clone()]
            .map(|limit| spawn("refused", move || observe(&limit, LoadSignal::Overloaded)));
        assert_eq!(observe(&limit, LoadSignal::Overloaded), 8, "one wave cut twice");
        for other in others {
            assert_eq!(other.join().expect("a thread"), 8, "one wave cut twice");
        }
    });
    check("limit, 4 threads", &bounded(), || {
        let limit = Arc::new(AdaptiveLimit::new(Rule::Aimd { backoff: 0.5 }, 1, 100, 2));
        let others = [0; 3].map(|_| {
            let limit = limit.clone();
            spawn("answered", move || observe(&limit, LoadSignal::Good))
        });
        let _ = observe(&limit, LoadSignal::Good);
        for other in others {
            let _ = other.join().expect("a thread");
        }
        // 2, 2.5, 2.9, 3.24, 3.55, 3.83, 4.09: with one observation lost it would stay below 4.
        assert_eq!(limit.limit(), 3);
        assert_eq!(observe(&limit, LoadSignal::Good), 3);
        assert_eq!(observe(&limit, LoadSignal::Good), 4, "an observation was lost");
    });
}

/// The planted bug: the limit is read, and set to what follows from it in a second step.
#[test]
#[should_panic(expected = "a cut was lost")]
fn loom_catches_a_lost_cut() {
    check("limit read-then-set", &exhaustive(), || {
        let limit = Arc::new(Mutex::new(16_u32));
        let other = limit.clone();
        let change = |limit: &Mutex<u32>, change: fn(u32) -> u32| {
            let before = *limit.lock().expect("a lock");
            note(format!("limit ➜ {before}"));
            *limit.lock().expect("a lock") = change(before);
            note(format!("limit := {}", change(before)));
        };
        let refused = spawn("refused", move || change(&other, |limit| limit / 2));
        change(&limit, |limit| limit + 1);
        refused.join().expect("a thread");
        assert!(*limit.lock().expect("a lock") <= 9, "a cut was lost");
    });
}
