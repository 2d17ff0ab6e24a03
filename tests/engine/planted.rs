//! A planted bug for every invariant, end to end over real sockets; beside each, the right client under
//! the same faults is not accused.

use crate::live;

use deadheat::history::JobEnd;
use deadheat::plan::Plan;
use deadheat::strategy::*;
use deadheat::strategy::{Backoff, Retry, StrategyPlan};
use deadheat::summary::{Invariant, Verdict};
use live::bent::{Bent, Bug};
use live::{Build, Run, plan, right, run};
use std::rc::Rc;
use std::sync::{Arc, Mutex};

/// Twelve jobs for four workers, each tried up to three times.
const LOAD: &str = r#"
[workload]
# From so wide a range that no two jobs are alike: one lost answer can be named.
prompt_tokens = { uniform = [10, 900] }
output_tokens = { uniform = [3, 9] }
[profile.shared-iterations]
vus = 4
iterations = 12
[strategy.semaphore]
permits = 3
[retry]
max_attempts = 3
transport = false
backoff = { fixed = { wait = "3ms" } }
"#;

const UNAVAILABLE: &str = "[[fault]]\nkind.status = { code = 503 }\nwhen = { jobs = [3] }\n";
const FORBIDDEN: &str = "[[fault]]\nkind.status = { code = 400 }\nwhen = { jobs = [4] }\n";
const NO_QUOTA: &str = "[[fault]]\nkind.quota-exhausted = {}\nwhen = { jobs = [4] }\n";
const HINT: &str = "[[fault]]\nkind.rate-limit = { retry_after = \"150ms\", hint = \"milliseconds\" }\n\
     when = { jobs = [5] }\n";
const RESET: &str = "[[fault]]\nkind.reset-after-accept = {}\nwhen = { jobs = [6] }\n";
const CUT: &str = "[[fault]]\nkind.cut-stream = { after = 0.5 }\nwhen = { jobs = [7] }\n";

/// Runs the client that `build` makes, which must break exactly `broken`; then the right one, which must
/// break nothing. Returns the first.
fn convict(faults: &str, set: &[(&str, &str)], build: Build<'_>, broken: &[Invariant]) -> Run {
    let scenario = format!("{LOAD}{faults}");
    let bad = run(&plan(&scenario, set), build);
    let names: Vec<&str> = broken.iter().map(|invariant| invariant.name()).collect();
    assert_eq!(bad.broken(), names, "{}", bad.story());
    assert_eq!(bad.summary.exit_code, 6, "{}", bad.story());
    run(&plan(&scenario, &[]), &right).assert_clean();
    bad
}

/// The witness against the first client: its sentence holds `says`, and it names exactly these jobs.
fn witness(bad: &Run, invariant: Invariant, says: &str, jobs: &[&str]) {
    let row = bad.verdict(invariant);
    let witness = row.witness.as_ref().expect("a broken rule has a witness");
    assert!(witness.text.contains(says), "{}", witness.text);
    let named: Vec<String> = witness.jobs.iter().map(ToString::to_string).collect();
    assert_eq!(named, jobs, "{}", witness.text);
    assert!(row.violations > 0 && row.violations <= row.relevant, "{row:?}");
}

/// The right client with bent hands.
fn bend(bug: impl Fn() -> Bug) -> impl Fn(&StrategyPlan, &Plan) -> Arc<dyn Strategy> {
    move |strategy, plan| Arc::new(Bent { inner: right(strategy, plan), bug: bug() })
}

/// The right client with another retry policy than it declares.
fn retrying(change: impl Fn(&mut Retry)) -> impl Fn(&StrategyPlan, &Plan) -> Arc<dyn Strategy> {
    move |strategy, plan| {
        let mut retry = plan.retry.clone();
        change(&mut retry);
        strategy.build(&retry, &ProcessContext::default())
    }
}

/// A client written by hand.
struct Client<F>(PermitQueue, F);

impl<F> Strategy for Client<F>
where
    F: for<'a> Fn(&'a PermitQueue, Task, Rc<dyn Hands + 'a>) -> LocalFuture<'a, ()> + Send + Sync,
{
    fn run<'a>(&'a self, task: Task, hands: Rc<dyn Hands + 'a>) -> LocalFuture<'a, ()> {
        (self.1)(&self.0, task, hands)
    }
}

fn client<F>(permits: u32, run: F) -> Arc<dyn Strategy>
where
    F: for<'a> Fn(&'a PermitQueue, Task, Rc<dyn Hands + 'a>) -> LocalFuture<'a, ()> + Send + Sync + 'static,
{
    Arc::new(Client(PermitQueue::new(permits), run))
}

#[test]
fn retrying_what_was_accepted_is_billed_twice() {
    let bad = convict(RESET, &[], &retrying(|retry| retry.transport = true), &[Invariant::BilledOnce]);
    witness(&bad, Invariant::BilledOnce, "billed twice", &["job:0006"]);
}

