//! Strategies over several processes: one history, one ledger, every job once, whatever dies.

use crate::live;

use deadheat::engine::{Stop, StopCause};
use deadheat::history::{JobEnd, NotIssued, Outcome};
use deadheat::profile;
use deadheat::summary::{Invariant, Verdict};
use live::workers::Binary;
use live::{Run, plan, right, run, run_beside};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

const SMALL: &str = "[workload]\nprompt_tokens = { uniform = [5, 40] }\noutput_tokens = 3\n";

/// A run of one profile by so many processes.
fn spread(text: &str, processes: u32, set: &[(&str, &str)]) -> Run {
    let strategy = format!("[strategy.semaphore]\npermits = 40\nprocesses = {processes}\n");
    run(&plan(&format!("{SMALL}{text}\n{strategy}"), set), &right)
}

fn not_issued(run: &Run, why: NotIssued) -> u64 {
    run.evidence.cells.iter().filter_map(|end| end.not_issued.get(&why)).sum()
}

const JOBS: [(&str, &str); 1] = [("workload.jobs", "15")];

#[test]
fn every_executor_issues_exactly_the_planned_jobs_over_all_processes() {
    let cases: [(&str, &[(&str, &str)]); 8] = [
        ("[profile.constant-vus]\nvus = 4", &JOBS),
        ("[profile.constant-vus]\nvus = 1", &JOBS),
        (
            "[profile.ramping-vus]\nstages = [{ duration = \"50ms\", target = 5 }, { duration = \"2s\", \
             target = 3 }]",
            &JOBS,
        ),
        ("[profile.shared-iterations]\nvus = 4\niterations = 13", &[]),
        ("[profile.per-vu-iterations]\nvus = 3\niterations = 4", &[]),
        ("[profile.constant-arrival-rate]\nrate = 100\nduration = \"200ms\"\narrivals = \"poisson\"", &[]),
        ("[profile.constant-arrival-rate]\nrate = 100\nduration = \"200ms\"\nmax_in_flight = 2", &[]),
        ("[profile.barrier]\nsize = 5\n[profile.per-vu-iterations]\nvus = 2\niterations = 3", &[]),
    ];
    for (text, set) in cases {
        for (processes, threads) in [(2, "1"), (3, "6")] {
            let set: Vec<_> = set.iter().copied().chain([("threads", threads), ("blocks", "2")]).collect();
            let seen = spread(text, processes, &set);
            let planned = profile::planned(&seen.plan).expect("a bounded profile");
            assert_eq!(seen.jobs(0), (0..planned).collect::<Vec<_>>(), "{text} by {processes}");
            assert_eq!(seen.made.cells[0].planned, planned, "{text}");
            assert_eq!(seen.evidence.ledger.len() as u64, planned, "{text}");
            assert_eq!(seen.evidence.claims.len(), processes as usize);
            assert_eq!(seen.made.deaths, 0);
            seen.assert_clean();
        }
    }
}

#[test]
fn all_processes_take_their_share() {
    let seen = spread("[profile.constant-arrival-rate]\nrate = 200\nduration = \"300ms\"", 3, &[]);
    seen.assert_clean();
    let requests: Vec<u64> = seen.evidence.claims.iter().map(|claim| claim.requests).collect();
    assert_eq!(requests, [20, 20, 20]);
    let numbers: Vec<Option<u16>> = seen.evidence.claims.iter().map(|claim| claim.process).collect();
    assert_eq!(numbers, [Some(0), Some(1), Some(2)]);
}

#[test]
fn a_barrier_releases_each_group_together_and_after_the_last_in_all_processes() {
    let seen = spread("[profile.barrier]\nsize = 6\nrounds = 4", 2, &[("threads", "4")]);
    seen.assert_clean();
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

#[test]
fn stamps_of_all_processes_lie_on_one_clock() {
    let seen = spread("[profile.constant-arrival-rate]\nrate = 100\nduration = \"300ms\"", 3, &[]);
    // The provider stamps on this process's clock: an arrival is never before the client's sending.
    for row in &seen.evidence.ledger {
        let attempt = seen.evidence.attempts.iter().find(|a| JobKeyOf(a).is(row)).expect("the client's row");
        let sent_ns = attempt.sent_ns.expect("sent");
        assert!(row.arrived_ns + 100_000 > sent_ns, "arrived {} before {sent_ns}", row.arrived_ns);
        assert!(attempt.done_ns + 100_000 > row.first_byte_ns.expect("an answer"));
    }
}

struct JobKeyOf<'a>(&'a deadheat::history::AttemptRow);

