//! `scenarios/hunt.toml`: a hunt finds every broken twin, with a schedule that shows it again and without which it does
//! not show, and accuses no right strategy.
#![cfg(not(loom))]

use deadheat::explore::{Budget, Config, Finding, explore};
use deadheat::history::Invariant;
use deadheat::lab::VirtualCell;
use deadheat::scenario::{Plan, Source, load};
use std::time::Duration;

/// Most schedules until a twin is found.
const PATIENCE: u64 = 160;
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
    let named = |cell: &deadheat::scenario::Cell| plan.strategies[cell.strategy].name() == strategy;
    let cell = plan.cells().into_iter().find(named).expect("a cell");
    let mut subject = VirtualCell::new(plan, cell);
    // What is small is tested elsewhere; here it only has to be shown again.
    let config = Config { shrink_max: 30, ..subject.config(Budget::Schedules(schedules)) };
    explore(&mut subject, &config, &|| Duration::ZERO).expect("a hunt").findings
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
        let bare = found.schedule.holds.is_empty() && found.schedule.faults.is_empty();
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