#[test]
fn asking_again_after_an_answer_is_billed_twice() {
    let build: Build<'_> = &|_, _| {
        client(3, |permits, task, hands| {
            Box::pin(async move {
                let _permit = Permit::acquire(permits).await;
                let again = u32::from(task.job.index == 2);
                let mut last = hands.attempt(&task, Call::new(1, task.due)).await;
                hands.count(&task, &last);
                if again == 1 {
                    last = hands.attempt(&task, Call::new(2, hands.now())).await;
                    hands.count(&task, &last);
                }
                hands.record(&task, &last, JobEnd::Answered, 1 + again);
            })
        })
    };
    let bad = convict("", &[], build, &[Invariant::BilledOnce]);
    witness(&bad, Invariant::BilledOnce, "attempt 2", &["job:0002"]);
}

#[test]
fn trying_more_often_than_declared_is_found() {
    let stubborn = UNAVAILABLE.replace("[3]", "[3], attempts = [1, 2, 3, 4]");
    let bad = convict(&stubborn, &[], &retrying(|r| r.max_attempts = 9), &[Invariant::AttemptsCapped]);
    witness(&bad, Invariant::AttemptsCapped, "5 attempts; the declared most is 3", &["job:0003"]);
}

#[test]
fn coming_back_before_the_hint_is_found() {
    let hasty = |retry: &mut Retry| {
        retry.respect_retry_after = false;
        retry.backoff = Backoff::None;
    };
    let bad = convict(HINT, &[], &retrying(hasty), &[Invariant::RetryAfterRespected]);
    witness(&bad, Invariant::RetryAfterRespected, "asked for a wait of 150ms", &["job:0005"]);
}

#[test]
fn a_scenario_that_ignores_hints_is_no_excuse() {
    let set = [("retry.respect_retry_after", "false")];
    convict(HINT, &set, &right, &[Invariant::RetryAfterRespected]);
}

#[test]
fn retrying_what_is_forbidden_is_found() {
    for (faults, status) in [(FORBIDDEN, "400"), (NO_QUOTA, "429")] {
        let bad = convict(faults, &[], &bend(|| Bug::DeafToRefusals), &[Invariant::NoRetryWhenPermanent]);
        witness(&bad, Invariant::NoRetryWhenPermanent, status, &["job:0004"]);
    }
}

#[test]
fn an_unbounded_client_breaks_its_declared_cap() {
    let build: Build<'_> = &|_, plan| Arc::new(Unbounded::new(RetryPolicy::new(plan.retry.clone())));
    let bad = convict("", &[], build, &[Invariant::InFlightCapped]);
    let text = &bad.verdict(Invariant::InFlightCapped).witness.as_ref().expect("a witness").text;
    assert!(text.starts_with("4 attempts in flight") && text.contains("allows 3"), "{text}");
}

/// Acquires, and loses the permit when the attempt fails.
fn leaky(heeds_stop: bool) -> Arc<dyn Strategy> {
    client(1, move |permits, task, hands| {
        Box::pin(async move {
            let stopped =
                async { if heeds_stop { hands.stopped().await } else { std::future::pending().await } };
            let permit = tokio::select! {
                permit = Permit::acquire(permits) => permit,
                () = stopped => {
                    return hands.record(&task, &Answer::not_sent(hands.now()), JobEnd::Cancelled, 0);
                }
            };
            let answer = hands.attempt(&task, Call::new(1, task.due)).await;
            hands.count(&task, &answer);
            if answer.error.is_some() {
                std::mem::forget(permit);
                hands.record(&task, &answer, JobEnd::Permanent, 1);
            } else {
                drop(permit);
                hands.record(&task, &answer, JobEnd::Answered, 1);
            }
        })
    })
}

#[test]
fn a_leaked_permit_ends_the_cell_and_is_found() {
    let set = [("declared.progress", "300ms"), ("strategy.semaphore.permits", "1")];
    let bad = convict(FORBIDDEN, &set, &|_, _| leaky(true), &[Invariant::Progress]);
    let text = &bad.verdict(Invariant::Progress).witness.as_ref().expect("a witness").text;
    assert!(text.contains("nothing happened for") && text.contains("4 attempts pending"), "{text}");
    assert!(bad.made.cells[0].stuck_since_ns.is_some() && bad.made.stopped.is_none());
    bad.assert_conserved();
}

#[test]
fn a_deadlock_that_ignores_the_stop_is_given_up_and_found() {
    let set = [("declared.progress", "300ms"), ("strategy.semaphore.permits", "1")];
    let lost = [Invariant::Progress, Invariant::EveryJobAnswered, Invariant::OneResultPerJob];
    let bad = convict(FORBIDDEN, &set, &|_, _| leaky(false), &lost);
    witness(&bad, Invariant::Progress, "with 4 jobs in progress", &["job:0005"]);
    witness(&bad, Invariant::OneResultPerJob, "4 jobs that had been issued left no trace", &["job:0005"]);
}

