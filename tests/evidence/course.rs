//! What happened over time, and around a violation: nothing is lost, and a long run takes no more room than a
//! short one.

use crate::evidence;

use deadheat::history::{ErrorClass, JobEnd, Loaded};
use deadheat::invariants::judge;
use deadheat::judge::{here, summarise};
use deadheat::metrics::{Gaps, course};
use deadheat::report::{Extras, html};
use deadheat::summary::{Invariant, Verdict, What};
use evidence::{Fate, Story, World, plan};
use proptest::prelude::*;
use std::path::Path;

fn sum<'a>(lists: impl Iterator<Item = &'a Vec<u64>>) -> u64 {
    lists.flatten().sum()
}

proptest! {
    #[test]
    fn every_job_and_attempt_is_in_exactly_one_step(world in evidence::world()) {
        let World { plan, evidence } = &world;
        let course = course(plan, evidence, &[]);
        prop_assert_eq!(course.cells.len(), plan.cells().len());
        let jobs = evidence.jobs.len() as u64;
        prop_assert_eq!(sum(course.cells.iter().map(|cell| &cell.due)), jobs);
        prop_assert_eq!(sum(course.cells.iter().map(|cell| &cell.begun)), jobs);
        let answered = evidence.jobs.iter().filter(|job| job.end == JobEnd::Answered).count() as u64;
        prop_assert_eq!(sum(course.cells.iter().map(|cell| &cell.answered)), answered);
        let limited = |error| matches!(error, ErrorClass::RateLimited | ErrorClass::QuotaExhausted);
        let (refused, other): (Vec<_>, Vec<_>) =
            evidence.attempts.iter().filter_map(|attempt| attempt.error).partition(|error| limited(*error));
        prop_assert_eq!(sum(course.cells.iter().map(|cell| &cell.limited)), refused.len() as u64);
        prop_assert_eq!(sum(course.cells.iter().map(|cell| &cell.errors)), other.len() as u64);
        for (index, cell) in (0u16..).zip(&course.cells) {
            prop_assert!(cell.due.len() == course.steps && cell.in_flight.len() == course.steps);
            let open: Vec<_> = evidence.attempts.iter().filter(|a| a.job.cell == index
                && a.sent_ns.is_some()).collect();
            let during = |at: u64| {
                open.iter().filter(|a| a.sent_ns.is_some_and(|sent| sent <= at) && at < a.done_ns).count() as
                    u64
            };
            let most = open.iter().filter_map(|a| a.sent_ns).map(during).max().unwrap_or(0);
            prop_assert_eq!(cell.in_flight.iter().max().copied().unwrap_or(0), most);
        }
    }
}

/// A world of so many jobs in two cells, of which the second keeps to no cap.
fn world(jobs: usize) -> World {
    let story = |n: usize| {
        let fates = if n.is_multiple_of(20) {
            vec![Fate::RateLimited { wait_ms: 5 }, Fate::Whole]
        } else {
            vec![Fate::Whole]
        };
        Story { took_ms: 20 + (n % 37) as u64, warmup: false, fates }
    };
    let mut world =
        World::build(plan::plan(8, 3, 2), &[(0..jobs).map(story).collect(), vec![story(1)]], false, 0);
    world.plan.declared.concurrency = Some(2);
    world
}

#[test]
fn a_hundred_thousand_jobs_make_a_page_of_less_than_half_a_megabyte() {
    let size = |jobs| {
        let World { plan, evidence } = world(jobs);
        let gaps = Gaps::collect(&plan, [], []);
        let loaded = Loaded { evidence, ..Loaded::default() };
        let host = here(&loaded.evidence.meta);
        let summary = summarise(&plan, &loaded, &gaps, host);
        let course = course(&plan, &loaded.evidence, &summary.verdicts);
        assert!(course.steps <= 121, "{} steps", course.steps);
        html(&summary, &Extras { dir: Path::new("run"), course: Some(&course), plan: Some("") }).len()
    };
    let (small, large) = (size(1_000), size(100_000));
    assert!(large < 500_000, "{large} bytes");
    assert!(large < small * 3 / 2, "{small} bytes for a hundredth of the jobs, {large} for all");
}

#[test]
fn a_broken_rule_has_a_scene_that_ends_where_it_broke() {
    let World { plan, evidence } = world(200);
    let verdicts = judge(&plan, &evidence);
    let broken = verdicts.iter().filter(|row| row.verdict == Verdict::Broken).count();
    let course = course(&plan, &evidence, &verdicts);
    assert!(broken > 0 && course.scenes.len() == broken, "{broken} rules, {} scenes", course.scenes.len());
    let scene =
        course.scenes.iter().find(|scene| scene.invariant == Invariant::InFlightCapped).expect("planted");
    let (last, story) = scene.moments.split_last().expect("moments");
    assert_eq!(last.what, What::Broken);
    assert!(story.is_sorted_by_key(|moment| (moment.at_ns, moment.what)));
    for what in [What::Due, What::Sent, What::Arrived, What::Done, What::Answered, What::Booked, What::Client]
    {
        assert!(story.iter().any(|moment| moment.what == what), "{what:?} in {story:?}");
    }
    let witness =
        verdicts.iter().find(|row| row.invariant == Invariant::InFlightCapped && row.witness.is_some());
    let witness = witness.and_then(|row| row.witness.as_ref()).expect("a witness");
    assert!(story.iter().all(|moment| witness.jobs.contains(&moment.job)), "only the jobs of the witness");
}
