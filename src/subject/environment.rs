//! The environment of somebody's program: what it inherits, what is put in the place of a provider's address or key,
//! and what is taken away so that no real call can be made.

use std::ffi::{OsStr, OsString};
use std::path::Path;

/// The key that programs are given. It opens nothing.
pub const THROW_AWAY_KEY: &str = "sk-deadheat-opens-nothing";

/// What a run puts into the environment.
#[derive(Debug, Clone, Copy)]
pub struct Given<'a> {
    /// The provider's root: `http://127.0.0.1:PORT`.
    pub root: &'a str,
    /// The file with the jobs.
    pub jobs: &'a Path,
    /// The folder for claims.
    pub claims: &'a Path,
    /// How many attempts the program should have in flight, a hint.
    pub concurrency: Option<u32>,
    /// The run's seed, a hint.
    pub seed: u64,
    /// Which of several processes it is, from 0.
    pub process: u32,
}

/// What becomes of a variable of ours in the program's environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// It is passed on.
    Kept,
    /// A key: the throw-away one takes its place.
    Key,
    /// The address of an API that speaks as OpenAI does: the provider's `/v1` takes its place.
    Version,
    /// The address of an API without its version: the provider's root takes its place.
    Root,
    /// It goes.
    Gone,
}

/// Variables whose name says less than what they hold.
const KNOWN: [(&str, Fate); 28] = [
    ("OPENAI_API_BASE_URL", Fate::Version),
    ("OPENAI_BASE", Fate::Version),
    ("OPENAI_HOST", Fate::Root),
    ("OPENAI_ORG_ID", Fate::Gone),
    ("OPENAI_ORGANIZATION", Fate::Gone),
    ("OPENAI_PROJECT_ID", Fate::Gone),
    ("OPENAI_API_KEY_PATH", Fate::Gone),
    ("OPENAI_API_TYPE", Fate::Gone),
    ("AZURE_OPENAI_ENDPOINT", Fate::Root),
    ("AZURE_OPENAI_AD_TOKEN", Fate::Key),
    ("AZURE_OPENAI_KEY", Fate::Key),
    ("AZURE_AI_ENDPOINT", Fate::Root),
    ("AZURE_INFERENCE_ENDPOINT", Fate::Root),
    ("AZURE_INFERENCE_CREDENTIAL", Fate::Key),
    ("ANTHROPIC_AUTH_TOKEN", Fate::Gone),
    ("ANTHROPIC_BASE_URL", Fate::Root),
    ("GOOGLE_GEMINI_BASE_URL", Fate::Root),
    ("GEMINI_BASE_URL", Fate::Root),
    ("GOOGLE_API_BASE", Fate::Root),
    ("GOOGLE_VERTEX_BASE_URL", Fate::Root),
    ("GOOGLE_APPLICATION_CREDENTIALS", Fate::Gone),
    ("GOOGLE_GENAI_USE_VERTEXAI", Fate::Gone),
    ("GOOGLE_GENAI_USE_ENTERPRISE", Fate::Gone),
    ("MISTRAL_ENDPOINT", Fate::Root),
    ("CO_API_URL", Fate::Root),
    ("COHERE_BASE_URL", Fate::Root),
    ("AWS_BEARER_TOKEN_BEDROCK", Fate::Gone),
    ("GH_MODELS_TOKEN", Fate::Gone),
];

/// Ends of names, after [`KNOWN`]. Whoever holds a provider's key or address under another name is told by the mock
/// that nothing came.
const ENDS: [(&str, Fate); 11] = [
    ("_API_KEY", Fate::Key),
    ("_APIKEY", Fate::Key),
    ("_API_TOKEN", Fate::Key),
    ("_BASE_URL", Fate::Version),
    ("_API_BASE", Fate::Version),
    ("_API_URL", Fate::Version),
    ("_API_HOST", Fate::Root),
    ("_API_ENDPOINT", Fate::Version),
    ("_AUTH_TOKEN", Fate::Gone),
    ("_HUB_TOKEN", Fate::Gone),
    ("HF_TOKEN", Fate::Gone),
];

