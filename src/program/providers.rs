//! Which environment variables hold a provider's key or address: known by their names, or else by their
//! values.

use crate::secret::is_model_key;

/// What is done with one of deadheat's variables in the program's environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Handling {
    /// It is passed on.
    Keep,
    /// A key: the throw-away key replaces it.
    Key,
    /// An address: the built-in provider's replaces it.
    Address,
    /// It is removed.
    Remove,
}

/// Providers whose key and address SDKs and routers take from `…_API_KEY`, `…_BASE_URL` and `…_API_BASE`.
pub(super) const PROVIDERS: [&str; 32] = [
    "AI21",
    "CEREBRAS",
    "COHERE",
    "DASHSCOPE",
    "DEEPINFRA",
    "DEEPSEEK",
    "FIREWORKS",
    "FIREWORKS_AI",
    "GROQ",
    "HYPERBOLIC",
    "MINIMAX",
    "MISTRAL",
    "MOONSHOT",
    "NEBIUS",
    "NOVITA",
    "NVIDIA",
    "NVIDIA_NIM",
    "OPENROUTER",
    "PERPLEXITY",
    "PERPLEXITYAI",
    "REPLICATE",
    "SAMBANOVA",
    "SILICONFLOW",
    "TOGETHER",
    "TOGETHERAI",
    "TOGETHER_AI",
    "VOLCENGINE",
    "VOYAGE",
    "WRITER",
    "XAI",
    "ZAI",
    "ZHIPUAI",
];

/// How the variables of other providers, routers and gateways begin; the longer first.
const BEGINNINGS: [&str; 35] = [
    "LITELLM_PROXY",
    "LITELLM",
    "LLM",
    "OPENAI",
    "AZURE_OPENAI",
    "AZURE_AI",
    "AZURE_API",
    "AZURE_COGNITIVE_SERVICES",
    "AZURE_FOUNDRY",
    "AZURE_INFERENCE",
    "ANTHROPIC",
    "CLAUDE",
    "GEMINI",
    "GOOGLE_AI",
    "GOOGLE_API",
    "GOOGLE_GEMINI",
    "GOOGLE_GENAI",
    "GOOGLE_GENERATIVE_AI",
    "GOOGLE_VERTEX",
    "PALM",
    "VERTEX",
    "VERTEXAI",
    "VERTEX_AI",
    "AWS_BEDROCK",
    "BEDROCK",
    "AI_GATEWAY",
    "ANYSCALE",
    "CO",
    "DATABRICKS",
    "GH_MODELS",
    "HF",
    "HUGGINGFACE",
    "HUGGINGFACEHUB",
    "OLLAMA",
    "WATSONX",
];

/// Variables whose names do not follow the rules below.
const KNOWN: [(&str, Handling); 21] = [
    ("OPENAI_ORG_ID", Handling::Remove),
    ("OPENAI_ORGANIZATION", Handling::Remove),
    ("OPENAI_PROJECT_ID", Handling::Remove),
    ("AZURE_RESOURCE_NAME", Handling::Remove),
    ("CO_API_URL", Handling::Address),
    ("GOOGLE_APPLICATION_CREDENTIALS", Handling::Remove),
    ("CLOUDSDK_CONFIG", Handling::Remove),
    ("NO_GCE_CHECK", Handling::Remove),
    ("GOOGLE_GENAI_USE_VERTEXAI", Handling::Remove),
    ("GOOGLE_GENAI_USE_ENTERPRISE", Handling::Remove),
    ("AWS_BEARER_TOKEN_BEDROCK", Handling::Remove),
    ("AWS_ENDPOINT_URL_BEDROCK", Handling::Address),
    ("AWS_ENDPOINT_URL_BEDROCK_AGENT_RUNTIME", Handling::Address),
    ("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", Handling::Address),
    ("AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME", Handling::Address),
    ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", Handling::Remove),
    // A hub refuses a wrong key even for public files.
    ("HF_TOKEN", Handling::Remove),
    ("HF_TOKEN_PATH", Handling::Remove),
    ("HUGGINGFACE_HUB_TOKEN", Handling::Remove),
    ("HUGGING_FACE_HUB_TOKEN", Handling::Remove),
    ("REPLICATE_API_TOKEN", Handling::Key),
];

