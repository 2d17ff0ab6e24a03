//! `redis-counter` and what dies around it: its books are right, or none.

use crate::live;
use crate::redis_support;

use deadheat::engine::{CellRedis, RedisServer, Stop, WorkerSetup};
use deadheat::history::{ErrorClass, JobEnd, JobId, Outcome};
use deadheat::plan::Plan;
use deadheat::shared::Progress;
use deadheat::strategy::redis::RedisClient;
use deadheat::strategy::*;
use deadheat::strategy::{Backoff, Jitter, Retry, StrategyPlan};
use deadheat::summary::{Invariant, Verdict};
use live::workers::Binary;
use live::{Run, plan, run_beside};
use redis_support::block_on;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

const PREFIX: &str = "test:0:";
const USAGE: ReportedTokens = ReportedTokens { prompt_tokens: 7, completion_tokens: 5 };

/// A delivery of one job, whose clock moves when it waits.
struct Delivery<'a> {
    now: Cell<Duration>,
    stopped: bool,
    waits: Cell<u32>,
    answers: RefCell<VecDeque<Answer>>,
    earlier: Option<Vec<Option<ReportedTokens>>>,
    no_room: bool,
    /// What happens while an attempt is under way.
    meanwhile: Box<dyn Fn() + 'a>,
    results: RefCell<Vec<(JobEnd, u32)>>,
}

impl Delivery<'_> {
    fn of(answers: Vec<Answer>) -> Self {
        Self {
            now: Cell::default(),
            stopped: false,
            waits: Cell::default(),
            answers: RefCell::new(answers.into()),
            earlier: None,
            no_room: false,
            meanwhile: Box::new(|| {}),
            results: RefCell::default(),
        }
    }
}

impl Hands for Delivery<'_> {
    fn now(&self) -> Duration {
        self.now.get()
    }

    fn earlier(&self) -> Option<&[Option<ReportedTokens>]> {
        self.earlier.as_deref()
    }

    fn attempt<'a>(&'a self, _: &'a Task, _: Call<'a>) -> LocalFuture<'a, Answer> {
        (self.meanwhile)();
        let next = self.answers.borrow_mut().pop_front();
        Box::pin(async move {
            match next {
                Some(answer) => answer,
                None => std::future::pending().await,
            }
        })
    }

    fn cannot_work(&self, why: String) {
        panic!("{why}");
    }

    fn blocking<'a>(&'a self, _: &'a Task, _: Call<'a>) -> Blocking<'a> {
        unreachable!("no thread makes attempts here")
    }

    fn wait_until(&self, until: Duration) -> LocalFuture<'_, bool> {
        self.waits.set(self.waits.get() + 1);
        self.now.set(self.now.get().max(until));
        Box::pin(std::future::ready(!self.stopped))
    }

    fn stopped(&self) -> LocalFuture<'_, ()> {
        Box::pin(std::future::pending())
    }

    fn record(&self, _: &Task, _: &Answer, end: JobEnd, attempts: u32) {
        self.results.borrow_mut().push((end, attempts));
    }

    fn count(&self, _: &Task, _: &Answer) {}

    fn draw(&self, _: &Task, _: u32) -> f64 {
        0.5
    }

    fn reserve(&self, _: &Task) -> bool {
        !self.no_room
    }
}

fn task() -> Task {
    let job = JobId { cell: 0, index: 1 };
    let zero = Duration::ZERO;
    Task { job, due: zero, begun: zero, prompt_tokens: 1, output_tokens: 1, question: 1, warmup: false }
}

fn good() -> Answer {
    let not_sent = Answer::not_sent(Duration::ZERO);
    Answer { outcome: Outcome::Ok, error: None, usage: Some(USAGE), ..not_sent }
}

fn unavailable() -> Answer {
    let error = Some(ErrorClass::ServerError);
    Answer { error, status: Some(503), ..Answer::not_sent(Duration::ZERO) }
}

fn server() -> (RedisServer, RedisClient) {
    let server = RedisServer::spawn().expect("a server");
    let client = RedisClient::new(&server.url()).expect("a client");
    (server, client)
}

fn counter(client: &RedisClient) -> RedisCounter {
    let retry = Retry {
        max_attempts: 3,
        backoff: Backoff::Fixed { wait: Duration::from_millis(1), jitter: Jitter::None },
        respect_retry_after: true,
        deadline: None,
        statuses: vec![503],
        transport: false,
        budget: None,
        breaker: None,
    };
    RedisCounter::new(client, PREFIX, 4, RetryPolicy::new(retry))
}

/// One delivery, which is given up after so long.
fn deliver<'a>(counter: &RedisCounter, delivery: Delivery<'a>, most: Duration) -> Rc<Delivery<'a>> {
    let hands = Rc::new(delivery);
    let _given_up = block_on(async { tokio::time::timeout(most, counter.run(task(), hands.clone())).await });
    hands
}

const PATIENT: Duration = Duration::from_secs(20);

fn books(counter: &RedisCounter) -> Result<OwnCounts, String> {
    let Books::Central(books) = counter.books() else { panic!("books of its own") };
    books
}

fn booked(requests: u64, answers: u64) -> Result<OwnCounts, String> {
    let (prompt_tokens, completion_tokens) =
        (USAGE.prompt_tokens * answers, USAGE.completion_tokens * answers);
    Ok(OwnCounts { requests, prompt_tokens, completion_tokens })
}

