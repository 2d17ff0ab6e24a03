//! A key is sent to its endpoint and goes nowhere else, even where the endpoint sends it back.

use crate::cli;

use cli::{Place, Ran};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

pub(crate) const KEY: &str = "sk-very-secret-1234567890";

/// A server that puts the header it was given into every answer; gives its base URL and what it was given.
pub(crate) fn echoing_server(status: &'static str) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/v1", listener.local_addr().expect("bound"));
    let given = Arc::new(Mutex::new(Vec::new()));
    let seen = given.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let seen = seen.clone();
            // A connection that only knocks ends without a request.
            std::thread::spawn(move || stream.ok().and_then(|stream| answer(stream, status, &seen)));
        }
    });
    (url, given)
}

fn answer(stream: TcpStream, status: &str, given: &Mutex<Vec<String>>) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    loop {
        let (mut length, mut authorization, mut asked) = (0, String::new(), String::new());
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).ok()? == 0 {
                return None;
            }
            let line = line.trim_end();
            if line.starts_with("POST ") {
                line.clone_into(&mut asked);
            }
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(':').unwrap_or((line, ""));
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.trim().parse().ok()?,
                "authorization" => value.trim().clone_into(&mut authorization),
                _ => {}
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        let error = format!("wrong key {authorization} in {asked}");
        let text = match status {
            "200 OK" => serde_json::json!({ "id": format!("{authorization} {asked}"),
                "object": "chat.completion", "model": KEY,
                "choices": [{ "index": 0, "finish_reason": "stop",
                              "message": { "role": "assistant", "content": authorization } }],
                "usage": { "prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2 } }),
            _ => serde_json::json!({ "error": { "message": error, "type": error, "code": error } }),
        }
        .to_string();
        given.lock().ok()?.push(authorization);
        let (mut stream, n) = (reader.get_ref().try_clone().ok()?, text.len());
        write!(
            stream,
            "HTTP/1.1 {status}\r\ncontent-type: application/json\r\nx-request-id: {KEY}\r\n\
             retry-after: {KEY}\r\ncontent-length: {n}\r\n\r\n{text}"
        )
        .ok()?;
    }
}

fn run(status: &'static str, extra: &[&str]) -> (Place, Ran, Vec<String>) {
    let place = Place::new();
    let (url, given) = echoing_server(status);
    place.write("url.toml", &cli::elsewhere(&url));
    let mut command = place.command(&["run", "url.toml", "--out", "run"]);
    let ran = command.args(extra).env("DEADHEAT_TEST_KEY", KEY).output().expect("it starts").into();
    let given = given.lock().expect("whole").clone();
    (place, ran, given)
}

fn nowhere(place: &Place, ran: &Ran) {
    assert!(!ran.out.contains(KEY), "stdout: {}", ran.out);
    assert!(!ran.err.contains(KEY), "stderr: {}", ran.err);
    let files = cli::contents(&place.path("run"));
    assert!(files.len() >= cli::EVIDENCE.len());
    for (name, bytes) in files {
        assert!(!bytes.windows(KEY.len()).any(|window| window == KEY.as_bytes()), "{name} holds the key");
    }
}

#[test]
fn a_key_that_an_error_sends_back_is_written_nowhere() {
    for status in ["401 Unauthorized", "400 Bad Request", "429 Too Many Requests", "500 Oops"] {
        for extra in [&["--format", "text"][..], &["--format", "json"]] {
            let (place, ran, given) = run(status, extra);
            assert!(given.iter().all(|header| header == &format!("Bearer {KEY}")), "{given:?}");
            assert!(given.len() >= 20, "every job asked: {}", given.len());
            assert_eq!(ran.code, Some(4), "a run without one answer never passes");
            nowhere(&place, &ran);
        }
    }
}

#[test]
fn a_key_that_an_answer_sends_back_is_written_nowhere() {
    let (place, ran, given) = run("200 OK", &["--set", "workload.stream=false"]);
    assert_eq!(given.len(), 20);
    nowhere(&place, &ran);
}

#[test]
fn a_key_inside_the_url_is_refused_or_hidden() {
    let place = Place::new();
    place.write("url.toml", &cli::elsewhere(&format!("http://user:{KEY}@127.0.0.1:1/v1")));
    let ran = place.command(&["run", "url.toml"]).env("DEADHEAT_TEST_KEY", "x").output().expect("it starts");
    let ran = Ran::from(ran);
    assert!(matches!(ran.code, Some(2 | 9)), "{ran:?}");
    assert!(!ran.err.contains(KEY) && !ran.out.contains(KEY), "{ran:?}");
}

/// A secret that was pasted where the name of a variable belongs, or under a key that deadheat does not know.
#[test]
fn a_secret_in_the_wrong_place_is_not_repeated_by_the_error() {
    let small = cli::elsewhere("http://127.0.0.1:1/v1");
    for (from, to) in [
        ("\"DEADHEAT_TEST_KEY\"", format!("\"{KEY}\"")),
        ("\"DEADHEAT_TEST_KEY\"", "\"hunter2hunter2hunter2\"".to_owned()),
        ("api_key_env = \"DEADHEAT_TEST_KEY\"", format!("api_key = \"{KEY}\"")),
        ("api_key_env = \"DEADHEAT_TEST_KEY\"", "token = \"hunter2hunter2hunter2\"".to_owned()),
        ("api_key_env = \"DEADHEAT_TEST_KEY\"", "password = 'hunter2hunter2hunter2'".to_owned()),
        ("api_key_env = \"DEADHEAT_TEST_KEY\"", "api_key_env = 5 # hunter2hunter2hunter2".to_owned()),
    ] {
        for format in ["text", "json"] {
            let place = Place::new();
            place.write("url.toml", &small.replace(from, &to));
            let ran = place.command(&["run", "url.toml", "--format", format]).output().expect("it starts");
            let ran = Ran::from(ran);
            assert!(matches!(ran.code, Some(2 | 9)), "{to}: {ran:?}");
            let shown = format!("{}{}", ran.out, ran.err);
            assert!(!shown.contains(KEY), "{to}: {shown}");
            assert!(to.contains('#') || !shown.contains("hunter2"), "{to}: {shown}");
        }
    }
    for set in [format!("target.mock.api_key={KEY}"), "target.mock.token=hunter2hunter2".to_owned()] {
        let place = Place::new();
        place.write("url.toml", &small);
        let ran = Ran::from(place.command(&["run", "url.toml", "--set", &set]).output().expect("it starts"));
        assert_eq!(ran.code, Some(2), "{ran:?}");
        assert!(!ran.err.contains(KEY) && !ran.err.contains("hunter2"), "{ran:?}");
    }
}
