//! What the engine makes of a plan: which jobs, when, how they are interleaved, and how a run is stopped.

use crate::live;

use deadheat::engine::{Stop, StopCause};
use deadheat::history::{AttemptRow, ErrorClass, JobEnd, NotIssued, Outcome};
use deadheat::profile;
use deadheat::strategy::{Hands, LocalFuture, Strategy, Task};
use deadheat::summary::{Invariant, Verdict};
use live::bent::{Bent, Bug};
use live::{Run, plan, right, run, run_until};
use std::rc::Rc;
use std::sync::Arc;

const SMALL: &str = "[workload]\nprompt_tokens = { uniform = [5, 40] }\noutput_tokens = 3\n";
const UNBOUNDED: &str = "[strategy.unbounded]\n";

/// A run of one profile by the right client.
fn profile(text: &str, set: &[(&str, &str)]) -> Run {
    run(&plan(&format!("{SMALL}{text}\n{UNBOUNDED}"), set), &right)
}

fn not_issued(run: &Run, why: NotIssued) -> u64 {
    run.evidence.cells.iter().filter_map(|end| end.not_issued.get(&why)).sum()
}

const JOBS: [(&str, &str); 1] = [("workload.jobs", "15")];

/// A profile, what is set beside it, and how many jobs it must make, where that is plain.
type Case = (&'static str, &'static [(&'static str, &'static str)], Option<u64>);

#[test]
fn every_executor_issues_exactly_the_planned_jobs() {
    let cases: [Case; 10] = [
        ("[profile.constant-vus]\nvus = 4", &JOBS, Some(15)),
        (
            "[profile.ramping-vus]\nstages = [{ duration = \"50ms\", target = 5 }, { duration = \"2s\", \
             target = 1 }]",
            &JOBS,
            Some(15),
        ),
        ("[profile.shared-iterations]\nvus = 4\niterations = 13", &[], Some(13)),
        ("[profile.per-vu-iterations]\nvus = 3\niterations = 4", &[], Some(12)),
        ("[profile.constant-arrival-rate]\nrate = 100\nduration = \"200ms\"", &[], Some(20)),
        (
            "[profile.constant-arrival-rate]\nrate = 100\nduration = \"200ms\"\narrivals = \"poisson\"",
            &[],
            None,
        ),
        (
            "[profile.constant-arrival-rate]\nrate = 100\nduration = \"200ms\"\narrivals = { gamma = { cv = \
             2.0 } }",
            &[],
            None,
        ),
        ("[profile.ramping-arrival-rate]\nstages = [{ duration = \"200ms\", target = 200 }]", &[], Some(20)),
        ("[profile.barrier]\nsize = 5\nrounds = 3", &[], Some(15)),
        ("[profile.barrier]\nsize = 5\n[profile.per-vu-iterations]\nvus = 2\niterations = 3", &[], Some(11)),
    ];
    for (text, set, expected) in cases {
        for threads in ["1", "2"] {
            let set: Vec<_> = set.iter().copied().chain([("threads", threads)]).collect();
            let seen = profile(text, &set);
            let planned = profile::planned(&seen.plan).expect("a bounded profile");
            assert!(expected.is_none_or(|n| n == planned), "{text}: {planned} planned");
            assert_eq!(seen.jobs(0), (0..planned).collect::<Vec<_>>(), "{text} on {threads} threads");
            assert_eq!(seen.summary.counters[0].planned, planned, "{text}");
            assert_eq!(seen.evidence.ledger.len() as u64, planned, "{text}");
            seen.assert_conserved();
            assert_eq!(seen.broken(), Vec::<&str>::new(), "{text}: {}", seen.story());
        }
    }
}

#[test]
fn workers_without_a_number_of_jobs_end_with_their_time() {
    for text in [
        "[profile.constant-vus]\nvus = 3\nduration = \"150ms\"",
        "[profile.ramping-vus]\nstages = [{ duration = \"150ms\", target = 4 }]",
    ] {
        let seen = profile(text, &[("threads", "2")]);
        let jobs = seen.jobs(0);
        assert!(jobs.len() >= 3, "{text}: {} jobs", jobs.len());
        assert_eq!(jobs, (0..jobs.len() as u64).collect::<Vec<_>>(), "{text}");
        seen.assert_clean();
    }
}

