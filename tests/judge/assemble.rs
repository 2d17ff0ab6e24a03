//! From judged parts to a summary: validity, voided thresholds, exit code.

use crate::support;

use deadheat::cost::{BilledTokens, billed};
use deadheat::history::*;
use deadheat::judge::{Parts, assemble, host};
use deadheat::plan::{Aggregate, Comparison, Executor, Place, Plan};
use deadheat::summary::*;
use hdrhistogram::Histogram;
use std::collections::BTreeMap;
use support::*;

struct Run {
    plan: Plan,
    meta: Meta,
    counters: Vec<CounterRow>,
    times: Histogram<u64>,
    fidelity: Fidelity,
    gaps: Vec<String>,
    conservation: Vec<String>,
    verdicts: Vec<VerdictRow>,
    billed: Vec<Option<BilledTokens>>,
}

/// Nothing is wrong with it.
fn good() -> Run {
    let mut plan = plan();
    plan.thresholds = vec![
        threshold("ttft", Aggregate::Max, Comparison::Less, 200e6),
        threshold("error_rate", Aggregate::Rate, Comparison::Less, 0.2),
    ];
    let mut counters = vec![counter("unbounded"), counter("semaphore")];
    for row in &mut counters {
        (row.tokens.client_prompt, row.tokens.client_completion, row.answered) = (100, 50, 3);
    }
    Run {
        plan,
        meta: Meta { started_utc_s: 1_795_390_113, elapsed_ns: 8_420 * MS, threads: 2, ..Meta::default() },
        counters,
        times: histogram(&[100 * MS; 400]),
        fidelity: fidelity(),
        gaps: vec![],
        conservation: vec![],
        verdicts: ["unbounded", "semaphore"]
            .map(|s| verdict(s, Invariant::BilledOnce, Verdict::Holds))
            .into(),
        billed: vec![Some(BilledTokens { prompt: 110, completion: 60 }); 2],
    }
}

fn summary(run: &Run) -> Summary {
    let metrics = ["unbounded", "semaphore"].map(|s| metric(s, "ttft", &run.times)).into();
    assemble(Parts {
        baseline: None,
        plan: &run.plan,
        meta: &run.meta,
        host: Host::default(),
        counters: run.counters.clone(),
        measured: run.counters.clone(),
        metrics: if run.times.is_empty() { vec![] } else { metrics },
        histogram: Box::new(|_, metric| (metric == "ttft").then_some(&run.times)),
        fidelity: run.fidelity.clone(),
        gaps: run.gaps.clone(),
        conservation: run.conservation.clone(),
        verdicts: run.verdicts.clone(),
        billed: run.billed.clone(),
        cost: vec![],
        budget: vec![],
    })
}

#[test]
fn a_good_run_passes_without_a_reason() {
    let summary = summary(&good());
    assert_eq!((summary.exit_code, summary.exit_reasons.as_slice()), (0, &[][..]));
    assert!(summary.valid.holds && summary.thresholds.iter().all(|row| row.passed));
    assert_eq!((summary.started_utc.as_str(), summary.elapsed_ms), ("2026-11-22T23:28:33Z", 8420));
}

#[test]
fn each_single_fault_has_its_own_exit_code_and_a_reason() {
    type Spoil = fn(&mut Run);
    let faults: [(u8, &str, Spoil); 13] = [
        (1, "4 jobs", |run| run.conservation.push("4 jobs have no end".into())),
        (4, "no attempt was made", |run| {
            run.plan.thresholds.clear();
            run.counters.iter_mut().for_each(|row| row.attempts = 0);
        }),
        (4, "sample", |run| {
            run.plan.thresholds.clear();
            run.times = histogram(&[]);
        }),
        (5, "observed: 300ms", |run| run.times = histogram(&[300 * MS])),
        (6, "billed-once", |run| {
            run.verdicts[1] = verdict("semaphore", Invariant::BilledOnce, Verdict::Broken)
        }),
        (7, "TTFT was measured 7.00ms off", |run| run.fidelity.errors[0].p99_ms = Some(-7.0)),
        (7, "11.0ms", |run| run.fidelity.lag_p99_ms = Some(11.0)),
        (7, "94.0%", |run| run.fidelity.achieved = Some(0.94)),
        (7, "95.0%", |run| run.fidelity.cpu_busiest = 0.95),
        (7, "not whole", |run| run.gaps.push("history.jsonl.zst ends too early".into())),
        (9, "target mock cannot be reached", |run| {
            run.plan.thresholds.clear();
            for row in &mut run.counters {
                row.errors = BTreeMap::from([("connect".into(), 1000), ("timeout-connect".into(), 117)]);
            }
        }),
        (10, "budget", |run| run.meta.over_budget = true),
        (130, "interrupted", |run| run.meta.interrupted = true),
    ];
    for (code, reason, spoil) in faults {
        let mut run = good();
        spoil(&mut run);
        let summary = summary(&run);
        assert_eq!(summary.exit_code, code, "{reason}: {:?}", summary.exit_reasons);
        assert!(summary.exit_reasons[0].contains(reason), "{code}: {:?}", summary.exit_reasons);
    }
}

