//! Streams over real sockets: how bytes may be cut, and how a connection may end.

use deadheat::clock::Clock;
use deadheat::history::{ErrorClass, JobId, Outcome};
use deadheat::plan::{Api, Timeouts};
use deadheat::provider::{Client, Done, Endpoint, Request};
use std::future::pending;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

const SHORT: Duration = Duration::from_millis(50);
const LONG: Duration = Duration::from_secs(20);
const STREAM: &str =
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";

fn timeouts() -> Timeouts {
    Timeouts { connect: LONG, first_byte: LONG, idle: LONG, total: LONG }
}

fn client(at: SocketAddr, timeouts: Timeouts) -> Client {
    client_by(Clock::start(), at, timeouts)
}

fn client_by(clock: Clock, at: SocketAddr, timeouts: Timeouts) -> Client {
    let endpoint = Endpoint::new(Api::OpenaiChat, format!("http://{at}/v1"), "m", timeouts);
    Client::new(&endpoint, clock).expect("a client")
}

fn request(index: u64) -> Request {
    let job = JobId { cell: 0, index };
    Request::new(job, 1, Duration::ZERO, 5, 9)
}

async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let at = listener.local_addr().expect("an address");
    (listener, at)
}

/// Reads one request, whose body ends with the last brace of `…"include_usage":true}}`.
async fn read_request(socket: &mut TcpStream) {
    let mut seen = Vec::new();
    let mut buffer = [0; 4096];
    while !seen.ends_with(b"true}}") {
        let n = socket.read(&mut buffer).await.expect("a request");
        assert!(n > 0, "the client closed inside its request");
        seen.extend_from_slice(&buffer[..n]);
    }
}

/// One HTTP chunk.
fn framed(bytes: &[u8]) -> Vec<u8> {
    [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat()
}

fn content(text: &str) -> String {
    format!(
        "data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{text}\"}},\
         \"finish_reason\":null}}]}}\r\n\r\n"
    )
}

fn ending() -> String {
    "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\r\n\r\ndata: [DONE]\r\n\r\n"
        .to_owned()
}

/// How a scripted answer ends.
enum End {
    /// The framing's own end.
    Whole,
    /// FIN, without it.
    Fin,
    /// RST.
    Rst,
    /// Nothing more, until the client goes.
    Stall,
}

/// Answers one request with these raw bytes, and attempts it.
async fn ask(answer: &str, end: End, timeouts: Timeouts) -> Done {
    ask_by(Clock::start(), answer, end, timeouts).await
}

async fn ask_by(clock: Clock, answer: &str, end: End, timeouts: Timeouts) -> Done {
    let (listener, at) = listen().await;
    let client = client_by(clock, at, timeouts);
    let request = request(1);
    let serve = async {
        let (mut socket, _) = listener.accept().await.expect("a connection");
        read_request(&mut socket).await;
        socket.write_all(answer.as_bytes()).await.expect("written");
        match end {
            End::Whole => socket.write_all(b"0\r\n\r\n").await.expect("written"),
            End::Fin => {}
            End::Rst => {
                // The client must have read what came before, or the reset would drown it.
                tokio::task::yield_now().await;
                socket2::SockRef::from(&socket).set_linger(Some(Duration::ZERO)).expect("linger");
            }
            End::Stall => {
                let _ = socket.read(&mut [0; 16]).await;
            }
        }
    };
    let (done, ()) = tokio::join!(client.attempt(&request, pending()), serve);
    done
}

fn chunked(pieces: &[&str]) -> String {
    let body: Vec<u8> = pieces.iter().flat_map(|piece| framed(piece.as_bytes())).collect();
    format!("{STREAM}{}", String::from_utf8(body).expect("UTF-8"))
}

#[tokio::test]
async fn bytes_cut_anywhere_give_the_same_text() {
    let body = [content("für 🏁"), content(" fin"), ending()].concat();
    let (listener, at) = listen().await;
    let client = client(at, timeouts());
    let request = request(1);
    let serve = async {
        let (mut socket, _) = listener.accept().await.expect("a connection");
        socket.set_nodelay(true).expect("no delay");
        read_request(&mut socket).await;
        socket.write_all(STREAM.as_bytes()).await.expect("written");
        // One HTTP chunk and one write per byte: inside characters, inside CRLF.
        for byte in body.as_bytes() {
            socket.write_all(&framed(&[*byte])).await.expect("written");
            tokio::task::yield_now().await;
        }
        socket.write_all(b"0\r\n\r\n").await.expect("written");
        socket
    };
    let (done, _socket) = tokio::join!(client.attempt(&request, pending()), serve);
    let a = done.attempt;
    assert_eq!((a.outcome, a.error), (Outcome::Ok, None), "{:?}", a.message);
    let hash = format!("{:016x}", xxhash_rust::xxh64::xxh64("für 🏁 fin".as_bytes(), 0));
    assert_eq!(a.text_hash, Some(hash));
    let (first, gap) =
        (a.first_content_ns.expect("content"), a.gaps_us.iter().copied().map(u64::from).sum::<u64>());
    assert!(a.first_byte_ns.expect("a head") <= first && first + gap * 1000 <= a.done_ns);
}

#[tokio::test]
async fn how_a_connection_ends_decides_the_class() {
    use ErrorClass as E;
    let (one, end) = (content("a"), ending());
    let inside = one.get(..30).expect("long enough");
    let short = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: 9999\r\n\r\n{one}{end}"
    );
    let short = short.replace("data: [DONE]\r\n\r\n", "");
    for (answer, ending, class) in [
        (chunked(&[&one, &end]), End::Whole, None),
        (chunked(&[&one]), End::Whole, Some(E::CutStream)),
        (chunked(&[&one, inside]), End::Whole, Some(E::CutStream)),
        (chunked(&[]), End::Whole, Some(E::CutStream)),
        (chunked(&[&one]), End::Fin, Some(E::Reset)),
        (chunked(&[&one, inside]), End::Rst, Some(E::Reset)),
        (short, End::Fin, Some(E::Reset)),
        (format!("HTTP/1.1 200 OK\r\n\r\n{one}"), End::Fin, Some(E::CutStream)),
        (format!("HTTP/1.1 200 OK\r\n\r\n{one}{end}"), End::Fin, None),
        (format!("{STREAM}zz\r\n{one}"), End::Fin, Some(E::MalformedStream)),
        (String::new(), End::Fin, Some(E::Reset)),
        (String::new(), End::Rst, Some(E::Reset)),
        ("HTTP/1.1 200 O".to_owned(), End::Fin, Some(E::Reset)),
        ("SSH-2.0-OpenSSH\r\n\r\n".to_owned(), End::Fin, Some(E::MalformedStream)),
    ] {
        let a = ask(&answer, ending, timeouts()).await.attempt;
        assert_eq!(a.error, class, "{answer:?}: {:?}", a.message);
        assert_eq!(a.outcome, if class.is_none() { Outcome::Ok } else { Outcome::Unknown });
        assert!(a.sent_ns.is_some());
        assert_eq!(a.first_byte_ns.is_some(), answer.starts_with("HTTP/1.1 200 OK"));
    }
}