/// Names that end like those of a provider and hold something else.
const OTHERS: [&str; 8] = [
    "SSH_AUTH_SOCK",
    "NODE_AUTH_TOKEN",
    "CI_API_V4_URL",
    "GITHUB_API_URL",
    "DATABASE_BASE_URL",
    "PIP_BASE_URL",
    "CONDA_BASE_URL",
    "PYPI_BASE_URL",
];

fn fate(name: &str) -> Fate {
    let name = name.to_ascii_uppercase();
    if OTHERS.contains(&name.as_str()) {
        return Fate::Kept;
    }
    let known = KNOWN.iter().find(|(known, _)| *known == name);
    let end = || ENDS.iter().find(|(end, _)| name.ends_with(end));
    match known.or_else(end) {
        Some((_, fate)) => *fate,
        None if name.starts_with("DEADHEAT_") => Fate::Gone,
        None => Fate::Kept,
    }
}

/// The program's whole environment, from ours.
#[must_use]
pub fn environment(
    ours: impl Iterator<Item = (OsString, OsString)>,
    given: &Given<'_>,
) -> Vec<(OsString, OsString)> {
    let version = format!("{}/v1", given.root);
    let put = |fate: Fate| match fate {
        Fate::Key => Some(OsString::from(THROW_AWAY_KEY)),
        Fate::Version => Some(OsString::from(&version)),
        Fate::Root => Some(OsString::from(given.root)),
        Fate::Kept | Fate::Gone => None,
    };
    let mut all: Vec<(OsString, OsString)> = Vec::new();
    let mut unproxied = String::new();
    for (name, value) in ours {
        let known = name.to_string_lossy();
        if known.eq_ignore_ascii_case("NO_PROXY") {
            unproxied = value.to_string_lossy().into_owned();
            continue;
        }
        match fate(&known) {
            Fate::Kept => all.push((name, value)),
            // An empty value stays empty: it says that there is none.
            other if !value.is_empty() => all.extend(put(other).map(|value| (name, value))),
            _ => {}
        }
    }
    // Loopback is reached without a proxy, whatever the environment says.
    let loopback = "127.0.0.1,localhost";
    let unproxied =
        if unproxied.is_empty() { loopback.to_owned() } else { format!("{unproxied},{loopback}") };
    let mut set = |name: &str, value: &OsStr| {
        all.retain(|(known, _)| known != name);
        all.push((name.into(), value.to_owned()));
    };
    for name in ["NO_PROXY", "no_proxy"] {
        set(name, unproxied.as_ref());
    }
    for name in ["OPENAI_BASE_URL", "OPENAI_API_BASE"] {
        set(name, version.as_ref());
    }
    for name in [
        "ANTHROPIC_BASE_URL",
        "GOOGLE_GEMINI_BASE_URL",
        "DEADHEAT_BASE_URL",
        // Clouds that take their keys from elsewhere find nobody but the mock.
        "AZURE_OPENAI_ENDPOINT",
        "ANTHROPIC_BEDROCK_BASE_URL",
        "ANTHROPIC_VERTEX_BASE_URL",
        "AWS_ENDPOINT_URL_BEDROCK_RUNTIME",
    ] {
        set(name, given.root.as_ref());
    }
    for name in ["OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY"] {
        set(name, THROW_AWAY_KEY.as_ref());
    }
    set("DEADHEAT_JOBS", given.jobs.as_os_str());
    set("DEADHEAT_CLAIMS", given.claims.as_os_str());
    if let Some(concurrency) = given.concurrency {
        set("DEADHEAT_CONCURRENCY", concurrency.to_string().as_ref());
    }
    set("DEADHEAT_SEED", given.seed.to_string().as_ref());
    set("DEADHEAT_PROCESS", given.process.to_string().as_ref());
    all
}

