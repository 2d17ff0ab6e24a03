//! What a hunt for schedules finds, and what it costs: `cargo bench --bench hunt`.
//!
//! For each broken twin of `scenarios/hunt.toml`, over several seeds: how many schedules and how long until
//! the first finding, how often it is reproduced and how small it is; beside it how often an immediate
//! provider, and one with 0 to 10 ms of random latency, show anything, the way people test today. For each
//! right strategy: schedules, and false alarms (there must be none). First of all, how many schedules of 20
//! jobs one core runs in a second and where the time goes, and how long ten minutes of load take.
//!
//! `DEADHEAT_HUNT_SEEDS` (5) and `DEADHEAT_HUNT_SCHEDULES` (2000, for the right ones) say how much.

#![allow(clippy::print_stdout, reason = "a table for people")]

use deadheat::clock::Clock;
use deadheat::explore::{HuntBudget, HuntConfig, Subject, explore};
use deadheat::invariants;
use deadheat::lab::{VirtualCell, run_in_memory};
use deadheat::plan::{Cell, Dist, Plan, Source};
use deadheat::scenario::load;
use deadheat::schedule::{Fallback, Schedule};
use deadheat::summary::Verdict;
use std::sync::Arc;
use std::time::Duration;

/// Runs by which today's tests are counted, for each twin.
const TODAY: u64 = 20;

fn plan(seed: u64, stream: bool) -> Plan {
    let source = Source::read("scenarios/hunt.toml".as_ref()).expect("the scenario");
    let set = [("seed", seed.to_string()), ("workload.stream", stream.to_string())];
    let set = set.map(|(key, value)| (key.to_owned(), value));
    load(&source, &set, &|_| None).unwrap_or_else(|faults| panic!("{faults}"))
}

