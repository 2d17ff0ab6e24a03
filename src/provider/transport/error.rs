//! From the errors of hyper and reqwest to classes.

use crate::history::ErrorClass;
use crate::provider::Fault;
use std::error::Error;
use std::io;

/// An error and all its causes, on one line, without what the next cause repeats.
pub(super) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    for cause in causes(error).skip(1) {
        let cause = cause.to_string();
        if !text.ends_with(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
    }
    text
}

/// The error, its cause, the cause of that, and so on.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    let mut next = Some(error);
    std::iter::from_fn(move || {
        let error = next?;
        next = error.source();
        Some(error)
    })
}

/// What broke after a connection was there: the connection, or the promise to speak HTTP on it.
pub(super) fn of_hyper(error: &hyper::Error) -> Fault {
    Fault::new(class_of(error), chain(error))
}

fn class_of(error: &(dyn Error + 'static)) -> ErrorClass {
    let malformed = |cause: &(dyn Error + 'static)| {
        let parse = cause.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_parse);
        let kind = cause.downcast_ref::<io::Error>().map(io::Error::kind);
        parse || matches!(kind, Some(io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput))
    };
    if causes(error).any(malformed) { ErrorClass::MalformedStream } else { ErrorClass::Reset }
}

/// An error of reqwest. It has no class of its own for names and TLS, so the connector's words decide:
/// what fails in connecting, and is neither the name nor TCP, is TLS.
pub(super) fn of_reqwest(error: &reqwest::Error, tls: bool) -> Fault {
    // The error itself only names the URL; its causes say what happened.
    let text = error.source().map_or_else(|| error.to_string(), chain);
    if !error.is_connect() {
        return Fault::new(class_of(error), text);
    }
    let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
    let class = if says(&["dns error", "failed to lookup"]) {
        ErrorClass::Dns
    } else if !tls || says(&["tcp connect error", "tcp open error", "tunnel error", "unsuccessful tunnel"]) {
        ErrorClass::Connect
    } else {
        ErrorClass::Tls
    };
    Fault::new(class, text)
}
