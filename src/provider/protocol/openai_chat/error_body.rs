//! Reads the body of an answer that is not a success.

use super::json::describe;
use crate::provider::protocol::Refusal;
use serde_json::Value;

/// Reads an error body of any kind: the API's JSON, a gateway's HTML (never parsed), bare text, nothing.
pub(super) fn read_refusal(body: &[u8]) -> Refusal {
    let body = body.trim_ascii();
    let plain = |message: String| Refusal { message, quota_exhausted: false };
    if body.is_empty() {
        return plain(String::new());
    }
    if body.starts_with(b"<") {
        return plain("an HTML page, not JSON".to_owned());
    }
    let text = String::from_utf8_lossy(body);
    let Ok(json) = serde_json::from_str::<Value>(&text) else {
        return plain(text.into_owned());
    };
    let error = json.get("error").unwrap_or(&json);
    let exhausted =
        |name: &str| matches!(error[name].as_str(), Some("insufficient_quota" | "credit_balance_exhausted"));
    Refusal { message: describe(error), quota_exhausted: exhausted("code") || exhausted("type") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quota_may_stand_in_code_or_type() {
        for (body, exhausted) in [
            (r#"{"error":{"message":"m","type":"insufficient_quota","param":null,"code":null}}"#, true),
            (r#"{"error":{"message":"m","type":"x","code":"insufficient_quota"}}"#, true),
            (
                r#"{"error":{"message":"insufficient_quota","type":"tokens","code":"rate_limit_exceeded"}}"#,
                false,
            ),
            ("insufficient_quota", false),
            ("[1]", false),
            ("<p>insufficient_quota", false),
        ] {
            assert_eq!(read_refusal(body.as_bytes()).quota_exhausted, exhausted, "{body}");
        }
    }
}
