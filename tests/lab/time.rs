//! Virtual time: one seed gives one result, and minutes pass in moments.

use crate::cli;
use crate::table::{fault_kinds, least_strategy};

use deadheat::history::Outcome;
use deadheat::lab::{self, RunRecord};
use deadheat::plan::{Plan, Source};
use deadheat::report;
use deadheat::scenario::load;
use deadheat::strategy::StrategyPlan;
use deadheat::summary::Verdict;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use std::sync::Arc;
use std::time::Duration;

const HEAD: &str = "version = 1\nname = \"virtual\"\nclock = \"virtual\"\n";
/// One target that answers after a time of its own.
const TARGET: &str = "[target.mock]\napi = \"openai-chat\"\nmodel = \"m\"\n\
                      latency = { ttft = { uniform = [\"5ms\", \"90ms\"] }, itl = { constant = \"2ms\" } }\n";

fn plan(text: &str) -> Arc<Plan> {
    let source = Source { path: "virtual.toml".into(), text: format!("{HEAD}{text}") };
    let plan = load(&source, &[], &|_| None);
    Arc::new(plan.unwrap_or_else(|faults| panic!("{faults}\n{}", source.text)))
}

fn run(plan: &Arc<Plan>) -> RunRecord {
    lab::run_in_memory(plan, None).expect("a run")
}

fn summary(plan: &Arc<Plan>) -> String {
    report::json(&run(plan).summary(plan)).expect("a summary")
}

fn strategy() -> impl Strategy<Value = String> {
    let any = prop::sample::select(StrategyPlan::NAMES);
    let spread = prop::sample::select(&["semaphore", "redis-counter", "thread-pool", "budgeted"][..]);
    prop_oneof![
        4 => (any, 2u32..9).prop_map(|(name, n)| least_strategy(name, n)),
        1 => (spread, 2u32..9)
            .prop_map(|(name, n)| format!("{}processes = {n}\n", least_strategy(name, n + 2))),
        1 => locked(),
        1 => (1u32..9, 100u32..900)
            .prop_map(|(n, most)| format!("[strategy.budgeted]\npermits = {n}\nmax_tokens = {most}\n")),
        1 => (2u32..9, 1u32..60)
            .prop_map(|(n, ms)| format!("[strategy.hedged]\npermits = {n}\nafter = \"{ms}ms\"\n")),
    ]
}

/// Strategies with a lock, and what goes wrong around it.
fn locked() -> impl Strategy<Value = String> {
    let names = StrategyPlan::NAMES.iter().filter(|name| name.contains("lock")).copied().collect::<Vec<_>>();
    let nemesis = prop_oneof![
        Just(String::new()),
        (50u32..400, 1u32..4).prop_map(|(ms, nth)| format!(
            "[[nemesis]]\nkind.pause-holder = {{ for = \"{ms}ms\" }}\nacquisition = {nth}\n"
        )),
        Just("[[nemesis]]\nkind.lose-unlock = {}\n".to_owned()),
        Just("[[nemesis]]\nkind.restart-redis = {}\n".to_owned()),
    ];
    (prop::sample::select(names), 2u32..9, 50u32..300, nemesis).prop_map(|(name, n, ttl, nemesis)| {
        format!("[strategy.{name}]\npermits = {n}\nprocesses = 2\nttl = \"{ttl}ms\"\n{nemesis}")
    })
}

/// A breaker and a deadline, or neither.
fn guards() -> impl Strategy<Value = String> {
    let breaker = prop::option::of((2u32..6, 100u32..900)).prop_map(|breaker| {
        breaker.map_or_else(String::new, |(failures, ms)| {
            format!("breaker = {{ failures = {failures}, open = \"{ms}ms\" }}\n")
        })
    });
    let deadline = prop::option::of(200u32..3000)
        .prop_map(|ms| ms.map_or_else(String::new, |ms| format!("deadline = \"{ms}ms\"\n")));
    (breaker, deadline).prop_map(|(breaker, deadline)| format!("{breaker}{deadline}"))
}

fn profile() -> impl Strategy<Value = String> {
    prop_oneof![
        (1u32..20, 1u32..60).prop_map(|(vus, jobs)| format!(
            "[profile.shared-iterations]\nvus = {vus}\niterations = {jobs}\n"
        )),
        (1u32..9, 1u32..4)
            .prop_map(|(size, rounds)| format!("[profile.barrier]\nsize = {size}\nrounds = {rounds}\n")),
        (1u32..9, 1u32..6).prop_map(|(vus, each)| format!(
            "[profile.per-vu-iterations]\nvus = {vus}\niterations = {each}\n"
        )),
        (10u32..200, 100u32..900).prop_map(|(rate, ms)| format!(
            "[profile.constant-arrival-rate]\nrate = {rate}\nduration = \"{ms}ms\"\n"
        )),
    ]
}

fn fault() -> impl Strategy<Value = String> {
    let kind = prop_oneof![
        3 => prop::sample::select(fault_kinds()),
        1 => prop::sample::select(&[400, 429, 500, 503][..])
            .prop_map(|code| format!("kind.status = {{ code = {code} }}")),
        1 => (1u32..300).prop_map(|ms| format!("kind.rate-limit = {{ retry_after = \"{ms}ms\" }}")),
    ];
    (kind, 2u32..9).prop_map(|(kind, every)| format!("[[fault]]\n{kind}\nwhen = {{ every = {every} }}\n"))
}

