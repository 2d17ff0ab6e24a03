//! `[target.NAME]` and `[workload]`.

use super::cost::{DECIMAL, Fx};
use crate::plan::Api;
use crate::units::text::{Span, Wait};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;

/// Most tokens of one prompt or answer.
const MOST_TOKENS: u32 = 10_000_000;

/// Where attempts go: the built-in provider, or with `url` a real endpoint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct Target {
    /// Which API it speaks.
    pub(in crate::scenario) api: Api,
    /// The model asked for (default for the built-in provider: "deadheat-mock").
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("minLength" = 1))]
    pub(in crate::scenario) model: Option<String>,
    /// Base URL of a real endpoint, version included, such as `https://llm.example.com/v1`. May hold
    /// `${VARIABLE}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "deadheat-url"))]
    pub(in crate::scenario) url: Option<String>,
    /// Name of the environment variable that holds the endpoint's key. Never the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "deadheat-env-name", "pattern" = "^[A-Za-z_][A-Za-z0-9_]*$"))]
    pub(in crate::scenario) api_key_env: Option<String>,
    /// Tokens carried by one chunk of a stream (built-in only; default: 1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100_000))]
    pub(in crate::scenario) tokens_per_chunk: Option<u32>,
    /// Whether an attempt whose client has gone is generated, and billed, to its end (built-in only; default:
    /// false).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::scenario) bill_after_disconnect: Option<bool>,
    /// Whether it honours `Idempotency-Key`: a repeated key is answered from memory, and billed once
    /// (built-in only; default: false).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::scenario) idempotency: Option<bool>,
    /// How fast it answers (built-in only).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::scenario) latency: Option<Latency>,
    /// Limits on what it takes (built-in only).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::scenario) limits: Option<Limits>,
    /// List price.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::scenario) price: Option<Price>,
}

/// How fast the built-in provider answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(in crate::scenario) struct Latency {
    /// Time from the start of generation to the first token.
    pub(in crate::scenario) ttft: Dist,
    /// Time between tokens.
    pub(in crate::scenario) itl: Dist,
    /// Pauses inside a stream (default: none).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::scenario) stall: Option<Stall>,
}

impl Default for Latency {
    fn default() -> Self {
        let span = Span::from_ms;
        Self {
            ttft: Dist::Lognormal { p50: span(300), p99: span(1200) },
            itl: Dist::Constant(Wait::from_ms(20)),
            stall: None,
        }
    }
}

/// A distribution of durations.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(in crate::scenario) enum Dist {
    /// Always this: `{ constant = "20ms" }`.
    Constant(Wait),
    /// Uniform between both: `{ uniform = ["10ms", "30ms"] }`.
    Uniform([Wait; 2]),
    /// Normal, cut at zero: `{ normal = { mean = "300ms", sd = "50ms" } }`.
    Normal {
        /// Mean.
        mean: Wait,
        /// Standard deviation.
        sd: Wait,
    },
    /// Log-normal through two percentiles: `{ lognormal = { p50 = "300ms", p99 = "1.2s" } }`.
    Lognormal {
        /// Median.
        p50: Span,
        /// 99th percentile, at least the median.
        p99: Span,
    },
    /// One of these, each as likely: `{ empirical = ["210ms", "250ms", "900ms"] }`.
    Empirical(#[schemars(extend("minItems" = 1))] Vec<Wait>),
}

/// Pauses inside a stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct Stall {
    /// Probability per chunk after the first, 0 to 1.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub(in crate::scenario) probability: f64,
    /// How long.
    pub(in crate::scenario) pause: Dist,
}

/// Limits of the built-in provider; what is not given is not limited.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct Limits {
    /// Requests per minute, as a token bucket; beyond it 429.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000_000_000_i64))]
    pub(in crate::scenario) requests_per_minute: Option<u64>,
    /// Tokens per minute (prompt plus asked-for output), as a token bucket; beyond it 429.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000_000_000_i64))]
    pub(in crate::scenario) tokens_per_minute: Option<u64>,
    /// Answers generated at once; further ones wait in a queue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub(in crate::scenario) max_in_flight: Option<u32>,
    /// Longest queue before `max_in_flight`; beyond it 503.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1_000_000_000))]
    pub(in crate::scenario) max_queue: Option<u32>,
}

