//! Programs with one planted flaw each, and right ones: what is found, what is not, and what the witness
//! says.

use crate::programs;

use deadheat::faults::{FaultKind, HintForm, RateLimit, Status};
use deadheat::schedule::{Fallback, Schedule, Until};
use deadheat::summary::{Invariant, Verdict};
use programs::*;
use std::time::Duration;

/// Claims every result and its totals; retries what was refused, once.
const RIGHT: &str = r#"
lock, total, requests = threading.Lock(), 0, 0
def work(job):
    global total, requests
    for attempt in (1, 2):
        with lock: requests += 1
        try:
            answer = call(job["prompt"])
            break
        except RuntimeError as error:
            if attempt == 2 or str(error) in ("400", "401", "403", "404"):
                claim({"job": job["job"], "ok": False, "error": str(error)})
                return
            import time; time.sleep(1.1)
    with lock: total += tokens_of(answer)
    claim({"job": job["job"], "id": answer["id"], "ok": True, "text": text_of(answer)})
each(work)
claim({"requests": requests, "total_tokens": total})
"#;

#[test]
fn a_right_program_breaks_nothing() {
    let mut right = python(RIGHT, 4, |settings| {
        (settings.attempts_cap, settings.concurrency) = (Some(2), Some(4));
    });
    let limit =
        FaultKind::from(RateLimit { retry_after: Some(Duration::from_secs(1)), hint: HintForm::Seconds });
    for schedule in [
        calm(),
        hold(1, Until::Answered(first(3))),
        Schedule { fallback: Fallback::Reverse, ..calm() },
        strike(2, limit),
        strike(2, FaultKind::from(Status { code: 400 })),
    ] {
        let trial = right.run(&schedule);
        assert_eq!(broken(&trial), Vec::<&str>::new(), "{schedule:?}: {:#?}", trial.verdicts);
    }
    let trial = right.run(&calm());
    for rule in [
        Invariant::BilledOnce,
        Invariant::AttemptsCapped,
        Invariant::InFlightCapped,
        Invariant::Progress,
        Invariant::EveryJobAnswered,
        Invariant::RequestsCounted,
        Invariant::TokensCounted,
        Invariant::AnswerMatchesJob,
        Invariant::OneResultPerJob,
        Invariant::ContentIntact,
        Invariant::StatusHonest,
    ] {
        assert_eq!(row(&trial, rule).verdict, Verdict::Holds, "{:?}", row(&trial, rule));
    }
}

#[test]
fn what_is_not_declared_is_unknown_and_names_the_option() {
    let mut silent = python("each(lambda job: call(job['prompt']))", 2, |_| {});
    let trial = silent.run(&calm());
    assert_eq!(broken(&trial), Vec::<&str>::new());
    for (rule, option) in [
        (Invariant::AttemptsCapped, "--attempts-cap"),
        (Invariant::InFlightCapped, "--concurrency"),
        (Invariant::BudgetKept, "--budget"),
        (Invariant::RequestsCounted, "--claim-requests"),
        (Invariant::TokensCounted, "--claim-total"),
        (Invariant::AnswerMatchesJob, "@claim"),
    ] {
        let row = row(&trial, rule);
        assert_eq!(row.verdict, Verdict::Unknown, "{row:?}");
        assert!(row.why.as_deref().unwrap_or("").contains(option), "{row:?}");
    }
}

#[test]
fn a_lost_update_is_found_by_its_own_printed_total_and_names_the_job() {
    let body = r#"
total = 0
def work(job):
    global total
    before = total
    total = before + tokens_of(call(job["prompt"]))
each(work)
print(f"total tokens: {total:,}")
"#;
    let mut lost = python(body, 2, |settings| {
        settings.patterns.total = regex::Regex::new(r"total tokens: ([\d,]+)").ok();
    });
    let trial = lost.run(&hold(0, Until::After(Duration::from_millis(500))));
    assert_eq!(broken(&trial), ["tokens-counted"]);
    let (jobs, text) = witness(&trial, Invariant::TokensCounted);
    assert_eq!(jobs, ["job:0001"], "{text}");
    assert!(text.contains("counted not at all"), "{text}");
}

