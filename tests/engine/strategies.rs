//! Each strategy end to end over real sockets: clean under faults, and what it promises besides.

use crate::live;

use deadheat::engine::{Stop, StopCause};
use deadheat::history::{JobEnd, LedgerRow, Outcome};
use deadheat::shared::Progress;
use deadheat::strategy::*;
use deadheat::summary::{Invariant, Verdict};
use live::{Run, plan, right, run, run_until, run_watched};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::thread::ThreadId;
use std::time::Duration;

const LOAD: &str = r#"
[workload]
prompt_tokens = { uniform = [10, 900] }
output_tokens = { uniform = [3, 9] }
[profile.shared-iterations]
vus = 6
iterations = 24
[retry]
max_attempts = 3
transport = false
backoff = { exponential = { base = "2ms", cap = "20ms", jitter = "full" } }
"#;

const FAULTS: &str = r#"
[[fault]]
kind.rate-limit = { retry_after = "40ms", hint = "milliseconds" }
when = { jobs = [2, 8] }
[[fault]]
kind.status = { code = 503 }
when = { jobs = [4, 12], attempts = [1, 2] }
[[fault]]
kind.reset-after-accept = {}
when = { jobs = [16] }
[[fault]]
kind.cut-stream = { after = 0.5 }
when = { jobs = [20] }
[[fault]]
kind.slow = { by = "30ms" }
when = { every = 5 }
"#;

/// The scenario with this strategy, and what is set beside it.
fn made(strategy: &str, rest: &str, set: &[(&str, &str)]) -> Run {
    run(&plan(&format!("{LOAD}[strategy.{strategy}\n{rest}"), set), &right)
}

/// Everything holds under faults, with three seeds; returns the last run.
fn clean(strategy: &str, set: &[(&str, &str)]) -> Run {
    let runs = ["1", "2", "3"].map(|seed| {
        let set: Vec<_> = set.iter().copied().chain([("seed", seed), ("threads", "2")]).collect();
        let seen = made(strategy, FAULTS, &set);
        seen.assert_clean();
        seen
    });
    let [.., last] = runs;
    last
}

fn billed(row: &LedgerRow) -> u64 {
    row.billed_prompt_tokens + row.billed_completion_tokens
}

fn all_billed(seen: &Run) -> u64 {
    seen.evidence.ledger.iter().map(billed).sum()
}

#[test]
fn every_strategy_is_clean_under_faults() {
    for strategy in [
        "semaphore]\npermits = 4",
        "thread-pool]\nworkers = 4",
        "single-flight]\npermits = 4",
        "token-bucket]\nrate = 300\nburst = 3",
        "adaptive]\nmax = 8",
        "adaptive]\nrule = \"gradient\"\nmax = 8",
        "hedged]\npermits = 4\nafter = \"15ms\"",
        "budgeted]\npermits = 4\nmax_tokens = 1000000",
    ] {
        clean(strategy, &[]);
    }
}

#[test]
fn retry_budget_and_breaker_are_clean_beside_a_strategy() {
    let set = [
        ("retry.budget", "{ ratio = 0.1, reserve = 3 }"),
        ("retry.breaker", "{ failures = 2, open = \"50ms\" }"),
    ];
    clean("semaphore]\npermits = 4", &set);
    clean("hedged]\npermits = 4\nafter = \"15ms\"", &set);
    clean("thread-pool]\nworkers = 4", &set);
}

#[test]
fn one_answer_serves_all_who_ask_the_same() {
    let seen = clean("single-flight]\npermits = 4", &[("workload.repeats", "4")]);
    let mut unanswered: BTreeMap<u64, u64> = BTreeMap::new();
    for job in seen.evidence.jobs.iter().filter(|job| job.outcome != Outcome::Ok) {
        *unanswered.entry(job.job.index / 4).or_default() += 1;
    }
    // A question whose outcome is not known is not asked again, so that it cannot be billed twice. It is
    // one of the two whose leader may meet a fault, and fails whole.
    let lost = unanswered.iter().all(|(question, jobs)| [4, 5].contains(question) && *jobs == 4);
    assert!(lost, "{unanswered:?} {}", seen.story());
    let again = clean(
        "single-flight]\npermits = 4",
        &[("workload.repeats", "4"), ("retry.transport", "true"), ("target.mock.idempotency", "true")],
    );
    assert!(again.evidence.jobs.iter().all(|job| job.outcome == Outcome::Ok), "{}", again.story());
    let quiet = made("single-flight]\npermits = 4", "", &[("workload.repeats", "4")]);
    quiet.assert_clean();
    let bills: Vec<_> = quiet.evidence.ledger.iter().filter(|row| billed(row) > 0).collect();
    assert_eq!((quiet.evidence.ledger.len(), bills.len()), (6, 6), "{}", quiet.story());
    let mut answers: BTreeMap<u64, BTreeSet<_>> = BTreeMap::new();
    for job in &quiet.evidence.jobs {
        assert_eq!((job.outcome, job.end), (Outcome::Ok, JobEnd::Answered));
        answers.entry(job.job.index / 4).or_default().insert((job.answer, job.text_hash));
    }
    assert!(answers.len() == 6 && answers.values().all(|one| one.len() == 1), "{answers:?}");
    let apart = made("semaphore]\npermits = 4", "", &[("workload.repeats", "4")]);
    assert_eq!(apart.evidence.ledger.len(), 24);
}

