//! Schedules as files: what is written is read back, and what is wrong is all told at once.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use deadheat::faults::{FaultKind, Status};
use deadheat::history::JobKey;
use deadheat::plan::{Nemesis, NemesisKind};
use deadheat::schedule::{Fallback, Hold, Perturb, RequestKey, Schedule, Strike, Until};
use deadheat::units::{exact_duration, parse_duration};
use proptest::prelude::*;
use std::time::Duration;

const TEXT: &str = r#"version = 1
seed = 7
fallback = { lanes = { depth = 3 } }
quiet = "25ms"
patience = "1s"

[[hold]]
request = "job:0003#1"
until = { answered = "job:0001#1" }

[[hold]]
request = "job:0004#2+1"
until = { after = "300ms" }

[[hold]]
request = "body:00ff#1"
until = "disconnect"

[[fault]]
request = "job:0002#1"
kind.status = { code = 503 }
"#;

#[test]
fn a_schedule_is_written_as_people_would_write_it() {
    let schedule = Schedule::from_toml("s.toml", TEXT).unwrap();
    assert_eq!(schedule.holds[0].until, Until::Answered(RequestKey::new("job:0001", 1)));
    assert_eq!(schedule.holds[1].request, RequestKey { repeat: 1, ..RequestKey::new("job:0004", 2) });
    assert_eq!(schedule.faults[0].kind, FaultKind::from(Status { code: 503 }));
    assert_eq!(schedule.to_toml(), TEXT);
}

#[test]
fn what_is_left_out_has_a_default() {
    assert_eq!(Schedule::from_toml("s.toml", "version = 1").unwrap(), Schedule::default());
}

#[test]
fn everything_that_is_wrong_is_told_at_once_with_its_line() {
    let text = r#"version = 1
falback = "fifo"
quiet = "25"

[[hold]]
request = "job:0003"
until = { answered = "job:0001#1" }

[[hold]]
request = "job:0003#1"
until = { answered = "job:0003#1" }

[[hold]]
request = "job:0003#1"
until = { anwsered = "job:0003#1" }

[[fault]]
request = "job:0002#1"
kind.status = { code = 200 }

[[fault]]
request = "job:0002#1"
kind.gateway-timeout = { status = 510, after = "1s" }
"#;
    let faults = Schedule::from_toml("s.toml", text).unwrap_err();
    let told: Vec<(usize, &str)> = faults.list().iter().map(|f| (f.line, f.what.as_str())).collect();
    let want = [
        (2, "unknown key `falback`"),
        (3, "`quiet`"),
        (6, "names no request"),
        (11, "waits for its own end"),
        (15, "unknown key"),
        (19, "too small"),
        (22, "a second fault"),
        (23, "510 is no gateway's timeout"),
    ];
    for (line, what) in want {
        assert!(told.iter().any(|(at, told)| *at == line && told.contains(what)), "{line} {what}: {told:?}");
    }
    let late = Schedule::from_toml("s.toml", "version = 2").unwrap_err().to_string();
    assert!(late.contains("version = 1"), "{late}");
    let odd =
        "version = 1\n[[fault]]\nrequest = \"a#1\"\nkind.gateway-timeout = { status = 510, after = \"1s\" }";
    let odd = Schedule::from_toml("s.toml", odd).unwrap_err().to_string();
    assert!(odd.contains("504 or 524"), "{odd}");
}

#[test]
fn holds_that_are_never_met_or_come_twice_are_wrong() {
    let wrong = |text: &str| Schedule::from_toml("s.toml", &format!("version = 1\n{text}")).unwrap_err();
    let hold = |request: &str, other: &str| {
        format!("[[hold]]\nrequest = \"{request}#1\"\nuntil = {{ answered = \"{other}#1\" }}\n")
    };
    let round = wrong(&format!("{}{}{}", hold("a", "b"), hold("b", "c"), hold("c", "a")));
    assert_eq!(round.list().len(), 1, "{round}");
    assert!(round.list()[0].what.contains("`c#1` for `a#1` for `b#1` for `c#1`"), "{round}");
    let twice = wrong(&hold("a", "b").repeat(2)).to_string();
    assert!(twice.contains("the same hold of `a#1` twice"), "{twice}");
    let impatient = wrong(&format!("patience = \"0s\"\n{}", hold("a", "b"))).to_string();
    assert!(impatient.contains("holds nothing"), "{impatient}");
}