#[test]
fn a_barrier_releases_each_group_together_and_after_the_last() {
    let seen = profile("[profile.barrier]\nsize = 6\nrounds = 4", &[("threads", "2")]);
    let rounds: Vec<_> = seen.evidence.jobs.chunks(6).collect();
    assert_eq!(rounds.len(), 4);
    for round in &rounds {
        assert!(round.iter().all(|job| job.due_ns == round[0].due_ns), "one due time for all");
    }
    for pair in rounds.windows(2) {
        let last_done_ns = pair[0].iter().map(|job| job.done_ns).max().expect("six jobs");
        assert!(pair[1][0].due_ns > last_done_ns, "a group was released before the last had ended");
    }
}

/// Twenty arrivals in 200 ms, each busy for some 60 ms, two at a time.
fn saturated(on_saturation: &str) -> Run {
    let profile = format!(
        "[profile.constant-arrival-rate]\nrate = 100\nduration = \"200ms\"\nmax_in_flight = 2\n\
         on_saturation = \"{on_saturation}\"\n"
    );
    let slow = "[[fault]]\nkind.slow = { by = \"60ms\" }\n";
    run(&plan(&format!("{SMALL}{profile}{UNBOUNDED}{slow}"), &[("declared.concurrency", "2")]), &right)
}

#[test]
fn a_saturated_profile_queues_drops_or_aborts_and_counts_each() {
    let queued = saturated("queue");
    queued.assert_clean();
    assert_eq!(queued.jobs(0), (0..20).collect::<Vec<_>>());
    let late = queued.evidence.jobs.iter().filter(|job| job.begun_ns > job.due_ns + 30_000_000).count();
    assert!(late >= 10, "only {late} of 20 jobs show that they had to wait");

    let dropped = saturated("drop");
    dropped.assert_clean();
    let lost = not_issued(&dropped, NotIssued::Dropped);
    assert!(lost >= 10, "only {lost} of 20 were dropped");
    assert_eq!(dropped.jobs(0).len() as u64 + lost, 20);
    assert_eq!(dropped.jobs(0)[..2], [0, 1]);

    let aborted = saturated("abort");
    assert_eq!(aborted.made.stopped, Some(StopCause::Saturated));
    assert_eq!(aborted.jobs(0), [0, 1], "the jobs before it are seen home");
    assert_eq!(not_issued(&aborted, NotIssued::Aborted), 18);
    assert!(aborted.evidence.jobs.iter().all(|job| job.outcome == Outcome::Ok));
    assert_eq!(aborted.broken(), Vec::<&str>::new(), "{}", aborted.story());
    aborted.assert_conserved();
}

#[test]
fn warm_up_jobs_are_judged_but_not_measured() {
    let text = format!(
        "{SMALL}[profile.constant-arrival-rate]\nrate = 100\nduration = \"200ms\"\nwarmup = \
         \"100ms\"\n{UNBOUNDED}"
    );
    let plan = plan(&text, &[]);
    let seen = run(&plan, &right);
    seen.assert_clean();
    let warm = seen.evidence.jobs.iter().filter(|job| job.warmup).map(|job| job.job.index);
    assert_eq!(warm.collect::<Vec<_>>(), (0..10).collect::<Vec<_>>());
    for metric in ["response", "ttft", "service", "lag"] {
        let row = seen.summary.metrics.iter().find(|row| row.metric == metric).expect("the metric");
        assert_eq!(row.count, 10, "{metric}");
    }
    assert_eq!(seen.verdict(Invariant::OneResultPerJob).relevant, 20);
    let bent =
        run(&plan, &|strategy, plan| Arc::new(Bent { inner: right(strategy, plan), bug: Bug::CutsText(2) }));
    assert_eq!(bent.broken(), ["content-intact"], "a bug in the warm-up is a bug");
}

