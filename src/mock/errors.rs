//! Answers that refuse: OpenAI's error bodies, the hints of a 429, a gateway's HTML.

use super::dialect::error_body;
use super::limits::{OverLimit, ceil_ms, go_duration};
use crate::faults::{HintForm, Refusal};
use std::time::Duration;

/// What the provider says of an error of its own.
pub(super) const SORRY: &str = "The server had an error while processing your request. Sorry about that!";

/// A whole answer that is no completion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) content_type: &'static str,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: String,
    /// What the body says, for the form of another API; empty if it is not JSON.
    pub(super) message: String,
    /// The client is told never to come again with this.
    pub(super) permanent: bool,
    /// The wait that is asked for.
    pub(super) retry_after: Option<Duration>,
}

impl Reply {
    /// An error in the provider's JSON shape.
    fn error(status: u16, message: &str, body: String) -> Self {
        Self {
            status,
            message: message.to_owned(),
            content_type: "application/json",
            headers: Vec::new(),
            body,
            permanent: matches!(status, 400 | 401 | 403 | 404),
            retry_after: None,
        }
    }
}

/// The answer of a fault that refuses. `utc_s` is the wall clock now, rounded up to a second.
pub(super) fn refusal(refusal: Refusal, utc_s: u64) -> Reply {
    match refusal {
        Refusal::RateLimit(wait, hint) => rate_limit(wait, hint, utc_s),
        Refusal::QuotaExhausted => quota_exhausted(),
        Refusal::Status(status) => of_status(status),
    }
}

/// 400 and other mistakes of the client.
pub(super) fn invalid_request(status: u16, message: &str, param: Option<&str>) -> Reply {
    let code = match status {
        404 => Some("not_found"),
        401 => Some("invalid_api_key"),
        _ => None,
    };
    Reply::error(status, message, error_body(message, "invalid_request_error", param, code))
}

/// What the provider answers with a bare `status`.
pub(super) fn of_status(status: u16) -> Reply {
    let (message, kind) = match status {
        401 => return invalid_request(401, "Incorrect API key provided.", None),
        404 => {
            return invalid_request(404, "The model does not exist or you do not have access to it.", None);
        }
        429 => return rate_limit(None, HintForm::Seconds, 0),
        400..=499 => return invalid_request(status, "Your request was refused.", None),
        503 => ("The engine is currently overloaded, please try again later", "server_error"),
        529 => ("Overloaded", "overloaded_error"),
        _ => (SORRY, "server_error"),
    };
    Reply::error(status, message, error_body(message, kind, None, None))
}

/// 429 whose quota is gone: never to be retried.
pub(super) fn quota_exhausted() -> Reply {
    const MESSAGE: &str = "You exceeded your current quota, please check your plan and billing details.";
    let body = error_body(MESSAGE, "insufficient_quota", None, Some("insufficient_quota"));
    Reply { permanent: true, ..Reply::error(429, MESSAGE, body) }
}

/// 429 with a hint in one form. `utc_s` is the wall clock now, rounded up to a second.
pub(super) fn rate_limit(wait: Option<Duration>, hint: HintForm, utc_s: u64) -> Reply {
    let mut message = "Rate limit reached for requests.".to_owned();
    let mut headers = Vec::new();
    let mut told = wait;
    if let Some(wait) = wait {
        let seconds = ceil_ms(wait).div_ceil(1000);
        match hint {
            HintForm::Seconds => {
                told = Some(Duration::from_secs(seconds));
                headers.push(("retry-after", seconds.to_string()));
            }
            // The date is whole seconds: rounded up twice, so that it never asks for less than `wait`.
            HintForm::Date => headers.push(("retry-after", http_date(utc_s.saturating_add(seconds)))),
            HintForm::Milliseconds => {
                told = Some(Duration::from_millis(ceil_ms(wait)));
                headers.push(("retry-after-ms", ceil_ms(wait).to_string()));
            }
            HintForm::Text => {
                told = Some(Duration::from_millis(ceil_ms(wait)));
                message.push_str(&format!(" Please try again in {}.", go_duration(wait)));
            }
        }
    }
    let body = error_body(&message, "requests", None, Some("rate_limit_exceeded"));
    Reply { headers, retry_after: told, ..Reply::error(429, &message, body) }
}

