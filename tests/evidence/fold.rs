//! The fold: figures against figures by hand and by brute force.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use crate::small;

use deadheat::history::*;
use deadheat::metrics::*;
use deadheat::plan::{Executor, Phase};
use deadheat::summary::*;
use proptest::prelude::*;
use small::{MS, attempt, evidence, job, plan};
use std::time::Duration;

fn folded(evidence: &Evidence) -> Folded {
    fold(&plan(), evidence, &Gaps::new(&plan()))
}

fn metric<'a>(folded: &'a Folded, target: &str, metric: Metric) -> Option<&'a MetricRow> {
    folded.metrics.iter().find(|row| row.target == target && row.metric == metric.name())
}

fn near(value: f64, expected: f64) -> bool {
    (value - expected).abs() <= expected.abs() * 0.002
}

#[test]
fn every_moment_lands_in_its_own_metric() {
    let folded = folded(&evidence(400));
    let expected = [
        (Metric::Lag, 1.0),
        (Metric::FirstByte, 2.0),
        (Metric::Ttft, 3.0),
        (Metric::Service, 10.0),
        (Metric::Response, 12.0),
    ];
    for (which, ms) in expected {
        let row = metric(&folded, "mock", which).unwrap();
        assert_eq!(row.count, 400);
        assert!(near(row.p99.unwrap(), ms) && near(row.mean, ms), "{row:?}");
        assert_eq!(row.p999, None, "400 samples are too few for p99.9");
    }
    assert!(metric(&folded, "mock", Metric::Itl).is_none(), "no gaps, no row");
}

#[test]
fn errors_stay_in_response_and_service_but_have_no_ttft() {
    let mut evidence = evidence(10);
    let failed = &mut evidence.attempts[0];
    failed.outcome = Outcome::Unknown;
    failed.error = Some(ErrorClass::TimeoutFirstByte);
    (failed.first_byte_ns, failed.first_content_ns, failed.done_ns) = (None, None, 5_000 * MS);
    let failed = &mut evidence.jobs[0];
    (failed.outcome, failed.end, failed.done_ns) = (Outcome::Unknown, JobEnd::Exhausted, 6_000 * MS);
    let folded = folded(&evidence);
    assert_eq!(metric(&folded, "mock", Metric::Ttft).unwrap().count, 9);
    assert!(near(metric(&folded, "mock", Metric::Service).unwrap().max, 4_999.0));
    assert!(near(metric(&folded, "mock", Metric::Response).unwrap().max, 6_000.0));
    let row = &folded.counters[0];
    assert_eq!((row.answered, row.failed, row.unknown), (9, 0, 1));
    assert_eq!(row.errors["timeout-first-byte"], 1);
    assert_eq!((row.attempts, row.attempts_ok), (10, 9));
}

#[test]
fn warm_ups_leave_distributions_but_not_counters() {
    let mut evidence = evidence(10);
    evidence.jobs[3].warmup = true;
    evidence.jobs[3].done_ns = 9_000 * MS;
    let attempts = evidence.attempts.clone();
    let gaps = attempts.iter().map(|attempt| ClientGaps {
        attempt,
        warmup: attempt.job == JobId { cell: 0, index: 3 },
        gaps_us: &[1_000, 3_000],
    });
    let gaps = Gaps::collect(&plan(), gaps, []);
    let folded = fold(&plan(), &evidence, &gaps);
    for which in [Metric::Lag, Metric::FirstByte, Metric::Ttft, Metric::Service, Metric::Response] {
        assert_eq!(metric(&folded, "mock", which).unwrap().count, 9, "{}", which.name());
        assert_eq!(metric(&folded, "house", which).unwrap().count, 10);
    }
    assert_eq!(metric(&folded, "mock", Metric::Itl).unwrap().count, 18);
    let tpot = metric(&folded, "mock", Metric::Tpot).unwrap();
    assert!(tpot.count == 9 && near(tpot.mean, 1.0), "4 ms over the 4 tokens after the first: {tpot:?}");
    assert!(metric(&folded, "mock", Metric::Response).unwrap().max < 100.0);
    assert_eq!(folded.fidelity.joined, 9);
    let row = &folded.counters[0];
    assert_eq!((row.jobs, row.answered, row.attempts), (10, 10, 10));
}

