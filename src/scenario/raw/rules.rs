//! `[timeouts]`, `[thresholds]`, `[budget]`, `[declared]`, `[slo]`, `[fidelity]`.

use crate::units::text::{MoneyText, Span};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize};
use std::borrow::Cow;

/// When an attempt is given up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(in crate::scenario) struct Timeouts {
    /// To open a connection.
    pub(in crate::scenario) connect: Span,
    /// From sent to the first byte of the answer.
    pub(in crate::scenario) first_byte: Span,
    /// Between two reads of a body.
    pub(in crate::scenario) idle: Span,
    /// From sent to done.
    pub(in crate::scenario) total: Span,
}

impl Default for Timeouts {
    fn default() -> Self {
        let minute = Span::from_ms(60_000);
        Self { connect: Span::from_ms(5000), first_byte: minute, idle: minute, total: Span::from_ms(600_000) }
    }
}

/// One threshold: `"p(99) < 1500ms"`, or a table with the fewest samples that it wants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(in crate::scenario) struct ThresholdLine {
    /// Aggregate, comparison, bound.
    pub(in crate::scenario) threshold: String,
    /// Fewest samples for a verdict.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::scenario) min_samples: Option<u64>,
}

#[derive(Deserialize)]
struct ThresholdTable {
    threshold: String,
    min_samples: Option<u64>,
}

impl<'de> Deserialize<'de> for ThresholdLine {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        match toml::Value::deserialize(d)? {
            toml::Value::String(threshold) => Ok(Self { threshold, min_samples: None }),
            other => {
                let ThresholdTable { threshold, min_samples } =
                    other.try_into().map_err(serde::de::Error::custom)?;
                Ok(Self { threshold, min_samples })
            }
        }
    }
}

impl JsonSchema for ThresholdLine {
    fn schema_name() -> Cow<'static, str> {
        "Threshold".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let text = json_schema!({
            "type": "string",
            "description": "Aggregate, comparison, bound with its unit: \"p(99) < 1500ms\", \"rate < 1%\"."
        });
        json_schema!({
            "description": "One threshold, or a table with the fewest samples that it wants.",
            "oneOf": [
                text,
                {
                    "type": "object",
                    "properties": {
                        "threshold": text,
                        "min_samples": {
                            "type": "integer", "minimum": 1, "maximum": 1_000_000_000,
                            "description": "Fewest samples for a verdict (default: what the percentile \
                             needs)."
                        }
                    },
                    "required": ["threshold"],
                    "additionalProperties": false
                }
            ]
        })
    }
}

/// What the run may spend; at least one of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct Budget {
    /// Most money over the whole run: "1.00 USD". Needs the price of every `url` target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::scenario) max_cost: Option<MoneyText>,
    /// Most requests over the whole run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000_000_000_i64))]
    pub(in crate::scenario) max_requests: Option<u64>,
    /// Most tokens over the whole run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000_000_000_000_i64))]
    pub(in crate::scenario) max_tokens: Option<u64>,
}

/// What the client promises, so that it can be judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(in crate::scenario) struct Declared {
    /// Most attempts in flight at one target (default: a strategy is judged by its own permits only).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub(in crate::scenario) concurrency: Option<u32>,
    /// Longest time without any event while work is pending.
    pub(in crate::scenario) progress: Span,
}

impl Default for Declared {
    fn default() -> Self {
        Self { concurrency: None, progress: Span::from_ms(120_000) }
    }
}

/// Which answers count as good; what is not given is not asked.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct Slo {
    /// Most time to first token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::scenario) ttft: Option<Span>,
    /// Most time from due to done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::scenario) response: Option<Span>,
}

/// What the measurement itself must reach.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(in crate::scenario) struct Fidelity {
    /// Most client minus ledger at the 99th percentile of TTFT; of the whole attempt where nothing streams.
    pub(in crate::scenario) ttft_error_p99: Span,
    /// Most lag at the 99th percentile, for open profiles.
    pub(in crate::scenario) lag_p99: Span,
    /// Least share of the offered load that was achieved, 0 to 1, for open profiles.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub(in crate::scenario) achieved: f64,
    /// Most CPU used by the busiest engine thread, as a share of one core, 0 to 1.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub(in crate::scenario) cpu: f64,
}

impl Default for Fidelity {
    fn default() -> Self {
        let bound = Span::from_ms(20);
        Self { ttft_error_p99: bound, lag_p99: bound, achieved: 0.99, cpu: 0.95 }
    }
}
