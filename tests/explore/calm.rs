//! What calibration learns, what a report says of a hunt that did not go as asked, and budgets in time.

use crate::world as explore_world;

use deadheat::explore::*;
use deadheat::report::finding;
use deadheat::schedule::{RequestKey, Schedule};
use deadheat::summary::{FamilyRow, Invariant, Verdict};
use explore_world::{Api, Books, Client, Judged, Reply, Task, clients, key};
use std::cell::Cell;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

fn holds(_: &Books, _: u64) -> Judged {
    vec![(Invariant::Progress, Ok(1))]
}

/// Two chains of three requests each, with this much thought between them.
fn chains(thought_ms: u64) -> impl Fn(&Api, u64) -> Vec<Task> {
    move |api, _| {
        let chain = |job| {
            let api = api.clone();
            let task: Task = Box::pin(async move {
                for attempt in 1..=3 {
                    api.call(key(job, attempt), None, false).await;
                    api.sleep(Duration::from_millis(thought_ms)).await;
                }
            });
            task
        };
        vec![chain(0), chain(1)]
    }
}

fn hunt(client: &mut Client, schedules: u64) -> Report {
    let config = HuntConfig::new(7, HuntBudget::Schedules(schedules), client.jobs);
    explore(client, &config, &|| Duration::ZERO).expect("a client that runs")
}

fn family<'a>(report: &'a Report, name: &str) -> &'a FamilyRow {
    report.explored.families.iter().find(|row| row.family == name).expect("a family")
}

#[test]
fn what_brings_what_is_learnt_from_answers_that_leave_one_at_a_time() {
    let start: fn(&Api, u64) -> Vec<Task> = |api, _| chains(0)(api, 2);
    let mut client = Client { jobs: 2, start, judge: holds, runs: 0 };
    let report = hunt(&mut client, 300);
    // In a chain of three, 3 of 6 pairs cannot be, and 3 are always so.
    let pair = family(&report, "pair");
    assert_eq!((pair.of, pair.infeasible, pair.vacuous), (Some(18), 6, 6));
    assert_eq!(pair.tried, 18);
    assert_eq!((report.explored.infeasible, report.explored.unseen), (0, 0));
    let [late, of] = report.explored.late;
    assert!(late == 0 && of > 100, "{late} of {of}");
}

#[test]
fn a_client_that_thinks_is_waited_for() {
    let start: fn(&Api, u64) -> Vec<Task> = |api, _| chains(40)(api, 2);
    let mut client = Client { jobs: 2, start, judge: holds, runs: 0 };
    // Longer than the 25 ms that are quiet by default.
    let [late, of] = hunt(&mut client, 300).explored.late;
    assert!(late == 0 && of > 100, "{late} of {of}");
}

/// Two chains that think for long, beside one that does not.
fn slow_and_quick(api: &Api, _: u64) -> Vec<Task> {
    let mut tasks = chains(600)(api, 2);
    let api = api.clone();
    tasks.push(Box::pin(async move {
        for attempt in 1..=40 {
            api.call(key(2, attempt), None, false).await;
        }
    }));
    tasks
}

#[test]
fn who_comes_after_the_gate_went_on_is_counted() {
    let mut client = Client { jobs: 3, start: slow_and_quick, judge: holds, runs: 0 };
    let report = hunt(&mut client, 300);
    let share = report.explored.late_share().expect("some of which it can be told");
    assert!(share > 0.0, "{:?}", report.explored.late);
}

/// Workers that take the next of twelve jobs, of which the last worker thinks so long before each.
fn pool(api: &Api, workers: u64, thought_ms: u64) -> Vec<Task> {
    let next = Rc::new(Cell::new(0));
    let worker = |n| {
        let (api, next) = (api.clone(), next.clone());
        let task: Task = Box::pin(async move {
            while next.get() < 12 {
                let job = next.replace(next.get() + 1);
                api.call(key(job, 1), None, false).await;
                let thinks = n + 1 == workers && thought_ms > 0;
                api.sleep(Duration::from_millis(if thinks { thought_ms } else { 0 })).await;
            }
        });
        task
    };
    (0..workers).map(worker).collect()
}