impl JobKeyOf<'_> {
    fn is(&self, row: &deadheat::history::LedgerRow) -> bool {
        row.job == deadheat::history::JobKey::Own(self.0.job) && row.attempt == self.0.n
    }
}

#[test]
fn faults_retries_and_the_cap_hold_over_processes_and_beside_another_strategy() {
    let text = format!(
        "{SMALL}[profile.shared-iterations]\nvus = 8\niterations = 60\n[strategy.unbounded]\n\
         [strategy.semaphore]\npermits = 3\nprocesses = 2\n[retry]\nbackoff = {{ fixed = {{ wait = \"60ms\" \
         }} }}\n\
         [[fault]]\nkind.status = {{ code = 503 }}\nwhen = {{ probability = 0.3, attempts = [1] }}\n"
    );
    let seen = run(&plan(&text, &[("blocks", "3")]), &right);
    seen.assert_clean();
    assert_eq!(seen.verdict(Invariant::InFlightCapped).verdict, Verdict::Holds);
    let facts = |cell: u16| {
        let row = &seen.summary.counters[usize::from(cell)];
        (row.answered, row.failed, row.attempts, row.errors.clone(), seen.jobs(cell))
    };
    assert_eq!(facts(0), facts(1), "processes change nothing but the speed");
}

#[test]
fn a_saturated_profile_drops_and_aborts_over_processes() {
    let profile = |on: &str| {
        format!(
            "[profile.constant-arrival-rate]\nrate = 100\nduration = \"200ms\"\nmax_in_flight = 2\n\
             on_saturation = \"{on}\"\n[[fault]]\nkind.slow = {{ by = \"60ms\" }}\n"
        )
    };
    let dropped = spread(&profile("drop"), 2, &[]);
    dropped.assert_clean();
    let lost = not_issued(&dropped, NotIssued::Dropped);
    assert!(lost >= 8, "only {lost} of 20 were dropped");
    assert_eq!(dropped.jobs(0).len() as u64 + lost, 20);
    let aborted = spread(&profile("abort"), 2, &[]);
    assert_eq!(aborted.made.stopped, Some(StopCause::Saturated));
    assert!(not_issued(&aborted, NotIssued::Aborted) >= 10);
    aborted.assert_conserved();
}

#[test]
fn the_budget_of_all_processes_together_is_never_passed() {
    let budget = "[profile.shared-iterations]\nvus = 6\niterations = 60\n[budget]\nmax_requests = 17\n";
    let seen = spread(budget, 3, &[]);
    assert_eq!(seen.made.stopped, Some(StopCause::OverBudget));
    assert_eq!(seen.evidence.ledger.len(), 17);
    assert_eq!(seen.broken(), Vec::<&str>::new(), "{}", seen.story());
    seen.assert_conserved();
}

fn meddle(text: &str, jobs: u64, meddle: impl Fn(&Stop, &Binary) + Send + Sync) -> Run {
    meddle_with(&format!("{text}\n[strategy.semaphore]\npermits = 40\nprocesses = 2\n"), jobs, meddle)
}

/// Runs long enough that something can be done to it, and does it once half of `jobs` are home.
fn meddle_with(text: &str, jobs: u64, meddle: impl Fn(&Stop, &Binary) + Send + Sync) -> Run {
    let binary = Binary::new();
    let stop = Arc::new(Stop::default());
    let plan = plan(&format!("{SMALL}{text}"), &[]);
    let over = AtomicBool::new(false);
    let progress = Arc::new(deadheat::shared::Progress::default());
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while progress.read().jobs_ended < jobs / 2 && !over.load(SeqCst) {
                std::thread::park_timeout(std::time::Duration::from_millis(1));
            }
            meddle(&stop, &binary);
        });
        let made = run_beside(&plan, &right, &stop, &progress, binary.setup());
        over.store(true, SeqCst);
        made
    })
}