#[test]
fn a_retry_of_an_accepted_request_is_billed_twice() {
    let body = r#"
def work(job):
    for attempt in range(3):
        try:
            return call(job["prompt"], timeout=0.4)
        except OSError:
            pass
each(work)
"#;
    let mut double = python(body, 2, |_| {});
    assert_eq!(broken(&double.run(&calm())), Vec::<&str>::new());
    let trial = double.run(&hold(1, Until::After(Duration::from_millis(700))));
    assert_eq!(broken(&trial), ["billed-once"], "{:#?}", trial.verdicts);
    assert_eq!(witness(&trial, Invariant::BilledOnce).0, ["job:0001"]);
}

#[test]
fn answers_in_the_order_of_their_coming_are_mixed_up_even_where_nothing_is_claimed() {
    let body = r#"
answers = []
each(lambda job: answers.append(call(job["prompt"])))
for job, answer in zip(jobs, answers):
    print(job["job"], "->", text_of(answer))
"#;
    let mut mixed = python(body, 3, |_| {});
    // Long enough that the threads of the others have come to their turn.
    let trial = mixed.run(&hold(0, Until::After(Duration::from_millis(500))));
    assert_eq!(broken(&trial), ["answer-matches-job"], "{:#?}", trial.verdicts);
}

#[test]
fn a_program_that_sends_nothing_is_told_so() {
    let mut nothing = shell("echo done", 3, |_| {});
    let trial = nothing.run(&calm());
    assert_eq!(broken(&trial), ["every-job-answered"]);
    let (_, text) = witness(&trial, Invariant::EveryJobAnswered);
    assert!(text.contains("sent nothing") && text.contains("OPENAI_BASE_URL"), "{text}");
}

#[test]
fn a_program_that_hangs_is_stopped() {
    let body = r#"
each(lambda job: call(job["prompt"], timeout=None))
"#;
    let mut hangs = python(body, 2, |settings| settings.command.timeout = Duration::from_secs(5));
    let trial = hangs.run(&hold(1, Until::Disconnect));
    assert_eq!(broken(&trial), ["progress"], "{:#?}", trial.verdicts);
    let (jobs, text) = witness(&trial, Invariant::Progress);
    assert_eq!(jobs, ["job:0001"], "{text}");
    assert_eq!(hangs.subject.seen().stopped, 1);
}

#[test]
fn an_orphan_is_seen_and_ended() {
    let body = r#"
import subprocess
call(jobs[0]["prompt"])
code = "import os, sys, time\nos.setsid()\nsys.stdout.write('up\\n'); sys.stdout.flush()\ntime.sleep(600)"
child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
child.stdout.readline()
print("child", child.pid, flush=True)
os._exit(0)
"#;
    let mut leaves = python(body, 1, |_| {});
    let trial = leaves.run(&calm());
    let seen = leaves.subject.seen();
    assert_eq!(seen.orphans, 1, "{seen:?}");
    let child = seen.last[0].trim().strip_prefix("child ").expect("its number").to_owned();
    let alive = std::fs::read_to_string(format!("/proc/{child}/stat"));
    let ended =
        alive.map_or(true, |stat| stat.rsplit(')').next().is_some_and(|rest| rest.trim().starts_with('Z')));
    assert!(ended, "process {child} is still there");
    assert_eq!(broken(&trial), Vec::<&str>::new());
}

#[test]
fn a_process_that_outlives_its_program_breaks_a_rule() {
    let body = r#"
if os.fork() == 0:
    os.close(1); os.close(2)
    call(jobs[0]["prompt"], timeout=30)
    os._exit(0)
import urllib.request
root, held = os.environ["DEADHEAT_BASE_URL"], 0
while not held:
    held = json.load(urllib.request.urlopen(root + "/deadheat/stats"))["held"]
"#;
    let mut leaves = python(body, 1, |_| {});
    let trial = leaves.run(&hold(0, Until::After(Duration::from_secs(5))));
    assert_eq!(broken(&trial), ["cancel-propagates", "exit-honest"], "{:#?}", trial.verdicts);
}