/// 429 of a token bucket: both headers, true to when it has room.
pub(super) fn over_limit(over: &OverLimit, model: &str) -> Reply {
    let (unit, kind) = if over.what == "tokens" { ("TPM", "tokens") } else { ("RPM", "requests") };
    let message = format!(
        "Rate limit reached for {model} on {kind} per min ({unit}): Limit {}, Used {}, Requested {}. \
         Please try again in {}.",
        over.limit,
        over.limit.saturating_sub(over.remaining),
        over.requested,
        go_duration(over.wait)
    );
    let ms = ceil_ms(over.wait);
    let headers = vec![("retry-after", ms.div_ceil(1000).to_string()), ("retry-after-ms", ms.to_string())];
    let body = error_body(&message, kind, None, Some("rate_limit_exceeded"));
    Reply { headers, retry_after: Some(Duration::from_millis(ms)), ..Reply::error(429, &message, body) }
}

/// 409 of a lock that another client has held since: its token never becomes good again.
pub(super) fn stale_token(token: u64, highest: u64) -> Reply {
    let message = format!("The fencing token {token} is stale: {highest} has been accepted.");
    let body = error_body(&message, "invalid_request_error", None, Some("stale_fencing_token"));
    let headers = vec![("x-should-retry", "false".to_owned())];
    Reply { headers, permanent: true, ..Reply::error(409, &message, body) }
}

/// How long a client that finds its key in use is asked to wait.
const KEY_IN_USE: Duration = Duration::from_millis(50);

/// 409 of a key whose first request still waits for its turn.
pub(super) fn key_in_use() -> Reply {
    const MESSAGE: &str = "The first request with this Idempotency-Key still waits for its turn.";
    let body = error_body(MESSAGE, "invalid_request_error", None, Some("idempotency_key_in_use"));
    let headers = vec![("retry-after-ms", ceil_ms(KEY_IN_USE).to_string())];
    Reply { headers, retry_after: Some(KEY_IN_USE), ..Reply::error(409, MESSAGE, body) }
}

/// 400 of a key that came with another body before.
pub(super) fn key_reused() -> Reply {
    const MESSAGE: &str = "This Idempotency-Key was used for a request with another body: use a new key.";
    let body = error_body(MESSAGE, "invalid_request_error", None, Some("idempotency_key_reused"));
    Reply::error(400, MESSAGE, body)
}

/// 400 of a key that is none.
pub(super) fn bad_key() -> Reply {
    invalid_request(400, "Idempotency-Key must be 1 to 255 ASCII characters.", None)
}

/// What a gateway says when the provider behind it is slow: no JSON.
pub(super) fn gateway(status: u16) -> Reply {
    let title = match status {
        524 => "524: A timeout occurred",
        _ => "504 Gateway Time-out",
    };
    let body = format!(
        "<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1></center>\r\n\
         <hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
    );
    Reply { content_type: "text/html", ..Reply::error(status, "", body) }
}

/// A date as HTTP headers have it, from seconds since 1970.
pub(super) fn http_date(utc_s: u64) -> String {
    let second = i64::try_from(utc_s).ok().and_then(|s| jiff::Timestamp::from_second(s).ok());
    let printer = jiff::fmt::rfc2822::DateTimePrinter::new();
    let date = second.and_then(|t| printer.timestamp_to_rfc9110_string(&t).ok());
    // Beyond the calendar's end there is no date; that far away any later one will do.
    date.unwrap_or_else(|| "Fri, 31 Dec 9998 23:59:59 GMT".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const WAIT: Option<Duration> = Some(Duration::from_millis(1500));

    #[test]
    fn each_hint_has_its_own_form_and_none_asks_for_less() {
        let of = |hint| rate_limit(WAIT, hint, 1_445_412_480);
        let header = |value: &str| vec![("retry-after", value.to_owned())];
        assert_eq!(of(HintForm::Seconds).headers, header("2"));
        assert_eq!(of(HintForm::Seconds).retry_after, Some(Duration::from_secs(2)));
        assert_eq!(of(HintForm::Date).headers, header("Wed, 21 Oct 2015 07:28:02 GMT"));
        assert_eq!(of(HintForm::Milliseconds).headers, [("retry-after-ms", "1500".to_owned())]);
        let text = of(HintForm::Text);
        assert!(text.headers.is_empty() && text.body.contains("Please try again in 1.5s"), "{}", text.body);
        assert_eq!(rate_limit(None, HintForm::Seconds, 0).retry_after, None);
    }

    #[test]
    fn what_must_not_be_retried_says_so() {
        assert!(quota_exhausted().permanent);
        for (status, permanent) in
            [(400, true), (401, true), (403, true), (404, true), (500, false), (529, false)]
        {
            assert_eq!(of_status(status).permanent, permanent, "{status}");
        }
        assert!(!rate_limit(WAIT, HintForm::Seconds, 0).permanent);
    }
}
