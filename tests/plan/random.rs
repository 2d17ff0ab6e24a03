//! Properties over all scenarios: the written plan reads back equal, and nothing that can be typed panics.

use crate::table::{fault_kinds, least_strategy};
use deadheat::plan::{Plan, Source};
use deadheat::scenario::{TEMPLATE, load, load_stored};
use deadheat::strategy::StrategyPlan;
use proptest::prelude::*;

fn source(text: &str) -> Source {
    Source { path: "a.toml".into(), text: text.to_owned() }
}

fn env(name: &str) -> Option<String> {
    (name == "HOUSE").then(|| "https://house.example/v1".to_owned())
}

fn duration() -> impl Strategy<Value = String> {
    (1u32..5000, prop::sample::select(&["us", "ms", "s", "ns", "m"][..]))
        .prop_map(|(n, unit)| format!("\"{n}{unit}\""))
}

fn dist() -> impl Strategy<Value = String> {
    prop_oneof![
        duration().prop_map(|d| format!("{{ constant = {d} }}")),
        (1u32..99, 0u32..99).prop_map(|(a, b)| format!("{{ uniform = [\"{a}ms\", \"{}ms\"] }}", a + b)),
        (duration(), duration()).prop_map(|(m, s)| format!("{{ normal = {{ mean = {m}, sd = {s} }} }}")),
        (1u32..99, 0u32..99)
            .prop_map(|(a, b)| format!("{{ lognormal = {{ p50 = \"{a}ms\", p99 = \"{}ms\" }} }}", a + b)),
        prop::collection::vec(duration(), 1..4)
            .prop_map(|all| format!("{{ empirical = [{}] }}", all.join(", "))),
    ]
}

fn target() -> impl Strategy<Value = String> {
    let mock = (dist(), dist(), 1u32..9, any::<bool>(), prop::option::of(1u64..9999)).prop_map(
        |(ttft, itl, n, bill, rpm)| {
            let limits = rpm.map_or(String::new(), |rpm| format!("limits.requests_per_minute = {rpm}\n"));
            format!(
                "latency = {{ ttft = {ttft}, itl = {itl} }}\ntokens_per_chunk = {n}\nbill_after_disconnect \
            = {bill}\nidempotency = {bill}\n{limits}"
            )
        },
    );
    let url = prop::sample::select(&["${HOUSE}", "https://a.example/v1", "http://[::1]:8080/v1"][..])
        .prop_map(|url| format!("model = \"m\"\nurl = \"{url}\"\napi_key_env = \"HOUSE_KEY\"\n"));
    (prop_oneof![mock, url], "[a-z][a-z0-9-]{0,8}")
        .prop_map(|(body, name)| format!("[target.{name}]\napi = \"openai-chat\"\n{body}"))
}

fn profile() -> impl Strategy<Value = String> {
    let arrivals = prop::sample::select(&["\"uniform\"", "\"poisson\"", "{ gamma = { cv = 1.5 } }"][..]);
    let open = (0.001f64..500.0, arrivals, 1u32..50, any::<bool>());
    prop_oneof![
        (1u32..99, prop::option::of(duration())).prop_map(|(vus, d)| {
            let duration = d.map_or(String::new(), |d| format!("duration = {d}\n"));
            format!("[profile.constant-vus]\nvus = {vus}\n{duration}")
        }),
        (1u32..99, 1u64..999)
            .prop_map(|(vus, n)| format!("[profile.per-vu-iterations]\nvus = {vus}\niterations = {n}\n")),
        (1u32..99, duration())
            .prop_map(|(n, d)| format!("[profile.barrier]\nsize = {n}\nstart_time = {d}\n")),
        (1u32..99).prop_map(|vus| format!("[profile.shared-iterations]\nvus = {vus}\n")),
        (1u32..99, duration()).prop_map(|(n, d)| format!(
            "[profile.ramping-vus]\nstages = [{{ duration = {d}, target = {n} }}]\ngraceful_stop = {d}\n"
        )),
        (open.clone(), duration()).prop_map(|((rate, arrivals, cap, capped), d)| {
            let cap = if capped { format!("max_in_flight = {cap}\n") } else { String::new() };
            format!(
                "[profile.constant-arrival-rate]\nrate = {rate}\nduration = {d}\narrivals = {arrivals}\n{cap}"
            )
        }),
        open.prop_map(|(rate, arrivals, cap, _)| format!(
            "[profile.ramping-arrival-rate]\nstages = [{{ duration = \"9s\", target = {rate} }}]\n\
             arrivals = {arrivals}\nmax_in_flight = {cap}\non_saturation = \"drop\"\n"
        )),
    ]
}

/// When a fault strikes.
const WHEN: &[&str] = &[
    "",
    "\nwhen = { every = 3, attempts = [1, 2] }",
    "\nwhen = { probability = 0.25 }",
    "\nwhen = { jobs = [1, 5] }",
];

