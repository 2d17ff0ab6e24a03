//! A secret in a command line, in a program's output or in an option reaches no file, no report and no
//! terminal.

use crate::cli;

use cli::{Place, Ran};
use deadheat::secret::KEY_FORMS;

/// Sends each job twice, so that there is a finding, and prints its arguments on both streams.
const LEAKY: &str = r#"
import http.client, json, os, sys, urllib.parse
jobs = [json.loads(line) for line in open(os.environ["DEADHEAT_JOBS"])]
url = urllib.parse.urlsplit(os.environ["OPENAI_BASE_URL"])
print(*sys.argv)
print(*sys.argv, file=sys.stderr)
for job in jobs * 2:
    wire = http.client.HTTPConnection(url.hostname, url.port, timeout=30)
    wire.request("POST", url.path + "/chat/completions",
                 json.dumps({"model": "m", "messages": [{"role": "user", "content": job["prompt"]}]}))
    wire.getresponse().read()
sys.exit(1 if "swordfish-1" not in " ".join(sys.argv) else 0)
"#;

const SOLID: &str = "0123456789abcdefABCDEF01";

fn found_nowhere(place: &Place, ran: &Ran, secrets: &[String]) {
    let mut texts = vec![("stdout".to_owned(), ran.out.clone()), ("stderr".to_owned(), ran.err.clone())];
    let files = cli::contents(&place.path("out"));
    texts.extend(files.into_iter().map(|(name, text)| (name, String::from_utf8_lossy(&text).into_owned())));
    for (name, text) in texts {
        for secret in secrets {
            assert!(!text.contains(secret.as_str()), "{name} holds {secret}:\n{text}");
        }
    }
}

#[test]
fn a_secret_argument_is_kept_nowhere_and_replay_takes_it_from_a_variable() {
    let place = Place::new();
    place.write("leaky.py", LEAKY);
    let keys: Vec<String> = KEY_FORMS.iter().map(|form| format!("{}{SOLID}", form.prefix)).collect();
    let mut words = vec!["audit", "--jobs", "1", "--runs", "2", "--out", "out", "--", "python3", "leaky.py"];
    words.extend(["--token=swordfish-1", "--password", "swordfish-2", "API_KEY=swordfish-3"]);
    words.extend(keys.iter().map(String::as_str));
    let ran = place.run(&words).exits(6);
    let mut secrets: Vec<String> = (1..=3).map(|n| format!("swordfish-{n}")).collect();
    secrets.push(SOLID.to_owned());
    found_nowhere(&place, &ran, &secrets);
    assert!(ran.out.contains("\"${DEADHEAT_SECRET_TOKEN:?}\""), "{}", ran.out);

    let refused = place.run(&["replay", "out/finding-1.toml", "--runs", "1"]).exits(2);
    assert!(refused.err.contains("set the variable DEADHEAT_SECRET_"), "{}", refused.err);
    let mut replay = place.command(&["replay", "out/finding-1.toml", "--runs", "1"]);
    for (name, value) in [("TOKEN", "swordfish-1"), ("PASSWORD", "swordfish-2"), ("API_KEY", "swordfish-3")] {
        replay.env(format!("DEADHEAT_SECRET_{name}"), value);
    }
    replay.env("DEADHEAT_SECRET_KEY", &keys[0]);
    for (n, key) in keys.iter().enumerate().skip(1) {
        replay.env(format!("DEADHEAT_SECRET_KEY_{}", n + 1), key);
    }
    let replayed = Ran::from(replay.output().expect("it starts")).exits(6);
    found_nowhere(&place, &replayed, &secrets);
}

#[test]
fn a_failing_start_shows_no_secret() {
    let place = Place::new();
    for form in KEY_FORMS {
        let key = format!("{}{SOLID}", form.prefix);
        let ran = place.run(&["audit", "--out", "out", "--", "no-such-program", &key]).exits(9);
        assert!(!ran.err.contains(SOLID), "{}", ran.err);
        place.write("audit.toml", &format!("unknown = \"{key}\"\ntoken = \"swordfish-1\n"));
        let ran = place.run(&["audit", "--config", "audit.toml", "--", "true"]).exits(2);
        assert!(!ran.err.contains(SOLID) && !ran.err.contains("swordfish"), "{}", ran.err);
    }
}

#[test]
fn a_key_in_a_scenario_is_shown_in_no_error() {
    let place = Place::new();
    for form in KEY_FORMS {
        let key = format!("{}{SOLID}", form.prefix);
        for line in [
            "token = \"KEY\"",
            "api_key_env = \"KEY\"",
            "url = \"KEY\"",
            "modle = \"KEY\"",
            "KEY = 1",
            "x = KEY",
        ] {
            let line = line.replace("KEY", &key);
            place.write(
                "wrong.toml",
                &cli::SMALL.replace("[target.", &format!("[target.other]\n{line}\n\n[target.")),
            );
            let ran = place.run(&["run", "wrong.toml"]);
            assert!(ran.code != Some(0) && !ran.err.contains(SOLID), "{line}: {}", ran.err);
        }
        let ran =
            place.run(&["run", "small.toml", "--set", &format!("target.mock.model={key}"), "--set", "no=1"]);
        assert!(ran.code != Some(0) && !ran.err.contains(SOLID), "{}", ran.err);
    }
}

#[test]
fn a_silent_program_cannot_write_escapes_to_the_terminal() {
    let place = Place::new();
    let script = r"printf 'one \033]0;title\007 \033[2J two \342\200\256three\n' >&2";
    let ran = place.run(&["audit", "--runs", "1", "--out", "out", "--", "sh", "-c", script]);
    assert!(ran.err.contains("one ") && ran.err.contains("two "), "{}", ran.err);
    let unsafe_text = |c: char| c.is_control() && c != '\n' || c == '\u{202e}';
    assert!(!ran.err.contains(unsafe_text) && !ran.out.contains(unsafe_text), "{:?} {:?}", ran.err, ran.out);
}

#[test]
fn a_start_that_fails_leaves_nothing() {
    for words in [
        &["audit", "--", "no-such-program"][..],
        &["audit", "--out", "new/out", "--", "no-such-program"],
        &["audit", "--workdir", "no-such-folder", "--", "true"],
        &["run", "no-such.toml"],
        &["run", "small.toml", "--set", "no.such=1"],
        &["compare", "no-such", "no-such-either"],
        &["report", "no-such"],
        &["check", "no-such"],
        &["merge", "no-such"],
        &["replay", "no-such.toml"],
        &["calibrate", "no-such.toml"],
    ] {
        let place = Place::new();
        let before = place.names(".");
        let ran = place.run(words);
        assert_ne!(ran.code, Some(0), "{words:?}");
        assert_eq!(place.names("."), before, "{words:?}: {}", ran.err);
    }
}