#[test]
fn a_schedule_is_read_from_a_finding_with_its_own_lines() {
    let finding = "version = 1\ninvariant = \"progress\"\n[schedule]\nversion = \
        1\n[[schedule.hold]]\nrequest = \"a#1\"\n";
    let whole = format!("{finding}until = \"disconnect\"\n");
    let read = Schedule::from_toml("finding-1.toml", &whole).unwrap();
    assert_eq!(read.holds, [Hold { request: RequestKey::new("a", 1), until: Until::Disconnect }]);
    let bent =
        Schedule::from_toml("finding-1.toml", &format!("{finding}until = \"disconect\"\n")).unwrap_err();
    assert_eq!(bent.list()[0].line, 7, "{bent}");
}

fn key() -> impl Strategy<Value = RequestKey> {
    let tags = prop_oneof!["job:[0-9]{4}", "job:[1-9]\\.[0-9]{4}", "[A-Za-z0-9._:-]{1,20}"];
    (tags, 1..1000u32, 0..3u32).prop_map(|(tag, attempt, repeat)| RequestKey {
        job: JobKey::from(tag.as_str()),
        attempt,
        repeat,
    })
}

fn time() -> impl Strategy<Value = Duration> {
    (0..10_000_000_000_000u64).prop_map(Duration::from_nanos)
}

/// Every kind of the table, with other times and shares than a hunt tries.
fn kind() -> impl Strategy<Value = FaultKind> {
    let parts = (prop::sample::select(FaultKind::all()), time(), 0.0..=1.0f64);
    parts.prop_map(|(kind, time, share)| {
        let mut json = serde_json::to_value(&kind).unwrap();
        for setting in json[kind.name()].as_object_mut().unwrap().values_mut() {
            if setting.as_str().is_some_and(|text| parse_duration(text).is_ok()) {
                *setting = exact_duration(time + Duration::from_nanos(1)).into();
            } else if setting.is_f64() {
                *setting = share.into();
            }
        }
        serde_json::from_value(json).unwrap()
    })
}

fn hold() -> impl Strategy<Value = Hold> {
    let until =
        prop_oneof![key().prop_map(Until::Answered), time().prop_map(Until::After), Just(Until::Disconnect)];
    (key(), until)
        .prop_filter("waits for itself", |(request, until)| *until != Until::Answered(request.clone()))
        .prop_map(|(request, until)| Hold { request, until })
}

fn fallback() -> impl Strategy<Value = Fallback> {
    prop_oneof![
        prop::sample::select(vec![
            Fallback::Respond,
            Fallback::Fifo,
            Fallback::Reverse,
            Fallback::Burst,
            Fallback::Random
        ]),
        (1..100u32).prop_map(|depth| Fallback::Lanes { depth }),
    ]
}

/// Those that wait for a greater one only, each once: none waits for itself in the end.
fn sound(holds: Vec<Hold>) -> Vec<Hold> {
    let mut kept: Vec<Hold> = Vec::new();
    for hold in holds {
        let forward = !matches!(&hold.until, Until::Answered(other) if *other <= hold.request);
        if forward && !kept.contains(&hold) {
            kept.push(hold);
        }
    }
    kept
}

fn nemeses() -> impl Strategy<Value = Vec<Nemesis>> {
    let kind = prop_oneof![
        time().prop_map(NemesisKind::PauseHolder),
        Just(NemesisKind::KillHolder),
        Just(NemesisKind::RestartRedis),
        Just(NemesisKind::LoseUnlock)
    ];
    let nemesis =
        (kind, 1..9u64).prop_map(|(kind, acquisition)| Nemesis { kind, acquisition, strategy: None });
    prop::collection::vec(nemesis, 0..3)
}

fn perturb() -> impl Strategy<Value = Option<Perturb>> {
    prop::sample::select(vec![None, Some(Perturb::Python), Some(Perturb::Node)])
}

fn schedule() -> impl Strategy<Value = Schedule> {
    let faults = prop::collection::btree_map(key(), kind(), 0..5);
    let seed = 0..=u64::MAX / 2;
    let order = (fallback(), time(), time(), perturb());
    let parts = (seed, prop::collection::vec(hold(), 0..5), faults, nemeses(), order);
    parts.prop_map(|(seed, holds, faults, nemeses, (fallback, quiet, patience, perturb))| Schedule {
        seed,
        holds: sound(holds),
        faults: faults.into_iter().map(|(request, kind)| Strike { request, kind }).collect(),
        nemeses,
        fallback,
        quiet,
        patience: patience.max(Duration::from_millis(1)),
        perturb,
    })
}

proptest! {
    #[test]
    fn every_schedule_survives_a_round_trip(schedule in schedule()) {
        let text = schedule.to_toml();
        let read = Schedule::from_toml("s.toml", &text);
        prop_assert_eq!(read.map_err(|faults| format!("{faults}\n{text}")), Ok(schedule));
    }
}
