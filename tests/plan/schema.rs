//! The published schemas: that the committed files are the generated ones, and that schema and loader agree.

use deadheat::plan::Source;
use deadheat::scenario::{self, TEMPLATE, load};
use proptest::prelude::*;
use std::path::Path;

fn validator() -> jsonschema::Validator {
    let schema: serde_json::Value = serde_json::from_str(&scenario::schema()).expect("JSON");
    jsonschema::draft202012::new(&schema).expect("a valid schema")
}

fn as_json(text: &str) -> serde_json::Value {
    serde_json::to_value(toml::from_str::<toml::Table>(text).expect("TOML")).expect("JSON")
}

fn loads(text: &str) -> bool {
    let source = Source { path: "a.toml".into(), text: text.to_owned() };
    load(&source, &[], &|_| Some("https://house.example".to_owned())).is_ok()
}

#[test]
fn the_committed_schemas_are_the_generated_ones() {
    for which in ["scenario", "summary"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("scenarios/{which}.schema.json"));
        let committed = std::fs::read_to_string(&path).expect("a committed schema");
        let output =
            assert_cmd::Command::cargo_bin("deadheat").expect("built").args(["schema", which]).output();
        let generated = String::from_utf8(output.expect("runs").stdout).expect("UTF-8");
        assert!(
            committed == generated,
            "scenarios/{which}.schema.json is out of date; write it anew with:\n  \
             cargo run -q -- schema {which} > scenarios/{which}.schema.json"
        );
    }
}

#[test]
fn the_schema_is_2020_12_and_describes_every_field() {
    let schema: serde_json::Value = serde_json::from_str(&scenario::schema()).expect("JSON");
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    fn walk(path: &str, value: &serde_json::Value) {
        for (name, field) in value["properties"].as_object().into_iter().flatten() {
            let described = field["description"].is_string() || field["$ref"].is_string();
            assert!(
                described || value["oneOf"].is_null() && path.contains("oneOf"),
                "{path}.{name} says nothing"
            );
        }
        match value {
            serde_json::Value::Object(map) => {
                map.iter().for_each(|(key, v)| walk(&format!("{path}.{key}"), v))
            }
            serde_json::Value::Array(items) => items.iter().for_each(|v| walk(path, v)),
            _ => {}
        }
    }
    walk("", &schema);
    assert!(!scenario::schema().contains("\"null\""), "TOML has no null");
}

#[test]
fn the_template_and_its_written_plan_obey_the_schema() {
    let validator = validator();
    validator.validate(&as_json(TEMPLATE)).expect("the template");
    let source = Source { path: "a.toml".into(), text: TEMPLATE.to_owned() };
    let plan = load(&source, &[], &|_| None).expect("a plan");
    validator.validate(&as_json(&plan.toml)).expect("the written plan");
}

/// One line that may be put into the sound scenario below; some are wrong, which both must see.
const FIRST: &[&str] = &[
    "seed = 7",
    "seed = -1",
    "seed = \"x\"",
    "blocks = 3",
    "only_block = 0",
    "only_block = 1",
    "threads = 0",
    "bogus = 1",
    "clock = \"real\"",
    "",
];
const TARGET: &[&str] = &[
    "tokens_per_chunk = 0",
    "latency = { ttft = { constant = \"5 ms\" } }",
    "latency = { ttft = { constant = 5 } }",
    "latency = { itl = { uniform = [\"1ms\", \"2ms\"] }, stall = { probability = 0.5, pause = { constant = \
     \"1s\" } } }",
    "latency = { itl = { uniform = [\"1ms\"] } }",
    "latency = { itl = \"1ms\" }",
    "limits = { max_in_flight = 4, max_queue = 0 }",
    "price = { input = \"2.\", output = \"08.50\" }",
    "price = { input = 2, output = 8 }",
    "model = \"\"",
    "api_key = \"x\"",
    "",
];
const PROFILE: &[&str] = &[
    "[profile.constant-vus]\nvus = 4",
    "[profile.constant-vus]\nvus = 0",
    "[profile.constant-vus]",
    "[profile.barrier]\nsize = 4\n[profile.constant-arrival-rate]\nrate = 4\nduration = \"1m \
     30s\"\narrivals = \"poisson\"",
    "[profile.constant-arrival-rate]\nrate = 0.5\nduration = \"0s\"",
    "[profile.constant-arrival-rate]\nrate = 0\nduration = \"1s\"",
    "[profile.constant-arrival-rate]\nrate = 5\nduration = \"1s\"\narrivals = { gamma = { cv = 3 } \
     }\nmax_in_flight = 3\non_saturation = \"abort\"",
    "[profile.ramping-arrival-rate]\nstages = [{ duration = \"0s\", target = 3 }, { duration = \"1s\", \
     target = 0.5 }]",
    "[profile.ramping-vus]\nstages = []",
    "[profile.constant-vu]\nvus = 3",
];
const REST: &[&str] = &[
    "[strategy.semaphore]\npermits = 3\n[strategy.unbounded]",
    "[strategy.semaphore]",
    "[strategy.unbounded]\nx = 1",
    "[retry]\nbackoff = \"none\"",
    "[retry]\nbackoff = { fixed = { wait = \"1s\", jitter = \"none\" } }\nstatuses = []",
    "[retry]\nbackoff = { none = {} }",
    "[[fault]]\nkind.quota-exhausted = {}\n[[fault]]\nkind.slow = { by = \"1s\" }\nwhen = { jobs = [1], \
     attempts = [1, 2] }",
    "[[fault]]\nkind.slow = {}",
    "[[fault]]\nkind.cut-stream = {}\nkind.slow = { by = \"1s\" }",
    "[thresholds]\nttft = [\"p(99) < 1s\", { threshold = \"avg < 1s\", min_samples = 5 }]",
    "[thresholds]\nttft = \"p(99) < 1s\"",
    "[budget]\nmax_requests = 5\nmax_tokens = 7",
    "[slo]\nttft = \"1s\"\n[declared]\nconcurrency = 5\nprogress = \"2m\"\n[fidelity]\nachieved = \
     1\n[timeouts]\nidle = \"500us\"",
    "",
];

proptest! {
    #[test]
    fn what_the_loader_takes_the_schema_takes(
        first in proptest::sample::select(FIRST),
        target in proptest::sample::select(TARGET),
        profile in proptest::sample::select(PROFILE),
        rest in proptest::sample::select(REST),
    ) {
        let text = format!(
            "version = 1\nname = \"agree\"\n{first}\n[target.mock]\napi = \"openai-chat\"\n{target}\n\
             [workload]\njobs = 5\n{profile}\n{rest}\n"
        );
        thread_local!(static VALIDATOR: jsonschema::Validator = validator());
        let valid = VALIDATOR.with(|validator| validator.is_valid(&as_json(&text)));
        // These lines hold only faults of shape (a duration of zero apart), so the two must agree both ways.
        let shape_only = !text.contains("duration = \"0s\"\n");
        if shape_only {
            prop_assert_eq!(loads(&text), valid, "{}", text);
        } else if loads(&text) {
            prop_assert!(valid, "{}", text);
        }
    }
}
