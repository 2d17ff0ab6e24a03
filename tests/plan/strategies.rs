//! Strategies, twins and nemeses in a scenario: every name is known, and what makes no sense is said at once.

use deadheat::plan::{NemesisKind, Plan, Source};

use crate::table::least_strategy;
use deadheat::scenario::{load, load_stored};
use deadheat::strategy::{Redis, StrategyPlan};
use std::time::Duration;

const HEAD: &str = "version = 1\nname = \"x\"\n[target.mock]\napi = \"openai-chat\"\n\
    [workload]\njobs = 4\n[profile.shared-iterations]\nvus = 2\n";

fn read(rest: &str) -> Result<Plan, String> {
    let source = Source { path: "s.toml".into(), text: format!("{HEAD}{rest}") };
    let env = |name: &str| (name == "REDIS_PASSWORD").then(|| "hunter2/@".to_owned());
    load(&source, &[], &env).map_err(|faults| faults.render(false))
}

fn plan(rest: &str) -> Plan {
    read(rest).unwrap_or_else(|faults| panic!("{rest}\n{faults}"))
}

/// Asserts that the scenario has this fault, and that no fault shows the password.
fn faulty(rest: &str, says: &str) {
    let faults = read(rest).expect_err(rest);
    assert!(faults.contains(says), "{rest}\n{faults}");
    assert!(!faults.contains("hunter2"), "{faults}");
}

#[test]
fn every_strategy_of_the_table_is_read_by_its_name_and_written_back() {
    for name in StrategyPlan::NAMES {
        let plan = plan(&least_strategy(name, 3));
        let [strategy] = plan.strategies.as_slice() else { panic!("{name}: {:?}", plan.strategies) };
        assert_eq!(strategy.name(), *name);
        assert_eq!(strategy.twin().is_some(), name.starts_with("broken-"), "{name}");
        assert_eq!(strategy.locks(), name.contains("lock"), "{name}");
        assert_eq!(strategy.max_tokens(), name.contains("budget").then_some(3), "{name}");
        let text = toml::to_string(strategy).expect("parameters");
        assert_eq!(toml::from_str::<StrategyPlan>(&text).as_ref(), Ok(strategy), "{text}");
        let source = Source { path: "plan.toml".into(), text: plan.toml.clone() };
        assert_eq!(load_stored(&source).expect("the written plan reads back"), plan);
    }
}

#[test]
fn the_right_ones_have_no_bug_and_keep_their_parameters() {
    let plan = plan(
        "[strategy.unbounded]\n[strategy.semaphore]\npermits = 4\nprocesses = \
         2\n[strategy.thread-pool]\nworkers = 5\n\
         [strategy.redis-lock]\nttl = \"3s\"\n[strategy.redis-counter]\npermits = \
             6\n[strategy.single-flight]\npermits = 7\n\
         [strategy.token-bucket]\nrate = 2.5\n[strategy.adaptive]\nrule = \"gradient\"\nmax = 8\n\
         [strategy.hedged]\npermits = 2\nafter = \"50ms\"\n[strategy.idempotent]\npermits = 9\n\
         [strategy.budgeted]\npermits = 1\nmax_tokens = 77\n",
    );
    let caps: Vec<Option<u32>> = plan.strategies.iter().map(|strategy| strategy.cap()).collect();
    let some = |n| Some(n);
    assert_eq!(
        caps,
        [None, some(4), some(5), some(10), some(6), some(7), None, some(8), some(2), some(9), some(1)]
    );
    assert!(plan.strategies.iter().all(|strategy| strategy.twin().is_none()));
    let sharing: Vec<&str> =
        plan.strategies.iter().filter(|s| s.shares_answers()).map(|s| s.name()).collect();
    assert_eq!(sharing, ["redis-lock", "single-flight"]);
    assert_eq!(plan.strategies[1].processes(), 2);
    assert_eq!(plan.strategies[3].redis(), Some(&Redis::Spawn));
    let adaptive = toml::from_str("[adaptive]\nrule = \"gradient\"\nmin = 1\nmax = 8").expect("a strategy");
    assert_eq!(plan.strategies[7], adaptive);
    let source = Source { path: "plan.toml".into(), text: plan.toml.clone() };
    assert_eq!(load_stored(&source).expect("the written plan reads back"), plan);
}

#[test]
fn questions_are_asked_by_jobs_in_a_row() {
    let mut plan = plan("");
    assert_eq!([0, 1, 5].map(|job| plan.question(job)), [0, 1, 5]);
    plan.workload.repeats = 4;
    assert_eq!([0, 3, 4, 7, 9].map(|job| plan.question(job)), [0, 0, 4, 4, 8]);
}