#[test]
fn giving_up_too_early_is_found() {
    let build: Build<'_> = &|_, _| {
        client(3, |permits, task, hands| {
            Box::pin(async move {
                let _permit = Permit::acquire(permits).await;
                let answer = hands.attempt(&task, Call::new(1, task.due)).await;
                hands.count(&task, &answer);
                let end = if answer.error.is_none() { JobEnd::Answered } else { JobEnd::Exhausted };
                hands.record(&task, &answer, end, 1);
            })
        })
    };
    let bad = convict(UNAVAILABLE, &[], build, &[Invariant::EveryJobAnswered]);
    witness(&bad, Invariant::EveryJobAnswered, "exhausted after 1 attempt, though 3", &["job:0003"]);
}

/// Hands every job but one to the strategy inside.
struct Forgets(Arc<dyn Strategy>, u64);

impl Strategy for Forgets {
    fn run<'a>(&'a self, task: Task, hands: Rc<dyn Hands + 'a>) -> LocalFuture<'a, ()> {
        if task.job.index == self.1 { Box::pin(async {}) } else { self.0.run(task, hands) }
    }
}

#[test]
fn a_forgotten_job_is_found() {
    // A job without any trace has no result either: the two cannot come apart.
    let build: Build<'_> = &|strategy, plan| Arc::new(Forgets(right(strategy, plan), 8));
    let bad = convict("", &[], build, &[Invariant::EveryJobAnswered, Invariant::OneResultPerJob]);
    witness(&bad, Invariant::EveryJobAnswered, "neither an attempt nor a result", &["job:0008"]);
}

#[test]
fn wrong_counts_are_found() {
    let rule = Invariant::RequestsCounted;
    let bad = convict(UNAVAILABLE, &[], &bend(|| Bug::CountsSuccesses), &[rule]);
    witness(&bad, rule, "12 requests, 1 fewer than the 13", &[]);
    let bad = convict(UNAVAILABLE, &[], &bend(|| Bug::CountsTwice(1)), &[rule]);
    witness(&bad, rule, "14 requests, 1 more than the 13", &[]);
}

#[test]
fn wrong_tokens_are_found() {
    let rule = Invariant::TokensCounted;
    convict("", &[], &bend(|| Bug::BooksTokensTwice), &[rule]);
    let bad = convict("", &[], &bend(|| Bug::LosesTokens(9)), &[rule]);
    witness(&bad, rule, "fewer than the", &["job:0009"]);
}

#[test]
fn swapped_answers_are_found() {
    let rule = Invariant::AnswerMatchesJob;
    let bad = convict("", &[], &bend(|| Bug::Swaps(1, 10, Mutex::default())), &[rule]);
    assert_eq!(bad.verdict(rule).violations, 2);
    let jobs = &bad.verdict(rule).witness.as_ref().expect("a witness").jobs;
    let mut jobs: Vec<String> = jobs.iter().map(ToString::to_string).collect();
    jobs.sort_unstable();
    assert_eq!(jobs, ["job:0001", "job:0010"]);
}

#[test]
fn no_result_and_two_results_are_found() {
    let rule = Invariant::OneResultPerJob;
    let bad = convict("", &[], &bend(|| Bug::RecordsTwice(2)), &[rule]);
    witness(&bad, rule, "has 2 results", &["job:0002"]);
    let bad = convict("", &[], &bend(|| Bug::RecordsNone(2)), &[rule]);
    witness(&bad, rule, "has no result", &["job:0002"]);
}

#[test]
fn a_cut_text_is_found() {
    let bad = convict("", &[], &bend(|| Bug::CutsText(11)), &[Invariant::ContentIntact]);
    witness(&bad, Invariant::ContentIntact, "00000000deadbeef", &["job:0011"]);
}

#[test]
fn a_cut_stream_taken_for_ok_is_found() {
    // A job whose only answer was cut has not been answered: the two cannot come apart.
    let both = [Invariant::EveryJobAnswered, Invariant::StatusHonest];
    let bad = convict(CUT, &[], &bend(|| Bug::TakesAllForOk), &both);
    witness(&bad, Invariant::StatusHonest, "was cut short with status 200", &["job:0007"]);
}

#[test]
fn the_right_client_is_never_accused() {
    let faults = format!("{HINT}{UNAVAILABLE}{FORBIDDEN}{RESET}{CUT}").replace("150ms", "30ms");
    let random = "[[fault]]\nkind.status = { code = 529 }\nwhen = { probability = 0.2, attempts = [1, 2] }\n";
    for seed in 1..=10 {
        let (seed, stream) = (seed.to_string(), (seed % 2 == 0).to_string());
        let set = [("seed", seed.as_str()), ("workload.stream", stream.as_str())];
        let good = run(&plan(&format!("{LOAD}{faults}{random}"), &set), &right);
        good.assert_clean();
        let checked = good.summary.verdicts.iter().filter(|row| row.verdict == Verdict::Holds).count();
        assert!(checked >= 12, "seed {seed}: only {checked} rules were put to the test");
    }
}
