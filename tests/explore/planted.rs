//! Planted races are found, made small, shown again, and not shown without their schedule; a right client
//! passes.

use crate::world as explore_world;

use deadheat::explore::*;
use deadheat::report::finding;
use deadheat::schedule::{Fallback, Schedule, Until};
use deadheat::summary::{Invariant, What};
use explore_world::{Client, clients};
use std::time::Duration;

fn config(client: &Client, schedules: u64) -> HuntConfig {
    let origin = Origin { target: "mock".into(), strategy: "client".into(), ..Origin::default() };
    HuntConfig { origin, ..HuntConfig::new(7, HuntBudget::Schedules(schedules), client.jobs) }
}

fn hunt(client: &mut Client, timeout_ms: Option<u64>) -> Report {
    let timeout = timeout_ms.map(Duration::from_millis);
    let config = HuntConfig { timeout, ..config(client, 400) };
    explore(client, &config, &|| Duration::ZERO).expect("a client that runs")
}

/// Hunts, and checks everything that is promised of a finding.
fn found(mut client: Client, timeout_ms: Option<u64>, invariant: Invariant) -> Finding {
    let report = hunt(&mut client, timeout_ms);
    assert_eq!(report.findings.len(), 1, "{:#?}", report.findings);
    let finding = finding(&report.findings[0]);
    assert_eq!(finding.invariant, invariant);
    let size = (finding.schedule.holds.len(), finding.schedule.faults.len());
    assert!(size.0 <= 2 && size.1 <= 1, "{size:?}: {}", finding.to_toml());
    assert!(finding.jobs.is_some_and(|jobs| jobs <= 4), "{:?} jobs", finding.jobs);
    assert_eq!((finding.reproduced, finding.without), ([5, 5], [0, 5]), "{}", finding.to_toml());
    assert!(finding.cause.contains("job:"), "{}", finding.cause);
    assert!(!report.explored.held.contains(&invariant));

    let text = finding.to_toml();
    assert!(finding.moments.iter().any(|moment| moment.what == What::Broken), "{:?}", finding.moments);
    let without_picture = Finding { moments: Vec::new(), ..finding.clone() };
    assert_eq!(Finding::from_toml("finding-1.toml", &text), Ok(without_picture), "{text}");
    assert!(finding.table.iter().all(|line| line.chars().count() <= 100), "{:#?}", finding.table);
    let again = replay(&mut client, &finding, 3).expect("a client that runs");
    assert!(matches!(again, Replayed::Still { times: 3, runs: 3, .. }), "{again:?}");
    finding
}

/// A client of which every run takes a second.
struct Slow<'a>(Client, &'a std::cell::Cell<Duration>);

impl Subject for Slow<'_> {
    fn run(&mut self, schedule: &Schedule, jobs: Option<u64>) -> Result<Trial, String> {
        self.1.set(self.1.get() + Duration::from_secs(1));
        self.0.run(schedule, jobs)
    }
}

#[test]
fn a_time_is_kept_with_all_that_is_done_to_a_finding() {
    for seconds in [20, 60, 300] {
        let (now, time) = (std::cell::Cell::new(Duration::ZERO), Duration::from_secs(seconds));
        let client = clients::loses_updates();
        let config = HuntConfig { budget: HuntBudget::Time(time), ..config(&client, 0) };
        let report = explore(&mut Slow(client, &now), &config, &|| now.get()).expect("a client that runs");
        assert!(now.get() <= time, "{:?} of {time:?}", now.get());
        let [found] = report.findings.as_slice() else { panic!("{:#?}", report.findings) };
        assert!(found.reproduced[0] >= 1 && found.without[1] >= 1, "{}", finding(found).to_toml());
    }
}

#[test]
fn answers_zipped_with_jobs_in_the_order_in_which_they_come() {
    let finding = found(clients::zips(), None, Invariant::AnswerMatchesJob);
    assert_eq!((finding.jobs, finding.schedule.holds.len()), (Some(2), 1));
}

#[test]
fn an_older_answer_overwrites_a_newer_one() {
    let finding = found(clients::overwrites(), None, Invariant::AnswerMatchesJob);
    assert_eq!(finding.jobs, Some(2));
}

#[test]
fn an_update_is_lost_between_a_read_and_a_write() {
    let finding = found(clients::loses_updates(), None, Invariant::TokensCounted);
    assert_eq!((finding.jobs, finding.schedule.holds.len()), (Some(3), 1));
}