#[test]
fn cells_are_interleaved_forth_and_back_and_never_overlap() {
    let text = format!(
        "[target.other]\napi = \"openai-chat\"\nmodel = \"gpt-4.1\"\n\
         latency = {{ ttft = {{ constant = \"2ms\" }}, itl = {{ constant = \"1ms\" }} }}\n{SMALL}\
         [profile.shared-iterations]\nvus = 3\niterations = 12\n{UNBOUNDED}[strategy.semaphore]\npermits = \
         2\n"
    );
    let seen = run(&plan(&text, &[("blocks", "4"), ("threads", "2")]), &right);
    seen.assert_clean();
    let mut attempts: Vec<&AttemptRow> = seen.evidence.attempts.iter().collect();
    attempts.sort_by_key(|a| a.sent_ns);
    let blocks: Vec<&[&AttemptRow]> = attempts.chunk_by(|a, b| a.job.cell == b.job.cell).collect();
    let order: Vec<u16> = blocks.iter().map(|block| block[0].job.cell).collect();
    // A B C D, D C B A, twice; the two blocks at each turn follow each other.
    assert_eq!(order, [0, 1, 2, 3, 2, 1, 0, 1, 2, 3, 2, 1, 0]);
    for pair in blocks.windows(2) {
        let done_ns = pair[0].iter().map(|a| a.done_ns).max();
        assert!(done_ns < pair[1][0].sent_ns, "two cells were under load at once");
    }
    for cell in 0..4 {
        assert_eq!(seen.jobs(cell), (0..12).collect::<Vec<_>>());
        let sizes = |cell| {
            let mine = seen.evidence.attempts.iter().filter(move |a| a.job.cell == cell);
            mine.map(|a| a.prompt_tokens).collect::<Vec<_>>()
        };
        assert_eq!(sizes(cell), sizes(0), "every cell faces the same jobs");
    }
}

/// Stops the run when a job of this number is begun.
struct Stops {
    inner: Arc<dyn Strategy>,
    stop: Arc<Stop>,
    at: u64,
}

impl Strategy for Stops {
    fn run<'a>(&'a self, task: Task, hands: Rc<dyn Hands + 'a>) -> LocalFuture<'a, ()> {
        if task.job.index == self.at {
            self.stop.stop(StopCause::Interrupted);
        }
        self.inner.run(task, hands)
    }
}

fn interrupted(text: &str, at: u64) -> Run {
    let stop = Arc::new(Stop::default());
    let plan = plan(&format!("{SMALL}{text}"), &[("threads", "2")]);
    let build: live::Build<'_> =
        &|strategy, plan| Arc::new(Stops { inner: right(strategy, plan), stop: stop.clone(), at });
    let seen = run_until(&plan, build, &stop);
    assert_eq!(seen.made.stopped, Some(StopCause::Interrupted));
    assert_eq!(seen.summary.exit_code, 130, "{}", seen.story());
    assert!(seen.summary.interrupted);
    assert_eq!(seen.broken(), Vec::<&str>::new(), "{}", seen.story());
    seen.assert_conserved();
    let planned = profile::planned(&plan).expect("a bounded profile");
    assert_eq!(not_issued(&seen, NotIssued::Interrupted), planned - seen.made.cells[0].issued);
    assert!(seen.made.cells[0].issued >= at && seen.made.cells[0].issued < planned / 2);
    seen
}

#[test]
fn an_interrupted_run_is_drained_and_adds_up() {
    let open = "[profile.constant-arrival-rate]\nrate = 200\nduration = \"30s\"\n";
    let vus = "[profile.shared-iterations]\nvus = 8\niterations = 500\n";
    let rounds = "[profile.barrier]\nsize = 8\nrounds = 50\n";
    let each = "[profile.per-vu-iterations]\nvus = 8\niterations = 50\n";
    for profile in [open, vus, rounds] {
        let seen = interrupted(&format!("{profile}{UNBOUNDED}"), 20);
        // What was in flight is waited for; what had not been sent is not sent any more.
        for a in &seen.evidence.attempts {
            let drained = a.outcome == Outcome::Ok && a.error.is_none();
            let held_back = a.sent_ns.is_none() && a.error == Some(ErrorClass::Cancelled);
            assert!(drained || held_back, "{a:?}");
        }
        assert!(seen.evidence.attempts.iter().any(|a| a.outcome == Outcome::Ok));
    }
    // Numbers of workers' own jobs are not in order of time, so the second job of a worker stops it.
    interrupted(&format!("{each}{UNBOUNDED}"), 1);
    interrupted(&format!("{vus}[strategy.semaphore]\npermits = 2\n"), 20);
}

