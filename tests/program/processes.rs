//! Several processes of one program, of which the first is killed.

use crate::programs;

use deadheat::program::{Place, Settings};
use deadheat::summary::{Invariant, Verdict};
use programs::*;

/// Each keeps its own results in a file and asks only for what is not there; the second goes on only once the first was
/// started again.
const RESUMES: &str = r#"
import time
n = int(os.environ["DEADHEAT_PROCESS"])
with open(f"starts-{n}", "a") as file: file.write("x")
name = f"done-{n}"
done = set(open(name).read().split()) if os.path.exists(name) else set()
for job in jobs[n::2]:
    if job["job"] in done: continue
    answer = call(job["prompt"])
    with open(name, "a") as file: file.write(job["job"] + "\n")
    claim({"job": job["job"], "id": answer["id"], "ok": True, "text": text_of(answer)})
    while n == 1 and not (os.path.exists("starts-0") and os.path.getsize("starts-0") > 1): time.sleep(0.01)
    time.sleep(0.3 if n == 0 else 0)
print("process", n, "started", os.path.getsize(f"starts-{n}"))
"#;

#[test]
fn whoever_is_killed_leaves_its_siblings_alone() {
    let mut two = python(RESUMES, 8, |settings: &mut Settings| {
        (settings.command.processes, settings.command.kill_at) = (2, Some(2));
        settings.place = Place::Fresh;
    });
    let trial = two.run(&calm());
    assert_eq!(broken(&trial), Vec::<&str>::new(), "{:#?}", trial.verdicts);
    let answered = row(&trial, Invariant::EveryJobAnswered);
    assert_eq!((answered.verdict, answered.relevant), (Verdict::Holds, 8), "{answered:?}");
    let seen = two.subject.seen();
    assert_eq!(seen.ends.get("exit 0"), Some(&2), "{:?}", seen.ends);
    assert!(seen.last[0].contains("process 0 started 2"), "{}", seen.last[0]);
}
