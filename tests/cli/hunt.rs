//! `scenarios/hunt.toml`: a hunt finds every broken twin, with a schedule that shows it again and without
//! which it does not show, and accuses no right strategy.

use deadheat::explore::{Finding, HuntBudget, HuntConfig, explore};
use deadheat::lab::VirtualCell;
use deadheat::plan::{Plan, Source};
use deadheat::report::finding;
use deadheat::scenario::load;
use deadheat::schedule::Schedule;
use deadheat::summary::Invariant;
use std::time::Duration;

/// Most schedules until a twin is found.
const PATIENCE: u64 = 40;
/// Schedules for each right strategy; `benches/hunt.rs` runs more.
const CLEAN: u64 = 60;

/// What each twin must be caught at; it may break more.
const CAUGHT: [(&str, Invariant); 17] = {
    use Invariant as I;
    [
        ("broken-counter", I::RequestsCounted),
        ("broken-totals", I::RequestsCounted),
        ("broken-result-order", I::AnswerMatchesJob),
        ("broken-abort-on-error", I::OneResultPerJob),
        ("broken-retry-in-permit", I::Progress),
        ("broken-no-backoff", I::RetriesSpread),
        ("broken-no-jitter", I::RetriesSpread),
        ("broken-ignores-retry-after", I::RetryAfterRespected),
        ("broken-cache", I::BilledOnce),
        ("broken-budget", I::BudgetKept),
        ("broken-lock-unfenced", I::LockExclusive),
        ("broken-lock-release", I::LockExclusive),
        ("broken-lock-counter-only", I::BilledOnce),
        ("broken-permit-leak", I::Progress),
        ("broken-local-limit", I::InFlightCapped),
        ("broken-local-counters", I::RequestsCounted),
        ("broken-no-idempotency-key", I::BilledOnce),
    ]
};

fn plan() -> Plan {
    let source = Source::read("scenarios/hunt.toml".as_ref()).expect("the scenario");
    load(&source, &[], &|_| None).unwrap_or_else(|faults| panic!("{faults}"))
}

fn hunted(plan: &Plan, strategy: &str, schedules: u64) -> Vec<Finding> {
    let named = |cell: &deadheat::plan::Cell| plan.strategies[cell.strategy].name() == strategy;
    let cell = plan.cells().into_iter().find(named).expect("a cell");
    let mut subject = VirtualCell::new(plan, cell);
    // What is small is tested elsewhere; here it only has to be shown again.
    let config = HuntConfig { shrink_max: 30, ..subject.config(HuntBudget::Schedules(schedules)) };
    let found = explore(&mut subject, &config, &|| Duration::ZERO).expect("a hunt").findings;
    found.iter().map(finding).collect()
}

fn caught(names: &[&str]) {
    let plan = plan();
    for (strategy, invariant) in CAUGHT.iter().filter(|(name, _)| names.contains(name)) {
        let findings = hunted(&plan, strategy, PATIENCE);
        let found = findings.iter().find(|finding| finding.invariant == *invariant);
        let found = found.unwrap_or_else(|| {
            panic!("{strategy}: {:?}", findings.iter().map(|f| f.invariant).collect::<Vec<_>>())
        });
        assert_eq!(found.reproduced, [5, 5], "{strategy}: virtual time does the same every time");
        let Schedule { holds, faults, nemeses, .. } = &found.schedule;
        let bare = holds.is_empty() && faults.is_empty() && nemeses.is_empty();
        let needs_none = found.without == [5, 5];
        assert!(found.without == [0, 5] || (bare && needs_none), "{strategy}: {:?}", found.without);
    }
}

#[test]
fn twins_that_count_wrong_are_caught() {
    caught(&[
        "broken-counter",
        "broken-totals",
        "broken-local-counters",
        "broken-local-limit",
        "broken-budget",
    ]);
}

#[test]
fn twins_that_mix_up_or_lose_are_caught() {
    caught(&["broken-result-order", "broken-abort-on-error", "broken-retry-in-permit", "broken-permit-leak"]);
}

#[test]
fn twins_that_ask_again_are_caught() {
    caught(&[
        "broken-no-backoff",
        "broken-no-jitter",
        "broken-ignores-retry-after",
        "broken-no-idempotency-key",
        "broken-cache",
    ]);
}

#[test]
fn twins_with_a_lock_are_caught() {
    caught(&["broken-lock-unfenced", "broken-lock-release", "broken-lock-counter-only"]);
}

/// What a scenario lets go wrong is part of what a finding needs, and is named and left out like the rest of
/// it.
#[test]
fn a_pause_that_breaks_a_lock_is_named() {
    let plan = plan();
    let findings = hunted(&plan, "broken-lock-unfenced", 8);
    let fencing = findings.iter().find(|finding| finding.invariant == Invariant::FencingMonotonic);
    let fencing = fencing.expect("a finding");
    assert_eq!((fencing.schedule.nemeses.len(), fencing.without), (1, [0, 5]), "{}", fencing.to_toml());
    assert!(
        fencing.cause.starts_with("a pause of 600ms for the holder of lock number 1"),
        "{}",
        fencing.cause
    );
    assert!(fencing.cause.contains("outlasts the lock, whose lease is 150ms"), "{}", fencing.cause);
    assert!(fencing.table.iter().any(|line| line.contains("a pause of 600ms")), "{:#?}", fencing.table);
}

/// A hunt looks for lock faults by itself.
#[test]
fn a_lock_that_is_given_back_by_a_stranger_is_found_without_a_nemesis() {
    let mut plan = plan();
    plan.nemeses.clear();
    for (strategy, invariant) in [
        ("broken-lock-release", Invariant::LockExclusive),
        ("broken-lock-unfenced", Invariant::FencingMonotonic),
    ] {
        let findings = hunted(&plan, strategy, PATIENCE);
        let found: Vec<Invariant> = findings.iter().map(|finding| finding.invariant).collect();
        assert!(found.contains(&invariant), "{strategy}: {found:?}");
    }
    assert!(hunted(&plan, "redis-lock", CLEAN).is_empty());
}

#[test]
fn every_twin_is_on_the_list() {
    let plan = plan();
    let twins = plan.strategies.iter().filter(|strategy| strategy.twin().is_some());
    let names: Vec<&str> = twins.map(|strategy| strategy.name()).collect();
    assert_eq!(names, CAUGHT.map(|(name, _)| name));
}

#[test]
fn no_right_strategy_is_accused() {
    let plan = plan();
    for strategy in plan.strategies.iter().filter(|strategy| strategy.twin().is_none()) {
        let findings = hunted(&plan, strategy.name(), CLEAN);
        let accused: Vec<String> = findings
            .iter()
            .map(|f| format!("{}: {}\n{}", f.invariant.name(), f.cause, f.schedule.to_toml()))
            .collect();
        assert!(accused.is_empty(), "{}: {}", strategy.name(), accused.join("\n"));
    }
}