#[test]
fn a_leader_who_fails_passes_the_lead_on() {
    let refused = "[[fault]]\nkind.status = { code = 400 }\nwhen = { jobs = [0, 1], attempts = [1] }\n\
         [[fault]]\nkind.slow = { by = \"30ms\" }\n";
    let set = [("workload.repeats", "4"), ("profile.shared-iterations.iterations", "4")];
    let seen = made("single-flight]\npermits = 4", refused, &set);
    let mut ends: Vec<_> = seen.evidence.jobs.iter().map(|job| job.end).collect();
    ends.sort_by_key(|end| *end == JobEnd::Answered);
    assert_eq!(seen.broken(), Vec::<&str>::new(), "{}", seen.story());
    assert!(ends[2..].iter().all(|end| *end == JobEnd::Answered), "{ends:?}");
    assert_eq!(seen.evidence.ledger.iter().filter(|row| row.status == Some(200)).count(), 1);
}

#[test]
fn a_bucket_keeps_its_rate_as_the_ledger_saw_it() {
    let seen = made("token-bucket]\nrate = 100\nburst = 4", FAULTS, &[]);
    let mut arrivals: Vec<u64> = seen.evidence.ledger.iter().map(|row| row.arrived_ns).collect();
    arrivals.sort_unstable();
    assert!(arrivals.len() > 24, "retries are among them");
    // Whatever the window, the burst and one per 10 ms; and how late an arrival may be here.
    let late_ns = 25_000_000;
    for (at, from) in arrivals.iter().enumerate() {
        for (n, to) in (1u64..).zip(&arrivals[at..]) {
            let allowed = 4 + (to - from + late_ns) / 10_000_000;
            assert!(n <= allowed, "{n} attempts in {} ns", to - from);
        }
    }
}

#[test]
fn an_adaptive_limit_comes_down_to_what_the_provider_takes() {
    let set = [
        ("target.mock.limits", "{ max_in_flight = 3, max_queue = 0 }"),
        ("profile.shared-iterations", "{ vus = 32, iterations = 240 }"),
        ("retry.backoff", "{ exponential = { base = \"60ms\", cap = \"120ms\", jitter = \"full\" } }"),
        ("retry.max_attempts", "20"),
        ("retry.deadline", "\"60s\""),
    ];
    let refusals = |strategy| {
        let seen = made(strategy, "", &set);
        assert_eq!(seen.broken(), Vec::<&str>::new(), "{}", seen.story());
        let mut rows: Vec<_> = seen.evidence.ledger.iter().collect();
        rows.sort_by_key(|row| row.arrived_ns);
        let refused = |rows: &[&LedgerRow]| rows.iter().filter(|row| row.status == Some(503)).count();
        let (early, late) = rows.split_at(rows.len() / 2);
        (refused(early), refused(late), rows.len())
    };
    let (early, late, all) = refusals("adaptive]\nmax = 32");
    assert!(late < early, "{early} refused in the first half, {late} in the second, of {all}");
    let (_, stubborn, wasted) = refusals("semaphore]\npermits = 16");
    assert!(
        late < stubborn && all < wasted,
        "{late} of {all} refused late; without a limit {stubborn} of {wasted}"
    );
}