#[test]
fn a_cache_is_looked_into_twice_before_it_is_filled() {
    found(clients::asks_twice(), None, Invariant::BilledOnce);
}

#[test]
fn the_first_error_drops_what_was_paid_for() {
    let finding = found(clients::aborts(), None, Invariant::OneResultPerJob);
    assert_eq!(finding.schedule.faults.len(), 1);
}

#[test]
fn a_pool_is_emptied_by_those_who_wait_for_it() {
    let finding = found(clients::nests_permits(), None, Invariant::Progress);
    assert_eq!(finding.jobs, Some(2));
}

#[test]
fn what_was_accepted_is_sent_again() {
    let finding = found(clients::submits_twice(), Some(150), Invariant::BilledOnce);
    assert_eq!((finding.family.as_str(), finding.jobs), ("hold-one", Some(1)));
    let told = "holding job:0000#1 past the client's time-out (it hung up after 150ms) makes the client send \
                job:0000#2 although the provider had accepted job:0000#1: both were billed";
    assert!(finding.cause.starts_with(told), "{}", finding.cause);
}

#[test]
fn a_mended_client_is_told_from_one_that_was_not_put_to_the_test() {
    let finding = found(clients::zips(), None, Invariant::AnswerMatchesJob);
    let mended = replay(&mut clients::right(), &finding, 2);
    assert_eq!(mended, Ok(Replayed::Mended { runs: 2 }));

    let mut other = finding.clone();
    other.schedule.holds[0].request = explore_world::key(7, 3);
    let other = replay(&mut clients::right(), &other, 2).expect("a client that runs");
    let Replayed::Unreproduced { why } = other else { panic!("{other:?}") };
    assert!(why.contains("job:0007#3 never came"), "{why}");

    // A client without locks has no lock rule that could be mended.
    let mut lockless = clients::right();
    lockless.judge = |_, _| vec![(Invariant::LockExclusive, Ok(0))];
    let locked = Finding { invariant: Invariant::LockExclusive, ..finding.clone() };
    let nothing = replay(&mut lockless, &locked, 2).expect("a client that runs");
    assert!(matches!(&nothing, Replayed::Unreproduced { why } if why.contains("saw nothing")), "{nothing:?}");

    let silent = Finding { invariant: Invariant::LockExclusive, ..finding };
    let silent = replay(&mut clients::right(), &silent, 1).expect("a client that runs");
    assert!(matches!(&silent, Replayed::Unreproduced { why } if why.contains("not judged")), "{silent:?}");
}

#[test]
fn what_showed_only_at_times_is_mended_only_after_enough_runs() {
    let rare = Finding { reproduced: [1, 5], ..found(clients::zips(), None, Invariant::AnswerMatchesJob) };
    let few = replay(&mut clients::right(), &rare, 5).expect("a client that runs");
    let Replayed::Unreproduced { why } = few else { panic!("{few:?}") };
    assert!(why.contains("1 of 5") && why.contains("14 would"), "{why}");
    assert_eq!(replay(&mut clients::right(), &rare, 14), Ok(Replayed::Mended { runs: 14 }));
    let needed = |reproduced| Finding { reproduced, ..rare.clone() }.runs_needed();
    assert_eq!([[5, 5], [3, 5], [0, 5], [0, 0]].map(needed), [1, 4, 20, 5]);
}

#[test]
fn a_right_client_passes_and_the_pass_says_what_it_is_worth() {
    let mut client = clients::right();
    let config = HuntConfig { timeout: Some(Duration::from_millis(150)), ..config(&client, 1500) };
    let report = explore(&mut client, &config, &|| Duration::ZERO).expect("a client that runs");
    assert!(report.findings.is_empty(), "{:#?}", report.findings);
    let explored = report.explored;
    assert_eq!((explored.requests, explored.schedules), (12, 1500));
    let of =
        |family: &str| explored.families.iter().find(|row| row.family == family).cloned().expect("a family");
    assert_eq!((of("pair").tried, of("pair").of), (132, Some(132)));
    assert_eq!((of("hold-one").tried, of("hold-one").of), (24, Some(24)));
    assert_eq!(of("fault").of, Some(12 * alphabet().len() as u64));
    assert_eq!(explored.clean_orders, Some(of("random").tried + of("lanes").tried));
    assert!(explored.clean_orders > Some(1000));
    assert!(explored.excluded().is_some_and(|p| p < 0.003));
    assert!(explored.held.contains(&Invariant::BilledOnce));
    // Looked at nothing: not a rule that holds.
    assert!(explored.idle.contains(&Invariant::FencingMonotonic), "{:?}", explored.idle);
    assert!(!explored.held.contains(&Invariant::FencingMonotonic));
    assert!(explored.not_covered.iter().any(|text| text.contains("threads")));
}