#[test]
fn one_failure_is_no_excuse_for_the_others() {
    let body = r#"
for job in jobs:
    print(job["job"], text_of(call(job["prompt"])))
"#;
    let mut fails = python(body, 3, |_| {});
    let trial = fails.run(&strike(1, FaultKind::from(Status { code: 500 })));
    assert_eq!(broken(&trial), ["every-job-answered"], "{:#?}", trial.verdicts);
    assert_eq!(witness(&trial, Invariant::EveryJobAnswered).0, ["job:0002"]);
}

#[test]
fn an_error_that_is_swallowed_is_not_honest() {
    let body = r#"
def work(job):
    try:
        call(job["prompt"])
    except RuntimeError:
        pass
each(work)
print("all done")
"#;
    let mut swallows = python(body, 3, |_| {});
    let trial = swallows.run(&strike(1, FaultKind::from(Status { code: 500 })));
    assert_eq!(broken(&trial), ["exit-honest"], "{:#?}", trial.verdicts);
    let mut says = python(&body.replace("pass", "print(job['job'], 'failed')"), 3, |_| {});
    let trial = says.run(&strike(1, FaultKind::from(Status { code: 500 })));
    assert_eq!(row(&trial, Invariant::ExitHonest).verdict, Verdict::Holds, "{:#?}", trial.verdicts);
}

#[test]
fn several_processes_share_the_jobs_and_their_sum_is_the_ledgers() {
    let body = r#"
n = int(os.environ["DEADHEAT_PROCESS"])
total = sum(tokens_of(call(job["prompt"])) for job in jobs[n::2])
with open(os.path.join(os.environ["DEADHEAT_CLAIMS"], f"{os.getpid()}.jsonl"), "w") as file:
    file.write(json.dumps({"total_tokens": total}) + "\n")
"#;
    let two = |settings: &mut deadheat::program::Settings| settings.command.processes = 2;
    let mut right = python(body, 4, two);
    let trial = right.run(&calm());
    assert_eq!(broken(&trial), Vec::<&str>::new(), "{:#?}", trial.verdicts);
    assert_eq!(row(&trial, Invariant::ProcessesAgree).verdict, Verdict::Holds);
    let mut half = python(&body.replace("\nwith open", "\ntotal = n and total\nwith open"), 4, two);
    let trial = half.run(&calm());
    assert_eq!(broken(&trial), ["tokens-counted", "processes-agree"], "{:#?}", trial.verdicts);
}

/// Keeps each result in a file, and asks only for what is not there.
const RESUMES: &str = r#"
done = set(open("done").read().split()) if os.path.exists("done") else set()
for job in jobs:
    if job["job"] in done: continue
    call(job["prompt"])
    with open("done", "a") as file: file.write(job["job"] + "\n")
"#;

#[test]
fn a_killed_program_resumes_or_pays_again() {
    let killed = |settings: &mut deadheat::program::Settings| {
        settings.command.kill_at = Some(3);
        settings.place = deadheat::program::WorkDir::Fresh;
    };
    let slow = RESUMES.replace("    if job", "    import time; time.sleep(0.3)\n    if job");
    let mut right = python(&slow, 4, killed);
    let trial = right.run(&calm());
    assert_eq!(broken(&trial), Vec::<&str>::new(), "{:#?}", trial.verdicts);
    assert_eq!(row(&trial, Invariant::EveryJobAnswered).relevant, 4);
    let mut again = python(&slow.replace("in done: continue", "in done: pass"), 4, killed);
    let trial = again.run(&calm());
    assert_eq!(broken(&trial), ["billed-once"], "{:#?}", trial.verdicts);
    assert_eq!(witness(&trial, Invariant::BilledOnce).0, ["job:0000"]);
}