#[test]
fn a_redis_of_the_users_takes_its_password_from_the_environment_only() {
    let with = |url: &str| format!("[strategy.redis-lock]\nredis = \"{url}\"\n");
    let plan = plan(&with("rediss://me:${REDIS_PASSWORD}@redis.example.com:6380/2"));
    let Some(Redis::Url(url)) = plan.strategies[0].redis() else { panic!("{:?}", plan.strategies) };
    assert_eq!(url.expose(), "rediss://me:hunter2%2F%40@redis.example.com:6380/2");
    assert!(!plan.toml.contains("hunter2") && !format!("{plan:?}").contains("hunter2"));
    faulty(&with("redis://me:hunter2@host"), "holds a password");
    faulty(&with("redis://:${NO_SUCH}@host"), "`NO_SUCH` is not set");
    faulty(&with("http://host"), "neither redis:// nor rediss://");
}

#[test]
fn nemeses_strike_holders_of_locks_in_processes_of_their_own() {
    let locks = "[strategy.redis-lock]\nprocesses = 2\n";
    let pause = "[[nemesis]]\nkind.pause-holder = { for = \"300ms\" }\nacquisition = 3\n";
    let struck = plan(&format!("{locks}{pause}[[nemesis]]\nkind.lose-unlock = {{}}\n"));
    let kinds: Vec<_> = struck.nemeses.iter().map(|nemesis| (nemesis.kind, nemesis.acquisition)).collect();
    let paused = NemesisKind::PauseHolder(Duration::from_millis(300));
    assert_eq!(kinds, [(paused, 3), (NemesisKind::LoseUnlock, 1)]);
    faulty(pause, "no strategy of this scenario holds a lock");
    faulty(&format!("[strategy.redis-lock]\n{pause}"), "add processes = 2 to [strategy.redis-lock]");
    faulty(&format!("{locks}{pause}strategy = \"redis-lok\"\n"), "did you mean `redis-lock`?");
    let foreign = "[strategy.redis-lock]\nredis = \"redis://host\"\n[[nemesis]]\nkind.restart-redis = {}\n";
    faulty(foreign, "is not deadheat's to kill");
}

#[test]
fn parameters_that_make_no_sense_are_said_to() {
    faulty("[strategy.semaphore]\npermits = 2\nprocesses = 3\n", "cannot be shared by 3 processes");
    faulty(
        "[strategy.semaphore]\npermits = 2\ncounters = \"local\"\n",
        "only be local where there are several",
    );
    faulty("[strategy.adaptive]\nmin = 9\nmax = 3\n", "goes from 9 to 3");
    faulty("[strategy.redis-lock]\nttl = \"5ms\"\n", "gone before it can be used");
    faulty("[strategy.hedged]\npermits = 1\nafter = \"1s\"\n", "permits");
    faulty("[strategy.semafore]\npermits = 1\n", "semaphore");
}

/// Right strategies that run over processes, each with the least that two of them need.
const SPREAD: [(&str, &str); 9] = [
    ("unbounded", ""),
    ("semaphore", "permits = 2"),
    ("thread-pool", "workers = 2"),
    ("redis-lock", "permits = 2"),
    ("token-bucket", "rate = 3\nburst = 2"),
    ("adaptive", "max = 2"),
    ("hedged", "permits = 4\nafter = \"1s\""),
    ("idempotent", "permits = 2"),
    ("budgeted", "permits = 2\nmax_tokens = 2"),
];

#[test]
fn every_strategy_whose_promise_can_be_shared_out_runs_over_processes_and_with_local_counters() {
    for (name, parameters) in SPREAD {
        let both = format!("[strategy.{name}]\n{parameters}\nprocesses = 2\n");
        assert_eq!((plan(&both).strategies[0].processes(), plan(&both).strategies[0].twin()), (2, None));
        let local = plan(&format!("{both}counters = \"local\"\n"));
        assert_eq!(local.strategies[0].twin(), Some("process-local counters"), "{name}");
        // One more process than there is something for.
        let more = format!("[strategy.{name}]\n{parameters}\nprocesses = 3\n");
        match name {
            "unbounded" => assert_eq!(plan(&more).strategies[0].processes(), 3),
            _ => faulty(&more, "cannot be shared by 3 processes"),
        }
    }
    faulty("[strategy.token-bucket]\nrate = 3\nprocesses = 2\n", "write at least 2");
    faulty("[strategy.hedged]\npermits = 3\nafter = \"1s\"\nprocesses = 2\n", "write at least 4");
}

#[test]
fn a_strategy_that_cannot_be_shared_out_says_why_and_what_to_use() {
    let flight = "[strategy.single-flight]\npermits = 2\nprocesses = 2\n";
    faulty(flight, "flights of its own");
    faulty(flight, "[strategy.redis-lock]");
    faulty("[strategy.redis-counter]\npermits = 2\ncounters = \"local\"\n", "stand in Redis");
    faulty("[strategy.broken-cache]\npermits = 2\nprocesses = 2\n", "one process is enough for its bug");
    faulty("[strategy.broken-lock-release]\ncounters = \"local\"\n", "broken-local-counters");
}

#[test]
fn a_program_moved_to_processes_is_marked_when_its_counters_stay_behind() {
    let plan = plan("[strategy.thread-pool]\nworkers = 4\nprocesses = 2\ncounters = \"local\"\n");
    assert!(plan.strategies[0].local_counters());
    assert_eq!(plan.strategies[0].twin(), Some("process-local counters"));
}