#[test]
fn a_target_with_one_attempt_through_is_reachable() {
    let mut run = good();
    run.counters[0].errors = BTreeMap::from([("connect".into(), 1117)]);
    assert_ne!(summary(&run).exit_code, 9, "the other strategy reached it");
}

#[test]
fn an_invalid_load_voids_times_and_never_invariants_or_shares() {
    let mut run = good();
    run.times = histogram(&[300 * MS]);
    run.fidelity.cpu_busiest = f64::NAN;
    let spoilt = summary(&run);
    assert_eq!(spoilt.exit_code, 7);
    let void: Vec<_> = spoilt.thresholds.iter().map(|row| (row.void, row.passed)).collect();
    assert_eq!(void, [(true, false), (true, false), (false, true), (false, true)]);
    assert!(
        !spoilt.exit_reasons.iter().any(|reason| reason.contains("threshold")),
        "{:?}",
        spoilt.exit_reasons
    );

    run.verdicts[0] = verdict("unbounded", Invariant::InFlightCapped, Verdict::Broken);
    let spoilt = summary(&run);
    assert_eq!((spoilt.exit_code, spoilt.exit_reasons.len()), (6, 2), "{:?}", spoilt.exit_reasons);
}

#[test]
fn stamps_are_asked_of_whatever_there_is_to_compare() {
    let told = |run: &Run| summary(run).valid.why.join("; ");
    let mut run = good();
    (run.fidelity.errors[2].p50_ms, run.fidelity.errors[2].p99_ms) = (Some(700.0), Some(900.0));
    assert_eq!(told(&run), "", "the end of a stream is noticed late; its first token is what counts");
    run.fidelity.errors[0] =
        FidelityRow { count: 0, p50_ms: None, p99_ms: None, ..run.fidelity.errors[0].clone() };
    assert!(told(&run).contains("attempts were measured 900ms off the ledger at p99"), "{}", told(&run));
    run.fidelity.errors[2].p99_ms = None;
    assert!(told(&run).contains("700ms off the ledger at p50"), "too few for a p99: {}", told(&run));
    run.fidelity.errors[2].p50_ms = None;
    assert_eq!(summary(&run).exit_code, 0);
}

#[test]
fn lag_and_achieved_load_are_asked_of_open_profiles_only() {
    let mut run = good();
    run.plan.phases[0].executor = Executor::ConstantVus { vus: 4, duration: None };
    (run.fidelity.lag_p99_ms, run.fidelity.achieved) = (Some(1e4), Some(0.1));
    assert_eq!(summary(&run).exit_code, 0);
}

