//! Each thing that can be wrong with a scenario: where it is said to be, what is said, what to write instead.

use deadheat::document::{Diagnostic, Diagnostics};
use deadheat::plan::Source;
use deadheat::scenario::{TEMPLATE, load};

/// Sound, line by line, so that a case can replace one line and know the place.
const SOUND: &[&str] = &[
    "version = 1",
    "name = \"sound\"",
    "[target.mock]",
    "api = \"openai-chat\"",
    "price = { input = \"2\", output = \"8\" }",
    "[target.house]",
    "api = \"openai-chat\"",
    "model = \"m\"",
    "url = \"https://house.example/v1\"",
    "[workload]",
    "jobs = 10",
    "[profile.constant-vus]",
    "vus = 2",
    "[strategy.semaphore]",
    "permits = 2",
    "[budget]",
    "max_requests = 100",
];

fn faults_of(text: &str, set: &[(&str, &str)]) -> Result<(), Diagnostics> {
    let source = Source { path: "a.toml".into(), text: text.to_owned() };
    let set: Vec<_> = set.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    load(&source, &set, &|_| None).map(drop)
}

/// The faults of the sound scenario with line `line` replaced; a line of 0 appends.
fn with(line: usize, text: &str) -> Vec<Diagnostic> {
    let mut lines: Vec<&str> = SOUND.to_vec();
    match line {
        0 => lines.push(text),
        _ => lines[line - 1] = text,
    }
    faults_of(&lines.join("\n"), &[]).map_or_else(|faults| faults.list().to_vec(), |()| Vec::new())
}

#[test]
fn the_base_of_all_cases_is_sound() {
    assert!(faults_of(&SOUND.join("\n"), &[]).is_ok());
}