#[test]
fn a_stop_reaches_all_processes_and_all_adds_up() {
    for profile in [
        "[profile.constant-arrival-rate]\nrate = 200\nduration = \"30s\"\n",
        "[profile.shared-iterations]\nvus = 8\niterations = 5000\n",
        "[profile.barrier]\nsize = 8\nrounds = 500\n",
        "[profile.per-vu-iterations]\nvus = 8\niterations = 500\n",
    ] {
        let seen = meddle(profile, 40, |stop, _| stop.stop(StopCause::Interrupted));
        assert_eq!((seen.made.stopped, seen.summary.exit_code), (Some(StopCause::Interrupted), 130));
        assert_eq!(seen.broken(), Vec::<&str>::new(), "{}", seen.story());
        seen.assert_conserved();
        let (planned, issued) = (profile::planned(&seen.plan).expect("bounded"), seen.made.cells[0].issued);
        assert!((20..planned / 2).contains(&issued), "{issued} of {planned}");
        assert_eq!(not_issued(&seen, NotIssued::Interrupted), planned - issued);
    }
}

#[test]
fn a_worker_that_is_killed_loses_no_job() {
    for profile in [
        "[profile.constant-arrival-rate]\nrate = 400\nduration = \"500ms\"\n",
        "[profile.shared-iterations]\nvus = 8\niterations = 200\n",
        "[profile.barrier]\nsize = 8\nrounds = 25\n",
        "[profile.per-vu-iterations]\nvus = 8\niterations = 25\n",
    ] {
        let seen = meddle(profile, 200, |_, binary| binary.kill_one());
        assert_eq!(seen.made.deaths, 1, "{profile}");
        assert_eq!(seen.jobs(0), (0..200).collect::<Vec<_>>(), "{profile}: every job has its result");
        assert!(seen.evidence.jobs.iter().all(|job| job.outcome == Outcome::Ok), "{profile}");
        seen.assert_conserved();
        // A job that is delivered again may be billed again: that is what keys are for.
        let broken: Vec<&str> = seen.broken().into_iter().filter(|name| *name != "billed-once").collect();
        assert_eq!(broken, Vec::<&str>::new(), "{profile}: {}", seen.story());
        // Attempts that went down with it are in the history, with an end that is not known.
        let sent: BTreeSet<_> = seen.evidence.attempts.iter().map(|a| (a.job, a.n)).collect();
        assert_eq!(sent.len(), seen.evidence.attempts.len(), "no attempt has the number of another");
        let lost = seen.evidence.attempts.iter().filter(|a| a.outcome == Outcome::Unknown).count();
        assert!(lost <= 40, "{lost} attempts went down with it");
    }
}

#[test]
fn what_a_killed_process_kept_for_itself_is_neither_lost_nor_spent_twice() {
    let load = "[profile.shared-iterations]\nvus = 6\niterations = 90\n";
    let budget = "[strategy.budgeted]\npermits = 6\nmax_tokens = 1800\nprocesses = 3\n";
    for strategy in ["[strategy.thread-pool]\nworkers = 6\nprocesses = 3\n", budget] {
        let seen = meddle_with(&format!("{load}{strategy}"), 40, |_, binary| binary.kill_one());
        assert_eq!(seen.made.deaths, 1);
        assert_eq!(seen.jobs(0), (0..90).collect::<Vec<_>>(), "{strategy}");
        let broken: Vec<&str> = seen.broken().into_iter().filter(|name| *name != "billed-once").collect();
        assert_eq!(broken, Vec::<&str>::new(), "{strategy}: {}", seen.story());
        if strategy == budget {
            assert_eq!(seen.verdict(Invariant::BudgetKept).verdict, Verdict::Holds);
            let refused = seen.evidence.jobs.iter().filter(|job| job.end == JobEnd::OverBudget);
            assert!(refused.count() > 0, "its successor does not know what is left");
        }
    }
}

#[test]
fn a_run_leaves_no_process_behind() {
    let leaves_none = |profile: &str, stop: &Arc<Stop>| {
        let binary = Binary::new();
        let strategy = "[strategy.semaphore]\npermits = 4\nprocesses = 2\n";
        let plan = plan(&format!("{SMALL}{profile}{strategy}"), &[]);
        let seen = run_beside(&plan, &right, stop, &Arc::default(), binary.setup());
        assert_eq!(binary.workers(), []);
        seen
    };
    leaves_none("[profile.shared-iterations]\nvus = 4\niterations = 8\n", &Arc::default()).assert_clean();
    let stop = Arc::new(Stop::default());
    stop.stop(StopCause::Interrupted);
    leaves_none("[profile.barrier]\nsize = 4\n", &stop).assert_conserved();
}
