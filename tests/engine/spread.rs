//! Strategies shared out over processes: together they promise what one process would.

use crate::live;

use deadheat::summary::{Invariant, Verdict};
use live::{Run, plan, right, run};

const LOAD: &str = "[workload]\nprompt_tokens = { uniform = [5, 40] }\noutput_tokens = 4\n\
    [profile.shared-iterations]\nvus = 12\niterations = 60\n\
    [[fault]]\nkind.status = { code = 503 }\nwhen = { probability = 0.2, attempts = [1] }\n\
    [[fault]]\nkind.slow = { by = \"60ms\" }\nwhen = { jobs = [3, 8, 20, 21] }\n\
    [retry]\nbackoff = { fixed = { wait = \"20ms\", jitter = \"full\" } }\n";

fn spread(strategy: &str, set: &[(&str, &str)]) -> Run {
    run(&plan(&format!("{LOAD}[strategy.{strategy}\nprocesses = 3\n"), set), &right)
}

#[test]
fn every_strategy_over_processes_keeps_every_rule() {
    for strategy in [
        "unbounded]",
        "semaphore]\npermits = 5",
        "thread-pool]\nworkers = 5",
        "token-bucket]\nrate = 300\nburst = 4",
        "adaptive]\nmin = 3\nmax = 7",
        "hedged]\npermits = 8\nafter = \"20ms\"",
        "idempotent]\npermits = 5",
        "budgeted]\npermits = 5\nmax_tokens = 100000",
    ] {
        let seen = spread(strategy, &[]);
        seen.assert_clean();
        assert_eq!(seen.jobs(0), (0..60).collect::<Vec<_>>(), "{strategy}");
        assert_eq!(seen.evidence.claims.len(), 3, "{strategy}");
        // By its own promise, or by the workers of the profile.
        assert_eq!(seen.verdict(Invariant::InFlightCapped).verdict, Verdict::Holds, "{strategy}");
    }
}

#[test]
fn one_process_s_count_taken_for_the_whole_is_found_whatever_the_strategy() {
    for strategy in [
        "token-bucket]\nrate = 300\nburst = 4",
        "adaptive]\nmax = 7",
        "hedged]\npermits = 8\nafter = \"20ms\"",
    ] {
        let seen = spread(&format!("{strategy}\ncounters = \"local\""), &[]);
        let broken = seen.broken();
        assert!(broken.contains(&"requests-counted"), "{strategy}: {broken:?}");
        let of_counting = ["requests-counted", "tokens-counted", "processes-agree"];
        assert!(broken.iter().all(|name| of_counting.contains(name)), "{strategy}: {broken:?}");
    }
}

/// Sendings, in order.
fn sent_ns(seen: &Run) -> Vec<u64> {
    let mut sent: Vec<u64> = seen.evidence.attempts.iter().filter_map(|attempt| attempt.sent_ns).collect();
    sent.sort_unstable();
    sent
}

#[test]
fn the_buckets_of_all_processes_together_are_one_bucket() {
    let (rate, burst) = (100.0, 5);
    let seen = spread("token-bucket]\nrate = 100\nburst = 5", &[]);
    seen.assert_clean();
    let sent = sent_ns(&seen);
    let origin_ns = sent[0];
    // What goes late for want of a processor does not go early: from the start on, never more than the bucket
    // holds.
    for (n, at_ns) in sent.iter().enumerate() {
        let dropped = (at_ns - origin_ns) as f64 / 1e9 * rate;
        assert!(n < burst + dropped.ceil() as usize + 3, "{n} after {dropped} tokens");
    }
    let took_s = (sent[sent.len() - 1] - origin_ns) as f64 / 1e9;
    let least_s = (sent.len() - burst) as f64 / rate;
    assert!(took_s > least_s * 0.9, "{took_s} s for what takes {least_s} s");
}
