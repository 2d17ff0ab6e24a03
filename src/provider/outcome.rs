//! From what went wrong to what is known: the class of an error and the arm of its outcome.

use crate::history::{ErrorClass, Outcome};
use crate::units::shown::is_unsafe;
use http::StatusCode;

/// The most characters of a message that evidence keeps.
const MESSAGE_CHARS: usize = 200;

/// Why an attempt did not end well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Its class.
    pub class: ErrorClass,
    /// What was seen; any length, any lines.
    pub message: String,
}

impl Fault {
    pub(super) fn new(class: ErrorClass, message: impl Into<String>) -> Self {
        Self { class, message: message.into() }
    }
}

/// What a client can know after an attempt ended with `class`.
///
/// `Failed` is only said when the provider certainly did no work that it could bill: nothing was sent,
/// or it refused. A gateway's answer (502, 504, 524 and their like) says nothing of what the
/// provider behind it does, so it is `Unknown`, and so is everything that breaks off after sending. 408
/// and 499 tell that a party stopped waiting: LiteLLM answers 408 when the provider behind it was slow.
pub(super) fn of(class: ErrorClass, status: Option<u16>, sent: bool) -> Outcome {
    use ErrorClass as E;
    match class {
        _ if !sent => Outcome::Failed,
        E::Dns | E::Connect | E::Tls | E::TimeoutConnect => Outcome::Failed,
        E::ClientError if matches!(status, Some(408 | 499)) => Outcome::Unknown,
        E::ClientError | E::RateLimited | E::QuotaExhausted => Outcome::Failed,
        E::ServerError if matches!(status, Some(500 | 501 | 503 | 505 | 529)) => Outcome::Failed,
        _ => Outcome::Unknown,
    }
}

/// The class of an answer that is not a success.
///
/// A redirect counts as a client error: it is not followed, because a second request would hide behind
/// one attempt.
pub(super) fn of_status(status: StatusCode, quota_exhausted: bool) -> ErrorClass {
    match status.as_u16() {
        429 if quota_exhausted => ErrorClass::QuotaExhausted,
        429 => ErrorClass::RateLimited,
        500.. => ErrorClass::ServerError,
        _ => ErrorClass::ClientError,
    }
}

/// `text` on one line, at most 200 characters, cut with an ellipsis.
pub(super) fn one_line(text: &str) -> String {
    let mut line = String::new();
    for word in text.split(|c: char| c.is_whitespace() || is_unsafe(c)).filter(|word| !word.is_empty()) {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
        if line.len() > MESSAGE_CHARS * 4 {
            break;
        }
    }
    match line.char_indices().nth(MESSAGE_CHARS) {
        None => line,
        Some(_) => line.chars().take(MESSAGE_CHARS - 1).chain(['…']).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_failed_and_a_gateway_is_unknown() {
        for (status, outcome) in [
            (400, Outcome::Failed),
            (429, Outcome::Failed),
            (500, Outcome::Failed),
            (503, Outcome::Failed),
            (529, Outcome::Failed),
            (502, Outcome::Unknown),
            (504, Outcome::Unknown),
            (524, Outcome::Unknown),
            (408, Outcome::Unknown),
            (499, Outcome::Unknown),
        ] {
            let class = of_status(StatusCode::from_u16(status).expect("a status"), false);
            assert_eq!(of(class, Some(status), true), outcome, "{status}");
        }
    }

    #[test]
    fn whatever_breaks_after_sending_is_unknown_and_before_it_failed() {
        use ErrorClass as E;
        let breaks =
            [E::TimeoutFirstByte, E::TimeoutIdle, E::TimeoutTotal, E::Reset, E::CutStream, E::Cancelled];
        for class in breaks.into_iter().chain([E::MalformedStream, E::ErrorEvent, E::EarlyStop]) {
            assert_eq!(of(class, Some(200), true), Outcome::Unknown, "{class:?}");
            assert_eq!(of(class, None, false), Outcome::Failed, "{class:?}");
        }
    }

    #[test]
    fn messages_are_one_short_line() {
        assert_eq!(one_line(" a\r\n\tb\u{1b}[31m  c "), "a b [31m c");
        let long = one_line(&"ü".repeat(5000));
        assert_eq!(long.chars().count(), MESSAGE_CHARS);
        assert!(long.ends_with('…'));
    }
}
