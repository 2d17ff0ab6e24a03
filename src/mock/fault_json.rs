//! Fault rules as JSON, in the shape of the scenario file:
//! `{"kind":{"rate-limit":{"retry_after":"1s"}},"when":{"every":10}}`.

use crate::scenario::{FaultKind, FaultRule, FaultWhen, HintForm};
use crate::units::parse_duration;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::time::Duration;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    kind: Kind,
    #[serde(default)]
    when: When,
    target: Option<String>,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct When {
    #[serde(skip_serializing_if = "Option::is_none")]
    every: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    jobs: Option<Vec<u64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attempts: Option<Vec<u32>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    probability: Option<f64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
enum Kind {
    RateLimit {
        retry_after: Option<String>,
        #[serde(default)]
        hint: Hint,
    },
    QuotaExhausted {},
    Status {
        code: u16,
    },
    Slow {
        by: String,
    },
    ResetAfterAccept {},
    CutStream {
        #[serde(default = "middle")]
        after: f64,
    },
    ResetMidStream {
        #[serde(default = "middle")]
        after: f64,
    },
    ErrorEvent {
        #[serde(default)]
        after: f64,
    },
    NeverAnswers {},
    GatewayTimeout {
        #[serde(default = "nginx")]
        status: u16,
        after: String,
    },
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Hint {
    #[default]
    Seconds,
    Date,
    Milliseconds,
    Text,
}

fn middle() -> f64 {
    0.5
}

fn nginx() -> u16 {
    504
}

/// Reads one fault rule.
///
/// # Errors
/// Says what is wrong with it.
pub fn fault_from_json(text: &[u8]) -> Result<FaultRule, String> {
    let rule: Rule = serde_json::from_slice(text).map_err(|e| e.to_string())?;
    let When { every, jobs, attempts, probability } = rule.when;
    if every == Some(0) {
        return Err("when.every must be at least 1".to_owned());
    }
    if attempts.iter().flatten().any(|n| *n == 0) {
        return Err("when.attempts are counted from 1".to_owned());
    }
    if let Some(p) = probability {
        share("when.probability", p)?;
    }
    let when = FaultWhen { every, jobs, attempts, probability };
    Ok(FaultRule { kind: kind(rule.kind)?, when, target: rule.target })
}

fn kind(kind: Kind) -> Result<FaultKind, String> {
    Ok(match kind {
        Kind::RateLimit { retry_after, hint } => {
            let retry_after = retry_after.map(|text| parse_duration(&text)).transpose()?;
            let hint = match hint {
                Hint::Seconds => HintForm::Seconds,
                Hint::Date => HintForm::Date,
                Hint::Milliseconds => HintForm::Milliseconds,
                Hint::Text => HintForm::Text,
            };
            FaultKind::RateLimit { retry_after, hint }
        }
        Kind::QuotaExhausted {} => FaultKind::QuotaExhausted,
        Kind::Status { code } if (400..=599).contains(&code) => FaultKind::Status(code),
        Kind::Status { code } => return Err(format!("code {code} is no error: write 400 to 599")),
        Kind::Slow { by } => FaultKind::Slow(parse_duration(&by)?),
        Kind::ResetAfterAccept {} => FaultKind::ResetAfterAccept,
        Kind::CutStream { after } => FaultKind::CutStream { after: share("after", after)? },
        Kind::ResetMidStream { after } => FaultKind::ResetMidStream { after: share("after", after)? },
        Kind::ErrorEvent { after } => FaultKind::ErrorEvent { after: share("after", after)? },
        Kind::NeverAnswers {} => FaultKind::NeverAnswers,
        Kind::GatewayTimeout { status: status @ (504 | 524), after } => {
            FaultKind::GatewayTimeout { status, after: parse_duration(&after)? }
        }
        Kind::GatewayTimeout { status, .. } => return Err(format!("status {status}: write 504 or 524")),
    })
}

fn share(name: &str, value: f64) -> Result<f64, String> {
    let fits = (0.0..=1.0).contains(&value);
    if fits { Ok(value) } else { Err(format!("{name} must be from 0 to 1, not {value}")) }
}

/// Writes one fault rule so that [`fault_from_json`] reads it back.
#[must_use]
pub fn fault_to_json(rule: &FaultRule) -> Value {
    let body = match &rule.kind {
        FaultKind::RateLimit { retry_after, hint } => {
            let hint = match hint {
                HintForm::Seconds => "seconds",
                HintForm::Date => "date",
                HintForm::Milliseconds => "milliseconds",
                HintForm::Text => "text",
            };
            json!({ "retry_after": retry_after.map(exact), "hint": hint })
        }
        FaultKind::Status(status) => json!({ "code": status }),
        FaultKind::Slow(by) => json!({ "by": exact(*by) }),
        FaultKind::CutStream { after }
        | FaultKind::ResetMidStream { after }
        | FaultKind::ErrorEvent { after } => json!({ "after": after }),
        FaultKind::GatewayTimeout { status, after } => json!({ "status": status, "after": exact(*after) }),
        FaultKind::QuotaExhausted | FaultKind::ResetAfterAccept | FaultKind::NeverAnswers => json!({}),
    };
    let FaultWhen { every, jobs, attempts, probability } = rule.when.clone();
    let when = When { every, jobs, attempts, probability };
    let mut kind = serde_json::Map::new();
    kind.insert(super::fault_name(&rule.kind).to_owned(), body);
    json!({ "kind": kind, "when": when, "target": rule.target })
}

fn exact(d: Duration) -> String {
    format!("{}ns", crate::clock::ns(d))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_survives_a_round_trip() {
        let wait = Duration::from_millis(1500);
        let kinds = [
            FaultKind::RateLimit { retry_after: Some(wait), hint: HintForm::Text },
            FaultKind::RateLimit { retry_after: None, hint: HintForm::Date },
            FaultKind::QuotaExhausted,
            FaultKind::Status(529),
            FaultKind::Slow(wait),
            FaultKind::ResetAfterAccept,
            FaultKind::CutStream { after: 0.25 },
            FaultKind::ResetMidStream { after: 0.5 },
            FaultKind::ErrorEvent { after: 0.0 },
            FaultKind::NeverAnswers,
            FaultKind::GatewayTimeout { status: 524, after: wait },
        ];
        let when =
            FaultWhen { every: Some(3), jobs: None, attempts: Some(vec![1, 2]), probability: Some(0.5) };
        for kind in kinds {
            let rule = FaultRule { kind, when: when.clone(), target: Some("mock".to_owned()) };
            assert_eq!(fault_from_json(fault_to_json(&rule).to_string().as_bytes()), Ok(rule));
        }
    }

    #[test]
    fn a_wrong_rule_is_told_why() {
        for (text, want) in [
            ("{", "EOF"),
            (r#"{"kind":{"rate-limits":{}}}"#, "rate-limit"),
            (r#"{"kind":{"slow":{"by":"5"}}}"#, "unit"),
            (r#"{"kind":{"status":{"code":200}}}"#, "400 to 599"),
            (r#"{"kind":{"cut-stream":{"after":2}}}"#, "0 to 1"),
            (r#"{"kind":{"gateway-timeout":{"status":500,"after":"1s"}}}"#, "504 or 524"),
            (r#"{"kind":{"never-answers":{}},"when":{"every":0}}"#, "at least 1"),
            (r#"{"kind":{"never-answers":{}},"whem":{}}"#, "whem"),
        ] {
            let error = fault_from_json(text.as_bytes()).expect_err(text);
            assert!(error.contains(want), "{text}: {error}");
        }
    }
}
