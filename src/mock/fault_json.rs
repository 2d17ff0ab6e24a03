//! Fault rules as JSON, in the shape of the scenario file:
//! `{"kind":{"rate-limit":{"retry_after":"1s"}},"when":{"every":10}}`.

use crate::faults::FaultRule;
use serde_json::{Value, json};

/// Reads one fault rule.
///
/// # Errors
/// Says what is wrong with it.
pub fn fault_from_json(text: &[u8]) -> Result<FaultRule, String> {
    let rule: FaultRule = serde_json::from_slice(text).map_err(|e| e.to_string())?;
    rule.check().map(|()| rule)
}

/// Writes one fault rule so that [`fault_from_json`] reads it back.
#[must_use]
pub fn fault_to_json(rule: &FaultRule) -> Value {
    json!(rule)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faults::{FaultKind, FaultWhen};

    #[test]
    fn every_kind_survives_a_round_trip() {
        let when =
            FaultWhen { every: Some(3), jobs: None, attempts: Some(vec![1, 2]), probability: Some(0.5) };
        for kind in FaultKind::all() {
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
