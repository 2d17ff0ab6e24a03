//! Every exit code by a real run.

use crate::cli;

use cli::{Place, elsewhere};
use std::net::TcpListener;

#[test]
fn zero_when_everything_held() {
    let ran = Place::new().line("run small.toml").exits(0);
    assert!(ran.out.starts_with("PASS  small  exit 0\n"), "{}", ran.out);
}

#[test]
fn two_for_a_bad_scenario_with_all_its_faults_and_where_they_stand() {
    let place = Place::new();
    let bad = cli::SMALL
        .replace("jobs = 20", "jobs = \"ten\"")
        .replace("permits", "permitz")
        .replace("vus = 4", "vus = 0");
    place.write("bad.toml", &bad);
    let ran = place.line("run bad.toml").exits(2);
    for (place, what) in [
        ("bad.toml:10:8", "write an integer"),
        ("bad.toml:14:7", "write at least 1"),
        ("bad.toml:16:1", "did you mean `permits`?"),
    ] {
        assert!(ran.err.contains(place) && ran.err.contains(what), "{place} {what}: {}", ran.err);
    }
    assert_eq!(ran.out, "");
    assert!(!place.path("reports").exists(), "nothing is begun by a wrong scenario");
}

#[test]
fn two_for_usage() {
    let place = Place::new();
    for (line, says) in [
        ("run small.toml --bogus", "'--bogus'"),
        ("run", "<SCENARIO>"),
        ("run none.toml", "none.toml"),
        ("run small.toml --set nothing", "KEY=VALUE"),
        ("run small.toml --set workload.jbos=3", "`jobs`"),
        ("run small.toml --seed x", "--seed"),
        ("run small.toml --format yaml", "yaml"),
        ("walk small.toml", "walk"),
        ("", "Usage"),
    ] {
        let ran = place.line(line).exits(2);
        assert!(ran.err.contains(says), "{line}: {}", ran.err);
        assert_eq!(ran.out, "", "{line}");
    }
}

#[test]
fn four_when_nothing_was_measured() {
    let place = Place::new();
    let over_at_once = place.line("run small.toml --set profile.constant-vus.duration=1ns").exits(4);
    assert!(over_at_once.out.contains("nothing was measured: no attempt was made"), "{}", over_at_once.out);
    let only_warm_up = place.line("run small.toml --set profile.constant-vus.warmup=1m").exits(4);
    assert!(only_warm_up.out.contains("no attempt gave a sample"), "{}", only_warm_up.out);
    let refused = "\n[[fault]]\nkind.status = { code = 401 }\nwhen = { every = 1 }\n";
    place.write("refused.toml", &format!("{}{refused}", cli::SMALL));
    let refused = place.line("run refused.toml").exits(4);
    let says = "not one of 20 attempts was answered (20 client-error)";
    assert!(refused.out.contains(says) && refused.out.contains("NOTHING MEASURED"), "{}", refused.out);
}

#[test]
fn five_when_a_threshold_is_missed() {
    let ran =
        Place::new().run(&["run", "small.toml", "--set", "thresholds.response=[\"p(50) < 1ms\"]"]).exits(5);
    assert!(ran.out.contains("threshold missed") && ran.out.contains("p(50) < 1ms"), "{}", ran.out);
    let no_data =
        Place::new().run(&["run", "small.toml", "--set", "thresholds.response=[\"p(99) < 1h\"]"]).exits(5);
    assert!(no_data.out.contains("300"), "p99 wants 300 samples: {}", no_data.out);
}

#[test]
fn six_when_an_invariant_is_broken() {
    let ran = Place::new().line("run small.toml --set declared.concurrency=1").exits(6);
    assert!(ran.out.contains("in-flight-capped is broken"), "{}", ran.out);
}

#[test]
fn seven_when_the_load_was_invalid() {
    let place = Place::new();
    let cpu = place.line("run small.toml --set fidelity.cpu=0.0001").exits(7);
    assert!(cpu.out.contains("more than the 0.01% allowed"), "{}", cpu.out);
    let ttft = place
        .line(
            "run small.toml --set workload.jobs=400 --set workload.stream=true --set \
            fidelity.ttft_error_p99=1us",
        )
        .exits(7);
    assert!(ttft.out.contains("off the ledger at p99"), "{}", ttft.out);
    assert!(ttft.out.contains("run fewer streams"), "it says what to change: {}", ttft.out);
}

#[test]
fn nine_when_a_target_is_dead_before_anything_is_sent() {
    let place = Place::new();
    // Bound once and let go: a port without a listener.
    let port = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("bound").port();
    place.write("dead.toml", &elsewhere(&format!("http://127.0.0.1:{port}/v1")));
    let no_key = place.line("run dead.toml").exits(9);
    assert!(no_key.err.contains("DEADHEAT_TEST_KEY") && no_key.err.contains("export it"), "{}", no_key.err);
    let dead = place.command(&["run", "dead.toml"]).env("DEADHEAT_TEST_KEY", "k").output();
    let dead = cli::Ran::from(dead.expect("it starts")).exits(9);
    assert!(dead.err.contains("target mock") && dead.err.contains(&port.to_string()), "{}", dead.err);
    assert!(!place.path("reports").exists(), "a dead target leaves no half run");
}

#[test]
fn ten_when_the_budget_is_reached() {
    let place = Place::new();
    let ran = place.line("run small.toml --set budget.max_requests=5 --format json").exits(10);
    let counters = &ran.json()["counters"][0];
    assert_eq!(counters["attempts"], 5, "reserved before it is sent: {counters}");
    let price = "target.mock.price={input=\"2.00\",output=\"8.00\"}";
    let ran = place
        .run(&["run", "small.toml", "--set", price, "--set", "budget.max_cost=\"0.0002 USD\""])
        .exits(10);
    assert!(ran.out.contains("the budget was reached"), "{}", ran.out);
}

#[test]
fn a_broken_promise_is_told_before_a_spent_budget() {
    let ran =
        Place::new().line("run small.toml --set budget.max_requests=9 --set declared.concurrency=1").exits(6);
    assert!(ran.out.contains("the budget was reached"), "both reasons stand there: {}", ran.out);
}
