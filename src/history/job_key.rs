//! The name by which the provider and the ledger know a job.

use super::JobId;
use super::job_id::{FromText, JobIdError};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// Whose job a request is, and how that is known.
///
/// In files it is one text: `job:0042`, the tag itself, `key:…`, or `body:` and 16 hex digits. A tag that
/// reads like one of the other forms has `tag:` before it there, so that two different names never share a
/// text.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum JobKey {
    /// A job of deadheat's own engine, or of its job file.
    Own(JobId),
    /// Any other tag that the client gave it.
    Tag(String),
    /// The request carried no tag: its idempotency key, or a digest of what named it.
    Key(String),
    /// The request carried no name at all: the xxh64 of its body.
    Body(u64),
}

impl JobKey {
    /// The job that a client calls by this tag, however the tag is spelt.
    #[must_use]
    pub fn tagged(tag: &str) -> Self {
        tag.parse().map_or_else(|_| Self::Tag(tag.to_owned()), Self::Own)
    }

    /// The number of a job of deadheat's own engine.
    #[must_use]
    pub fn own(&self) -> Option<JobId> {
        match self {
            Self::Own(id) => Some(*id),
            _ => None,
        }
    }

    /// Whether neither a tag nor a key names it.
    #[must_use]
    pub fn is_body(&self) -> bool {
        matches!(self, Self::Body(_))
    }

    /// What stands in the answer: the tag as the client wrote it, else as in files.
    #[must_use]
    pub fn label(&self) -> String {
        match self {
            Self::Tag(tag) => tag.clone(),
            other => other.to_string(),
        }
    }
}

/// The digest of a body as [`JobKey`] writes it.
fn digest(text: &str) -> Option<u64> {
    let lower = |b: u8| b.is_ascii_digit() || matches!(b, b'a'..=b'f');
    (text.len() == 16 && text.bytes().all(lower)).then(|| u64::from_str_radix(text, 16).ok()).flatten()
}

impl From<&str> for JobKey {
    /// Reads the text that a file holds.
    fn from(text: &str) -> Self {
        let plain = Self::tagged(text);
        if plain.own().is_some() {
            return plain;
        }
        match text.split_once(':') {
            Some(("body", rest)) => digest(rest).map_or(plain, Self::Body),
            Some(("key", rest)) if !rest.is_empty() => Self::Key(rest.to_owned()),
            Some(("tag", rest)) if is_taken(rest) => Self::Tag(rest.to_owned()),
            _ => plain,
        }
    }
}

/// Whether this text of a file means something else than the tag of the same spelling.
fn is_taken(tag: &str) -> bool {
    !matches!(JobKey::from(tag), JobKey::Tag(plain) if plain == tag)
}

impl fmt::Display for JobKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Own(id) => id.fmt(f),
            Self::Tag(tag) if is_taken(tag) => write!(f, "tag:{tag}"),
            Self::Tag(tag) => f.write_str(tag),
            Self::Key(key) => write!(f, "key:{key}"),
            Self::Body(hash) => write!(f, "body:{hash:016x}"),
        }
    }
}

impl Serialize for JobKey {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for JobKey {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_str(FromText("a job", |text| Ok::<_, JobIdError>(Self::from(text))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_file_s_text_says_how_a_job_is_known() {
        for (text, key) in [
            ("job:1.0042", JobKey::Own(JobId { cell: 1, index: 42 })),
            ("body:00000000000000ff", JobKey::Body(255)),
            ("key:order-7", JobKey::Key("order-7".to_owned())),
            ("body:1", JobKey::Tag("body:1".to_owned())),
            ("body:00000000000000FF", JobKey::Tag("body:00000000000000FF".to_owned())),
            ("tag:body:00000000000000ff", JobKey::Tag("body:00000000000000ff".to_owned())),
            ("tag:key:x", JobKey::Tag("key:x".to_owned())),
            ("tag:tag:key:x", JobKey::Tag("tag:key:x".to_owned())),
            ("tag:x", JobKey::Tag("tag:x".to_owned())),
            ("key:", JobKey::Tag("key:".to_owned())),
            ("", JobKey::Tag(String::new())),
        ] {
            assert_eq!((JobKey::from(text), key.to_string().as_str()), (key, text));
        }
    }

    proptest! {
        #[test]
        fn every_name_survives_a_round_trip(
            tag in "((tag:|key:|body:|job:){0,3}([0-9a-f]{16}|[a-z0-9:.]{0,6}))", key in ".{1,12}", hash: u64,
        ) {
            for name in [JobKey::Tag(tag.clone()), JobKey::tagged(&tag), JobKey::Key(key.clone()),
                JobKey::Body(hash)] {
                prop_assert_eq!(JobKey::from(name.to_string().as_str()), name);
            }
            prop_assert_eq!(JobKey::tagged(&tag).label(), tag);
        }
    }
}
