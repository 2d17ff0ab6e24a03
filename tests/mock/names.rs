//! The name of a request: known by where it comes from, never by how it is spelt.

use crate::world::{MS, plan};
use deadheat::history::{JobKey, LedgerEntry};
use deadheat::mock::{Admitted, Arrival, Core, MockConfig, Move, PlayEnd};
use deadheat::program::verdicts;
use deadheat::schedule::RequestKey;

/// Tags that read like what names a request without a tag, and like escapes of those.
const SPELLINGS: [&str; 10] = [
    "body:1",
    "body:00ff00ff00ff00ff",
    "key:1",
    "key:00ff00ff00ff00ff",
    "tag:body:00ff00ff00ff00ff",
    "tag:tag:key:1",
    "tag:1",
    "job:1",
    "job:body:00ff00ff00ff00ff",
    "order-7",
];

fn body(prompt: &str) -> String {
    format!(r#"{{"model":"m","messages":[{{"content":"{prompt}"}}]}}"#)
}

/// The body of the answer to each request, and the ledger after it went through its file form.
fn answered(requests: Vec<Arrival>) -> (Vec<String>, Vec<LedgerEntry>) {
    let mut core = Core::new(MockConfig::new("mock", plan()).core(0));
    let (mut now, mut answers, mut ledger) = (MS, Vec::new(), Vec::new());
    for request in requests {
        let Admitted::Answer(mut play) = core.arrive(now, request) else { panic!("nothing is queued") };
        loop {
            match play.next(now) {
                Move::Wait(until) => now = until.expect("an answer"),
                Move::Last(bytes) => break answers.push(String::from_utf8(bytes).expect("UTF-8")),
                Move::Bytes(_) | Move::Head(_) => {}
                Move::Close | Move::Reset => panic!("no fault is planned"),
            }
        }
        let entry = serde_json::to_string(&core.end(now, play, PlayEnd::Done)).expect("an entry");
        ledger.push(serde_json::from_str(&entry).expect("an entry"));
    }
    (answers, ledger)
}

#[test]
fn a_tag_of_any_spelling_is_judged_as_a_tag() {
    for tag in SPELLINGS {
        let named = |prompt: &str| {
            Arrival::read(|name| (name == "x-deadheat-job").then_some(tag), body(prompt).as_bytes())
        };
        let (answers, ledger) = answered(vec![named("a question"), named("a question")]);
        assert!(answers[0].contains(&format!("[{tag}] R-")), "{tag} stands in the answer: {}", answers[0]);
        assert!(ledger.iter().all(|entry| entry.job == JobKey::tagged(tag)), "{tag}: {ledger:?}");
        let request = RequestKey::new(ledger[0].job.clone(), 1);
        assert_eq!(request.to_string().parse(), Ok(request), "{tag} in a schedule");
        let (sound, text) = verdicts(ledger, "").expect("a judgement");
        assert!(!sound && text.contains("billed-once"), "{tag} was billed twice: {text}");
    }
}

#[test]
fn a_tag_is_not_taken_for_the_body_or_the_key_of_the_same_spelling() {
    let plain = |key: Option<&'static str>| {
        Arrival::read(move |name| key.filter(|_| name == "idempotency-key"), body("a question").as_bytes())
    };
    for unnamed in [plain(None), plain(Some("order-7"))] {
        let tag = unnamed.job.to_string();
        let named = Arrival::read(
            |name| (name == "x-deadheat-job").then_some(tag.as_str()),
            body("a question").as_bytes(),
        );
        let (_, ledger) = answered(vec![unnamed, named]);
        assert_ne!(ledger[0].job, ledger[1].job);
        let (sound, text) = verdicts(ledger, "").expect("a judgement");
        assert!(sound, "{tag}: two jobs, each billed once: {text}");
    }
}

#[test]
fn the_same_text_asked_twice_without_a_name_is_two_questions() {
    let plain = || Arrival::read(|_| None, body("a question").as_bytes());
    let (_, ledger) = answered(vec![plain(), plain()]);
    assert!(ledger.iter().all(|entry| entry.job.is_body()), "{ledger:?}");
    assert!(verdicts(ledger, "").expect("a judgement").0);
}
