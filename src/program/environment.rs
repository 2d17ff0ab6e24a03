//! The environment of an external program: what it inherits, what is put in the place of a provider's address
//! or key, and what is taken away so that no real call can be made.

use super::providers::{Handling, PROVIDERS, handling};
use std::ffi::{OsStr, OsString};
use std::path::Path;

/// The key that programs are given. It opens nothing.
pub const THROW_AWAY_KEY: &str = "sk-deadheat-opens-nothing";

/// What a run puts into the environment.
#[derive(Debug, Clone, Copy)]
pub(super) struct RunVariables<'a> {
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

/// Addresses that are always ours, whatever stood there.
const ROOTS: [&str; 4] =
    ["ANTHROPIC_BASE_URL", "GOOGLE_GEMINI_BASE_URL", "DEADHEAT_BASE_URL", "AZURE_OPENAI_ENDPOINT"];

/// Addresses that are ours even if they are not set: a program that takes a key from a log-in of the machine,
/// or from a file, reaches the mock alone.
const ADDRESSES: [&str; 14] = [
    "ANTHROPIC_BEDROCK_BASE_URL",
    "ANTHROPIC_FOUNDRY_BASE_URL",
    "ANTHROPIC_VERTEX_BASE_URL",
    "AWS_BEDROCK_RUNTIME_ENDPOINT",
    "AWS_ENDPOINT_URL_BEDROCK_AGENT_RUNTIME",
    "AWS_ENDPOINT_URL_BEDROCK_RUNTIME",
    "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME",
    "AZURE_AI_INFERENCE_ENDPOINT",
    "AZURE_API_BASE",
    "AZURE_INFERENCE_ENDPOINT",
    "CO_API_URL",
    "GOOGLE_VERTEX_BASE_URL",
    "HF_INFERENCE_ENDPOINT",
    "MISTRAL_SERVER_URL",
];

/// What is set if it is not. An empty key is none for a program that looks which provider it has, and
/// keeps a file from putting a real one there.
const DEFAULTS: [(&str, &str); 18] = [
    ("AWS_BEARER_TOKEN_BEDROCK", ""),
    ("AZURE_API_KEY", ""),
    ("AZURE_OPENAI_API_KEY", ""),
    ("CLAUDE_CODE_OAUTH_TOKEN", ""),
    ("CO_API_KEY", ""),
    ("DATABRICKS_TOKEN", ""),
    ("GOOGLE_API_KEY", ""),
    ("GOOGLE_GENERATIVE_AI_API_KEY", ""),
    ("HF_TOKEN", ""),
    ("HUGGINGFACEHUB_API_TOKEN", ""),
    ("HUGGINGFACE_API_KEY", ""),
    ("LITELLM_API_KEY", ""),
    ("REPLICATE_API_TOKEN", ""),
    ("WATSONX_APIKEY", ""),
    // Log-ins in the user's home.
    ("GOOGLE_APPLICATION_CREDENTIALS", ""),
    ("CLOUDSDK_CONFIG", "/dev/null"),
    ("NO_GCE_CHECK", "true"),
    ("HF_TOKEN_PATH", "/dev/null"),
];

/// The end of an address that a program may count on.
const ENDS: [&str; 5] = ["/v1", "/chat/completions", "/responses", "/messages", "/openai/deployments"];

/// Ours in the place of an address: with the path that it ended in, if the mock knows it.
fn address(root: &str, theirs: &str) -> String {
    let theirs = theirs.trim_end_matches('/');
    match ENDS.into_iter().find(|end| theirs.ends_with(end)) {
        Some("/v1") => format!("{root}/v1"),
        Some("/openai/deployments") => format!("{root}/openai/deployments"),
        Some(end) => format!("{root}/v1{end}"),
        None => root.to_owned(),
    }
}

/// The program's whole environment, from ours, and from what `filed` its `.env` would add to it.
#[must_use]
pub(super) fn environment(
    ours: impl Iterator<Item = (OsString, OsString)>,
    filed: &[(String, String)],
    given: &RunVariables<'_>,
) -> Vec<(OsString, OsString)> {
    let mut made = Environment(Vec::new());
    let mut unproxied = String::new();
    let (mut azure, mut kind) = ([false; 2], None);
    let mut note = |name: &str, value: &str| {
        azure[0] |= !value.is_empty() && ["AZURE_OPENAI_API_KEY", "AZURE_OPENAI_AD_TOKEN"].contains(&name);
        azure[1] |= !value.is_empty() && name == "OPENAI_API_KEY";
        if name == "OPENAI_API_TYPE" && !value.is_empty() {
            kind.get_or_insert(value.to_owned());
        }
    };
    for (name, value) in ours {
        let (known, text) = (name.to_string_lossy(), value.to_string_lossy());
        note(&known, &text);
        if known.eq_ignore_ascii_case("NO_PROXY") {
            unproxied = text.into_owned();
            continue;
        }
        // An empty value stays empty: it says that there is none.
        match handling(&known, &text) {
            Handling::Keep => made.set(&name, &value),
            Handling::Remove => {}
            _ if value.is_empty() => made.set(&name, &value),
            Handling::Key => made.set(&name, THROW_AWAY_KEY),
            Handling::Address => made.set(&name, address(given.root, &text)),
        }
    }
    for (name, value) in
        filed.iter().filter(|(name, value)| !value.is_empty() && !name.starts_with("DEADHEAT_"))
    {
        note(name, value);
        match handling(name, value) {
            Handling::Keep => {}
            Handling::Remove => made.unless_set(name, ""),
            Handling::Key => made.unless_set(name, THROW_AWAY_KEY),
            Handling::Address => made.unless_set(name, address(given.root, value)),
        }
    }
    // The SDK's module will not guess whose it is where both providers are set.
    let guess = if azure == [true, false] { "azure" } else { "openai" };
    made.set("OPENAI_API_TYPE", kind.as_deref().unwrap_or(guess));
    // Loopback is reached without a proxy, whatever the environment says.
    let loopback = "127.0.0.1,localhost";
    let unproxied =
        if unproxied.is_empty() { loopback.to_owned() } else { format!("{unproxied},{loopback}") };
    for name in ["NO_PROXY", "no_proxy"] {
        made.set(name, &unproxied);
    }
    made.provider(given.root);
    made.given(given);
    made.0
}

