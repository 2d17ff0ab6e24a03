//! Why Redis did not do what it was asked, without the password.

use std::fmt;

/// What an error says about the step that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RedisErrorKind {
    /// The address is none, or asks for what is not supported.
    Url,
    /// No connection: nothing was asked, so nothing was done.
    Unreachable,
    /// Redis answered, and refused: nothing was done.
    Refused,
    /// The answer did not come, or not whole: it may have been done or not.
    Unknown,
}

/// An error of a Redis server or of the way to it. Its text names the server and holds no password.
#[derive(Debug, Clone, thiserror::Error)]
#[error("redis at {address}: {text}")]
pub struct RedisError {
    kind: RedisErrorKind,
    address: String,
    text: String,
}

impl RedisError {
    /// What it says about the step that was asked for.
    #[must_use]
    pub fn kind(&self) -> RedisErrorKind {
        self.kind
    }

    pub(super) fn new(kind: RedisErrorKind, address: &str, text: impl Into<String>) -> Self {
        Self { kind, address: address.to_owned(), text: text.into() }
    }
}

/// Where a server is, and what must never be printed about it.
#[derive(Clone)]
pub(super) struct Address {
    shown: String,
    advice: &'static str,
    password: Option<String>,
}

impl Address {
    pub(super) fn of(info: &redis::ConnectionInfo) -> Self {
        let advice = match info.addr() {
            redis::ConnectionAddr::TcpTls { .. } => {
                "check that it runs, its address, and that SSL_CERT_FILE names the authority that signed its \
                 certificate if the system does not trust it"
            }
            _ => "check that it runs, and its address",
        };
        let password = info.redis_settings().password().filter(|word| !word.is_empty()).map(str::to_owned);
        Self { shown: info.addr().to_string(), advice, password }
    }

    /// No connection came about. A server that was reached and refused the login has refused.
    pub(super) fn unreachable(&self, error: &redis::RedisError) -> RedisError {
        let refused =
            matches!(error.kind(), redis::ErrorKind::Server(_) | redis::ErrorKind::AuthenticationFailed);
        let (kind, text) = if refused {
            (RedisErrorKind::Refused, format!("the login was refused: {error}; check user and password"))
        } else {
            (RedisErrorKind::Unreachable, format!("cannot connect: {error}; {}", self.advice))
        };
        self.error(kind, &text)
    }

    /// A step was asked for on a connection.
    pub(super) fn asked(&self, error: &redis::RedisError) -> RedisError {
        let (kind, text) = refused_or_unknown(error);
        self.error(kind, &text)
    }

    pub(super) fn error(&self, kind: RedisErrorKind, text: &str) -> RedisError {
        let text = match &self.password {
            Some(password) => text.replace(password.as_str(), "***"),
            None => text.to_owned(),
        };
        RedisError { kind, address: self.shown.clone(), text }
    }
}

/// What an error says of a step that was asked for. Redis has codes that the client library does not know,
/// such as that it is out of memory.
pub(super) fn refused_or_unknown(error: &redis::RedisError) -> (RedisErrorKind, String) {
    match error.kind() {
        redis::ErrorKind::Server(_) | redis::ErrorKind::Extension => {
            (RedisErrorKind::Refused, format!("refused: {error}"))
        }
        _ => (RedisErrorKind::Unknown, format!("no answer: {error}")),
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}
