//! How runs of the engine end: whole, stopped, out of time, out of budget, with a client that misbehaves.

use deadheat::clock::Clock;
use deadheat::engine::{self, BuildContext, BuildStrategy, LoadReport, Stop, StopCause};
use deadheat::history::{NotIssued, RunDir};
use deadheat::mock::{MockConfig, Server};
use deadheat::plan::{Plan, Source};
use deadheat::provider::Endpoint;
use deadheat::scenario;
use deadheat::shared::Progress;
use deadheat::strategy::{self, Hands, LocalFuture, Strategy, Task};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

const MOCK: &str = r#"
    version = 1
    name = "ends"
    seed = 1
    [target.mock]
    api = "openai-chat"
    model = "m"
    latency = { ttft = { constant = "50ms" }, itl = { constant = "0ms" } }
    [workload]
    jobs = 1000
    prompt_tokens = 5
    output_tokens = 5
    stream = false
    [strategy.unbounded]
"#;

/// A run in progress, as those see it who can stop it.
struct Outside {
    stop: Arc<Stop>,
    progress: Arc<Progress>,
}

impl Outside {
    fn new() -> Self {
        Self { stop: Arc::default(), progress: Arc::default() }
    }
}

fn plan(text: &str) -> Arc<Plan> {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("s.toml");
    std::fs::write(&path, text).expect("written");
    let source = Source::read(&path).expect("readable");
    Arc::new(scenario::load(&source, &[], &|_| None).unwrap_or_else(|faults| panic!("{faults:?}")))
}

fn run(plan: &Arc<Plan>, url: Option<&str>, strategies: &BuildStrategy<'_>, outside: &Outside) -> LoadReport {
    let clock = Clock::start();
    let dir = tempfile::tempdir().expect("a directory");
    let evidence = RunDir::create_at(&dir.path().join("run")).expect("a place");
    let history = evidence.history_writer().expect("a writer");
    let target = &plan.targets[0];
    let server = MockConfig::of(plan, target).map(|config| Server::start(config, clock).expect("a server"));
    let base_url = server.as_ref().map_or_else(|| url.expect("a URL").to_owned(), Server::base_url);
    let endpoint = Endpoint::of(plan, target, base_url);
    let made = engine::run(engine::EngineConfig {
        plan: plan.clone(),
        clock,
        endpoints: vec![endpoint],
        strategies,
        history: history.sender(),
        stop: outside.stop.clone(),
        workers: engine::WorkerSetup {
            program: env!("CARGO_BIN_EXE_deadheat").into(),
            prefix: "test:".to_owned(),
            ..engine::WorkerSetup::default()
        },
        progress: outside.progress.clone(),
    })
    .expect("load");
    for cell in &made.cells {
        assert_eq!(cell.planned, cell.issued + cell.not_issued.values().sum::<u64>(), "{cell:?}");
    }
    made
}

fn leaves_no_job_behind(outside: &Outside) {
    let seen = outside.progress.read();
    assert_eq!(seen.jobs_begun, seen.jobs_ended);
}

