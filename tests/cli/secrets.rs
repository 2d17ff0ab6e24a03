//! A key is sent to its endpoint and goes nowhere else, even where the endpoint sends it back.

use crate::cli;

use cli::{Place, Ran};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

const KEY: &str = "sk-very-secret-1234567890";

/// A server that puts the header it was given into every answer; gives its base URL and what it was given.
fn echoing_server(status: &'static str) -> (String, Arc<Mutex<Vec<String>>>) {
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

#[test]
fn the_value_of_a_variable_in_the_url_is_written_nowhere() {
    for (status, extra) in [
        ("401 Unauthorized", &[][..]),
        ("200 OK", &["--set", "workload.stream=false"]),
        ("404 Not Found", &["--format", "json"]),
        ("500 Oops", &["--set", "strategy.semaphore.processes=2", "--set", "blocks=1"]),
    ] {
        let place = Place::new();
        let (url, given) = echoing_server(status);
        place.write("url.toml", &cli::elsewhere(&format!("{url}/${{DEADHEAT_TEST_PATH}}")));
        let mut command = place.command(&["run", "url.toml", "--out", "run"]);
        command.args(extra).env("DEADHEAT_TEST_KEY", "x").env("DEADHEAT_TEST_PATH", KEY);
        let ran = command.output().expect("it starts").into();
        assert!(!given.lock().expect("whole").is_empty(), "{ran:?}");
        nowhere(&place, &ran);
        assert!(place.read("run/plan.toml").contains("${DEADHEAT_TEST_PATH}"));
    }
}

/// Every way in which an endpoint cannot be used, with a secret in each part of its URL that may hold one.
#[test]
fn an_error_about_a_url_never_shows_the_value_of_its_variables() {
    for url in [
        "http://127.0.0.1:1/${DEADHEAT_TEST_PATH}/v1",
        "https://127.0.0.1:1/${DEADHEAT_TEST_PATH}/v1",
        "http://no-such-host.invalid/${DEADHEAT_TEST_PATH}",
        "http://${DEADHEAT_TEST_PATH}@127.0.0.1:1/v1",
        "http://me:${DEADHEAT_TEST_PATH}@127.0.0.1:1/v1",
        "http://127.0.0.1:1/v1?key=${DEADHEAT_TEST_PATH}",
        "http://127.0.0.1:1/v1#${DEADHEAT_TEST_PATH}",
        "http://127.0.0.1:${DEADHEAT_TEST_PATH}/v1",
        "${DEADHEAT_TEST_PATH}",
    ] {
        for verb in
            [&["run", "url.toml"][..], &["run", "url.toml", "--format", "json"], &["plan", "url.toml"]]
        {
            let place = Place::new();
            place.write("url.toml", &cli::elsewhere(url));
            let mut command = place.command(verb);
            command.env("DEADHEAT_TEST_KEY", "x").env("DEADHEAT_TEST_PATH", KEY);
            let ran = Ran::from(command.output().expect("it starts"));
            assert!(!ran.err.contains(KEY) && !ran.out.contains(KEY), "{url}: {ran:?}");
            assert!(verb[0] == "plan" || matches!(ran.code, Some(2 | 9)), "{url}: {ran:?}");
        }
    }
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

/// Whether a target goes through a proxy is decided once: the check before the run and the client agree.
#[test]
fn an_empty_proxy_variable_is_no_proxy_and_no_proxy_is_obeyed() {
    let url = "http://no-such-host.invalid/v1";
    for (proxied, no_proxy) in [(false, ""), (true, ""), (false, "no-such-host.invalid"), (false, "*")] {
        let place = Place::new();
        let (proxy, given) = echoing_server("401 Unauthorized");
        let proxy = if no_proxy.is_empty() && !proxied { "" } else { proxy.trim_end_matches("/v1") };
        place.write("url.toml", &cli::elsewhere(url));
        let mut command = place.command(&["run", "url.toml", "-q", "--out", "run"]);
        command.env("DEADHEAT_TEST_KEY", "x").env("NO_PROXY", no_proxy);
        for name in ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "HTTPS_PROXY", "no_proxy"] {
            command.env_remove(name);
        }
        let ran = Ran::from(command.env("http_proxy", proxy).output().expect("it starts"));
        let asked = given.lock().expect("whole").len();
        if proxied {
            assert!(asked > 0, "{ran:?}");
        } else {
            assert_eq!((ran.code, asked), (Some(9), 0), "{ran:?}");
            assert!(ran.err.contains("cannot reach no-such-host.invalid port 80"), "{}", ran.err);
        }
    }
}
