//! Programs that are right, or that cannot be judged: none of them may be accused. Beside each stands the
//! wrong one that is told apart from it.

use crate::programs;

use deadheat::faults::{FaultKind, HintForm, RateLimit, Status};
use deadheat::history::ProgramRunEnd;
use deadheat::schedule::{Hold, RequestKey, Schedule, Until};
use deadheat::summary::{Invariant, Verdict};
use programs::{broken, calm, hold, python, row, strike, witness};
use std::time::Duration;

const WAIT: FaultKind =
    FaultKind::RateLimit(RateLimit { retry_after: Some(Duration::from_secs(5)), hint: HintForm::Seconds });

fn why(trial: &deadheat::explore::Trial, invariant: Invariant) -> &str {
    row(trial, invariant).why.as_deref().unwrap_or_default()
}

/// One question without a tag, sent again after half a second; `KEY` is how its key comes about.
const KEYED: &str = r#"
import uuid
def send(key):
    wire = http.client.HTTPConnection(url.hostname, url.port, timeout=0.5)
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": "how many?"}]})
    wire.request("POST", url.path + "/chat/completions", body, {"Idempotency-Key": key})
    return wire.getresponse().read()
key = str(uuid.uuid4())
for attempt in range(3):
    try:
        send(KEY)
        break
    except OSError:
        pass
"#;

#[test]
fn a_key_drawn_anew_for_each_attempt_pays_twice_and_one_for_all_does_not() {
    let run = |key: &str| {
        let mut program = python(&KEYED.replace("KEY)", key), 1, |_| {});
        let request = program.run(&calm()).trace.steps[0].request.clone();
        assert!(request.to_string().starts_with("body:"), "the same in every run: {request}");
        let until = Until::After(Duration::from_millis(900));
        program.run(&Schedule { holds: vec![Hold { request, until }], ..calm() })
    };
    assert_eq!(broken(&run("str(uuid.uuid4()))")), ["billed-once"]);
    assert_eq!(broken(&run("key)")), Vec::<&str>::new());
}

#[test]
fn a_failure_that_no_line_could_name_is_not_called_hidden() {
    let body = r#"
for job in jobs:
    try:
        call("say " + str(len(job["job"])) + job["job"][-1])
    except RuntimeError as error:
        print("an article failed:", error)
"#;
    let mut program = python(body, 2, |_| {});
    let job = program.run(&calm()).trace.steps[0].request.job.clone();
    let key = RequestKey { job, attempt: 1, repeat: 0 };
    let faults =
        vec![deadheat::schedule::Strike { request: key, kind: FaultKind::from(Status { code: 400 }) }];
    let trial = program.run(&Schedule { faults, ..calm() });
    assert_eq!(broken(&trial), Vec::<&str>::new(), "{:#?}", trial.verdicts);
    assert!(why(&trial, Invariant::ExitHonest).contains("--claim-failed"));
}

#[test]
fn a_program_that_was_killed_remembers_nothing() {
    let body = r#"
each(lambda job: call(job["prompt"]))
"#;
    let mut program = python(body, 2, |settings| {
        settings.command.kill_at = Some(1);
        settings.attempts_cap = Some(1);
    });
    let trial = program.run(&strike(0, WAIT));
    let told = trial.verdicts.iter().filter(|row| row.verdict == Verdict::Broken);
    let told: Vec<_> = told.map(|row| row.invariant).collect();
    let forgiven =
        [Invariant::RetryAfterRespected, Invariant::AttemptsCapped, Invariant::NoRetryWhenPermanent];
    assert!(!told.iter().any(|rule| forgiven.contains(rule)), "{:#?}", trial.verdicts);
    assert!(trial.killed.is_some());
}

