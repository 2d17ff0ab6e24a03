//! Workers that are shell scripts, so that what happens to them is seen from outside.

use super::*;
use crate::clock::Clock;
use crate::engine::nemesis::Nemeses;
use crate::history::RunDir;
use crate::plan::{Nemesis, NemesisKind, Plan, Source};
use crate::profile::blocks;
use crate::scenario::load;
use crate::shared::{Budget, Caps};
use crate::strategy::RetryPolicy;
use std::path::Path;

const SCENARIO: &str = "version = 1\nname = \"x\"\n[target.mock]\napi = \"openai-chat\"\nmodel = \"m\"\n\
    [workload]\njobs = 1\nprompt_tokens = 1\noutput_tokens = 1\n\
    [profile.constant-vus]\nvus = 1\n[strategy.unbounded]\n";

/// Takes a lock, writes the answer to a file, and does nothing else.
const HOLDER: &str = r#"#!/bin/sh
cd "$(dirname "$0")"
echo life >> lives
read -r assignment
echo $$ > pid
echo '"ready"'
read -r order
echo '{"holding":{"id":7,"lock":"l","token":1}}'
read -r go
echo "$go" >> answers
echo '{"share":{"cpu_ns":1,"cpu_busiest_ns":1,"pacer":"timerfd","transport":"direct","left":1}}'
read -r finish
echo '{"booked":[3,2,1]}'
cat > rest
"#;

/// Ends before it is ready.
const ENDS_AT_ONCE: &str = "#!/bin/sh\necho life >> \"$(dirname \"$0\")/lives\"\n";

/// Reserves the price of an attempt, takes a lock, and writes the answer to a file.
const PAYER: &str = r#"#!/bin/sh
cd "$(dirname "$0")"
read -r assignment
echo '"ready"'
read -r order
echo '{"reserve":{"job":0,"most":[1,2,0]}}'
read -r granted
echo "$granted" >> answers
echo '{"holding":{"id":7,"lock":"l","token":1}}'
read -r go
echo '{"share":{"cpu_ns":1,"cpu_busiest_ns":1,"pacer":"timerfd","transport":"direct","left":1}}'
read -r finish
echo '{"booked":[3,2,1]}'
cat > rest
"#;

/// Has counted something, and ends instead of reporting it.
const ENDS_UNCOUNTED: &str = r#"#!/bin/sh
read -r assignment
echo '"ready"'
read -r order
echo '{"notes":{"totals":[5,4,3]}}'
echo '{"share":{"cpu_ns":1,"cpu_busiest_ns":1,"pacer":"timerfd","transport":"direct","left":1}}'
read -r finish
"#;

/// Stays alive, and never reports its counts.
const NEVER_COUNTS: &str = r#"#!/bin/sh
read -r assignment
echo '"ready"'
read -r order
echo '{"share":{"cpu_ns":1,"cpu_busiest_ns":1,"pacer":"timerfd","transport":"direct","left":1}}'
cat > "$(dirname "$0")/rest"
"#;

/// Stays alive, and sends nothing.
const SILENT: &str = r#"#!/bin/sh
read -r assignment
echo '"ready"'
cat > "$(dirname "$0")/rest"
"#;

struct Place {
    dir: tempfile::TempDir,
    caps: Caps,
    timeout: Duration,
}

impl Place {
    fn new(script: &str) -> Self {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().expect("a directory");
        let program = dir.path().join("worker.sh");
        std::fs::write(&program, script).expect("written");
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).expect("set");
        Self { dir, caps: Caps::default(), timeout: TIMEOUT }
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.dir.path().join(name)).unwrap_or_default()
    }

    /// The state letter that the system gives the living worker.
    fn state(&self) -> Option<char> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.read("pid").trim())).ok()?;
        stat.rsplit_once(") ")?.1.chars().next()
    }

    fn plan(&self) -> Plan {
        let source = Source { path: Path::new("s.toml").into(), text: SCENARIO.to_owned() };
        load(&source, &[], &|_| None).unwrap_or_else(|faults| panic!("{faults:?}"))
    }

    /// Writes down that it was called, and returns once the dispatcher has looked at other things.
    fn restart(&self) -> crate::engine::RestartRedis {
        let (restarts, looked) = (self.dir.path().join("restarts"), self.dir.path().join("looked"));
        Arc::new(move || {
            std::fs::write(&restarts, "1").expect("written");
            for _ in 0..10_000 {
                if looked.exists() {
                    return;
                }
                std::thread::park_timeout(Duration::from_millis(1));
            }
            panic!("the dispatcher waited for Redis");
        })
    }

    /// One block by one worker, with this fault at the first lock. Returns how long it took, the counts and
    /// the deaths.
    fn run(
        &self,
        kind: Option<NemesisKind>,
        look: &mut dyn FnMut(),
    ) -> Result<(Duration, Vec<OwnCounts>, u32), EngineError> {
        let plan = Arc::new(self.plan());
        let clock = Clock::start();
        let nemeses: Vec<Nemesis> =
            kind.into_iter().map(|kind| Nemesis { kind, acquisition: 1, strategy: None }).collect();
        let unbounded = crate::strategy::Unbounded::new(RetryPolicy::new(plan.retry.clone()));
        let nemeses = Nemeses::of(&nemeses, "unbounded", Some(self.restart()));
        let cell = Arc::new(CellState::new(plan.cells()[0], Arc::new(unbounded), nemeses));
        let run = Arc::new(RunContext {
            plan: plan.clone(),
            clock,
            stop: Arc::default(),
            progress: Arc::default(),
            budget: BudgetKeeper::Own(Budget::new(self.caps)),
            connection: None,
            failed: std::sync::Mutex::default(),
        });
        let assignment = Assignment {
            plan: plan.toml.clone(),
            cell: 0,
            process: 0,
            processes: 1,
            successor: false,
            threads: 1,
            base_urls: Vec::new(),
            epoch_ns: clock.epoch_monotonic_ns(),
            redis_url: None,
            prefix: String::new(),
            budget: true,
            armed: true,
        };
        let evidence = tempfile::tempdir().expect("a directory");
        let dir = RunDir::create_at(&evidence.path().join("run")).expect("a place");
        let history = dir.history_writer().expect("a writer");
        let program = self.dir.path().join("worker.sh");
        let mut workers = Workers::new(program, assignment, run.clone(), cell.clone(), history.sender());
        workers.timeout = self.timeout;
        let begun = clock.now();
        let pieces = &blocks(&plan)[0];
        let block = Block { number: 0, pieces, orders: &[] };
        let mut made = workers.make(&block, look);
        // A file that another test's new process still holds open for writing cannot be run for a moment.
        while matches!(&made, Err(EngineError::WorkerStart(e)) if e.kind() ==
            std::io::ErrorKind::ExecutableFileBusy)
        {
            made = workers.make(&block, look);
        }
        let reports = made?;
        assert_eq!((reports.len(), reports[0].cpu_ns, cell.tally.left()), (1, 1, 1));
        let took = clock.now() - begun;
        let (booked, deaths) = workers.finish()?;
        Ok((took, booked, deaths))
    }
}

