//! The live display, on a terminal that tmux pretends to be.
#![cfg(all(unix, not(loom)))]

mod cli;

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
        "newest",
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

#[test]
fn a_run_has_the_same_numbers_whoever_looks() {
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
