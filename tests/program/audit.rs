//! `deadheat audit` and `deadheat replay` as a user calls them.

use crate::cli;

use cli::Place;

/// Adds up the tokens of two answers as people do who have not been bitten yet.
const LOST: &str = r#"
import http.client, json, os, threading, urllib.parse
jobs = [json.loads(line) for line in open(os.environ["DEADHEAT_JOBS"])]
url = urllib.parse.urlsplit(os.environ["OPENAI_BASE_URL"])
total = 0
def work(job):
    global total
    before = total
    wire = http.client.HTTPConnection(url.hostname, url.port, timeout=30)
    wire.request("POST", url.path + "/chat/completions",
                 json.dumps({"model": "m", "messages": [{"role": "user", "content": job["prompt"]}]}))
    total = before + json.loads(wire.getresponse().read())["usage"]["total_tokens"]
threads = [threading.Thread(target=work, args=(job,)) for job in jobs]
for thread in threads: thread.start()
for thread in threads: thread.join()
print("total:", total, "key", os.environ.get("GROQ_API_KEY"))
"#;

#[test]
fn a_lost_update_is_found_written_down_and_shown_again_until_it_is_mended() {
    let place = Place::new();
    place.write("lost.py", LOST);
    let ran = place.run(&[
        "audit",
        "--jobs",
        "2",
        "--runs",
        "6",
        "--claim-total",
        r"total: (\d+)",
        "--out",
        "out",
        "--",
        "python3",
        "lost.py",
    ]);
    assert_eq!(ran.code, Some(6), "{} {}", ran.out, ran.err);
    assert!(
        ran.out.contains("tokens-counted") && ran.out.contains("deadheat replay out/finding-"),
        "{}",
        ran.out
    );
    let summary: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(place.path("out/summary.json")).expect("a summary"))
            .expect("JSON");
    let program = &summary["explored"][0]["program"];
    assert!(
        program["ends"]["exit 0"].as_u64() >= Some(6) && program["first_finding_ms"].is_u64(),
        "{program}"
    );
    assert!(ran.out.contains("its processes ended: exit 0 × "), "{}", ran.out);
    let finding = summary["findings"].as_array().expect("findings");
    let at = finding.iter().position(|f| f["invariant"] == "tokens-counted").expect("the finding");
    let file = format!("out/finding-{}.toml", at + 1);
    place.run(&["replay", &file, "--runs", "2"]).exits(6);
    let checked = place.run(&["check", "out"]).exits(6);
    assert!(checked.out.contains("tokens-counted"), "{}", checked.out);
    place.run(&["check", "out", "--set", "seed=2"]).exits(2);
    let mended = LOST.replace("    before = total\n", "").replace("total = before +", "n =");
    let mended = mended.replace("[\"total_tokens\"]\n", "[\"total_tokens\"]\n    with lock: total += n\n");
    place.write("lost.py", &mended.replace("total = 0\n", "total, lock = 0, threading.Lock()\n"));
    place.run(&["replay", &file, "--runs", "2", "--", "python3", "lost.py"]).exits(0);
}

#[test]
fn options_come_from_a_file_and_wrong_ones_are_named() {
    let place = Place::new();
    place.write("lost.py", LOST);
    let file = "command = [\"python3\", \"lost.py\"]\njobs = 1\nruns = 4\nclaim-total = 'total: \
        (\\d+)'\nworkdir = \".\"\n";
    place.write("audit.toml", file);
    place.run(&["audit", "--config", "audit.toml", "--out", "one"]).exits(0);
    place.write("audit.toml", "jobz = 3\n");
    let ran = place.run(&["audit", "--config", "audit.toml", "--", "true"]).exits(2);
    assert!(ran.err.contains("jobz"), "{}", ran.err);
    let ran = place.run(&["audit"]).exits(2);
    assert!(ran.err.contains("behind `--`"), "{}", ran.err);
    let ran = place.run(&["audit", "--out", "two", "--", "no-such-program-at-all"]).exits(9);
    assert!(ran.err.contains("no-such-program-at-all"), "{}", ran.err);
    let ran = place.run(&["audit", "--out", "three", "--", "true"]).exits(6);
    assert!(ran.out.contains("sent nothing"), "{}", ran.out);
}