#[test]
fn attempts_have_one_name_each_over_all_deliveries() {
    let (_server, client) = server();
    let (first, second) = (counter(&client), counter(&client));
    // Its first attempt was refused; it died with the second.
    deliver(&first, Delivery::of(vec![unavailable()]), Duration::from_millis(200));
    assert!(
        books(&second).expect_err("one is open").contains("1 attempts were counted"),
        "{:?}",
        books(&second)
    );
    let again = Delivery { earlier: Some(vec![None, None]), ..Delivery::of(vec![unavailable(), good()]) };
    let seen = deliver(&second, again, PATIENT);
    assert_eq!(*seen.results.borrow(), [(JobEnd::Answered, 2)]);
    assert_eq!(books(&second), booked(4, 1));
    // The same news again changes nothing.
    let again = Delivery { earlier: Some(vec![None; 4]), ..Delivery::of(vec![good()]) };
    deliver(&second, again, PATIENT);
    assert_eq!(books(&first), booked(5, 2));
}

#[test]
fn an_answer_that_was_not_booked_is_booked_by_the_next_process() {
    let (_server, client) = server();
    let counter = counter(&client);
    // Answered, and gone before it was booked.
    deliver(&counter, Delivery::of(vec![]), Duration::from_millis(100));
    let again = Delivery { earlier: Some(vec![Some(USAGE)]), ..Delivery::of(vec![good()]) };
    deliver(&counter, again, PATIENT);
    assert_eq!(books(&counter), booked(2, 2));
}

#[test]
fn what_was_counted_and_never_sent_is_taken_back() {
    let (_server, client) = server();
    let counter = counter(&client);
    let refused = Delivery { no_room: true, ..Delivery::of(vec![]) };
    let seen = deliver(&counter, refused, PATIENT);
    assert_eq!((&*seen.results.borrow(), books(&counter)), (&vec![(JobEnd::OverBudget, 0)], booked(0, 0)));
    // Counted, and dead before it was announced; the run has no room for it any more.
    deliver(&counter, Delivery::of(vec![]), Duration::from_millis(100));
    let again = Delivery { earlier: Some(Vec::new()), no_room: true, ..Delivery::of(vec![]) };
    deliver(&counter, again, PATIENT);
    assert_eq!(books(&counter), booked(0, 0));
}

#[test]
fn a_booking_that_cannot_be_made_is_no_wrong_number_and_bounded_in_time() {
    for stopped in [false, true] {
        let (server, client) = server();
        let counter = counter(&client);
        deliver(&counter, Delivery::of(vec![good()]), PATIENT);
        let server = RefCell::new(server);
        let meanwhile: Box<dyn Fn()> = Box::new(|| server.borrow_mut().kill());
        let seen = deliver(&counter, Delivery { stopped, meanwhile, ..Delivery::of(vec![good()]) }, PATIENT);
        assert_eq!(*seen.results.borrow(), [(JobEnd::Answered, 1)]);
        let most = if stopped { 1 } else { 600 };
        assert!(seen.waits.get() <= most, "{} waits", seen.waits.get());
        assert!(seen.now.get() < Duration::from_secs(11), "{:?}", seen.now.get());
        // Without Redis nothing more is sent.
        let next = deliver(&counter, Delivery { stopped, ..Delivery::of(vec![good()]) }, PATIENT);
        let end = if stopped { JobEnd::Cancelled } else { JobEnd::Exhausted };
        assert_eq!((&*next.results.borrow(), next.answers.borrow().len()), (&vec![(end, 0)], 1));
        assert!(books(&counter).is_err(), "{:?}", books(&counter));
        server.borrow_mut().restart_empty().expect("a restart");
        assert!(books(&counter).expect_err("a memory").contains("lost its memory"), "{:?}", books(&counter));
    }
}

const LOAD: &str = "[workload]\nprompt_tokens = { uniform = [5, 40] }\noutput_tokens = 3\n\
    [profile.shared-iterations]\nvus = 8\niterations = 160\n[strategy.redis-counter]\npermits = \
    8\nprocesses = 2\n";

/// A run over two processes, one of which is killed now and then.
fn with_deaths(deaths: u32) -> Run {
    let (server, client) = server();
    let plan = plan(LOAD, &[]);
    let build = |strategy: &StrategyPlan, plan: &Plan| -> Arc<dyn Strategy> {
        let around = ProcessContext {
            prefix: PREFIX.to_owned(),
            redis: Some(client.clone()),
            ..ProcessContext::default()
        };
        strategy.build(&plan.retry, &around)
    };
    let redis = [(0, CellRedis { url: server.url(), restart: None })].into();
    let binary = Binary::new();
    let setup = WorkerSetup { redis, ..binary.setup() };
    let progress = Arc::new(Progress::default());
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for death in 1..=u64::from(deaths) {
                while progress.read().jobs_ended < 40 * death {
                    std::thread::park_timeout(Duration::from_millis(1));
                }
                binary.kill_one();
            }
        });
        run_beside(&plan, &build, &Arc::new(Stop::default()), &progress, setup)
    })
}

#[test]
fn the_books_of_all_processes_survive_their_deaths() {
    let seen = with_deaths(3);
    assert_eq!(seen.made.deaths, 3);
    for rule in [Invariant::RequestsCounted, Invariant::TokensCounted] {
        let row = seen.verdict(rule);
        assert_eq!(row.verdict, Verdict::Holds, "{row:?}\n{:?}", seen.made.claims);
    }
    assert_eq!((seen.made.claims.len(), seen.made.claims[0].process), (1, None));
    let sent = seen.evidence.attempts.len() as u64;
    assert!(sent > 160, "no attempt went down with its process");
    assert_eq!(seen.made.claims[0].requests, sent);
}
