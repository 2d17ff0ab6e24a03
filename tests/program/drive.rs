//! Programs that are servers: deadheat sends them the jobs, and its provider is what stands behind them.

use crate::programs;

use deadheat::program::{ServerUrl, Settings};
use deadheat::schedule::Until;
use deadheat::summary::{Invariant, Verdict};
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
        stream = text.startswith(b"data:")
        self.send_header("content-type", "text/event-stream" if stream else "application/json")
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)
    def log_message(self, *_): pass
ANSWER
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Gateway).serve_forever()
"#;

fn gateway(answer: &str) -> Lying {
    driven(answer, false)
}

fn driven(answer: &str, streams: bool) -> Lying {
    let port = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a port").port();
    python(&GATEWAY.replace("ANSWER", answer), 3, |settings: &mut Settings| {
        settings.command.words.push(port.to_string());
        let mut address = ServerUrl::read(&format!("http://127.0.0.1:{port}/v1")).expect("an address");
        address.streams = streams;
        settings.drive = Some(address);
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

/// Passes each line of the provider's stream on as it comes.
const PASSES_ON: &str = r#"
def answer(body):
    status, text = upstream(body)
    if not json.loads(body).get("stream"): return status, text
    return status, CUT
"#;

#[test]
fn streams_through_a_gateway_come_whole_or_it_is_seen() {
    let run = |cut: &str| {
        let body = PASSES_ON.replace("CUT", cut);
        driven(&body, true).run(&calm())
    };
    let whole = run("text");
    assert_eq!(broken(&whole), Vec::<&str>::new(), "{:#?}", whole.verdicts);
    assert_eq!(row(&whole, Invariant::ContentIntact).verdict, Verdict::Holds);
    // A gateway that drops one line of a stream that it passes on.
    let cut = run(r#"b"\n\n".join(e for n, e in enumerate(text.split(b"\n\n")) if n != 3)"#);
    assert!(broken(&cut).contains(&"content-intact"), "{:#?}", cut.verdicts);
}
