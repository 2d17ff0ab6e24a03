//! `deadheat plan` as a process: what it prints where, and its exit codes.

use assert_cmd::Command;

const SCENARIO: &str = r#"
version = 1
name = "forecast-me"
[target.mock]
api = "openai-chat"
model = "m"
price = { input = "2.00", output = "8.00" }
[workload]
prompt_tokens = 100
output_tokens = 200
[profile.constant-arrival-rate]
rate = 100
duration = "10s"
[strategy.semaphore]
permits = 10
[retry]
max_attempts = 5
"#;

fn plan(arguments: &[&str]) -> assert_cmd::assert::Assert {
    let mut command = Command::new(env!("CARGO_BIN_EXE_deadheat"));
    command.args(["plan", "-"]).args(arguments).write_stdin(SCENARIO).assert()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

#[test]
fn prints_the_most_it_can_cost() {
    let done = plan(&[]).code(0);
    let out = text(&done.get_output().stdout);
    assert!(out.lines().any(|line| line == "  most it can cost     9.00 USD"), "{out}");
    assert!(done.get_output().stderr.is_empty());
}

#[test]
fn set_and_seed_change_the_plan() {
    let done = plan(&["--set", "retry.max_attempts=1", "--seed", "9", "--format", "json"]).code(0);
    let json: serde_json::Value = serde_json::from_slice(&done.get_output().stdout).expect("JSON");
    assert_eq!((&json["seed"], &json["total"]["cost_most"][0]), (&9.into(), &"1.80 USD".into()));
}

#[test]
fn a_fault_is_told_on_stderr_with_exit_code_2() {
    for arguments in [["--set", "retry.max_attemps=1"], ["--set", "no-equals-sign"]] {
        let done = plan(&arguments).code(2);
        let (out, err) = (&done.get_output().stdout, text(&done.get_output().stderr));
        assert!(
            out.is_empty() && (err.contains("max_attempts") || err.contains("workload.jobs=100")),
            "{err}"
        );
    }
    let done = Command::new(env!("CARGO_BIN_EXE_deadheat")).args(["plan", "/no/such/file"]).assert().code(2);
    assert!(text(&done.get_output().stderr).contains("/no/such/file"));
}