const ANSWER: &str = "{\"go\":{\"id\":7,\"lose_unlock\":false}}\n";

#[test]
fn without_a_fault_a_holder_continues_at_once() {
    let place = Place::new(HOLDER);
    let (_, booked, deaths) = place.run(None, &mut || {}).expect("it works");
    assert_eq!((place.read("answers").as_str(), deaths), (ANSWER, 0));
    assert_eq!(booked, [OwnCounts { requests: 3, prompt_tokens: 2, completion_tokens: 1 }]);
    assert_eq!(place.read("lives").lines().count(), 1);
    assert_eq!(place.state(), None, "nothing is left of it");
}

#[test]
fn a_paused_holder_stops_and_then_continues() {
    let place = Place::new(HOLDER);
    let pause = Duration::from_millis(400);
    let mut stopped = false;
    let mut look = || stopped |= place.state() == Some('T') && place.read("answers").is_empty();
    let (took, _, deaths) = place.run(Some(NemesisKind::PauseHolder(pause)), &mut look).expect("it works");
    assert!(stopped, "it was never seen stopped");
    assert!(took >= pause, "{took:?}");
    assert_eq!((place.read("answers").as_str(), deaths), (ANSWER, 0));
}

#[test]
fn a_killed_holder_is_started_again_and_may_take_the_lock() {
    let place = Place::new(HOLDER);
    let (_, _, deaths) = place.run(Some(NemesisKind::KillHolder), &mut || {}).expect("it works");
    assert_eq!((place.read("answers").as_str(), deaths), (ANSWER, 1), "only its second life was answered");
    assert_eq!(place.read("lives").lines().count(), 2);
}

#[test]
fn an_unlock_is_lost_and_redis_restarted_before_the_holder_continues() {
    let place = Place::new(HOLDER);
    place.run(Some(NemesisKind::LoseUnlock), &mut || {}).expect("it works");
    assert_eq!(place.read("answers"), "{\"go\":{\"id\":7,\"lose_unlock\":true}}\n");
    assert_eq!(place.read("restarts"), "");
    let place = Place::new(HOLDER);
    // The dispatcher looks at other things while the holder waits.
    let mut look = || {
        if place.read("restarts") == "1" && place.read("looked").is_empty() {
            assert_eq!(place.read("answers"), "");
            std::fs::write(place.dir.path().join("looked"), "1").expect("written");
        }
    };
    place.run(Some(NemesisKind::RestartRedis), &mut look).expect("it works");
    assert_eq!((place.read("answers").as_str(), place.read("restarts").as_str()), (ANSWER, "1"));
}

#[test]
fn what_a_killed_worker_had_reserved_and_not_sent_is_released() {
    let mut place = Place::new(PAYER);
    place.caps.requests = Some(1);
    let (_, _, deaths) = place.run(Some(NemesisKind::KillHolder), &mut || {}).expect("it works");
    assert_eq!((place.read("answers").as_str(), deaths), ("{\"granted\":true}\n{\"granted\":true}\n", 1));
}

#[test]
fn a_worker_that_ends_without_its_counts_claims_those_of_its_last_message() {
    let (_, booked, deaths) = Place::new(ENDS_UNCOUNTED).run(None, &mut || {}).expect("it works");
    assert_eq!(booked, [OwnCounts { requests: 5, prompt_tokens: 4, completion_tokens: 3 }]);
    assert_eq!(deaths, 1);
}

#[test]
fn a_silent_worker_ends_the_run() {
    for (script, reason) in [(SILENT, "its figures"), (NEVER_COUNTS, "its counts")] {
        let mut place = Place::new(script);
        place.timeout = Duration::from_millis(300);
        let Err(EngineError::Worker(why)) = place.run(None, &mut || {}) else { panic!("{reason}") };
        assert!(why.contains(reason), "{why}");
    }
}

#[test]
fn a_worker_that_always_dies_is_not_restarted_forever() {
    let place = Place::new(ENDS_AT_ONCE);
    let Err(EngineError::Worker(why)) = place.run(None, &mut || {}) else { panic!("it cannot work") };
    assert!(why.contains("died more than 20 times"), "{why}");
    assert_eq!(place.read("lives").lines().count(), 21);
    let place = Place::new("not a program");
    let error = place.run(None, &mut || {}).expect_err("it cannot start");
    assert!(matches!(error, EngineError::WorkerStart(_)), "{error}");
}
