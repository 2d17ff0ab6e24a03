//! A summary, a finding and an account of a hunt by hand.

use deadheat::summary::*;
use std::collections::BTreeMap;

pub(crate) fn judged() -> Summary {
    let fidelity = Fidelity {
        errors: vec![],
        joined: 0,
        achieved: None,
        lag_p99_ms: None,
        cpu_busiest: 0.0,
        cpu_s: 0.0,
        single_burst_streams: 0,
        behind: Vec::new(),
    };
    Summary {
        version: SUMMARY_VERSION,
        deadheat: "0.1.0".into(),
        name: "hunt".into(),
        seed: 42,
        plan_hash: "f00d".into(),
        clock: "virtual".into(),
        started_utc: "2026-11-22T23:28:33Z".into(),
        elapsed_ms: 1,
        exit_code: 0,
        exit_reasons: vec![],
        valid: Validity { holds: true, why: vec![] },
        interrupted: false,
        counters: vec![],
        metrics: vec![],
        verdicts: vec![],
        findings: vec![],
        explored: vec![],
        fidelity,
        cost: vec![],
        budget: vec![],
        thresholds: vec![],
        optimise: "goodput".into(),
        strategies: vec![],
        advice: None,
        host: Host::default(),
    }
}

pub(crate) fn finding() -> FindingRow {
    let table = [
        "    t(ms)  job:0000                                                       ledger",
        "      0.0  -> #1 held 230ms",
        "    150.0  x  #1 client gave up                                           0000#1 +10 -",
        "    150.0  -> #2",
        "    160.0  <- #2 200                                                      0000#2 +10 200",
    ];
    FindingRow {
        target: "mock".into(),
        strategy: "naive".into(),
        invariant: Invariant::BilledOnce,
        cause:
            "holding job:0000#1 past the client's time-out (it hung up after 150ms) makes the client send \
                job:0000#2 although the provider had accepted job:0000#1: both were billed; job:0000 was \
                billed 2 times"
                .into(),
        jobs: vec!["job:0000".into()],
        jobs_needed: Some(1),
        schedule: "version = 1\n".into(),
        size: [1, 0],
        reproduced: [5, 5],
        without: [0, 5],
        family: "hold-one".into(),
        schedules_to_find: 5,
        replay: "deadheat replay reports/hunt-42/finding-1.toml".into(),
        table: table.map(Into::into).to_vec(),
        moments: vec![],
    }
}

fn family(family: &str, tried: u64, of: Option<u64>) -> FamilyRow {
    FamilyRow { family: family.into(), tried, of, ..FamilyRow::default() }
}

pub(crate) fn explored() -> ExploredRow {
    let pair = FamilyRow { infeasible: 12, vacuous: 10, ..family("pair", 44, Some(44)) };
    let seen_nothing = "nothing in any run that it speaks of".to_owned();
    ExploredRow {
        target: "mock".into(),
        strategy: "naive".into(),
        requests: 8,
        schedules: 1_148,
        runs: 1_148,
        families: vec![
            family("calm", 2, Some(2)),
            family("hold-one", 8, Some(8)),
            pair,
            family("barrier", 0, Some(0)),
            family("fault", 72, Some(104)),
            family("random", 500, None),
            family("lanes", 500, None),
        ],
        infeasible: 3,
        unseen: 1,
        late: [3, 200],
        unstable: vec!["body:00ff#1".into()],
        held: vec![Invariant::BilledOnce, Invariant::EveryJobAnswered],
        unknown: ["fencing-monotonic", "retry-after-respected"]
            .map(|name| (name.into(), seen_nothing.clone()))
            .into(),
        idle: vec![Invariant::CancelPropagates],
        program: None,
        again: BTreeMap::new(),
        not_covered: vec![
            "32 of 104 fault schedules, for which the budget was too small".into(),
            "what the client's threads do between two requests".into(),
        ],
        clean_orders: Some(1_000),
        stopped: None,
    }
}
