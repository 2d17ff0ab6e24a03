//! Programs that are servers: deadheat sends them the jobs, and its provider is what stands behind them.
#![cfg(not(loom))]

#[path = "programs/mod.rs"]
mod programs;

use deadheat::history::{Invariant, Verdict};
use deadheat::schedule::Until;
use deadheat::subject::{Address, Settings};
use programs::*;
use std::net::TcpListener;
use std::time::Duration;

/// A gateway as people write one. `ANSWER` makes the answer to `body`.
const GATEWAY: &str = r#"
import http.server, time
last = {}
def upstream(body, timeout=10):
    wire = http.client.HTTPConnection(url.hostname, url.port, timeout=timeout)
    wire.request("POST", url.path + "/chat/completions", body, {"content-type": "application/json"})
    answer = wire.getresponse()
    return answer.status, answer.read()
class Gateway(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        status, text = answer(body)
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)
    def log_message(self, *_): pass
ANSWER
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Gateway).serve_forever()
"#;

fn gateway(answer: &str) -> Lying {
    let port = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a port").port();
    python(&GATEWAY.replace("ANSWER", answer), 3, |settings: &mut Settings| {
        settings.command.words.push(port.to_string());
        settings.drive = Some(Address::read(&format!("http://127.0.0.1:{port}/v1")).expect("an address"));
    })
}

#[test]
fn a_right_gateway_breaks_nothing_and_both_sides_agree() {
    let mut right = gateway("def answer(body): return upstream(body)");
    for schedule in [calm(), hold(0, Until::Answered(first(2)))] {
        let trial = right.run(&schedule);
        assert_eq!(broken(&trial), Vec::<&str>::new(), "{:#?}", trial.verdicts);
        for rule in [
            Invariant::BilledOnce,
            Invariant::EveryJobAnswered,
            Invariant::AnswerMatchesJob,
            Invariant::OneResultPerJob,
            Invariant::ContentIntact,
            Invariant::TokensCounted,
        ] {
            assert_eq!(row(&trial, rule).verdict, Verdict::Holds, "{:?}", row(&trial, rule));
        }
    }
}

#[test]
fn a_gateway_that_keeps_the_answer_where_all_threads_see_it_mixes_them_up() {
    let shared = r#"
def answer(body):
    last["answer"] = upstream(body)
    time.sleep(0.05)
    return last["answer"]
"#;
    let trial = gateway(shared).run(&hold(0, Until::Answered(first(2))));
    assert!(broken(&trial).contains(&"answer-matches-job"), "{:#?}", trial.verdicts);
}

#[test]
fn a_gateway_that_asks_again_is_billed_again() {
    let again = r#"
def answer(body):
    try: return upstream(body, 0.5)
    except OSError: return upstream(body)
"#;
    let mut again = gateway(again);
    assert_eq!(broken(&again.run(&calm())), Vec::<&str>::new());
    let trial = again.run(&hold(1, Until::After(Duration::from_millis(900))));
    assert_eq!(broken(&trial), ["billed-once"], "{:#?}", trial.verdicts);
    assert_eq!(witness(&trial, Invariant::BilledOnce).0, ["job:0001"]);
}