/// An environment in the making. No name stands in it twice.
struct Environment(Vec<(OsString, OsString)>);

impl Environment {
    fn set(&mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) {
        self.0.retain(|(known, _)| known != name.as_ref());
        self.0.push((name.as_ref().to_owned(), value.as_ref().to_owned()));
    }

    fn unless_set(&mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) {
        if self.0.iter().all(|(known, _)| known != name.as_ref()) {
            self.set(name, value);
        }
    }

    /// The mock in the place of every provider.
    fn provider(&mut self, root: &str) {
        let version = format!("{root}/v1");
        for name in ["OPENAI_BASE_URL", "OPENAI_API_BASE"] {
            self.set(name, &version);
        }
        for name in ROOTS {
            self.set(name, root);
        }
        for name in ["OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY"] {
            self.set(name, THROW_AWAY_KEY);
        }
        for name in ADDRESSES {
            self.unless_set(name, root);
        }
        for (name, value) in DEFAULTS {
            self.unless_set(name, value);
        }
        for provider in PROVIDERS {
            self.unless_set(format!("{provider}_BASE_URL"), root);
            self.unless_set(format!("{provider}_API_BASE"), root);
            self.unless_set(format!("{provider}_API_KEY"), "");
        }
    }

    fn given(&mut self, given: &RunVariables<'_>) {
        self.set("DEADHEAT_JOBS", given.jobs);
        self.set("DEADHEAT_CLAIMS", given.claims);
        if let Some(concurrency) = given.concurrency {
            self.set("DEADHEAT_CONCURRENCY", concurrency.to_string());
        }
        self.set("DEADHEAT_SEED", given.seed.to_string());
        self.set("DEADHEAT_PROCESS", given.process.to_string());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(ours: &[(&str, &str)], filed: &[(&str, &str)]) -> Vec<(String, String)> {
        let ours = ours.iter().map(|(name, value)| (OsString::from(name), OsString::from(value)));
        let filed: Vec<_> =
            filed.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let given = RunVariables {
            root: "http://127.0.0.1:1",
            jobs: Path::new("/jobs"),
            claims: Path::new("/claims"),
            concurrency: Some(3),
            seed: 7,
            process: 0,
        };
        let text = |text: OsString| text.into_string().unwrap();
        let all = environment(ours, &filed, &given).into_iter();
        all.map(|(name, value)| (text(name), text(value))).collect()
    }

    fn of(ours: &[(&str, &str)]) -> Vec<(String, String)> {
        with(ours, &[])
    }

    fn value(all: &[(String, String)], name: &str) -> Option<String> {
        let found: Vec<_> = all.iter().filter(|(known, _)| known == name).collect();
        assert!(found.len() <= 1, "{name} stands there twice");
        found.first().map(|(_, value)| value.clone())
    }

    /// Names as people give them, of keys and of addresses.
    const NAMES: &str = "OPENAI_API_KEY OPENAI_KEY OPENAI_ENDPOINT OPENAI_URL OPENAI_PROXY ANTHROPIC_KEY \
        ANTHROPIC_URL \
        ANTHROPIC_AUTH_TOKEN GROQ_KEY GROQ_API_KEY TOGETHER_KEY HUGGINGFACE_TOKEN HF_TOKEN HF_ENDPOINT \
        DATABRICKS_TOKEN \
        DATABRICKS_HOST WATSONX_URL MISTRAL_SERVER_URL LITELLM_PROXY_URL LITELLM_BASE LITELLM_MASTER_KEY \
        AI_GATEWAY_URL \
        OLLAMA_HOST AWS_BEDROCK_RUNTIME_ENDPOINT AWS_ENDPOINT_URL_BEDROCK_RUNTIME AWS_BEARER_TOKEN_BEDROCK \
        AZURE_OPENAI_ENDPOINT AZURE_OPENAI_API_KEY AZURE_OPENAI_API_INSTANCE_NAME AZURE_OPENAI_API_BASE_PATH \
        AZURE_AI_INFERENCE_ENDPOINT CLAUDE_CODE_OAUTH_TOKEN GOOGLE_VERTEX_BASE_URL \
        GOOGLE_APPLICATION_CREDENTIALS CLOUDSDK_CONFIG \
        DEEPSEEK_API_KEY DEEPSEEK_BASE_URL COHERE_API_KEY CO_API_URL XAI_API_KEY OPENROUTER_API_BASE";

    #[test]
    fn no_key_and_no_address_of_a_provider_is_passed_on() {
        for name in NAMES.split_whitespace() {
            for real in ["https://real.example/secret-secret", "real.example:80"] {
                let all = of(&[(name, real)]);
                assert!(all.iter().all(|(_, value)| !value.contains("real")), "{name}");
            }
        }
    }

    #[test]
    fn what_a_file_would_add_is_there_before_it() {
        for name in NAMES.split_whitespace() {
            let all = with(&[], &[(name, "https://real.example/secret-secret")]);
            let left = value(&all, name);
            assert!(left.is_some_and(|left| !left.contains("real")), "{name}");
        }
        let all = with(&[("GROQ_API_KEY", "")], &[("GROQ_API_KEY", "real"), ("STRIPE_API_KEY", "real")]);
        assert_eq!(value(&all, "GROQ_API_KEY").as_deref(), Some(""), "loaders would leave it so");
        assert_eq!(value(&all, "STRIPE_API_KEY"), None);
        let all = with(&[], &[("DEEPSEEK_API_KEY", "real")]);
        assert_eq!(value(&all, "DEEPSEEK_API_KEY").as_deref(), Some(THROW_AWAY_KEY));
    }

    #[test]
    fn what_is_not_set_is_set_and_shows_no_other_provider() {
        let all = of(&[]);
        for name in ["DEEPSEEK_BASE_URL", "GROQ_BASE_URL", "GOOGLE_VERTEX_BASE_URL", "AZURE_OPENAI_ENDPOINT"]
        {
            assert_eq!(value(&all, name).as_deref(), Some("http://127.0.0.1:1"), "{name}");
        }
        for name in ["DEEPSEEK_API_KEY", "GROQ_API_KEY", "AZURE_OPENAI_API_KEY", "HF_TOKEN", "COHERE_API_KEY"]
        {
            assert_eq!(value(&all, name).as_deref(), Some(""), "{name}");
        }
        assert_eq!(value(&all, "OPENAI_API_TYPE").as_deref(), Some("openai"));
        let azure = of(&[("AZURE_OPENAI_API_KEY", "real")]);
        assert_eq!(value(&azure, "OPENAI_API_TYPE").as_deref(), Some("azure"));
        assert_eq!(value(&azure, "AZURE_OPENAI_API_KEY").as_deref(), Some(THROW_AWAY_KEY));
    }

    #[test]
    fn an_address_keeps_the_path_that_its_program_counts_on() {
        for (theirs, ours) in [
            ("https://api.groq.com/openai/v1/", "http://127.0.0.1:1/v1"),
            ("https://api.deepseek.com", "http://127.0.0.1:1"),
            ("https://real.example/v1/chat/completions", "http://127.0.0.1:1/v1/chat/completions"),
            ("https://real.example/openai/deployments", "http://127.0.0.1:1/openai/deployments"),
        ] {
            assert_eq!(value(&of(&[("GROQ_URL", theirs)]), "GROQ_URL").as_deref(), Some(ours), "{theirs}");
        }
    }

    #[test]
    fn everything_else_is_as_it_was() {
        let kept = [
            ("PATH", "/bin"),
            ("NODE_PATH", "/n"),
            ("VIRTUAL_ENV", "/v"),
            ("MY_SERVICE_BASE_URL", "http://localhost:3000"),
            ("STRIPE_API_KEY", "sk_test_0123456789abcdef"),
            ("AWS_SECRET_ACCESS_KEY", "for another service"),
            ("GITHUB_TOKEN", "ghp_0123456789"),
            ("OPENAI_MODEL", "gpt-4.1-mini"),
            ("OPENAI_MAX_TOKENS", "256"),
        ];
        let mut ours = kept.to_vec();
        ours.push(("no_proxy", "a.example"));
        let all = of(&ours);
        for (name, held) in kept {
            assert_eq!(value(&all, name).as_deref(), Some(held), "{name}");
        }
        assert_eq!(value(&all, "NO_PROXY").as_deref(), Some("a.example,127.0.0.1,localhost"));
        assert_eq!(value(&all, "OPENAI_BASE_URL").as_deref(), Some("http://127.0.0.1:1/v1"));
        assert_eq!(value(&all, "ANTHROPIC_BASE_URL").as_deref(), Some("http://127.0.0.1:1"));
        assert_eq!(value(&all, "DEADHEAT_CONCURRENCY").as_deref(), Some("3"));
    }
}
