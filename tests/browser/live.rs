//! The live display, on a terminal that tmux pretends to be.

use crate::cli;

use cli::{Place, SMALL, until};
use std::process::Command;

/// A tmux server of its own with one window, 110 columns wide.
struct Tmux<'a> {
    place: &'a Place,
}

impl<'a> Tmux<'a> {
    /// Types the command into a shell; its exit code goes into the file `code`.
    fn runs(place: &'a Place, words: &str) -> Self {
        let line = format!("{} {words}; echo $? > code; sleep 600", env!("CARGO_BIN_EXE_deadheat"));
        let tmux = Self { place };
        let folder = place.dir.path().display().to_string();
        let started = tmux.tmux(&["new-session", "-d", "-x", "110", "-y", "40", "-c", &folder, &line]);
        assert!(started.1, "tmux is needed: install it, as scripts/test does");
        tmux
    }

    fn tmux(&self, words: &[&str]) -> (String, bool) {
        let socket = self.place.path("tmux.socket");
        let mut tmux = Command::new("tmux");
        tmux.arg("-f").arg("/dev/null").arg("-S").arg(socket).args(words).env("TERM", "xterm-256color");
        tmux.env_remove("TMUX").env_remove("NO_COLOR").env("LANG", "C.UTF-8");
        let output = tmux.output().expect("tmux is needed: install it, as scripts/test does");
        (String::from_utf8_lossy(&output.stdout).into_owned(), output.status.success())
    }

    /// What stands on the screen.
    fn screen(&self) -> String {
        self.tmux(&["capture-pane", "-p"]).0
    }

    /// Waits until all of these stand on the screen at once.
    fn shows(&self, parts: &[&str]) -> String {
        let mut screen = String::new();
        until(&parts.join(", "), || {
            screen = self.screen();
            parts.iter().all(|part| screen.contains(part))
        });
        screen
    }

    fn ended(&self) -> String {
        until("the end", || {
            std::fs::read_to_string(self.place.path("code")).is_ok_and(|code| code.ends_with('\n'))
        });
        self.place.read("code").trim().to_owned()
    }
}

impl Drop for Tmux<'_> {
    fn drop(&mut self) {
        self.tmux(&["kill-server"]);
    }
}

/// Ten minutes of load, to be broken off.
fn long() -> String {
    let price = "price = { input = \"2.00\", output = \"8.00\" }\n[workload]\n";
    let small = SMALL.replacen("[workload]\n", price, 1).replace("jobs = 20\n", "");
    let open = small.replace(
        "[profile.constant-vus]\nvus = 4",
        "[profile.constant-arrival-rate]\nrate = 40\nduration = \"10m\"",
    );
    format!("{open}[thresholds]\nttft = [\"p(50) < 1h\"]\n")
}

#[test]
fn it_shows_a_run_and_leaves_the_screen_to_the_report() {
    let place = Place::new();
    place.write("long.toml", &long());
    let tmux = Tmux::runs(&place, "run long.toml --out run");
    // Until rates, a median, a cost and a threshold can be told.
    let screen = tmux.shows(&[
        "offered",
        "achieved",
        "in flight",
        "lag p99",
        "TTFT p50 by second",
        " USD",
        "✓ ttft",
        "overdue",
        "newest finding",
        "newest error",
    ]);
    assert!(screen.contains("deadheat  small  seed 7  real clock"), "{screen}");
    assert!(screen.contains("tokens/s") && screen.contains("of 24000 jobs"), "{screen}");
    assert!(!screen.contains("Verdicts"), "the report comes after it: {screen}");
    tmux.tmux(&["send-keys", "C-c"]);
    assert_eq!(tmux.ended(), "130");
    let screen = tmux.shows(&["Judge again"]);
    assert!(!screen.contains("TTFT p50 by second"), "the display is gone: {screen}");
    let cursor = tmux.tmux(&["display-message", "-p", "#{cursor_flag} #{alternate_on}"]).0;
    assert_eq!(cursor.trim(), "1 0", "the cursor is back, on the shell's own screen");
}