fn own(plan: &Plan) -> impl Fn(&strategy::StrategyPlan, BuildContext<'_>) -> Arc<dyn Strategy> + '_ {
    |strategy, _| strategy.build(&plan.retry, &strategy::ProcessContext::default())
}

#[test]
fn arrivals_that_queue_for_room_are_given_up_with_the_grace_and_not_cancelled_after_it() {
    let profile = r#"
        [profile.constant-arrival-rate]
        rate = 100
        duration = "200ms"
        max_in_flight = 1
        on_saturation = "queue"
        graceful_stop = "100ms"
    "#;
    let plan = plan(&format!("{MOCK}{profile}"));
    let made = run(&plan, None, &own(&plan), &Outside::new());
    let cell = &made.cells[0];
    // Twenty jobs of 50 ms in turn would take a second.
    assert!(cell.planned == 20 && (1..=8).contains(&cell.issued), "{cell:?}");
    assert_eq!(cell.not_issued.get(&NotIssued::TimeUp), Some(&(20 - cell.issued)));
    assert_eq!(made.stopped, None);
}

#[test]
fn a_stop_between_or_within_barrier_rounds_ends_the_run() {
    let profile = r#"
        [profile.barrier]
        size = 8
        rounds = 1000
        graceful_stop = "5s"
    "#;
    let plan = plan(&format!("{MOCK}{profile}").replace("jobs = 1000", "").replace("50ms", "1ms"));
    for after in [16, 19] {
        let (outside, over) = (Outside::new(), AtomicBool::new(false));
        let made = std::thread::scope(|scope| {
            scope.spawn(|| {
                while outside.progress.read().jobs_ended < after && !over.load(SeqCst) {
                    std::thread::yield_now();
                }
                outside.stop.stop(StopCause::Interrupted);
            });
            let made = run(&plan, None, &own(&plan), &outside);
            over.store(true, SeqCst);
            made
        });
        leaves_no_job_behind(&outside);
        assert_eq!(made.stopped, Some(StopCause::Interrupted));
        assert!((after..8000).contains(&made.cells[0].issued), "{:?}", made.cells[0]);
        assert!(made.cells[0].not_issued.contains_key(&NotIssued::Interrupted));
    }
}

/// Never returns for job 1, panics for job 2, and does nothing for the rest.
struct Unruly;

impl Strategy for Unruly {
    fn run<'a>(&'a self, task: Task, _: Rc<dyn Hands + 'a>) -> LocalFuture<'a, ()> {
        Box::pin(async move {
            match task.job.index {
                1 => std::future::pending().await,
                2 => panic!("planted"),
                _ => {}
            }
        })
    }
}

#[test]
fn a_client_that_hangs_or_panics_is_given_up_and_leaves_no_job_in_progress() {
    let profile = r#"
        [profile.constant-arrival-rate]
        rate = 100
        duration = "50ms"
        graceful_stop = "10ms"
    "#;
    let plan = plan(&format!("{MOCK}{profile}"));
    let outside = Outside::new();
    let made = run(&plan, None, &|_, _| Arc::new(Unruly), &outside);
    leaves_no_job_behind(&outside);
    assert_eq!((made.cells[0].issued, made.stopped), (5, None));
}

#[test]
fn a_client_that_is_stuck_is_stopped() {
    let profile = r#"
        [declared]
        progress = "200ms"
        [profile.constant-arrival-rate]
        rate = 100
        duration = "50ms"
        graceful_stop = "1h"
    "#;
    let plan = plan(&format!("{MOCK}{profile}"));
    let made = run(&plan, None, &|_, _| Arc::new(Unruly), &Outside::new());
    assert!(made.cells[0].stuck_since_ns.is_some());
}

#[test]
fn a_client_that_is_stuck_takes_no_other_cell_with_it() {
    let profile = r#"
        [declared]
        progress = "200ms"
        [profile.shared-iterations]
        vus = 4
        iterations = 20
        graceful_stop = "60s"
        [strategy.semaphore]
        permits = 3
    "#;
    let plan =
        plan(&format!("blocks = 2\n{MOCK}{profile}").replace("jobs = 1000", "").replace("50ms", "1ms"));
    let outside = Outside::new();
    let build = |strategy: &strategy::StrategyPlan, berth: BuildContext<'_>| -> Arc<dyn Strategy> {
        if strategy.name() == "unbounded" { Arc::new(Unruly) } else { own(&plan)(strategy, berth) }
    };
    let made = run(&plan, None, &build, &outside);
    leaves_no_job_behind(&outside);
    let [bad, good] = &made.cells[..] else { panic!("two cells: {:?}", made.cells) };
    assert_eq!(made.stopped, None, "one deadlock is not the end of the run");
    // Only the first of its two blocks was begun.
    assert!(bad.stuck_since_ns.is_some() && bad.issued <= 10, "{bad:?}");
    assert_eq!(bad.not_issued.get(&NotIssued::Interrupted), Some(&(20 - bad.issued)));
    assert_eq!((good.issued, good.stuck_since_ns), (20, None));
}

#[test]
fn what_never_left_costs_no_budget() {
    let port =
        std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("bound").port();
    let url = format!("http://127.0.0.1:{port}/v1");
    let text = MOCK.replace("latency = { ttft = { constant = \"50ms\" }, itl = { constant = \"0ms\" } }", "");
    let text = text.replace("[workload]", &format!("url = \"{url}\"\n[workload]"));
    let profile = r#"
        [budget]
        max_requests = 5
        [profile.shared-iterations]
        vus = 2
        iterations = 20
    "#;
    let plan = plan(&format!("{text}{profile}"));
    let made = run(&plan, Some(&url), &own(&plan), &Outside::new());
    assert_eq!((made.cells[0].issued, made.stopped), (20, None), "nothing was sent, so nothing was spent");
}