fn scenario() -> impl Strategy<Value = String> {
    let faults = prop::collection::vec(
        (prop::sample::select(fault_kinds()), prop::sample::select(WHEN))
            .prop_map(|(kind, when)| kind + when)
            .prop_map(|kind| format!("[[fault]]\n{kind}\n")),
        0..3,
    );
    let strategies = prop::collection::btree_set(prop::sample::select(StrategyPlan::NAMES), 0..4);
    let strategies = strategies.prop_map(|names| {
        let texts: Vec<String> = names.into_iter().map(|name| least_strategy(name, 3)).collect();
        texts.concat()
    });
    let retry = prop::sample::select(
        &[
            "",
            "[retry]\n",
            "[retry]\nbackoff = \"none\"\ndeadline = \"9s\"\n",
            "[retry]\nbackoff.fixed = { wait = \"1s\" }\n",
        ][..],
    );
    let thresholds = prop::sample::select(
        &[
            "",
            "[thresholds]\nttft = [\"p(99.9) < 1s\", { threshold = \" max<2s \", min_samples = 3 \
             }]\nerror_rate = [\"rate<=5%\"]\n",
        ][..],
    );
    (
        target(),
        profile(),
        faults,
        strategies,
        retry,
        thresholds,
        0u64..=i64::MAX as u64,
        1u32..300,
        any::<bool>(),
    )
        .prop_map(|(target, profile, faults, strategies, retry, thresholds, seed, jobs, stream)| {
            let faults = if target.contains("url =") { String::new() } else { faults.concat() };
            format!(
                "version = 1\nname = \"random\"\nseed = {seed}\n{target}[workload]\njobs = {jobs}\nstream = \
                 {stream}\n\
                 {profile}{strategies}{retry}{faults}{thresholds}[budget]\nmax_requests = 1000\n"
            )
        })
}

fn read(text: &str) -> Result<Plan, TestCaseError> {
    load(&source(text), &[], &env)
        .map_err(|faults| TestCaseError::fail(format!("{text}\n{}", faults.render(false))))
}

/// Keys of the template, and keys that other scenarios have.
const KEYS: &[&str] = &[
    "seed",
    "target",
    "target.mock",
    "target.mock.latency.ttft.lognormal.p50",
    "profile",
    "profile.constant-vus.vus",
    "fault",
    "fault.0",
    "fault.0.kind",
    "thresholds.response",
    "retry.backoff",
    "budget.max_cost",
    "strategy",
    "workload.output_tokens.uniform",
];
/// Numbers of any size, lists, tables and what TOML has besides.
const VALUE: &str = concat!(
    "(-?[0-9]{1,25}|[0-9.e+-]{1,9}|[\\[\\]{}a-z=\", 0-9]{0,12}|nan|inf|true",
    "|\\{\\}|\\[\\]|\\[\\{\\}\\])"
);

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn the_written_plan_reads_back_equal(text in scenario()) {
        let plan = read(&text)?;
        prop_assert_eq!(&read(&plan.toml)?, &plan);
        let stored = load_stored(&source(&plan.toml)).map_err(|faults|
            TestCaseError::fail(faults.to_string()))?;
        prop_assert_eq!(stored.hash, plan.hash);
    }

    #[test]
    fn a_changed_seed_changes_the_hash(text in scenario()) {
        let plan = read(&text)?;
        let other = if plan.seed == 1 { "2" } else { "1" };
        let changed = load(&source(&text), &[("seed".to_owned(), other.to_owned())],
            &env).expect("still sound");
        prop_assert_ne!(changed.hash, plan.hash);
    }

    #[test]
    fn no_text_panics(text in ".{0,200}") {
        if let Err(faults) = load(&source(&text), &[(text.clone(), text.clone())], &env) {
            prop_assert!(!faults.render(true).is_empty());
        }
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let text = String::from_utf8_lossy(&bytes);
        if let Err(faults) = load(&source(&text), &[], &env) {
            prop_assert!(!faults.render(false).is_empty());
        }
    }

    #[test]
    fn no_damaged_scenario_panics(at in 0usize..TEMPLATE.len(), cut in 0usize..40,
        put in "[\\PC\n\t]{0,12}") {
        let boundary = |i: usize| (i..=TEMPLATE.len()).find(|&i|
            TEMPLATE.is_char_boundary(i)).unwrap_or(TEMPLATE.len());
        let (start, end) = (boundary(at), boundary((at + cut).min(TEMPLATE.len())));
        let text = format!("{}{put}{}", &TEMPLATE[..start], &TEMPLATE[end..]);
        if let Err(faults) = load(&source(&text), &[], &env) {
            for fault in faults.list() {
                prop_assert!(text.is_char_boundary(fault.span.start)
                    && text.is_char_boundary(fault.span.end));
                prop_assert!(!fault.what.is_empty() && !fault.help.is_empty());
            }
            prop_assert!(!faults.render(true).is_empty());
        }
    }

    #[test]
    fn no_value_panics(key in prop::sample::select(KEYS), value in VALUE) {
        if let Err(faults) = load(&source(TEMPLATE), &[(key.to_owned(), value)], &env) {
            prop_assert!(!faults.render(false).is_empty());
        }
    }
}