#[test]
fn what_breaks_without_any_schedule_is_a_finding_at_once() {
    let mut client = clients::right();
    client.judge = |_, _| vec![(Invariant::BudgetKept, Err("over the budget".to_owned()))];
    let report = hunt(&mut client, None);
    let finding = finding(&report.findings[0]);
    assert_eq!((finding.family.as_str(), finding.schedules_to_find), ("calm", 1));
    assert_eq!((finding.reproduced, finding.without), ([5, 5], [5, 5]));
    assert_eq!(finding.cause, "no schedule is needed: over the budget");
    assert_eq!(finding.jobs, Some(1));
    assert!(report.explored.again["budget-kept"] > 100);
}

#[test]
fn the_same_seed_hunts_the_same_way_and_a_small_budget_is_kept() {
    let report = |seed| {
        let mut client = clients::nests_permits();
        let config = HuntConfig { seed, ..config(&client, 60) };
        let report = explore(&mut client, &config, &|| Duration::ZERO).expect("a client that runs");
        (report.findings.iter().map(finding).collect::<Vec<_>>(), report.explored)
    };
    assert_eq!(report(1), report(1));
    let (_, explored) = report(2);
    assert_eq!(explored.schedules, 60);
    assert!(explored.not_covered.iter().any(|text| text.contains("the budget was too small")));
}

#[test]
fn a_subject_that_cannot_run_is_an_error_at_first_and_an_end_later() {
    struct Fails(Client, u64);
    impl Subject for Fails {
        fn run(&mut self, schedule: &Schedule, jobs: Option<u64>) -> Result<Trial, String> {
            match self.1.checked_sub(1) {
                Some(left) => self.1 = left,
                None => return Err("no such program".to_owned()),
            }
            self.0.run(schedule, jobs)
        }
    }
    let client = clients::right();
    let config = config(&client, 100);
    let never = explore(&mut Fails(client, 0), &config, &|| Duration::ZERO);
    assert_eq!(never.err(), Some("no such program".to_owned()));
    let later = explore(&mut Fails(clients::right(), 9), &config, &|| Duration::ZERO).expect("a report");
    assert_eq!(later.explored.stopped, Some("no such program".to_owned()));
    assert!(later.explored.schedules <= 10);
}

#[test]
fn an_order_that_broke_a_lease_by_taking_long_becomes_one_hold_for_a_time() {
    let mut client = clients::outlives_its_lease();
    let config = HuntConfig { quiet: Duration::from_millis(200), ..config(&client, 10) };
    let report = explore(&mut client, &config, &|| Duration::ZERO).expect("a client that runs");
    let finding = finding(&report.findings[0]);
    assert_eq!((finding.family.as_str(), finding.jobs), ("single", Some(2)));
    let [hold] = finding.schedule.holds.as_slice() else { panic!("{finding:?}") };
    let (Until::After(time), Fallback::Respond) = (&hold.until, finding.schedule.fallback) else {
        panic!("{finding:?}")
    };
    assert!((150..=200).contains(&time.as_millis()), "{time:?}");
    assert_eq!((finding.reproduced, finding.without), ([5, 5], [0, 5]));
}

#[test]
fn orders_alone_find_what_sweeps_would_and_are_turned_into_holds() {
    let mut client = clients::zips();
    let schedule = Schedule { fallback: Fallback::Reverse, ..Schedule::default() };
    let trial = client.run(&schedule, None).expect("a client that runs");
    assert!(trial.trace.steps.iter().any(|step| step.request == explore_world::key(11, 1)));
    // Without stalls or pairs: one wave is enough.
    let config = HuntConfig { stalls: vec![Duration::from_secs(99)], ..config(&client, 10) };
    let report = explore(&mut client, &config, &|| Duration::ZERO).expect("a client that runs");
    let finding = finding(&report.findings[0]);
    assert_eq!(finding.family, "single");
    assert_eq!((finding.schedule.fallback, finding.schedule.holds.len()), (Fallback::Respond, 1));
    assert_eq!(finding.jobs, Some(2));
}