fn asked(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

fn median<T: Ord + Copy>(values: &mut [T]) -> Option<T> {
    values.sort_unstable();
    values.get(values.len() / 2).copied()
}

/// How many of some runs without a schedule break anything.
fn today(cell: Cell, ttft: &Dist) -> u64 {
    let breaks = |seed| {
        let mut subject = VirtualCell::answering(&plan(seed, false), cell, ttft.clone());
        let trial = subject.run(&Schedule::default(), None).expect("a run");
        trial.verdicts.iter().any(|row| row.verdict == Verdict::Broken)
    };
    (1..=TODAY).filter(|seed| breaks(*seed)).count() as u64
}

fn twin(clock: Clock, cell: Cell, name: &str, seeds: u64) {
    let (mut schedules, mut times) = (Vec::new(), Vec::new());
    let (mut shown, mut of, mut without, mut largest) = (0, 0, 0, (0, 0, 0));
    for seed in 1..=seeds {
        let mut subject = VirtualCell::new(&plan(seed, false), cell);
        let config = HuntConfig { findings_max: Some(1), ..subject.config(HuntBudget::Schedules(2000)) };
        let report = explore(&mut subject, &config, &|| clock.now()).expect("a hunt");
        let Some(finding) = report.findings.first() else { continue };
        schedules.push(finding.schedules_to_find);
        times.push(report.first_after.unwrap_or_default());
        (shown, of) = (shown + finding.reproduced[0], of + finding.reproduced[1]);
        without += finding.without[0];
        let size = (finding.schedule.holds.len(), finding.schedule.faults.len(), finding.jobs.unwrap_or(20));
        largest = (largest.0.max(size.0), largest.1.max(size.1), largest.2.max(size.2));
    }
    let immediate = today(cell, &Dist::Constant(Duration::ZERO));
    let jitter = today(cell, &Dist::Uniform(Duration::ZERO, Duration::from_millis(10)));
    println!(
        "{name:28} {:>2}/{seeds}  {:>6} {:>9.1?}  {shown}/{of}  {without}/{of}  {} {} {:>2}   \
         {immediate:>2} {jitter:>2} of {TODAY}",
        schedules.len(),
        median(&mut schedules).unwrap_or(0),
        median(&mut times).unwrap_or_default(),
        largest.0,
        largest.1,
        largest.2,
    );
}

fn right(clock: Clock, cell: Cell, name: &str, schedules: u64) {
    let mut subject = VirtualCell::new(&plan(42, false), cell);
    let config = subject.config(HuntBudget::Schedules(schedules));
    let begun = clock.now();
    let report = explore(&mut subject, &config, &|| clock.now()).expect("a hunt");
    let rate = report.explored.runs as f64 / (clock.now() - begun).as_secs_f64();
    let alarms = report.findings.len();
    println!("{name:28} {:>6} schedules, {alarms} false alarms, {rate:.0} runs/s", report.explored.schedules);
    for finding in report.findings.iter().map(deadheat::report::finding) {
        println!("    {}: {}", finding.invariant.name(), finding.cause);
    }
}

/// Schedules per second, and what one takes without judging.
fn speed(clock: Clock, cell: Cell, what: &str, stream: bool) {
    let plan = plan(42, stream);
    let mut subject = VirtualCell::new(&plan, cell);
    let schedule = |seed| Schedule {
        seed,
        fallback: Fallback::Random,
        quiet: Duration::from_millis(1),
        ..Schedule::default()
    };
    let runs = 1000u32;
    let timed = |run: &mut dyn FnMut(u64)| {
        let begun = clock.now();
        (0..u64::from(runs)).for_each(&mut *run);
        (clock.now() - begun) / runs
    };
    let whole = timed(&mut |seed| drop(subject.run(&schedule(seed), None).expect("a run")));
    let mut alone = plan.clone();
    (alone.targets, alone.strategies) =
        (vec![plan.targets[cell.target].clone()], vec![plan.strategies[cell.strategy].clone()]);
    let alone = Arc::new(alone);
    let kept = run_in_memory(&alone, Some(&schedule(1))).expect("a run");
    let made = timed(&mut |seed| drop(run_in_memory(&alone, Some(&schedule(seed))).expect("a run")));
    let rows = timed(&mut |_| drop(kept.evidence(&alone)));
    let evidence = kept.evidence(&alone);
    let judged = timed(&mut |_| drop(invariants::judge(&alone, &evidence)));
    let per_s = 1.0 / whole.as_secs_f64();
    println!(
        "{what}: {per_s:.0} schedules/s; one takes {whole:.0?}: making {made:.0?}, rows {rows:.0?}, judging \
         {judged:.0?}"
    );
}

/// Ten minutes of 600 requests a minute, as they pass in virtual time.
fn storm(clock: Clock, stream: bool) {
    let text = format!(
        "version = 1\nname = \"storm\"\nclock = \"virtual\"\n[target.mock]\napi = \"openai-chat\"\nmodel = \
         \"m\"\n\
         latency = {{ ttft = {{ uniform = [\"200ms\", \"2s\"] }}, itl = {{ uniform = [\"5ms\", \"20ms\"] }} \
             }}\n\
         [workload]\nstream = {stream}\noutput_tokens = {{ uniform = [50, 200] }}\n\
         [profile.constant-arrival-rate]\nrate = 10\nduration = \"10m\"\n[strategy.unbounded]\n"
    );
    let plan = load(&Source { path: "storm.toml".into(), text }, &[], &|_| None);
    let plan = Arc::new(plan.unwrap_or_else(|faults| panic!("{faults}")));
    let begun = clock.now();
    let kept = run_in_memory(&plan, None).expect("a run");
    let made = clock.now() - begun;
    let summary = kept.summary(&plan);
    let (whole, jobs) = (clock.now() - begun, summary.counters[0].jobs);
    let how = if stream { "streamed" } else { "in one piece" };
    println!(
        "ten minutes of 600 a minute, {how}: {jobs} jobs in {whole:.2?}, of which {made:.2?} to make them"
    );
}

fn main() {
    let (seeds, schedules) = (asked("DEADHEAT_HUNT_SEEDS", 5), asked("DEADHEAT_HUNT_SCHEDULES", 2000));
    let (clock, plan) = (Clock::start(), plan(1, false));
    println!("schedules of 20 jobs, one core");
    let cell = |name: &str| {
        plan.cells().into_iter().find(|cell| plan.strategies[cell.strategy].name() == name).expect("a cell")
    };
    speed(clock, cell("unbounded"), "unbounded, in one piece", false);
    speed(clock, cell("unbounded"), "unbounded, streamed", true);
    speed(clock, cell("semaphore"), "semaphore, in one piece", false);
    storm(clock, false);
    storm(clock, true);
    println!(
        "\n{:28} found  median schedules and time, reproduced, without, most holds faults jobs, immediate \
         and 0-10 ms",
        "twin"
    );
    for cell in plan.cells() {
        let strategy = &plan.strategies[cell.strategy];
        if strategy.twin().is_some() {
            twin(clock, cell, strategy.name(), seeds);
        }
    }
    println!("\nright strategies");
    for cell in plan.cells() {
        let strategy = &plan.strategies[cell.strategy];
        if strategy.twin().is_none() {
            right(clock, cell, strategy.name(), schedules);
        }
    }
}
