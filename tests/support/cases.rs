//! Random scenarios around one strategy, for properties in real and in virtual time.

use proptest::prelude::*;

/// A random scenario around one strategy.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    pub(crate) jobs: u32,
    pub(crate) vus: u32,
    pub(crate) permits: u32,
    pub(crate) repeats: u32,
    pub(crate) attempts: u32,
    pub(crate) base_ms: u32,
    pub(crate) jitter: &'static str,
    pub(crate) stream: bool,
    pub(crate) honours_keys: bool,
    pub(crate) faults: Vec<String>,
    pub(crate) rules: &'static str,
    pub(crate) barrier: bool,
    pub(crate) seed: u32,
}

fn fault() -> impl Strategy<Value = String> {
    let kind = prop_oneof![
        (400u32..600)
            .prop_filter("a status that may pass", |n| [408, 409, 500, 502, 503, 529].contains(n))
            .prop_map(|code| format!("kind.status = {{ code = {code} }}")),
        (1u32..60, prop::sample::select(&["milliseconds", "text"][..])).prop_map(|(ms, hint)| format!(
            "kind.rate-limit = {{ retry_after = \"{ms}ms\", hint = \"{hint}\" }}"
        )),
        Just("kind.rate-limit = {}".to_owned()),
        Just("kind.quota-exhausted = {}".to_owned()),
        Just("kind.status = { code = 400 }".to_owned()),
        (1u32..80).prop_map(|ms| format!("kind.slow = {{ by = \"{ms}ms\" }}")),
        Just("kind.reset-after-accept = {}".to_owned()),
        Just("kind.reset-mid-stream = { after = 0.5 }".to_owned()),
        Just("kind.cut-stream = { after = 0.5 }".to_owned()),
        Just("kind.error-event = { after = 0.0 }".to_owned()),
    ];
    (kind, 2u32..9, prop::sample::select(&["[1]", "[2]", "[1, 2]"][..])).prop_map(
        |(kind, every, attempts)| {
            format!("[[fault]]\n{kind}\nwhen = {{ every = {every}, attempts = {attempts} }}\n")
        },
    )
}

pub(crate) fn case() -> impl Strategy<Value = Case> {
    let load = (1u32..30, 1u32..12, 2u32..9, 1u32..5, any::<bool>());
    // Jitter over less than a few tens of milliseconds cannot be seen.
    let retry = (1u32..5, 60u32..100, prop::sample::select(&["full", "equal", "decorrelated"][..]));
    let rules = prop::sample::select(
        &[
            "",
            "budget = { ratio = 0.2, reserve = 3 }\n",
            "breaker = { failures = 3, open = \"30ms\" }\n",
            "deadline = \"150ms\"\n",
            "breaker = { failures = 2, open = \"60ms\" }\ndeadline = \"150ms\"\n",
            "breaker = { failures = 1, open = \"300ms\" }\ndeadline = \"200ms\"\n",
        ][..],
    );
    let faults = prop::collection::vec(fault(), 0..3);
    (load, retry, rules, faults, any::<(bool, bool)>(), any::<u32>()).prop_map(
        |((jobs, vus, permits, repeats, barrier), retry, rules, faults, (stream, honours_keys), seed)| {
            let (attempts, base_ms, jitter) = retry;
            Case {
                jobs,
                vus,
                permits,
                repeats,
                attempts,
                base_ms,
                jitter,
                stream,
                honours_keys,
                faults,
                rules,
                barrier,
                seed,
            }
        },
    )
}

impl Case {
    pub(crate) fn text(&self, strategy: &str) -> String {
        let Self { jobs, repeats, stream, attempts, base_ms, jitter, rules, vus, permits, .. } = self;
        let profile = if self.barrier {
            format!("[profile.barrier]\nsize = {vus}\nrounds = {}\n", jobs.div_ceil(*vus))
        } else {
            format!("[profile.shared-iterations]\nvus = {vus}\niterations = {jobs}\n")
        };
        let strategy = strategy.replace("PERMITS", &permits.to_string());
        format!(
            "[workload]\nrepeats = {repeats}\nprompt_tokens = {{ uniform = [3, 40] }}\n\
             output_tokens = {{ uniform = [2, 12] }}\nstream = {stream}\n{profile}[strategy.{strategy}\n\
             [retry]\nmax_attempts = {attempts}\ntransport = false\n{rules}\
             backoff = {{ exponential = {{ base = \"{base_ms}ms\", cap = \"150ms\", jitter = \"{jitter}\" \
                 }} }}\n{}",
            self.faults.concat(),
        )
    }
}