#[tokio::test]
async fn each_phase_has_its_own_timeout() {
    use ErrorClass as E;
    let (one, all) = (chunked(&[&content("a")]), timeouts());
    for (answer, timeouts, class) in [
        ("", Timeouts { first_byte: SHORT, ..all }, E::TimeoutFirstByte),
        ("HTTP/1.1 200 OK\r\n", Timeouts { first_byte: SHORT, ..all }, E::TimeoutFirstByte),
        ("", Timeouts { total: SHORT, ..all }, E::TimeoutTotal),
        (STREAM, Timeouts { idle: SHORT, ..all }, E::TimeoutIdle),
        (&one, Timeouts { idle: SHORT, ..all }, E::TimeoutIdle),
        (&one, Timeouts { total: SHORT, ..all }, E::TimeoutTotal),
        // The time for connecting is over once there is a connection.
        ("", Timeouts { connect: Duration::from_millis(40), first_byte: SHORT, ..all }, E::TimeoutFirstByte),
    ] {
        let a = ask(answer, End::Stall, timeouts).await.attempt;
        assert_eq!((a.error, a.outcome), (Some(class), Outcome::Unknown), "{answer:?}: {:?}", a.message);
        let waited = Duration::from_nanos(a.done_ns - a.sent_ns.expect("sent"));
        assert!(waited >= SHORT, "{waited:?}");
        assert_eq!(a.first_content_ns.is_some(), answer.contains("content\""));
    }
}

#[tokio::test]
async fn a_stream_that_never_pauses_still_runs_out_of_time() {
    let (listener, at) = listen().await;
    let client = client(at, Timeouts { total: SHORT, ..timeouts() });
    let request = request(1);
    let serve = async {
        let (mut socket, _) = listener.accept().await.expect("a connection");
        read_request(&mut socket).await;
        socket.write_all(STREAM.as_bytes()).await.expect("written");
        let many = framed(content("a").repeat(100).as_bytes());
        while socket.write_all(&many).await.is_ok() {}
    };
    let (done, ()) = tokio::join!(client.attempt(&request, pending()), serve);
    assert_eq!(done.attempt.error, Some(ErrorClass::TimeoutTotal));
}

#[tokio::test]
async fn a_stream_that_has_said_all_ends_the_attempt_although_the_connection_stays_open() {
    let clock = Clock::start();
    let a = ask_by(clock, &chunked(&[&content("a"), &ending()]), End::Stall, timeouts()).await.attempt;
    let returned = clock.now();
    assert_eq!((a.outcome, a.error), (Outcome::Ok, None));
    // The client waits 100 ms for the connection's end; the record's end stands before that wait.
    let waited = returned - Duration::from_nanos(a.done_ns);
    assert!(waited >= Duration::from_millis(100), "the record holds the wait for the connection: {waited:?}");
}