/// List price per million tokens, decimal numbers as text: `{ input = "2.00", output = "8.00" }`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct Price {
    /// Per million prompt tokens, at most six decimal places.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("pattern" = PRICE_PATTERN))]
    pub(in crate::scenario) input: Option<String>,
    /// Per million completion tokens, at most six decimal places.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("pattern" = PRICE_PATTERN))]
    pub(in crate::scenario) output: Option<String>,
    /// ISO 4217 code of `input` and `output` (default: USD).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("pattern" = "^[A-Z]{3}$"))]
    pub(in crate::scenario) currency: Option<String>,
    /// Instead of these three: a rate card, `PROVIDER/MODEL`, of `[[cost.card]]` or of the prices in the
    /// binary, which `deadheat cost prices` lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::scenario) card: Option<String>,
    /// Taken off the list price, as a share: "0.15".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("pattern" = DECIMAL))]
    pub(in crate::scenario) discount: Option<String>,
    /// Credit that one unit of money buys: "1.25".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("pattern" = DECIMAL))]
    pub(in crate::scenario) top_up: Option<String>,
    /// Added by the service that takes the payment, as a share: "0.055".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("pattern" = DECIMAL))]
    pub(in crate::scenario) fee: Option<String>,
    /// Added by the state, as a share: "0.06".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("pattern" = DECIMAL))]
    pub(in crate::scenario) tax: Option<String>,
    /// Paid each month whatever is used, in the currency of `[cost]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("pattern" = DECIMAL))]
    pub(in crate::scenario) fixed_per_month: Option<String>,
    /// Credit paid for each month that expires with it, in the currency of `[cost]`: it is used up first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("pattern" = DECIMAL))]
    pub(in crate::scenario) prepaid_per_month: Option<String>,
    /// This target's own rate of exchange: units of `[cost]`'s currency for one of the price's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::scenario) fx: Option<Fx>,
}

const PRICE_PATTERN: &str = "^[0-9]{1,18}(\\.[0-9]{0,12})?$";

/// Which jobs there are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(in crate::scenario) struct Workload {
    /// Jobs per cell (target x strategy); without it the profiles end the run.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000_000))]
    pub(in crate::scenario) jobs: Option<u64>,
    /// By how many jobs in a row the same question is asked; they send the same prompt.
    #[serde(skip_serializing_if = "is_one")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub(in crate::scenario) repeats: u64,
    /// Prompt tokens per job.
    pub(in crate::scenario) prompt_tokens: Tokens,
    /// Output tokens asked for per job.
    pub(in crate::scenario) output_tokens: Tokens,
    /// Whether answers are streamed.
    pub(in crate::scenario) stream: bool,
}

impl Default for Workload {
    fn default() -> Self {
        let hundred = Tokens { min: 100, max: 100 };
        Self { jobs: None, repeats: 1, prompt_tokens: hundred, output_tokens: hundred, stream: true }
    }
}

fn is_one(n: &u64) -> bool {
    *n == 1
}

/// A number of tokens, or a range: `120` or `{ uniform = [50, 200] }`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::scenario) struct Tokens {
    /// Least.
    pub(in crate::scenario) min: u32,
    /// Most.
    pub(in crate::scenario) max: u32,
}

#[derive(Serialize, Deserialize)]
struct UniformTokens {
    uniform: [u32; 2],
}

impl Serialize for Tokens {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        if self.min == self.max {
            return s.serialize_u32(self.min);
        }
        UniformTokens { uniform: [self.min, self.max] }.serialize(s)
    }
}

impl<'de> Deserialize<'de> for Tokens {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        use serde::de::Error;
        let value = toml::Value::deserialize(d)?;
        if let Some(number) = value.as_integer() {
            let number = u32::try_from(number).map_err(D::Error::custom)?;
            return Ok(Self { min: number, max: number });
        }
        let UniformTokens { uniform: [min, max] } = value.try_into().map_err(D::Error::custom)?;
        Ok(Self { min, max })
    }
}

impl JsonSchema for Tokens {
    fn schema_name() -> Cow<'static, str> {
        "Tokens".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let number = json_schema!({ "type": "integer", "minimum": 1, "maximum": MOST_TOKENS });
        json_schema!({
            "description": "A number of tokens, or a range: 120 or { uniform = [50, 200] }.",
            "oneOf": [
                number,
                {
                    "type": "object",
                    "properties": {
                        "uniform": {
                            "description": "Least and most, each number as likely.",
                            "type": "array", "items": number, "minItems": 2, "maxItems": 2
                        }
                    },
                    "required": ["uniform"],
                    "additionalProperties": false
                }
            ]
        })
    }
}