/// What is done with a variable that is not empty.
pub(super) fn handling(name: &str, value: &str) -> Handling {
    let name = name.to_ascii_uppercase();
    if let Some((_, known)) = KNOWN.iter().find(|(of, _)| *of == name) {
        return *known;
    }
    if name.starts_with("DEADHEAT_") {
        return Handling::Remove;
    }
    let mut beginnings = BEGINNINGS.iter().chain(&PROVIDERS);
    let rest = beginnings.find_map(|known| {
        let rest = name.strip_prefix(known)?;
        (rest.is_empty() || rest.starts_with('_')).then_some(rest)
    });
    match rest {
        Some(rest) => of_provider(rest, value),
        None if is_address(value) && names_a_model(value) => Handling::Address,
        None if is_model_key(value) => Handling::Key,
        None => Handling::Keep,
    }
}

/// What a variable of a provider is for, by the `rest` of its name.
fn of_provider(rest: &str, value: &str) -> Handling {
    let is = |word: &str, all: &[&str]| all.iter().any(|end| word.ends_with(end));
    let words: Vec<&str> = rest
        .split('_')
        .map(|word| word.trim_end_matches(|c: char| c.is_ascii_digit()))
        .filter(|word| !word.is_empty())
        .collect();
    let last = words.last().copied().unwrap_or_default();
    // A limit of tokens, a switch.
    if value.parse::<f64>().is_ok() || ["true", "false"].contains(&&*value.to_ascii_lowercase()) {
        return Handling::Keep;
    }
    if is(rest, &["_PROXY", "_RESOURCE", "_RESOURCE_NAME", "_INSTANCE_NAME", "_PROFILE"]) {
        return Handling::Remove;
    }
    if is_address(value) {
        return Handling::Address;
    }
    let keys = ["KEY", "KEYS", "SECRET", "SECRETS", "CREDENTIAL", "CREDENTIALS", "PASSWORD"];
    if words.iter().any(|word| is(word, &keys)) || last == "TOKEN" {
        return if ["PATH", "FILE", "DIR"].contains(&last) { Handling::Remove } else { Handling::Key };
    }
    let addresses = ["URL", "URI", "BASE", "ENDPOINT", "HOST", "HOSTNAME", "SERVER", "DOMAIN", "GATEWAY"];
    if addresses.contains(&last) || rest.ends_with("_BASE_PATH") { Handling::Address } else { Handling::Keep }
}

fn is_address(value: &str) -> bool {
    let start = value.get(..8).unwrap_or(value).to_ascii_lowercase();
    start.starts_with("http://") || start.starts_with("https://")
}

