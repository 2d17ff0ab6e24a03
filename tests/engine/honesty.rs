//! Does a report hide a stall? Open arrivals go on while the provider stands still, and every job that was
//! due meanwhile must show it: due times are never re-anchored (coordinated omission).

use crate::live;

use deadheat::summary::MetricRow;
use live::{Run, plan, right, run};

const STALL_MS: f64 = 2_000.0;
const NS_PER_MS: f64 = 1e6;

/// 360 arrivals in 2.4 s. Jobs 100 to 103 take 2 s longer, and as there are only four places, nothing
/// is answered meanwhile.
const STALLED: &str = r#"
[workload]
prompt_tokens = 5
output_tokens = 1
stream = true
[profile.constant-arrival-rate]
rate = 150
duration = "2400ms"
[[fault]]
kind.slow = { by = "2s" }
when = { jobs = [100, 101, 102, 103] }
"#;

fn metric<'a>(run: &'a Run, name: &str) -> &'a MetricRow {
    run.summary.metrics.iter().find(|row| row.metric == name).expect("the metric")
}

/// What the stall must look like, wherever the queue was.
fn assert_told(run: &Run) {
    run.assert_clean();
    assert_eq!(run.jobs(0).len(), 360, "an open profile goes on during a stall");
    let response = metric(run, "response");
    assert_eq!(response.count, 360);
    assert!(response.max >= STALL_MS, "{response:?}");
    assert!(response.p99 >= Some(0.95 * STALL_MS), "{response:?}");
    // Half of the stall's 300 arrivals came in its first second, and each waited for its end.
    let late =
        run.evidence.jobs.iter().filter(|job| (job.done_ns - job.due_ns) as f64 / NS_PER_MS >= 1_000.0);
    assert!(late.count() >= 130, "a client that waits for answers would show four slow jobs");
    assert!(response.p50 >= Some(200.0), "{response:?}");
    // Due times are the profile's, to the nanosecond, stall or not.
    let due: Vec<u64> = run.evidence.jobs.iter().map(|job| job.due_ns).collect();
    let spread = |k: usize| (due[k] - due[0]) as f64 - k as f64 * 1e9 / 150.0;
    assert!((0..360).all(|k| spread(k).abs() < 2.0), "due times were re-anchored");
}

#[test]
fn a_stall_of_the_provider_is_in_the_response_histogram() {
    let limits = ("target.mock.limits.max_in_flight", "4");
    let run = run(&plan(&format!("{STALLED}[strategy.unbounded]\n"), &[limits]), &right);
    assert_told(&run);
}

#[test]
fn a_stall_behind_the_clients_own_semaphore_is_in_the_response_histogram() {
    let run = run(&plan(&format!("{STALLED}[strategy.semaphore]\npermits = 4\n"), &[]), &right);
    assert_told(&run);
    // The attempts themselves were fast: only the response, from due to done, shows the wait.
    let [service, response] = ["service", "response"].map(|name| metric(&run, name).p90.expect("a p90"));
    assert!(service * 2.0 < response, "service {service} ms, response {response} ms");
}

#[test]
fn a_stall_behind_the_generators_own_cap_is_in_the_response_histogram() {
    let cap = ("profile.constant-arrival-rate.max_in_flight", "4");
    let run = run(&plan(&format!("{STALLED}[strategy.unbounded]\n"), &[cap]), &right);
    assert_told(&run);
    assert!(metric(&run, "lag").max >= 0.9 * STALL_MS, "{:?}", metric(&run, "lag"));
}
