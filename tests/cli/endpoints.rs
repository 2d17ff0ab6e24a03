//! What is said of an endpoint, and whether it is asked through a proxy.

use crate::cli;
use crate::secrets::{KEY, echoing_server};

use cli::{Place, Ran};

/// A secret that looks like one, and a secret that does not.
const VALUES: [&str; 2] = [KEY, "hunter2hunter2hunter2"];

/// Every verb that takes a scenario. `virtual` is a stored run, `made` what some of them write.
const VERBS: [&str; 11] = [
    "run url.toml --out made",
    "run url.toml --format json --out made",
    "run url.toml --explore 4 --out made",
    "plan url.toml",
    "plan url.toml --format json",
    "mock --config url.toml",
    "compare --base url.toml --new url.toml --pairs 2 --out made",
    "calibrate url.toml --pairs 2",
    "check virtual --thresholds url.toml",
    "audit --config url.toml -- true",
    "replay url.toml",
];

/// Fails if a word is printed, or stands in a file of the place.
fn nowhere(word: &str, place: &Place, ran: &Ran) {
    assert!(!ran.out.contains(word), "stdout: {}", ran.out);
    assert!(!ran.err.contains(word), "stderr: {}", ran.err);
    let mut folders = vec![place.dir.path().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let bytes = std::fs::read(&path).expect("readable");
            let plain = match path.extension().is_some_and(|end| end == "zst") {
                true => zstd::decode_all(&*bytes).unwrap_or_default(),
                false => bytes,
            };
            let holds = plain.windows(word.len()).any(|window| window == word.as_bytes());
            assert!(!holds, "{} holds it", path.display());
        }
    }
}

/// Runs a command where the variable of the URL, and the key, have this value.
fn with_variable(place: &Place, words: &[&str], value: &str) -> Ran {
    let mut command = place.command(words);
    command.env("DEADHEAT_TEST_KEY", value).env("DEADHEAT_TEST_TOKEN", value);
    command.output().expect("it starts").into()
}

#[test]
fn the_value_of_a_variable_is_written_nowhere_when_the_endpoint_answers() {
    for value in VALUES {
        for (status, extra) in [
            ("401 Unauthorized", &[][..]),
            ("200 OK", &["--set", "workload.stream=false"]),
            ("404 Not Found", &["--format", "json"]),
            ("500 Oops", &["--set", "strategy.semaphore.processes=2", "--set", "blocks=1"]),
        ] {
            let place = Place::new();
            let (url, given) = echoing_server(status);
            place.write("url.toml", &cli::elsewhere(&format!("{url}/${{DEADHEAT_TEST_TOKEN}}")));
            let words = [&["run", "url.toml", "--out", "made"], extra].concat();
            let ran = with_variable(&place, &words, value);
            assert!(!given.lock().expect("whole").is_empty(), "{ran:?}");
            nowhere(value, &place, &ran);
            assert!(place.read("made/plan.toml").contains("${DEADHEAT_TEST_TOKEN}"));
        }
    }
}

/// Every part of a URL that may hold a secret, at endpoints that cannot be used, under every verb.
#[test]
fn the_value_of_a_variable_is_written_nowhere_when_the_endpoint_fails() {
    let place = Place::new();
    place.line("run small.toml --set clock=virtual --out virtual").exits(0);
    for url in [
        "http://127.0.0.1:1/${DEADHEAT_TEST_TOKEN}/v1",
        "https://127.0.0.1:1/${DEADHEAT_TEST_TOKEN}/v1",
        "http://no-such-host.invalid/${DEADHEAT_TEST_TOKEN}",
        "http://${DEADHEAT_TEST_TOKEN}@127.0.0.1:1/v1",
        "http://me:${DEADHEAT_TEST_TOKEN}@127.0.0.1:1/v1",
        "http://127.0.0.1:1/v1?key=${DEADHEAT_TEST_TOKEN}",
        "http://127.0.0.1:1/v1#${DEADHEAT_TEST_TOKEN}",
        "http://127.0.0.1:${DEADHEAT_TEST_TOKEN}/v1",
        "${DEADHEAT_TEST_TOKEN}",
    ] {
        place.write("url.toml", &cli::elsewhere(url));
        for verb in VERBS {
            let words: Vec<&str> = verb.split_whitespace().collect();
            for value in VALUES {
                let ran = with_variable(&place, &words, value);
                assert!(words[0] != "run" || matches!(ran.code, Some(2 | 9)), "{verb}, {url}: {ran:?}");
                nowhere(value, &place, &ran);
            }
        }
    }
}

/// Whether a target is asked through a proxy is decided in one place, `provider::is_proxied`: the check
/// before the run and the client agree in every row.
#[test]
fn proxy_variables_are_read_in_one_way() {
    const PROXY: &str = "the proxy";
    let rows: [(&[(&str, &str)], bool); 15] = [
        (&[], false),
        (&[("http_proxy", "")], false),
        (&[("HTTP_PROXY", "")], false),
        (&[("all_proxy", "")], false),
        (&[("http_proxy", PROXY)], true),
        (&[("HTTP_PROXY", PROXY)], true),
        (&[("all_proxy", PROXY)], true),
        (&[("ALL_PROXY", PROXY)], true),
        (&[("https_proxy", PROXY)], false),
        (&[("HTTPS_PROXY", PROXY)], false),
        (&[("http_proxy", PROXY), ("NO_PROXY", "")], true),
        (&[("http_proxy", PROXY), ("NO_PROXY", "other.invalid")], true),
        (&[("http_proxy", PROXY), ("NO_PROXY", "no-such-host.invalid")], false),
        (&[("HTTP_PROXY", PROXY), ("no_proxy", "no-such-host.invalid")], false),
        (&[("ALL_PROXY", PROXY), ("no_proxy", "*")], false),
    ];
    for (variables, proxied) in rows {
        let place = Place::new();
        let (proxy, given) = echoing_server("401 Unauthorized");
        place.write("url.toml", &cli::elsewhere("http://no-such-host.invalid/v1"));
        let mut command = place.command(&["run", "url.toml", "-q", "--out", "made"]);
        command.env("DEADHEAT_TEST_KEY", "x").env_remove("NO_PROXY").env_remove("no_proxy");
        for (name, value) in variables {
            let value = if *value == PROXY { proxy.trim_end_matches("/v1") } else { value };
            command.env(name, value);
        }
        let ran = Ran::from(command.output().expect("it starts"));
        let asked = given.lock().expect("whole").len();
        if proxied {
            assert!(asked > 0, "{variables:?}: {ran:?}");
        } else {
            assert_eq!((ran.code, asked), (Some(9), 0), "{variables:?}: {ran:?}");
            assert!(ran.err.contains("cannot reach no-such-host.invalid port 80"), "{}", ran.err);
        }
    }
}