#[test]
fn what_thresholds_are_asked_of_leaves_warm_ups_and_their_time_out() {
    let mut plan = plan();
    let warmup = Duration::from_millis(500);
    let (start_time, graceful_stop) = (Duration::ZERO, Duration::ZERO);
    let executor = Executor::ConstantVus { vus: 1, duration: None };
    plan.phases = vec![Phase { executor, start_time, warmup, graceful_stop }];
    let mut evidence = evidence(10);
    for index in [0, 1] {
        evidence.jobs[index].warmup = true;
        (evidence.jobs[index].outcome, evidence.attempts[index].outcome) = (Outcome::Failed, Outcome::Failed);
        evidence.attempts[index].error = Some(ErrorClass::ServerError);
    }
    let folded = fold(&plan, &evidence, &Gaps::new(&plan));
    let (whole, measured) = (&folded.counters[0], &folded.measured[0]);
    assert_eq!((whole.attempts, whole.attempts_ok, whole.failed), (10, 8, 2));
    assert_eq!((measured.attempts, measured.attempts_ok, measured.failed), (8, 8, 0));
    assert_eq!((measured.planned, measured.jobs, measured.answered, measured.good), (12, 8, 8, 8));
    assert_eq!((measured.elapsed_ms, measured.throughput_per_s), (1_500, 8.0 / 1.5));
    assert!(measured.errors.is_empty() && measured.tokens.client_completion == 40, "{measured:?}");
    assert_eq!(measured.tokens.billed, whole.tokens.billed, "a bill is a bill");
    assert_eq!(folded.measured[1], folded.counters[1], "without a warm-up they are the same");
}

#[test]
fn an_attempt_that_its_client_has_closed_is_not_in_flight() {
    let mut evidence = evidence(30);
    // The provider notices 50 ms late that each client has gone.
    evidence.ledger.iter_mut().for_each(|row| row.ended_ns += 50 * MS);
    assert_eq!(folded(&evidence).counters[0].in_flight_max, 10, "9.5 ms each until the client's end");
    evidence.attempts.retain(|row| row.job.cell != 0);
    assert_eq!(folded(&evidence).counters[0].in_flight_max, 30, "what the client lost counts by the ledger");
}

#[test]
fn stamps_and_counts_at_the_edge_of_their_types_overflow_nowhere() {
    let mut evidence = evidence(3);
    for row in &mut evidence.ledger {
        (row.billed_prompt_tokens, row.billed_completion_tokens) = (u64::MAX, u64::MAX);
        (row.prompt_tokens, row.delivered_tokens, row.ended_ns) = (u64::MAX, u64::MAX, u64::MAX);
        row.retry_after_ms = Some(u64::MAX);
    }
    for row in &mut evidence.attempts {
        (row.prompt_tokens, row.completion_tokens) = (Some(u64::MAX), Some(u64::MAX));
        (row.done_ns, row.chunks, row.n) = (u64::MAX, u32::MAX, u32::MAX);
    }
    for row in &mut evidence.jobs {
        (row.done_ns, row.job.index, row.attempts) = (u64::MAX, u64::MAX, u32::MAX);
    }
    let claim = Claim {
        cell: 0,
        process: None,
        requests: u64::MAX,
        prompt_tokens: u64::MAX,
        completion_tokens: u64::MAX,
        total_tokens: u64::MAX,
    };
    evidence.claims = vec![claim.clone(), claim];
    evidence.cells.iter_mut().for_each(|cell| {
        (cell.planned, cell.issued, cell.elapsed_ns, cell.cpu_ns) = (u64::MAX, u64::MAX, u64::MAX, u64::MAX);
        cell.offered_per_1000_s = Some(u64::MAX);
        cell.not_issued.values_mut().for_each(|count| *count = u64::MAX);
    });
    let folded = folded(&evidence);
    assert!(!folded.conservation.is_empty());
    let verdicts = deadheat::invariants::judge(&plan(), &evidence);
    assert!(verdicts.iter().any(|row| row.verdict == Verdict::Broken));
    assert!(deadheat::cost::billed(&plan(), &evidence)[0].is_some());
}