/// Whether an address under a foreign name is one of a model.
fn names_a_model(value: &str) -> bool {
    const WORDS: [&str; 12] = [
        "openai",
        "anthropic",
        "claude",
        "gemini",
        "llm",
        "llms",
        "vllm",
        "litellm",
        "ollama",
        "bedrock",
        "deepseek",
        "gpt",
    ];
    const PARTS: [&str; 34] = [
        "/chat/completions",
        "ai21.com",
        "aiplatform.googleapis.com",
        "api-inference.huggingface.co",
        "api.x.ai",
        "api.z.ai",
        "bedrock",
        "bigmodel.cn",
        "cerebras.ai",
        "cognitiveservices.azure.com",
        "cohere.ai",
        "cohere.com",
        "dashscope",
        "deepinfra.com",
        "fireworks.ai",
        "generativelanguage.googleapis.com",
        "groq.com",
        "hyperbolic.xyz",
        "integrate.api.nvidia.com",
        "inference.ai.azure.com",
        "minimax",
        "mistral.ai",
        "ml.cloud.ibm.com",
        "models.github.ai",
        "moonshot",
        "nebius",
        "novita.ai",
        "openrouter.ai",
        "perplexity.ai",
        "replicate.com",
        "router.huggingface.co",
        "sambanova.ai",
        "services.ai.azure.com",
        "together.",
    ];
    let value = value.to_ascii_lowercase();
    let mut words = value.split(|c: char| !c.is_ascii_alphanumeric());
    words.any(|word| WORDS.contains(&word)) || PARTS.iter().any(|part| value.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "real-0123456789";
    const URL: &str = "https://real.example/v1";

    #[test]
    fn a_providers_variable_is_known_by_how_it_begins_and_ends() {
        for (names, value, handling) in [
            (
                "OPENAI_KEY OPENAI_API_KEY_2 OPENAI_KEY_PROD ANTHROPIC_KEY ANTHROPIC_AUTH_TOKEN GROQ_KEY \
                 TOGETHER_KEY \
                 HUGGINGFACE_TOKEN DATABRICKS_TOKEN LITELLM_MASTER_KEY CLAUDE_CODE_OAUTH_TOKEN AZURE_API_KEY \
                 AZURE_OPENAI_AD_TOKEN AZURE_INFERENCE_CREDENTIAL GOOGLE_API_KEY LLM_API_KEY xai_api_key \
                 CO_API_KEY",
                KEY,
                Handling::Key,
            ),
            (
                "OPENAI_ENDPOINT OPENAI_URL OPENAI_HOST ANTHROPIC_URL HF_ENDPOINT DATABRICKS_HOST \
                 WATSONX_URL \
                 MISTRAL_SERVER_URL LITELLM_PROXY_URL LITELLM_BASE AI_GATEWAY_URL OLLAMA_HOST \
                 AWS_BEDROCK_RUNTIME_ENDPOINT AWS_ENDPOINT_URL_BEDROCK_RUNTIME AZURE_OPENAI_API_BASE_PATH \
                 AZURE_AI_INFERENCE_ENDPOINT LLM_BASE_URL",
                URL,
                Handling::Address,
            ),
            ("OLLAMA_HOST DATABRICKS_HOST", "gpu.example:11434", Handling::Address),
            ("LLM_BASE_URL OPENAI_BASE_URL", "http://localhost:8000/v1", Handling::Address),
            ("OPENAI_PROXY ANTHROPIC_PROXY", "http://proxy.example:3128", Handling::Remove),
            ("AZURE_OPENAI_API_INSTANCE_NAME OPENAI_API_KEY_PATH", "mine", Handling::Remove),
            (
                "OPENAI_MODEL AZURE_OPENAI_API_DEPLOYMENT_NAME OPENAI_TOKEN_ENCODING",
                "gpt-4.1",
                Handling::Keep,
            ),
            ("OPENAI_MAX_TOKENS OPENAI_TOKEN_LIMIT GROQ_TOKEN", "4096", Handling::Keep),
            (
                "STRIPE_API_KEY MY_API_KEY COMPANY_TOKEN AWS_SECRET_ACCESS_KEY GITHUB_TOKEN",
                KEY,
                Handling::Keep,
            ),
            ("MY_SERVICE_BASE_URL CI_API_URL", "http://localhost:3000", Handling::Keep),
            ("ORDERS_BASE_URL", "https://fulfillment.example/v1", Handling::Keep),
            ("MY_BASE_URL", "postgres://db/llm", Handling::Keep),
            ("MY_BASE_URL", "https://llm.example/v1", Handling::Address),
            ("MY_BASE_URL", "https://API.openai.com/v1", Handling::Address),
            ("MY_BASE_URL", "http://localhost:4000/chat/completions", Handling::Address),
            ("MY_SECRET", "sk-proj-0123456789abcdef", Handling::Key),
            ("LANGFUSE_SECRET_KEY", "sk-lf-0123456789abcdef", Handling::Keep),
        ] {
            for name in names.split_whitespace() {
                assert_eq!(super::handling(name, value), handling, "{name}={value}");
            }
        }
    }
}