#[test]
fn a_hedge_cuts_the_tail_and_pays_for_it() {
    let slow = "[[fault]]\nkind.slow = { by = \"400ms\" }\nwhen = { every = 10 }\n";
    let set = [("profile.shared-iterations", "{ vus = 4, iterations = 40 }")];
    let slowest = |seen: &Run| seen.evidence.jobs.iter().map(|job| job.done_ns - job.due_ns).max();
    let plain = made("semaphore]\npermits = 12", slow, &set);
    let hedged = made("hedged]\npermits = 12\nafter = \"60ms\"", slow, &set);
    plain.assert_clean();
    hedged.assert_clean();
    assert!(slowest(&hedged) < slowest(&plain), "{:?} of {:?}", slowest(&hedged), slowest(&plain));
    assert_eq!(plain.evidence.ledger.len(), 40);
    let second = hedged.evidence.ledger.iter().filter(|row| row.attempt == 2).count();
    assert!(second >= 4 && hedged.evidence.ledger.len() == 40 + second, "{second} hedges");
    assert!(all_billed(&hedged) > all_billed(&plain), "what loses is paid for too");
    let alone = made("hedged]\npermits = 12\nafter = \"1ms\"", "", &[("retry.max_attempts", "1")]);
    assert_eq!(alone.evidence.ledger.len(), 24, "one attempt per job leaves none for a hedge");
}

#[test]
fn a_key_makes_it_safe_to_repeat_what_may_have_been_accepted() {
    let resets = "[[fault]]\nkind.reset-after-accept = {}\nwhen = { every = 4 }\n";
    let honoured = [("target.mock.idempotency", "true")];
    for seed in ["1", "2", "3"] {
        let seen = made("idempotent]\npermits = 4", resets, &[honoured[0], ("seed", seed)]);
        seen.assert_clean();
        assert!(seen.evidence.jobs.iter().all(|job| job.outcome == Outcome::Ok), "{}", seen.story());
        let mut bills: BTreeMap<String, u32> = BTreeMap::new();
        for row in seen.evidence.ledger.iter().filter(|row| billed(row) > 0) {
            *bills.entry(format!("{:?}", row.job)).or_default() += 1;
        }
        assert!(bills.len() == 24 && bills.values().all(|n| *n == 1), "{bills:?}");
        assert_eq!(seen.evidence.ledger.iter().filter(|row| row.replayed).count(), 6);
        let keys: BTreeSet<_> = seen.evidence.ledger.iter().map(|row| row.idempotency_key).collect();
        assert!(keys.len() == 24 && !keys.contains(&None), "{keys:?}");
    }
    let deaf = made("idempotent]\npermits = 4", resets, &[]);
    assert_eq!(deaf.broken(), [Invariant::BilledOnce.name()], "a provider that does not look at the key");
}

#[test]
fn a_budget_is_never_passed_whatever_comes_at_once() {
    for seed in 0..20 {
        let seed = seed.to_string();
        let text = format!(
            "{}[strategy.budgeted]\npermits = 16\nmax_tokens = 4000\n{FAULTS}",
            LOAD.replace("shared-iterations]\nvus = 6\niterations = 24", "barrier]\nsize = 16\nrounds = 2")
        );
        let seen = run(&plan(&text, &[("seed", &seed)]), &right);
        let spent = all_billed(&seen);
        assert!(spent <= 4000, "{spent} tokens, seed {seed}");
        assert!(spent > 2000, "{spent} tokens, seed {seed}: room that was not used");
        assert_eq!(seen.broken(), Vec::<&str>::new(), "{}", seen.story());
        assert_eq!(seen.verdict(Invariant::BudgetKept).verdict, Verdict::Holds);
        assert!(seen.made.stopped.is_none(), "a budget of its own stops no run");
        assert_eq!(seen.evidence.jobs.len(), 32);
        assert!(seen.evidence.jobs.iter().any(|job| job.end == JobEnd::OverBudget), "{}", seen.story());
    }
}

/// Notes on which threads a pool makes its attempts.
struct Watched(Arc<dyn Strategy>, Arc<Mutex<BTreeMap<String, u32>>>);

struct WatchedHands<'a>(Rc<dyn Hands + 'a>, Arc<Mutex<BTreeMap<String, u32>>>);

impl Strategy for Watched {
    fn run<'a>(&'a self, task: Task, hands: Rc<dyn Hands + 'a>) -> LocalFuture<'a, ()> {
        self.0.run(task, Rc::new(WatchedHands(hands, self.1.clone())))
    }

    fn books(&self) -> Books {
        self.0.books()
    }
}