/// Line to replace, what with, then the fault's line and column, a part of what is said, a part of the help.
type Case = (usize, &'static str, (usize, usize), &'static str, &'static str);

fn assert_cases(cases: &[Case]) {
    for (line, text, place, what, help) in cases {
        let found = with(*line, text);
        let [fault] = found.as_slice() else { panic!("{text}: {} faults: {found:#?}", found.len()) };
        assert_eq!((fault.line, fault.column), *place, "{text}: {fault:?}");
        assert!(fault.what.contains(what), "{text}: {fault:?}");
        assert!(fault.help.contains(help), "{text}: {fault:?}");
        assert_eq!(fault.path, "a.toml");
    }
}

/// The only block that is run is one of those that there are.
#[test]
fn blocks() {
    let one = "there is no block 2: the load is cut into 1";
    assert_cases(&[
        (1, "version = 1\nblocks = 1\nonly_block = 2", (3, 14), one, "raise `blocks`"),
        (1, "version = 1\nblocks = 3\nonly_block = 4", (3, 14), "the load is cut into 3", "from 1 on"),
        (1, "version = 1\nblocks = 3\nonly_block = 0", (3, 14), "too small: 0", "at least 1"),
    ]);
    assert!(with(1, "version = 1\nblocks = 3\nonly_block = 3").is_empty());
}

#[test]
fn shapes() {
    assert_cases(&[
        (1, "version = 2", (1, 11), "`version` is 2", "version = 1"),
        (1, "", (1, 1), "`version` is missing", "the number 1"),
        (1, "version = 1\nseeds = 3", (2, 1), "unknown key `seeds`", "`seed`"),
        (2, "name = 5", (2, 8), "cannot be an integer", "string"),
        (2, "name = \"a/b\"", (2, 8), "not a usable name", "letters"),
        (2, "name = \"${HOME}\"", (2, 8), "${VARIABLE}", "only `url`"),
        (2, "name = \"x\"\nclock = \"unreal\"", (3, 9), "unreal", "`real`"),
        (2, "name = \"x\"\nseed = -1", (3, 8), "too small", "at least 0"),
        (2, "name = \"x\"\nseed = 1e3", (3, 8), "fraction", "integer"),
        (2, "name = \"x\"\nseed = 1979-05-27", (3, 8), "a date", "integer"),
        (4, "api = \"openai-chta\"", (4, 7), "openai-chta", "did you mean `openai-chat`?"),
        (4, "", (3, 9), "`target.mock` has no `api`", "openai-chat"),
        (5, "limits = { max_in_flite = 3 }", (5, 12), "limits.max_in_flite", "`max_in_flight`"),
        (5, "latency = { ttft = { constant = \"20 parsecs\" } }", (5, 33), "parsecs", "250ms"),
        (5, "latency = { ttft = { constant = 20 } }", (5, 33), "an integer", "with a unit"),
        (5, "latency = { ttft = \"20ms\" }", (5, 20), "a string", "`constant`"),
        (5, "latency = { ttft = {} }", (5, 13), "0 kinds", "exactly one of"),
        (5, "latency = { itl = { empirical = [] } }", (5, 33), "0 values", "at least 1 value"),
        (11, "jobs = 1000000001", (11, 8), "too large", "1000000000"),
        (11, "jobs = 1\nstream = \"no\"", (12, 10), "a string", "true or false"),
        (13, "vus = 0", (13, 7), "too small", "at least 1"),
        (13, "vus = 99999999999999999999", (13, 7), "too large", "at most"),
        (14, "[strategy.semafore]", (14, 11), "strategy.semafore", "`semaphore`"),
        (15, "permits = 0", (15, 11), "too small: 0", "at least 1"),
        (17, "max_cost = \"1.00\"", (17, 12), "no currency", "0.50 USD"),
        (0, "[retry]\nbackoff = \"expo\"", (19, 11), "expo", "exponential"),
        (0, "[retry]\nstatuses = [429, 200]", (19, 18), "retry.statuses.1", "at least 400"),
        (0, "[timeouts]\nconnect = \"0s\"", (19, 11), "no time at all", "above zero"),
        (0, "[timeouts]\nconnect = \"99999h\"", (19, 11), "too long", "8760h"),
        (0, "[fidelity]\ncpu = 1.5", (19, 7), "out of range", "from 0 to 1"),
        (0, "[fidelity]\ncpu = nan", (19, 7), "out of range", "from 0 to 1"),
        (0, "[[fault]]\nkind.rate-limt = {}", (19, 6), "fault.0.kind.rate-limt", "`rate-limit`"),
        (0, "[[fault]]\nkind = \"never-answers\"", (19, 8), "a string", "never-answers"),
        (0, "[[fault]]\nkind.status = { code = 200 }", (19, 24), "too small", "400"),
    ]);
}

#[test]
fn meanings() {
    const MEMORY: &str = "latency = { ttft = { lognormal = { p50 = \"2s\", p99 = \"1s\" } } }";
    assert_cases(&[
        (5, MEMORY, (5, 54), "`p99` is less", "at least the p50"),
        (5, "latency = { ttft = { uniform = [\"2s\", \"1s\"] } }", (5, 32), "more to less", "first"),
        (5, "limits = { max_queue = 3 }", (5, 24), "nothing without", "max_in_flight"),
        (5, "api_key_env = \"K\"", (5, 15), "any key", "url"),
        (5, "price = { input = \"2.0000001\", output = \"8\" }", (5, 19), "no price", "six decimal"),
        (8, "", (6, 9), "no `model`", "model ="),
        (8, "model = \"m\"\ntokens_per_chunk = 2", (9, 20), "built-in provider", "one of the two"),
        (9, "url = \"house.example\"", (9, 7), "neither http", "https://"),
        (9, "url = \"https://u:p@house.example\"", (9, 7), "user or a password", "api_key_env"),
        (9, "url = \"https://house.example:99999/v1\"", (9, 7), "port", "https://"),
        (9, "url = \"${NOT_SET}/v1\"", (9, 7), "`NOT_SET` is not set", "export NOT_SET"),
        (9, "url = \"${}/v1\"", (9, 7), "no variable's name", "${VARIABLE}"),
        (11, "jobs = 1\noutput_tokens = { uniform = [9, 5] }", (12, 1), "from 9 to 5", "smaller"),
        (11, "", (12, 10), "never end", "`duration`"),
        (13, "vus = 2\nduration = \"5s\"\nwarmup = \"5s\"", (15, 10), "whole profile", "shorter"),
        (17, "", (16, 2), "limits nothing", "max_cost"),
        (17, "max_cost = \"1.00 USD\"", (17, 12), "`target.house` has no price", "price = "),
        (0, "[profile.ramping-vus]\nstages = []", (19, 10), "0 values", "at least 1"),
        (
            0,
            "[profile.ramping-vus]\nstart_vus = 0\nstages = [{ duration = \"1s\", target = 0 }]",
            (20, 10),
            "never",
            "zero",
        ),
        (0, "[profile.constant-arrival-rate]\nrate = 0\nduration = \"1s\"", (19, 8), "is 0", "above 0"),
        (
            0,
            "[profile.constant-arrival-rate]\nrate = 1000000\nduration = \"1h\"",
            (18, 10),
            "3600000000 jobs",
            "at most",
        ),
        (0, "[profile.barrier]\nsize = 1000000\nrounds = 100000", (18, 10), "100000000000 jobs", "at most"),
        (
            0,
            "[retry]\nbackoff.exponential = { base = \"2s\", cap = \"1s\" }",
            (19, 44),
            "`cap`",
            "at least the base",
        ),
        (
            0,
            "[retry]\nbackoff.fixed = { wait = \"2s\", jitter = \"decorrelated\" }",
            (19, 41),
            "fixed",
            "equal",
        ),
        (0, "[[fault]]\ntarget = \"mok\"\nkind.never-answers = {}", (19, 10), "no target `mok`", "`mock`"),
        (
            0,
            "[[fault]]\ntarget = \"house\"\nkind.never-answers = {}",
            (19, 10),
            "real endpoint",
            "without `url`",
        ),
        (
            0,
            "[[fault]]\nkind.gateway-timeout = { status = 510, after = \"1s\" }",
            (19, 35),
            "510",
            "504 or 524",
        ),
    ]);
}

#[test]
fn thresholds() {
    assert_cases(&[
        (0, "[thresholds]\ntfft = [\"p(99) < 1s\"]", (19, 1), "unknown metric `tfft`", "`ttft`"),
        (0, "[thresholds]\nttft = [\"p(99) < 1500\"]", (19, 9), "`1500`", "p(99) < 1500ms"),
        (0, "[thresholds]\nttft = [\"p(100) < 1s\"]", (19, 9), "no percentile", "p(99.9)"),
        (0, "[thresholds]\nttft = [\"rate < 1s\"]", (19, 9), "no such aggregate", "p(N)"),
        (0, "[thresholds]\nttft = [\"p(99) 1s\"]", (19, 9), "no comparison", "p(99) < 1500ms"),
        (0, "[thresholds]\nttft = [\"p(99) = 1s\"]", (19, 9), "unknown comparison", "=="),
        (0, "[thresholds]\nttft = [\"p(99) <\"]", (19, 9), "no bound", "1500ms"),
        (
            0,
            "[thresholds]\nttft = [\"p(50) < 1s\", \"mid < 1s\"]",
            (19, 23),
            "aggregate `mid`",
            "did you mean",
        ),
        (0, "[thresholds]\nttft = []", (19, 1), "no threshold", "p(99)"),
        (0, "[thresholds]\nerror_rate = [\"rate < 101%\"]", (19, 15), "more than all", "100%"),
        (0, "[thresholds]\nerror_rate = [\"rate < 1ms\"]", (19, 15), "`1ms`", "rate < 1%"),
        (0, "[thresholds]\njobs = [\"count > -1\"]", (19, 9), "`-1`", "without a unit"),
        (0, "[thresholds]\ncost = [\"total < 0.5\"]", (19, 9), "`0.5`", "0.50 USD"),
        (0, "[thresholds]\ncost = [\"total < 0.5 EUR\"]", (19, 9), "in EUR", "[cost] currency"),
        (
            0,
            "[thresholds]\n\"cost{target=house}\" = [\"total < 1 USD\"]",
            (19, 25),
            "no target has a price",
            "price",
        ),
        (0, "[thresholds]\n\"ttft{target=mok}\" = [\"p(9) < 1s\"]", (19, 1), "no target `mok`", "`mock`"),
        (0, "[thresholds]\n\"ttft{taget=mock}\" = [\"p(9) < 1s\"]", (19, 1), "tag `taget`", "`target`"),
        (0, "[thresholds]\n\"ttft{target=mock\" = [\"p(9) < 1s\"]", (19, 1), "does not end", "metric{"),
        (
            0,
            "[thresholds]\nttft = [{ threshold = \"p(9) < 1s\", min_samples = 0 }]",
            (19, 50),
            "too small",
            "1",
        ),
    ]);
}

#[test]
fn a_real_endpoint_without_a_budget_is_a_fault() {
    let text = SOUND[..15].join("\n");
    let faults = faults_of(&text, &[]).expect_err("no budget");
    assert_eq!(faults.list().len(), 1);
    assert!(faults.list()[0].what.contains("there is no budget"), "{faults}");
    assert_eq!(faults.list()[0].line, 9);
}

#[test]
fn an_empty_file_names_all_that_it_needs() {
    let faults = faults_of("", &[]).expect_err("nothing in it");
    let what: Vec<_> = faults.list().iter().map(|fault| fault.what.as_str()).collect();
    assert_eq!(what.len(), 4, "{what:?}");
    for key in ["version", "name", "target", "profile"] {
        assert!(what.iter().any(|what| what.contains(key)), "{key}: {what:?}");
    }
}

#[test]
fn eight_faults_of_all_kinds_are_reported_at_once_in_order() {
    let text = r#"version = 1
name = "eight"
bogus = 1
[target.mock]
api = "opnai-chat"
latency = { ttft = { lognormal = { p50 = "2s", p99 = "1s" } } }
[workload]
jobs = "ten"
[profile.constant-vus]
duration = "5 parsecs"
[strategy.semaphore]
permits = 0
[[fault]]
kind.rate-limt = {}
[thresholds]
tfft = ["p(99) < 1s"]
"#;
    let faults = faults_of(text, &[]).expect_err("eight faults and a missing key");
    let lines: Vec<_> = faults.list().iter().map(|fault| fault.line).collect();
    assert_eq!(lines, [3, 5, 6, 8, 9, 10, 12, 14, 16], "{faults}");
    let text = faults.render(false);
    for line in ["a.toml:3:1", "a.toml:5:7", "a.toml:6:54", "a.toml:16:1", "9 faults"] {
        assert!(text.contains(line), "{line} in\n{text}");
    }
    assert_eq!(faults.to_json().as_array().map(Vec::len), Some(9));
    assert!(!text.contains('\u{1b}') && faults.render(true).contains('\u{1b}'));
}

#[test]
fn broken_syntax_is_shown_where_it_breaks() {
    let faults = faults_of("version = 1\nname = \"x\n[target\n", &[]).expect_err("no TOML");
    assert_eq!(faults.list()[0].line, 2, "{faults}");
    assert!(faults.list()[0].what.contains("not TOML"), "{faults}");
}

#[test]
fn a_fault_of_a_set_names_the_set() {
    let text = SOUND.join("\n");
    let set = [("strategy.semaphore.permits", "none"), ("seed.x", "7"), ("a..b", "1"), ("sed", "1")];
    let faults = faults_of(&text, &set).expect_err("four faults");
    let paths: Vec<_> = faults.list().iter().map(|fault| fault.path.as_str()).collect();
    assert_eq!(paths, ["--set strategy.semaphore.permits", "--set seed.x", "--set a..b", "--set sed"]);
    assert!(faults.list()[3].help.contains("`seed`"), "{faults}");
}

#[test]
fn no_secret_is_ever_shown() {
    const SECRET: &str = "hunter2andmore";
    let (user, value, open) = (
        format!("url = \"https://u:{SECRET}@house.example/v1\""),
        format!("model = \"m\"\napi_key = \"{SECRET}\""),
        format!("api_key = \"{SECRET}\nx = 1"),
    );
    let several =
        format!("model = \"m\"\nx = {{ api-key = '''\n{SECRET}''', authorization = \"Bearer {SECRET}\" }}");
    let env = format!("api_key_env = \"sk-{SECRET}\"");
    for (line, text) in [(9, &user), (8, &value), (8, &open), (8, &several), (5, &env)] {
        let mut lines = SOUND.to_vec();
        lines[line - 1] = text;
        let faults = faults_of(&lines.join("\n"), &[]).expect_err(text);
        for shown in
            [faults.render(false), faults.to_string(), format!("{faults:?}"), faults.to_json().to_string()]
        {
            assert!(!shown.contains(SECRET), "{text}:\n{shown}");
        }
    }
    let set = [("target.house.api_key", SECRET), ("target.house.api", "sk-hunter2andmore")];
    let faults = faults_of(&SOUND.join("\n"), &set).expect_err("a key");
    assert!(!format!("{} {faults:?}", faults.render(false)).contains(SECRET), "{faults}");
    assert!(faults.list()[0].help.contains("api_key_env"), "{faults}");
}

#[test]
fn the_value_of_a_variable_is_never_shown() {
    let text = SOUND.join("\n").replace("https://house.example/v1", "${HOUSE}");
    let source = Source { path: "a.toml".into(), text };
    for value in [
        "ftp://sesame",
        "https://sesame@host",
        "https://sesame host",
        "https://sesame:0",
        "https://h?k=sesame",
    ] {
        let faults = load(&source, &[], &|_| Some(value.to_owned())).expect_err(value);
        let shown = format!("{} {faults:?} {faults}", faults.render(false));
        assert!(!shown.contains("sesame"), "{shown}");
    }
}

#[test]
fn the_template_teaches_no_key_that_is_refused() {
    let uncommented: String = TEMPLATE
        .lines()
        .map(|line| match line.strip_prefix("# ") {
            Some(rest) if rest.starts_with('[') || rest.contains(" = ") => format!("{rest}\n"),
            _ => format!("{line}\n"),
        })
        .collect();
    assert!(uncommented.contains("\n[target.house]"));
    faults_of(&uncommented, &[]).unwrap_or_else(|faults| panic!("{}", faults.render(false)));
}