#[test]
fn a_program_that_fails_by_itself_has_not_answered_every_job() {
    let body = r#"
call(jobs[0]["prompt"])
raise SystemExit("no such column")
"#;
    let mut program = python(body, 4, |_| {});
    let trial = program.run(&calm());
    assert_eq!(row(&trial, Invariant::EveryJobAnswered).verdict, Verdict::Unknown);
    let seen = program.subject.seen();
    assert_eq!((seen.calm_end, seen.calm_error.trim()), (ProgramRunEnd::Code(1), "no such column"));
}

#[test]
fn what_a_program_does_between_its_requests_is_its_own_affair() {
    let body = r#"
import time
for job in jobs:
    call(job["prompt"])
    time.sleep(0.6)
"#;
    let mut program = python(body, 2, |settings| settings.progress = Duration::from_millis(200));
    assert_eq!(broken(&program.run(&calm())), Vec::<&str>::new());
    let stopped = |then: &str, given: bool| {
        let mut slow = python(&format!("call(jobs[0]['prompt'])\nimport time\n{then}"), 1, |settings| {
            settings.command.timeout = Duration::from_secs(4);
            settings.command.limit_given = given;
        });
        slow.run(&calm())
    };
    let works = "while True: sum(range(1000))";
    let unknown = stopped(works, false);
    assert_eq!(
        row(&unknown, Invariant::Progress).verdict,
        Verdict::Unknown,
        "it was not said how long it \
        takes"
    );
    assert!(why(&unknown, Invariant::Progress).contains("with --timeout"));
    assert_eq!(broken(&stopped(works, true)), ["progress"]);
    let waits = stopped("threading.Lock().acquire(); threading.Event().wait()", false);
    assert_eq!(broken(&waits), ["progress"], "it does not even compute");
    assert!(witness(&waits, Invariant::Progress).1.contains("say --timeout"));
}

#[test]
fn samples_of_one_question_are_no_retries() {
    let body = r#"
def sample(_):
    try:
        call("a joke, please")
    except RuntimeError:
        failed.append(1)
failed = []
for _ in range(4): sample(_)
sys.exit(len(failed) > 0)
"#;
    let mut program = python(body, 1, |_| {});
    let request = program.run(&calm()).trace.steps[0].request.clone();
    let faults = vec![deadheat::schedule::Strike { request, kind: WAIT }];
    let trial = program.run(&Schedule { faults, ..calm() });
    assert_eq!(broken(&trial), Vec::<&str>::new(), "{:#?}", trial.verdicts);
    assert!(why(&trial, Invariant::BilledOnce).contains("--job-key"));
}

#[test]
fn a_path_that_is_not_served_is_named() {
    let body = r#"
wire = http.client.HTTPConnection(url.hostname, url.port)
wire.request("POST", url.path + "/embeddings", "{}")
print(wire.getresponse().status)
"#;
    let mut program = python(body, 1, |_| {});
    let trial = program.run(&calm());
    let (_, text) = witness(&trial, Invariant::EveryJobAnswered);
    assert!(text.contains("POST /v1/embeddings"), "{text}");
    assert!(program.subject.seen().unserved.contains("POST /v1/embeddings"));
}

#[test]
fn a_program_that_goes_on_while_it_is_held_is_slow_and_not_stuck() {
    let body = r#"
for job in jobs:
    try:
        call(job["prompt"], timeout=1)
    except OSError:
        print(job["job"], "failed")
"#;
    let mut slow = python(body, 6, |settings| settings.command.timeout = Duration::from_millis(3500));
    let holds = (0..6).flat_map(|job| hold(job, Until::Disconnect).holds).collect();
    let trial = slow.run(&Schedule { holds, ..calm() });
    assert_eq!(broken(&trial), Vec::<&str>::new(), "{:#?}", trial.verdicts);
    let progress = row(&trial, Invariant::Progress);
    assert_eq!(progress.verdict, Verdict::Unknown);
    assert!(
        progress.why.as_deref().is_some_and(|why| why.contains("more time with --timeout")),
        "{progress:?}"
    );
}