#[test]
fn of_jobs_that_nothing_brings_it_is_told_whether_they_come_late() {
    let prompt: fn(&Api, u64) -> Vec<Task> = |api, _| pool(api, 4, 0);
    let [late, of] = hunt(&mut Client { jobs: 12, start: prompt, judge: holds, runs: 0 }, 400).explored.late;
    assert!(late == 0 && of > 500, "{late} of {of}");
    let slow: fn(&Api, u64) -> Vec<Task> = |api, _| pool(api, 4, 60);
    let [late, of] = hunt(&mut Client { jobs: 12, start: slow, judge: holds, runs: 0 }, 400).explored.late;
    assert!(late > 50 && of > 500, "{late} of {of}");
}

#[test]
fn a_barrier_is_made_of_what_is_in_flight_together() {
    let start: fn(&Api, u64) -> Vec<Task> = |api, _| pool(api, 4, 0);
    let report = hunt(&mut Client { jobs: 12, start, judge: holds, runs: 0 }, 400);
    let barrier = family(&report, "barrier");
    assert_eq!((barrier.tried, barrier.of, barrier.unmet), (2, Some(2), 0));
}

/// The third job needs both others, which answers that leave one at a time do not tell.
fn joined(api: &Api, _: u64) -> Vec<Task> {
    let api = api.clone();
    vec![Box::pin(async move {
        let first = api.call(key(0, 1), None, false);
        futures_util::future::join(first, api.call(key(1, 1), None, false)).await;
        api.call(key(2, 1), None, false).await;
    })]
}

#[test]
fn a_schedule_that_could_not_be_kept_was_not_tried() {
    let report = hunt(&mut Client { jobs: 3, start: joined, judge: holds, runs: 0 }, 200);
    let pair = family(&report, "pair");
    assert_eq!((pair.of, pair.tried, pair.unmet), (Some(pair.tried + 2), pair.tried, 2));
    let told = "2 pair schedules, which could not be kept".to_owned();
    assert!(report.explored.not_covered.contains(&told), "{:?}", report.explored.not_covered);
}

#[test]
fn requests_that_do_not_always_come_are_named() {
    static RUN: AtomicU64 = AtomicU64::new(0);
    let start: fn(&Api, u64) -> Vec<Task> = |api, _| {
        let run = RUN.fetch_add(1, Ordering::Relaxed);
        let changing = RequestKey::new(key(10 + run, 1).job, 1);
        let (first, second) = (api.clone(), api.clone());
        vec![
            Box::pin(async move {
                first.call(key(0, 1), None, false).await;
            }),
            Box::pin(async move {
                second.call(changing, None, false).await;
            }),
        ]
    };
    let mut client = Client { jobs: 2, start, judge: holds, runs: 0 };
    let report = hunt(&mut client, 60);
    assert_eq!(report.explored.requests, 1);
    assert_eq!(report.explored.unstable, ["job:0010#1", "job:0011#1"]);
    assert_eq!(family(&report, "pair").of, Some(0));
}

/// Shows what is wrong only in two of three runs.
struct Flaky(Client, u64);

impl Subject for Flaky {
    fn run(&mut self, schedule: &Schedule, jobs: Option<u64>) -> Result<Trial, String> {
        let mut trial = self.0.run(schedule, jobs)?;
        self.1 += 1;
        if self.1.is_multiple_of(2) {
            trial.verdicts.iter_mut().for_each(|row| row.verdict = Verdict::Holds);
        }
        Ok(trial)
    }
}

#[test]
fn what_comes_and_goes_is_reported_as_it_is() {
    let client = clients::submits_twice();
    let timeout = Some(Duration::from_millis(150));
    let config = HuntConfig { timeout, ..HuntConfig::new(7, HuntBudget::Schedules(100), client.jobs) };
    let report = explore(&mut Flaky(client, 0), &config, &|| Duration::ZERO).expect("a client that runs");
    let finding = &report.findings[0];
    let [r, of] = finding.reproduced;
    assert!(r > 0 && r < 5 && of == 5, "{r} of {of}");
    assert_eq!(finding.without, [0, 5]);
}