#[test]
fn what_is_in_flight_after_the_grace_is_given_up_as_unknown() {
    let hung = "[[fault]]\nkind.never-answers = {}\nwhen = { jobs = [2, 3] }\n";
    let text = format!(
        "[profile.shared-iterations]\nvus = 8\niterations = 500\ngraceful_stop = \"100ms\"\n{UNBOUNDED}{hung}"
    );
    let seen = interrupted(&text, 20);
    for job in seen.evidence.jobs.iter().filter(|job| [2, 3].contains(&job.job.index)) {
        assert_eq!((job.outcome, job.end), (Outcome::Unknown, JobEnd::Cancelled));
    }
}

#[test]
fn the_budget_ends_the_run_and_is_never_passed() {
    let vus = "[profile.shared-iterations]\nvus = 6\niterations = 60\n";
    let open = "[profile.constant-arrival-rate]\nrate = 300\nduration = \"200ms\"\n";
    let busy = "[[fault]]\nkind.status = { code = 503 }\nwhen = { every = 3 }\n";
    let retry = "[retry]\nbackoff = { fixed = { wait = \"1ms\" } }\n";
    for (profile, threads) in [(vus, "1"), (vus, "2"), (open, "2")] {
        let text = format!("{SMALL}{profile}{UNBOUNDED}[budget]\nmax_requests = 17\n{retry}{busy}");
        let seen = run(&plan(&text, &[("threads", threads)]), &right);
        assert_eq!(seen.made.stopped, Some(StopCause::OverBudget));
        assert_eq!(seen.summary.exit_code, 10, "{}", seen.story());
        assert_eq!(seen.evidence.ledger.len(), 17, "{profile}");
        assert_eq!(seen.broken(), Vec::<&str>::new(), "{}", seen.story());
        seen.assert_conserved();
        assert!(seen.evidence.jobs.iter().any(|job| job.end == JobEnd::OverBudget));
        let planned = seen.made.cells[0].planned;
        assert_eq!(planned, 60, "{profile}");
        assert_eq!(not_issued(&seen, NotIssued::OverBudget), planned - seen.made.cells[0].issued);
    }
}

#[test]
fn threads_change_nothing_but_the_speed() {
    let text = format!(
        "{SMALL}[profile.constant-arrival-rate]\nrate = 200\nduration = \
         \"200ms\"\n[strategy.semaphore]\npermits = 5\n\
         [retry]\nbackoff = {{ fixed = {{ wait = \"60ms\", jitter = \"full\" }} }}\n\
         [[fault]]\nkind.status = {{ code = 503 }}\nwhen = {{ probability = 0.3, attempts = [1, 2, 3] }}\n"
    );
    let seen = ["1", "2", "3"].map(|threads| run(&plan(&text, &[("threads", threads)]), &right));
    for run in &seen {
        run.assert_clean();
        assert_eq!(run.verdict(Invariant::InFlightCapped).verdict, Verdict::Holds);
    }
    let facts = |run: &Run| {
        let row = &run.summary.counters[0];
        let jobs: Vec<_> =
            run.evidence.jobs.iter().map(|j| (j.job, j.outcome, j.end, j.attempts, j.answer)).collect();
        (row.answered, row.failed, row.attempts, row.errors.clone(), row.tokens.clone(), jobs)
    };
    assert_eq!(facts(&seen[0]), facts(&seen[1]));
    assert_eq!(facts(&seen[0]), facts(&seen[2]));
}