impl Hands for WatchedHands<'_> {
    fn now(&self) -> Duration {
        self.0.now()
    }

    fn attempt<'a>(&'a self, _: &'a Task, _: Call<'a>) -> LocalFuture<'a, Answer> {
        unreachable!("a pool makes its attempts on threads")
    }

    fn blocking<'a>(&'a self, task: &'a Task, call: Call<'a>) -> Blocking<'a> {
        let Blocking { run, recorded } = self.0.blocking(task, call);
        let (seen, engine) = (self.1.clone(), std::thread::current().id());
        let run = run.expect("threads in real time");
        let watched = move || {
            let here: ThreadId = std::thread::current().id();
            assert_ne!(here, engine, "an attempt blocked the engine");
            *seen.lock().expect("no panic").entry(format!("{here:?}")).or_default() += 1;
            run()
        };
        Blocking { run: Some(Box::new(watched)), recorded }
    }

    fn wait_until(&self, until: Duration) -> LocalFuture<'_, bool> {
        self.0.wait_until(until)
    }

    fn stopped(&self) -> LocalFuture<'_, ()> {
        self.0.stopped()
    }

    fn record(&self, task: &Task, answer: &Answer, end: JobEnd, attempts: u32) {
        self.0.record(task, answer, end, attempts);
    }

    fn cannot_work(&self, why: String) {
        self.0.cannot_work(why);
    }

    // A pool books for itself.
    fn count(&self, _: &Task, _: &Answer) {}

    fn draw(&self, task: &Task, n: u32) -> f64 {
        self.0.draw(task, n)
    }

    fn reserve(&self, task: &Task) -> bool {
        self.0.reserve(task)
    }
}

#[test]
fn a_pool_calls_from_its_threads_and_keeps_its_own_books() {
    let seen = Arc::new(Mutex::new(BTreeMap::new()));
    let scenario = format!("{LOAD}[strategy.thread-pool]\nworkers = 3\n{FAULTS}");
    let made =
        run(&plan(&scenario, &[]), &|strategy, plan| Arc::new(Watched(right(strategy, plan), seen.clone())));
    made.assert_clean();
    let threads = seen.lock().expect("no panic");
    assert_eq!(threads.len(), 3, "{threads:?}");
    assert_eq!(threads.values().sum::<u32>() as usize, made.evidence.ledger.len());
    assert_eq!(made.made.claims[0].requests as usize, made.evidence.ledger.len());
}

#[test]
fn a_pool_that_is_stopped_loses_nothing() {
    let text = format!(
        "{}[strategy.thread-pool]\nworkers = 2\n[[fault]]\nkind.slow = {{ by = \"20ms\" }}\n",
        LOAD.replace("vus = 6\niterations = 24", "vus = 12\niterations = 400")
    );
    let (stop, progress) = (Arc::new(Stop::default()), Arc::new(Progress::default()));
    let stopper = {
        let (stop, progress) = (stop.clone(), progress.clone());
        std::thread::spawn(move || {
            while progress.read().attempts < 6 {
                std::thread::yield_now();
            }
            stop.stop(StopCause::Interrupted);
        })
    };
    let seen = run_watched(&plan(&text, &[]), &right, &stop, &progress);
    stopper.join().expect("a stopper");
    assert_eq!(seen.broken(), Vec::<&str>::new(), "{}", seen.story());
    seen.assert_conserved();
    let issued = seen.evidence.cells[0].issued as usize;
    assert!(issued < 400 && seen.evidence.jobs.len() == issued, "{issued} issued");
    // Those that wait for a thread are not sent any more.
    assert!(seen.evidence.ledger.len() <= issued, "{} attempts", seen.evidence.ledger.len());
    assert!(seen.evidence.jobs.iter().any(|job| job.end == JobEnd::Cancelled));
}

#[test]
fn what_waits_for_a_thread_sets_no_money_aside() {
    // Two answers of ten tokens, and refusals that cost nothing: there is room for three attempts at once.
    let refused: Vec<String> = (0..22).map(|job| job.to_string()).collect();
    let text = format!(
        "{LOAD}[strategy.thread-pool]\nworkers = 1\n[budget]\nmax_tokens = 30\n[[fault]]\n\
         kind.status = {{ code = 400 }}\nwhen = {{ jobs = [{}] }}\n",
        refused.join(", ")
    );
    let set = [("workload.prompt_tokens", "6"), ("workload.output_tokens", "4")];
    let seen = run_until(&plan(&text, &set), &right, &Arc::new(Stop::default()));
    assert!(seen.made.stopped.is_none(), "{:?}", seen.made.stopped);
    assert_eq!((seen.evidence.ledger.len(), all_billed(&seen)), (24, 20));
}