#[test]
fn a_hunt_ends_with_its_time_and_a_finding_is_still_shrunk() {
    let ticks = Cell::new(0);
    let now = || {
        ticks.set(ticks.get() + 1);
        Duration::from_millis(ticks.get())
    };
    let mut client = clients::submits_twice();
    let timeout = Some(Duration::from_millis(150));
    let config = HuntConfig {
        timeout,
        ..HuntConfig::new(7, HuntBudget::Time(Duration::from_millis(400)), client.jobs)
    };
    let report = explore(&mut client, &config, &now).expect("a client that runs");
    // No schedule begins in the last moments.
    assert!(ticks.get() >= 360 && ticks.get() < 600, "{}", ticks.get());
    assert!(report.explored.schedules > 50);
    assert_eq!(report.findings[0].jobs, Some(1));
    assert!(report.first_after.is_some_and(|after| after < Duration::from_millis(100)));
}

#[test]
fn a_hunt_may_end_with_its_first_finding() {
    let mut client = clients::zips();
    let config =
        HuntConfig { findings_max: Some(1), ..HuntConfig::new(7, HuntBudget::Schedules(1000), client.jobs) };
    let report = explore(&mut client, &config, &|| Duration::ZERO).expect("a client that runs");
    assert_eq!((report.findings.len(), report.explored.schedules), (1, 4));
}

#[test]
fn an_unknown_time_out_is_said_to_be_unknown_and_long_ones_are_not_waited_for() {
    let mut client = clients::right();
    let report = hunt(&mut client, 30);
    assert!(report.explored.not_covered[0].contains("time-out is not known"));
    let timeout = Some(Duration::from_secs(600));
    let config = HuntConfig { timeout, ..HuntConfig::new(7, HuntBudget::Schedules(30), client.jobs) };
    let report = explore(&mut client, &config, &|| Duration::ZERO).expect("a client that runs");
    assert_eq!(report.explored.not_covered[0], "holds of 15m: longer than the 1m that a hold may last");
    assert_eq!(family(&report, "hold-one").of, Some(0));
}

#[test]
fn an_announced_time_out_is_taken() {
    struct Announces(Client);
    impl Subject for Announces {
        fn run(&mut self, schedule: &Schedule, jobs: Option<u64>) -> Result<Trial, String> {
            let timeout = Some(Duration::from_millis(150));
            Ok(Trial { timeout, ..self.0.run(schedule, jobs)? })
        }
    }
    let client = clients::submits_twice();
    let config = HuntConfig::new(7, HuntBudget::Schedules(30), client.jobs);
    let report = explore(&mut Announces(client), &config, &|| Duration::ZERO).expect("a client that runs");
    assert_eq!(report.findings[0].family.name(), "hold-one");
    assert_eq!(report.findings[0].schedules_to_find, 5);
}

#[test]
fn a_finding_that_was_bent_says_where() {
    let mut client = clients::zips();
    let finding = finding(&hunt(&mut client, 10).findings[0]);
    let text = finding.to_toml();
    let error = |text: &str| Finding::from_toml("f.toml", text).expect_err("bent").to_string();
    assert!(error("").contains("`version` is missing"));
    assert!(error(&text.replacen("version = 1", "version = 9", 1)).contains("has version 9"));
    assert!(error(&text.replace("invariant =", "invariants =")).contains("unknown field `invariants`"));
    let bent = error(&text.replace("answered =", "answerd ="));
    assert!(bent.contains("in [schedule]") && bent.contains("answered"), "{bent}");
    let line = text.lines().position(|line| line.contains("answered =")).expect("a hold") + 1;
    assert!(bent.contains(&format!("f.toml:{line}")), "{bent}");
    let program = Finding {
        origin: Origin { command: vec!["python".into(), "my app.py".into()], ..finding.origin.clone() },
        moments: Vec::new(),
        ..finding
    };
    assert_eq!(
        program.replay("out/finding-1.toml"),
        "deadheat replay out/finding-1.toml -- python 'my app.py'"
    );
    assert_eq!(Finding::from_toml("f.toml", &program.to_toml()).as_ref(), Ok(&program));
    let row = program.row("finding-1.toml");
    assert_eq!((row.size, row.jobs.len()), ([1, 0], 2));
    assert_eq!(Schedule::from_toml("row", &row.schedule).as_ref(), Ok(&program.schedule));
}

#[test]
fn the_world_of_these_tests_knows_a_reply_from_none() {
    // The right client gives up honestly when it is refused for good.
    let mut client = clients::right();
    let trial = client.run(&Schedule::default(), Some(3)).expect("a client that runs");
    assert_eq!(trial.trace.steps.len(), 9);
    assert_ne!(Reply::TimedOut, Reply::Ok { of: 0 });
}