#[tokio::test]
async fn a_cancelled_attempt_closes_its_connection_and_keeps_its_stamps() {
    let (listener, at) = listen().await;
    let client = client(at, timeouts());
    let request = request(1);
    let (cancel, cancelled) = oneshot::channel::<()>();
    let serve = async {
        let (mut socket, _) = listener.accept().await.expect("a connection");
        read_request(&mut socket).await;
        socket.write_all(chunked(&[&content("a")]).as_bytes()).await.expect("written");
        tokio::task::yield_now().await;
        cancel.send(()).expect("still waiting");
        assert_eq!(socket.read(&mut [0; 16]).await.unwrap_or(0), 0, "the client closed");
    };
    let cancelled = async { cancelled.await.expect("sent") };
    let (done, ()) = tokio::join!(client.attempt(&request, cancelled), serve);
    let a = done.attempt;
    assert_eq!((a.error, a.outcome), (Some(ErrorClass::Cancelled), Outcome::Unknown));
    assert!(a.sent_ns.is_some());
}

#[tokio::test]
async fn an_attempt_cancelled_at_once_sends_nothing() {
    let (listener, at) = listen().await;
    let a = client(at, timeouts()).attempt(&request(1), std::future::ready(())).await.attempt;
    assert_eq!((a.error, a.outcome, a.sent_ns), (Some(ErrorClass::Cancelled), Outcome::Failed, None));
    drop(listener);
}

#[tokio::test]
async fn without_a_listener_or_a_name_nothing_was_sent() {
    let (listener, at) = listen().await;
    drop(listener);
    let a = client(at, timeouts()).attempt(&request(1), pending()).await.attempt;
    assert_eq!((a.error, a.outcome, a.sent_ns), (Some(ErrorClass::Connect), Outcome::Failed, None));

    for scheme in ["http", "https"] {
        let base_url = format!("{scheme}://no-such-host.invalid/v1");
        let endpoint = Endpoint::new(Api::OpenaiChat, base_url, "m", timeouts());
        let client = Client::new(&endpoint, Clock::start()).expect("a client");
        let a = client.attempt(&request(1), pending()).await.attempt;
        assert_eq!(
            (a.error, a.outcome, a.sent_ns),
            (Some(ErrorClass::Dns), Outcome::Failed, None),
            "{:?}",
            a.message
        );
    }
}

/// Serves `per_connection` requests on each connection, then closes it; returns how many connections it took.
async fn serve(listener: TcpListener, per_connection: u32, requests: u32) -> u32 {
    let (mut served, mut connections) = (0, 0);
    while served < requests {
        let (mut socket, _) = listener.accept().await.expect("a connection");
        connections += 1;
        for _ in 0..per_connection.min(requests - served) {
            read_request(&mut socket).await;
            let answer = chunked(&[&content("a"), &ending()]) + "0\r\n\r\n";
            socket.write_all(answer.as_bytes()).await.expect("written");
            served += 1;
        }
    }
    connections
}

#[tokio::test]
async fn a_connection_serves_again_and_a_dead_one_is_not_tried() {
    for (per_connection, expected) in [(1, 6), (3, 2), (6, 1)] {
        let (listener, at) = listen().await;
        let client = client(at, timeouts());
        let attempts = async {
            for index in 0..6 {
                let a = client.attempt(&request(index), pending()).await.attempt;
                assert_eq!((a.outcome, a.error), (Outcome::Ok, None), "{:?}", a.message);
                // Lets the server's task close its end; one that is still open only shows in the next case.
                tokio::task::yield_now().await;
            }
        };
        let (connections, ()) = tokio::join!(serve(listener, per_connection, 6), attempts);
        assert_eq!(connections, expected);
    }
}

/// The server closes while this thread is busy, so that nothing but a look at the socket can tell.
#[tokio::test]
async fn a_connection_that_closed_behind_our_back_is_found_out_before_anything_is_sent() {
    use std::io::{Read, Write};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let client = client(listener.local_addr().expect("an address"), timeouts());
    let (tell, told) = std::sync::mpsc::channel();
    let (close, closing) = std::sync::mpsc::channel();
    let server = std::thread::spawn(move || {
        for _ in 0..2 {
            let (mut socket, _) = listener.accept().expect("a connection");
            let (mut seen, mut buffer) = (Vec::new(), [0; 4096]);
            while !seen.ends_with(b"true}}") {
                let n = socket.read(&mut buffer).expect("a request");
                seen.extend_from_slice(&buffer[..n]);
            }
            let answer = chunked(&[&content("a"), &ending()]) + "0\r\n\r\n";
            socket.write_all(answer.as_bytes()).expect("written");
            closing.recv().expect("the answer was read");
            drop(socket);
            tell.send(()).expect("someone waits");
        }
    });
    for index in 0..2 {
        let a = client.attempt(&request(index), pending()).await.attempt;
        assert_eq!((a.outcome, a.error), (Outcome::Ok, None), "{:?}", a.message);
        close.send(()).expect("the server waits");
        told.recv_timeout(LONG).expect("the server closed");
    }
    server.join().expect("the server ended");
}
