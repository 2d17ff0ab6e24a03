//! Several processes of one program, of which the first is killed.

use crate::programs;

use deadheat::explore::Subject;
use deadheat::program::{ProgramSubject, Settings, WorkDir};
use deadheat::schedule::Schedule;
use deadheat::summary::{Invariant, Verdict};
use programs::*;
use std::sync::Arc;

/// Each keeps its own results in a file and asks only for what is not there; the second goes on only once the
/// first was started again.
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
fn a_killed_process_leaves_its_siblings_alone() {
    let mut two = python(RESUMES, 8, |settings: &mut Settings| {
        (settings.command.processes, settings.command.kill_at) = (2, Some(2));
        settings.place = WorkDir::Fresh;
    });
    let trial = two.run(&calm());
    assert_eq!(broken(&trial), Vec::<&str>::new(), "{:#?}", trial.verdicts);
    let answered = row(&trial, Invariant::EveryJobAnswered);
    assert_eq!((answered.verdict, answered.relevant), (Verdict::Holds, 8), "{answered:?}");
    let seen = two.subject.seen();
    assert_eq!(seen.ends.get("exit 0"), Some(&2), "{:?}", seen.ends);
    assert!(seen.last[0].contains("process 0 started 2"), "{}", seen.last[0]);
}

#[test]
fn a_program_that_cannot_be_started_again_is_an_error_and_not_its_own_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vanishes");
    let text = format!(
        "#!/usr/bin/env python3\n{HEAD}\nos.remove(sys.argv[0])\neach(lambda job: \
         call(job[\"prompt\"]))\nimport time; time.sleep(20)\n"
    );
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let mut settings = Settings::new(vec![path.display().to_string()]);
    settings.command.kill_at = Some(1);
    let mut subject = ProgramSubject::new(settings, Arc::default()).unwrap();
    let error = subject.run(&Schedule::default(), None).unwrap_err();
    assert!(error.contains("started again") && error.contains("cannot start `"), "{error}");
}