#[test]
fn charged_tokens_go_to_the_cell_of_their_job_if_its_target_has_a_ledger() {
    let entry = |job: &str, tokens| LedgerRow {
        target: 0,
        seq: 1,
        job: job.into(),
        attempt: 1,
        status: None,
        end: LedgerEnd::Whole,
        permanent: false,
        arrived_ns: 0,
        first_byte_ns: None,
        first_content_ns: None,
        ended_ns: 0,
        answer: None,
        text_hash: None,
        body_hash: 0,
        idempotency_key: None,
        lock: None,
        lock_token: None,
        fenced: false,
        replayed: false,
        retry_after_ms: None,
        prompt_tokens: 99,
        delivered_tokens: 99,
        billed_prompt_tokens: tokens,
        billed_completion_tokens: 2 * tokens,
    };
    let ledger =
        vec![entry("job:0000", 3), entry("job:0000", 4), entry("job:1.0000", 5), entry("job:9.0000", 6)];
    let evidence = Evidence { ledger, ..Evidence::default() };
    let mut plan = plan();
    let tokens = |n| Some(BilledTokens { prompt: n, completion: 2 * n });
    assert_eq!(billed(&plan, &evidence), [tokens(7), tokens(5)]);
    plan.targets[0].place = Place::Url { url: "https://x".into(), api_key_env: None };
    assert_eq!(billed(&plan, &evidence), [None, None]);
}

#[test]
fn what_is_written_fits_its_schema_and_reads_back_equal() {
    let mut run = good();
    run.verdicts[0] = verdict("unbounded", Invariant::InFlightCapped, Verdict::Broken);
    run.fidelity.cpu_busiest = 2.0;
    let summary = summary(&run);
    let text = deadheat::report::json(&summary).unwrap();
    let value = serde_json::from_str(&text).unwrap();
    let schema = schemars::schema_for!(Summary).to_value();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let faults: Vec<String> =
        validator.iter_errors(&value).map(|e| format!("{e} at {}", e.instance_path())).collect();
    assert_eq!(faults, Vec::<String>::new());
    assert_eq!(serde_json::from_str::<Summary>(&text).unwrap(), summary);

    let mut broken = value;
    broken["exit_code"] = "six".into();
    assert!(!validator.is_valid(&broken), "the schema refuses what is no summary");
}

#[test]
fn judging_elsewhere_keeps_the_machine_of_the_run() {
    let dir = tempfile::tempdir().unwrap();
    let meta = Meta { pacer: "tokio".into(), threads: 3, ..Meta::default() };
    let here = host(dir.path(), &meta);
    assert_eq!((here.os.as_str(), here.pacer.as_str(), here.threads), (std::env::consts::OS, "tokio", 3));

    let mut earlier = summary(&good());
    earlier.host = Host { os: "plan9".into(), ..Host::default() };
    std::fs::write(dir.path().join("summary.json"), deadheat::report::json(&earlier).unwrap()).unwrap();
    assert_eq!(host(dir.path(), &meta), earlier.host);
    std::fs::write(dir.path().join("summary.json"), "torn").unwrap();
    assert_eq!(host(dir.path(), &meta), here);
}

#[test]
fn incomplete_evidence_breaks_no_rule_and_passes_none() {
    let mut run = good();
    run.gaps.push("ledger.jsonl.zst is missing".into());
    run.conservation.push("3 jobs have no end".into());
    run.times = histogram(&[300 * MS]);
    run.verdicts[0] = verdict("unbounded", Invariant::StatusHonest, Verdict::Broken);
    let torn = summary(&run);
    assert_eq!((torn.exit_code, torn.exit_reasons.len()), (7, 1), "{:?}", torn.exit_reasons);
    assert!(!torn.valid.holds && torn.thresholds.iter().all(|row| row.void && !row.passed));
    let unknown = |row: &VerdictRow| {
        row.verdict == Verdict::Unknown
            && row.witness.is_none()
            && row.why.as_deref().is_some_and(|w| w.contains("missing"))
    };
    assert!(torn.verdicts.iter().all(unknown), "{:?}", torn.verdicts);
}

#[test]
fn a_real_endpoint_that_refuses_everything_is_no_pass() {
    let mut run = good();
    run.plan.thresholds.clear();
    let refused = &mut run.counters[0];
    (refused.answered, refused.attempts_ok, refused.attempts) = (0, 0, 200);
    refused.errors = BTreeMap::from([("client-error".into(), 200)]);
    let dead = summary(&run);
    assert_eq!(dead.exit_code, 4, "{:?}", dead.exit_reasons);
    let said = &dead.exit_reasons[0];
    assert!(
        said.contains("not one of 200 attempts was answered (200 client-error) at mock/unbounded"),
        "{said}"
    );
    run.counters[0].attempts_ok = 1;
    assert_eq!(summary(&run).exit_code, 0);
}