#[test]
fn equal_prompts_without_a_tag_are_no_double_submission_but_their_retries_are() {
    let body = r#"
def work(job):
    for attempt in range(2):
        try:
            return call("the same for all", timeout=0.5 if "0000" in job["job"] else 5)
        except OSError:
            pass
each(work)
"#;
    let mut equal = python(body, 3, |_| {});
    let trial = equal.run(&calm());
    assert_eq!(broken(&trial), Vec::<&str>::new(), "{:#?}", trial.verdicts);
    let billed = row(&trial, Invariant::BilledOnce);
    assert_eq!(billed.verdict, Verdict::Unknown, "three jobs, or one that was paid three times?");
    assert!(
        billed.why.as_deref().is_some_and(|why| why.starts_with("3 requests") && why.contains("--job-key"))
    );
    let reads = "work(jobs[0])";
    let mut one = python(&body.replace("each(work)", reads), 1, |_| {});
    let name = one.run(&calm()).trace.steps[0].request.clone();
    let schedule = Schedule {
        holds: vec![deadheat::schedule::Hold {
            request: name.clone(),
            until: Until::After(Duration::from_millis(800)),
        }],
        ..calm()
    };
    let trial = one.run(&schedule);
    assert_eq!(broken(&trial), ["billed-once"], "{:#?}", trial.verdicts);
    let (jobs, text) = witness(&trial, Invariant::BilledOnce);
    assert_eq!(jobs, [name.job.to_string()]);
    assert!(text.contains("(\"the same for all\")"), "{text}");
}

#[test]
fn a_program_stands_where_it_is_told_and_finds_everything_fresh() {
    let body = r#"
left = os.listdir(os.environ["DEADHEAT_CLAIMS"]) + [name for name in os.listdir(".") if name == "mine"]
open("mine", "w").close()
open(os.path.join(os.environ["DEADHEAT_CLAIMS"], "a.jsonl"), "w").close()
call(jobs[0]["prompt"])
print(os.getcwd(), left, sys.stdin.read())
"#;
    let mut fresh = python(body, 1, |settings| {
        settings.place = deadheat::program::WorkDir::Fresh;
        settings.command.stdin = Some(b"what it reads".to_vec());
    });
    let mut places = Vec::new();
    for _ in 0..2 {
        fresh.run(&calm());
        let said = fresh.subject.seen().last[0].trim().to_owned();
        assert!(said.ends_with(" [] what it reads"), "{said}");
        places.push(said);
    }
    assert_ne!(places[0], places[1]);
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path().canonicalize().expect("a path");
    let mut there = python(body, 1, |settings| settings.place = deadheat::program::WorkDir::Dir(at.clone()));
    there.run(&calm());
    there.run(&calm());
    let said = &there.subject.seen().last[0];
    assert_eq!(said.trim(), format!("{} ['mine']", at.display()));
}

#[test]
fn what_is_given_up_unjudged_breaks_nothing() {
    let mut hangs = python("each(lambda job: call(job['prompt'], timeout=None))", 2, |_| {});
    hangs.run(&calm());
    hangs.subject.end_within(Duration::ZERO);
    let trial = hangs.run(&hold(1, Until::Disconnect));
    assert!(trial.verdicts.is_empty() && !hangs.subject.seen().interrupted, "{:#?}", trial.verdicts);
}

#[test]
fn layers_that_retry_inside_each_other_are_named() {
    let body = r#"
def sdk(job):
    for retry in range(2):
        wire = http.client.HTTPConnection(url.hostname, url.port, timeout=5)
        wire.request("POST", url.path + "/chat/completions",
                     json.dumps({"model": "m", "messages": [{"role": "user", "content": job["prompt"]}]}),
                     {"x-stainless-retry-count": str(retry), "x-stainless-read-timeout": "5"})
        answer = wire.getresponse()
        if answer.status == 200: return answer.read()
    raise RuntimeError(answer.status)
def work(job):
    for outer in range(2):
        try: return sdk(job)
        except RuntimeError: pass
    print(job["job"], "failed")
each(work)
"#;
    let mut nested = python(body, 1, |settings| settings.attempts_cap = Some(3));
    let kind = || FaultKind::from(Status { code: 503 });
    let mut schedule = strike(0, kind());
    for attempt in 2..=4 {
        let request = deadheat::schedule::RequestKey::new("job:0000", attempt);
        schedule.faults.push(deadheat::schedule::Strike { request, kind: kind() });
    }
    let trial = nested.run(&schedule);
    assert_eq!(broken(&trial), ["attempts-capped"], "{:#?}", trial.verdicts);
    let (_, text) = witness(&trial, Invariant::AttemptsCapped);
    assert!(text.contains("two layers retry: 2 of its attempts are the SDK's own"), "{text}");
    assert_eq!(trial.timeout, Some(Duration::from_secs(5)), "as the client says of itself");
}