#[test]
fn counters_are_those_of_the_evidence() {
    let folded = folded(&evidence(10));
    let row = &folded.counters[0];
    assert_eq!((row.planned, row.jobs), (14, 10));
    assert_eq!(row.not_issued["dropped"] + row.not_issued["time-up"], 4);
    assert_eq!((row.tokens.delivered, row.tokens.billed), (Some(120), Some(130)));
    assert_eq!((row.tokens.client_prompt, row.tokens.client_completion), (70, 50));
    assert_eq!((row.chunks, row.elapsed_ms), (30, 2_000));
    assert_eq!((row.throughput_per_s, row.tokens_per_s), (5.0, 25.0));
    assert_eq!(row.in_flight_max, 8, "8 ms each in the ledger, one every ms");
    let row = &folded.counters[1];
    assert_eq!((row.tokens.delivered, row.tokens.billed), (None, None));
    assert_eq!(row.in_flight_max, 10, "10 ms each at the client, one every ms");
}

#[test]
fn good_answers_keep_both_objectives() {
    let good = |ttft: Option<u64>, response: Option<u64>| {
        let mut plan = plan();
        plan.slo.ttft = ttft.map(Duration::from_millis);
        plan.slo.response = response.map(Duration::from_millis);
        let mut evidence = evidence(10);
        evidence.jobs[0].done_ns += 50 * MS;
        evidence.attempts[1].first_content_ns = None;
        evidence.jobs[2].outcome = Outcome::Failed;
        fold(&plan, &evidence, &Gaps::new(&plan)).counters[0].good
    };
    assert_eq!(good(None, None), 9);
    assert_eq!(good(Some(3), None), 8);
    assert_eq!(good(Some(2), None), 0);
    assert_eq!(good(None, Some(12)), 8);
    assert_eq!(good(Some(3), Some(12)), 7);
}

#[test]
fn fidelity_is_client_minus_ledger() {
    let evidence = evidence(400);
    let (attempts, entries) = (evidence.attempts.clone(), evidence.ledger.clone());
    let client = attempts.iter().map(|attempt| ClientGaps { attempt, warmup: false, gaps_us: &[1_250; 2] });
    let ledger = entries.iter().map(|entry| LedgerGaps { entry, gaps_us: &[1_000; 2] });
    let fidelity = fold(&plan(), &evidence, &Gaps::collect(&plan(), client, ledger)).fidelity;
    assert_eq!(fidelity.joined, 400);
    for (row, ms) in fidelity.errors.iter().zip([1.0, 0.25, 2.0]) {
        let seen = (row.count, row.p50_ms, row.p99_ms, row.p999_ms);
        assert_eq!(seen, (400, Some(ms), Some(ms), None), "{}", row.metric);
    }
    let offered = evidence.cells[0].planned as f64;
    assert_eq!(
        fidelity.achieved,
        Some(evidence.cells[0].issued as f64 / offered),
        "every job begun was on time"
    );
    assert_eq!(fidelity.lag_p99_ms, Some(0.0), "a permit's wait is the strategy's, not the generator's");
    assert_eq!((fidelity.cpu_busiest, fidelity.cpu_s), (0.25, 1.0));
}

#[test]
fn attempts_that_cannot_be_told_apart_are_not_joined() {
    let mut evidence = evidence(10);
    evidence.ledger.insert(1, evidence.ledger[0].clone()); // the same attempt twice
    evidence.ledger[3].target = 1; // at the wrong target
    evidence.ledger[5].job = JobKey::Tag("x".into());
    let moved = evidence.ledger.remove(5);
    evidence.ledger.push(moved);
    assert_eq!(folded(&evidence).fidelity.joined, 7);
}

#[test]
fn streams_that_were_held_back_are_counted() {
    let evidence = evidence(4);
    let (attempts, entries) = (evidence.attempts.clone(), evidence.ledger.clone());
    // In both cells jobs 0 and 1 arrive at once; in the cell with a ledger, job 1 was also sent at once.
    // The other cell's tokens are never fewer than its chunks, so both of its bursts count.
    let burst = |row: &&AttemptRow| row.job.index < 2;
    let client =
        attempts.iter().filter(burst).map(|attempt| ClientGaps { attempt, warmup: false, gaps_us: &[10; 7] });
    let ledger = entries
        .iter()
        .map(|entry| LedgerGaps { entry, gaps_us: if entry.seq == 2 { &[5; 7] } else { &[20_000; 7] } });
    let gaps = Gaps::collect(&plan(), client, ledger);
    assert_eq!(fold(&plan(), &evidence, &gaps).fidelity.single_burst_streams, 1 + 2);
}