fn limits() -> impl Strategy<Value = String> {
    (prop::option::of(60u32..3000), prop::option::of(1u32..9)).prop_map(|(rate, places)| {
        let rate = rate.map(|n| format!("requests_per_minute = {n}"));
        let places = places.map(|n| format!("max_in_flight = {n}"));
        let both: Vec<String> = rate.into_iter().chain(places).collect();
        format!("limits = {{ {} }}\n", both.join(", "))
    })
}

/// A whole random scenario.
fn scenario() -> impl Strategy<Value = String> {
    let faults = prop::collection::vec(fault(), 0..3).prop_map(|faults| faults.concat());
    let parts = (any::<u32>(), limits(), strategy(), profile(), faults, any::<bool>(), 1u32..5, guards());
    parts.prop_map(|(seed, limits, strategy, profile, faults, stream, attempts, guards)| {
        format!(
            "seed = {seed}\n{TARGET}{limits}[workload]\nprompt_tokens = {{ uniform = [3, 40] }}\n\
             output_tokens = {{ uniform = [2, 12] }}\nstream = {stream}\n{profile}{strategy}\
             [timeouts]\nfirst_byte = \"2s\"\ntotal = \"4s\"\n[retry]\nmax_attempts = {attempts}\n\
             backoff = {{ exponential = {{ base = \"40ms\", cap = \"300ms\", jitter = \"full\" }} \
                 }}\n{guards}{faults}"
        )
    })
}

#[test]
fn the_same_seed_gives_the_same_summary_byte_for_byte() {
    let mut runner = TestRunner::new(Config { cases: 200, failure_persistence: None, ..Config::default() });
    let outcome = runner.run(&scenario(), |text| {
        let plan = plan(&text);
        let (first, second) = (summary(&plan), summary(&plan));
        prop_assert!(first == second, "two summaries of\n{text}");
        Ok(())
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
}

/// Rounds of a barrier are rounds of all processes together.
#[test]
fn processes_share_the_rounds_of_a_barrier() {
    let plan = plan(&format!(
        "{TARGET}[profile.barrier]\nsize = 3\nrounds = 3\n[strategy.semaphore]\npermits = 4\nprocesses = 2\n"
    ));
    assert_eq!(run(&plan).entries.len(), 9);
}

#[test]
fn another_seed_gives_another_run() {
    let text = |seed| {
        format!(
            "seed = {seed}\n{TARGET}[profile.shared-iterations]\nvus = 4\niterations = \
             20\n[strategy.unbounded]\n"
        )
    };
    assert_ne!(summary(&plan(&text(1))), summary(&plan(&text(2))));
}

/// A whole hour of a queue at a slow provider; nothing waits for it.
#[test]
fn time_passes_only_for_those_who_wait() {
    let text = format!(
        "{}[workload]\noutput_tokens = 4\n[profile.shared-iterations]\nvus = 1\niterations = \
         60\n[strategy.unbounded]\n\
         [timeouts]\nfirst_byte = \"5m\"\ntotal = \"6m\"\n[declared]\nprogress = \"10m\"\n",
        TARGET.replace("uniform = [\"5ms\", \"90ms\"]", "constant = \"1m\"")
    );
    let plan = plan(&text);
    let kept = run(&plan);
    assert!(kept.attempts().all(|a| a.outcome == Outcome::Ok && a.done_ns > a.due_ns + 60_000_000_000));
    let elapsed = Duration::from_nanos(kept.ran.meta.elapsed_ns);
    assert!(elapsed > Duration::from_secs(3600) && elapsed < Duration::from_secs(3660), "{elapsed:?}");
}

/// The client's stamps and the ledger's are one clock's, and what they say of each other is exact.
#[test]
fn both_sides_stamp_the_same_moments() {
    let plan = plan(&format!(
        "{TARGET}[profile.constant-arrival-rate]\nrate = 100\nduration = \"2s\"\n[strategy.unbounded]\n"
    ));
    let kept = run(&plan);
    let summary = kept.summary(&plan);
    assert_eq!(kept.entries.len(), 200);
    for (attempt, entry) in kept.attempts().zip(&kept.entries) {
        assert_eq!(attempt.sent_ns, Some(entry.arrived_ns));
        assert_eq!((attempt.first_byte_ns, attempt.done_ns), (entry.first_byte_ns, entry.ended_ns));
    }
    assert!(summary.valid.holds, "{:?}", summary.valid);
    assert!(summary.verdicts.iter().all(|row| row.verdict != Verdict::Broken));
}

#[test]
fn a_stuck_client_is_seen_when_virtual_time_says_so() {
    let plan = plan(&format!(
        "{TARGET}[workload]\nstream = false\n[profile.shared-iterations]\nvus = 8\niterations = 8\n\
         [strategy.broken-retry-in-permit]\npermits = 4\n[retry]\nmax_attempts = 3\n[declared]\nprogress = \
         \"30s\"\n\
         [[fault]]\nkind.status = {{ code = 503 }}\n"
    ));
    let summary = run(&plan).summary(&plan);
    let broken: Vec<&str> = summary
        .verdicts
        .iter()
        .filter(|row| row.verdict == Verdict::Broken)
        .map(|row| row.invariant.name())
        .collect();
    assert!(broken.contains(&"progress"), "{broken:?}");
}

#[test]
fn the_command_writes_the_same_summary_twice() {
    let place = cli::Place::new();
    place.write("virtual.toml", &cli::SMALL.replace("version = 1", "version = 1\nclock = \"virtual\""));
    let run = |out: &str| {
        place.line(&format!("run virtual.toml -q --out {out}")).exits(0);
        place.read(&format!("{out}/summary.json"))
    };
    assert!(run("first") == run("second"));
}