/// The values of ours that nobody may see: keys that were replaced or taken away.
pub(super) fn secrets(ours: impl Iterator<Item = (OsString, OsString)>) -> Vec<String> {
    let secret = |(name, value): (OsString, OsString)| {
        let hidden = matches!(fate(&name.to_string_lossy()), Fate::Key | Fate::Gone);
        let value = value.into_string().ok()?;
        (hidden && value.len() >= 8).then_some(value)
    };
    ours.filter_map(secret).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(ours: &[(&str, &str)]) -> Vec<(String, String)> {
        let ours = ours.iter().map(|(name, value)| (OsString::from(name), OsString::from(value)));
        let given = Given {
            root: "http://127.0.0.1:1",
            jobs: Path::new("/jobs"),
            claims: Path::new("/claims"),
            concurrency: Some(3),
            seed: 7,
            process: 0,
        };
        let text = |text: OsString| text.into_string().unwrap();
        environment(ours, &given).into_iter().map(|(name, value)| (text(name), text(value))).collect()
    }

    fn value(all: &[(String, String)], name: &str) -> Option<String> {
        let found: Vec<_> = all.iter().filter(|(known, _)| known == name).collect();
        assert!(found.len() <= 1, "{name} stands there twice");
        found.first().map(|(_, value)| value.clone())
    }

    #[test]
    fn no_key_and_no_address_of_a_provider_is_passed_on() {
        let providers = [
            "OPENAI",
            "AZURE_OPENAI",
            "ANTHROPIC",
            "GEMINI",
            "GOOGLE",
            "MISTRAL",
            "DEEPSEEK",
            "XAI",
            "GROQ",
            "OPENROUTER",
            "TOGETHER",
            "COHERE",
            "CO",
            "FIREWORKS",
            "PERPLEXITY",
        ];
        for provider in providers {
            for end in ["_API_KEY", "_BASE_URL", "_API_BASE"] {
                let name = format!("{provider}{end}");
                let all = of(&[(&name, "https://real.example/secret-secret")]);
                let left = value(&all, &name).unwrap_or_default();
                assert!(!left.contains("real"), "{name}={left}");
            }
        }
        for name in
            ["AZURE_OPENAI_ENDPOINT", "ANTHROPIC_AUTH_TOKEN", "HF_TOKEN", "GOOGLE_APPLICATION_CREDENTIALS"]
        {
            let all = of(&[(name, "https://real.example/secret-secret")]);
            assert!(all.iter().all(|(_, value)| !value.contains("real")), "{name}");
        }
    }

    #[test]
    fn everything_else_is_as_it_was() {
        let all =
            of(&[("PATH", "/bin"), ("NODE_PATH", "/n"), ("VIRTUAL_ENV", "/v"), ("no_proxy", "a.example")]);
        assert_eq!(value(&all, "PATH").as_deref(), Some("/bin"));
        assert_eq!(value(&all, "NODE_PATH").as_deref(), Some("/n"));
        assert_eq!(value(&all, "VIRTUAL_ENV").as_deref(), Some("/v"));
        assert_eq!(value(&all, "NO_PROXY").as_deref(), Some("a.example,127.0.0.1,localhost"));
        assert_eq!(value(&all, "OPENAI_BASE_URL").as_deref(), Some("http://127.0.0.1:1/v1"));
        assert_eq!(value(&all, "ANTHROPIC_BASE_URL").as_deref(), Some("http://127.0.0.1:1"));
        assert_eq!(value(&all, "DEADHEAT_CONCURRENCY").as_deref(), Some("3"));
    }

    #[test]
    fn keys_are_secrets() {
        let ours = [("GROQ_API_KEY", "gsk-0123456789"), ("PATH", "/usr/local/bin"), ("OPENAI_API_KEY", "")];
        let ours = ours.map(|(name, value)| (OsString::from(name), OsString::from(value)));
        assert_eq!(secrets(ours.into_iter()), ["gsk-0123456789"]);
    }
}