#[test]
fn conservation_holds_where_nothing_is_lost_and_names_what_is() {
    assert_eq!(conservation(&plan(), &evidence(10)), Vec::<String>::new());
    type Bug = fn(&mut Evidence);
    let planted: [(Bug, &str); 9] = [
        (|e| e.cells[0].planned += 1, "cell 0: 15 jobs planned, but 10 issued + 4 not issued"),
        (|e| e.cells[1].issued += 1, "cell 1: 11 jobs issued, but 10 answered"),
        (
            |e| {
                e.jobs.remove(4);
            },
            "cell 0: 10 jobs issued, but 9 answered",
        ),
        (|e| drop(e.cells.remove(0)), "cell 0 has results but no end"),
        (|e| drop(e.cells.remove(1)), "cell 1 has results but no end"),
        (|e| e.attempts[2].outcome = Outcome::Failed, "job:0002 attempt 1 ended neither"),
        (|e| e.attempts[2].error = Some(ErrorClass::Reset), "job:0002 attempt 1 ended neither"),
        (|e| e.attempts[2].done_ns = 1, "job:0002 attempt 1 has stamps out of order"),
        (
            |e| {
                e.attempts.remove(2);
            },
            "job:0002: 1 attempts in the ledger, but 0 in the history",
        ),
    ];
    for (plant, expected) in planted {
        let mut evidence = evidence(10);
        plant(&mut evidence);
        let faults = conservation(&plan(), &evidence);
        assert!(faults.iter().any(|fault| fault.starts_with(expected)), "{expected}: {faults:?}");
        assert_eq!(folded(&evidence).conservation, faults);
    }
}

#[test]
fn a_result_recorded_twice_is_the_clients_fault_not_the_engines() {
    let mut evidence = evidence(10);
    evidence.jobs.insert(1, job(0, 0));
    assert_eq!(conservation(&plan(), &evidence), Vec::<String>::new());
    assert_eq!(folded(&evidence).counters[0].answered, 10);
}

#[test]
fn evidence_of_cells_that_the_plan_does_not_have_panics_nowhere() {
    let mut evidence = evidence(10);
    evidence.attempts.push(attempt(9, 0));
    evidence.jobs.push(job(9, 0));
    assert_eq!(folded(&evidence).conservation, ["cell 9 has results but no end"]);
    assert!(folded(&Evidence::default()).metrics.is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn percentiles_are_within_a_thousandth_of_the_exact(
        mut values in proptest::collection::vec(0u64..200_000_000_000, 300..600),
        q in proptest::sample::select(vec![0.5, 0.9, 0.95, 0.99]),
    ) {
        let mut histogram = new_histogram();
        values.iter().for_each(|value| record(&mut histogram, *value));
        values.sort_unstable();
        let exact = values[(q * values.len() as f64).ceil() as usize - 1] as f64;
        let value = percentile(&histogram, q).unwrap() as f64;
        prop_assert!((value - exact).abs() <= exact / 1000.0 + 1.0, "{value} against {exact}");
    }

    #[test]
    fn merging_is_recording_together_in_any_order(
        a in proptest::collection::vec(any::<u64>(), 0..50),
        b in proptest::collection::vec(0..1_000_000u64, 0..50),
    ) {
        let of = |values: &[u64]| {
            let mut histogram = new_histogram();
            values.iter().for_each(|value| record(&mut histogram, *value));
            histogram
        };
        let together = of(&[a.clone(), b.clone()].concat());
        prop_assert_eq!(&merged([&of(&a), &of(&b)]), &together);
        prop_assert_eq!(&merged([&of(&b), &of(&a)]), &together);
        prop_assert_eq!(together.len() as usize, a.len() + b.len());
        let read = hdr_read(&hdr_blob(&together)).unwrap();
        prop_assert_eq!(&read, &together);
        prop_assert!(hdr_blob(&together).starts_with("HISTFAAA"));
    }
}

#[test]
fn a_blob_that_is_none_says_so() {
    for blob in ["", "!", "HISTFAAA", "AAAAAAAA"] {
        assert!(hdr_read(blob).is_err(), "{blob}");
    }
}

#[test]
fn too_few_samples_give_no_percentile() {
    let mut histogram = new_histogram();
    (0..299).for_each(|_| record(&mut histogram, 5));
    assert_eq!(percentile(&histogram, 0.99), None);
    record(&mut histogram, 5);
    assert_eq!(percentile(&histogram, 0.99), Some(5));
}