/// Fifty jobs a second for a provider that answers five at once, in a second each, and a client that may have
/// two in flight: it can neither keep up nor keep its promise.
fn saturated() -> String {
    let open = "[profile.constant-arrival-rate]\nrate = 50\narrivals = \"uniform\"\nmax_in_flight = 5\n\
                duration = \"12s\"\ngraceful_stop = \"0s\"";
    let small = SMALL.replace("jobs = 20\n", "").replace("[profile.constant-vus]\nvus = 4", open);
    let slow =
        small.replace("constant = \"10ms\"", "constant = \"1s\"").replace("permits = 3", "permits = 5");
    format!("{slow}[declared]\nconcurrency = 2\n")
}

/// The number between these two texts.
fn number(line: &str, before: &str, after: &str) -> f64 {
    let rest = line.split_once(before).unwrap_or_else(|| panic!("no {before} in {line}")).1;
    let number = rest.split_once(after).unwrap_or_else(|| panic!("no {after} in {rest}")).0;
    number.trim().parse().unwrap_or_else(|_| panic!("{number} in {line}"))
}

#[test]
fn offered_is_what_was_due_and_a_broken_promise_is_seen_while_the_run_lasts() {
    let place = Place::new();
    place.write("saturated.toml", &saturated());
    let ran = place.line("run saturated.toml --out run").exits(6);
    let lines: Vec<&str> = ran.err.lines().filter(|line| line.contains("offered")).collect();
    let line = lines.last().unwrap_or_else(|| panic!("a line every five seconds: {}", ran.err));
    let (offered, achieved) = (number(line, "offered ", "/s"), number(line, "achieved ", "/s"));
    assert!((45.0..=55.0).contains(&offered), "the schedule has 50 a second: {line}");
    assert!(achieved <= 6.0, "five at once, a second each: {line}");
    // Over four seconds at the least.
    assert!(number(line, "in flight, ", " overdue") >= 150.0, "{line}");
    let finding = "newest finding: in-flight-capped at mock/semaphore: ";
    assert!(line.contains(finding) && line.ends_with("the declared concurrency allows 2"), "{line}");
}

#[test]
fn the_screen_shows_the_same_of_a_saturated_client() {
    let place = Place::new();
    place.write("saturated.toml", &saturated());
    let tmux = Tmux::runs(&place, "run saturated.toml --out run");
    let screen = tmux.shows(&["newest finding in-flight-capped at mock/semaphore", "overdue"]);
    assert!(number(&screen, "offered ", " jobs/s") >= 45.0, "{screen}");
    assert!(number(&screen, "achieved ", " jobs/s") <= 10.0, "{screen}");
    tmux.tmux(&["send-keys", "C-c"]);
    tmux.ended();
}

#[test]
fn a_hunt_shows_its_newest_finding() {
    let place = Place::new();
    place.write("mixed-up.toml", include_str!("../../scenarios/mixed-up.toml"));
    let tmux = Tmux::runs(&place, "run mixed-up.toml --out run --time 8s");
    tmux.shows(&["hunting", "findings, the newest first", "✗ ", " at mock/broken-result-order", "of 8"]);
    assert_eq!(tmux.ended(), "6");
    let screen = tmux.shows(&["Judge again"]);
    assert!(!screen.contains("the newest first"), "the display is gone: {screen}");
    let ran = place.line("run mixed-up.toml --out piped --time 8s").exits(6);
    let line = ran.err.lines().find(|line| line.contains("newest finding: "));
    let line = line.unwrap_or_else(|| panic!("a line every five seconds: {}", ran.err));
    assert!(line.contains("hunting mock/broken-result-order, cell 1 of 1, "), "{line}");
    assert!(ran.err.contains("found that it breaks "), "{}", ran.err);
}

#[test]
fn a_run_has_the_same_numbers_in_every_display() {
    let place = Place::new();
    let scenario =
        SMALL.replacen("seed = 7", "seed = 7\nclock = \"virtual\"", 1).replace("jobs = 20", "jobs = 3000");
    place.write("virtual.toml", &scenario);
    let tmux = Tmux::runs(&place, "run virtual.toml --out seen");
    assert_eq!(tmux.ended(), "0");
    place.line("run virtual.toml --out unseen --quiet").exits(0);
    place.line("run virtual.toml --out piped").exits(0);
    for other in ["unseen", "piped"] {
        assert_eq!(place.read("seen/summary.json"), place.read(&format!("{other}/summary.json")));
    }
}
