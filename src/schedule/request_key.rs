//! Which request: the same text in schedules, traces and reports.

use crate::history::JobKey;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

/// Which request, by whose it is and never by when it came: `job:0003#1`.
///
/// A job may send one attempt again; its third copy is `job:0003#1+2`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestKey {
    /// Whose: the job's tag, else a hash of the request's body.
    pub job: JobKey,
    /// Which attempt of the job, from 1: as the client says, else how often the job was seen.
    pub attempt: u32,
    /// How often this attempt of this job was here before.
    pub repeat: u32,
}

impl RequestKey {
    /// An attempt's first copy.
    #[must_use]
    pub fn new(job: impl Into<JobKey>, attempt: u32) -> Self {
        Self { job: job.into(), attempt, repeat: 0 }
    }
}

/// A text that names no request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "\"{0}\" names no request: write job and attempt, such as \"job:0003#1\" (its third copy is \
     \"job:0003#1+2\")"
)]
pub struct RequestKeyError(String);

impl fmt::Display for RequestKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.job, self.attempt)?;
        if self.repeat > 0 { write!(f, "+{}", self.repeat) } else { Ok(()) }
    }
}

impl FromStr for RequestKey {
    type Err = RequestKeyError;

    /// Accepts exactly what `Display` writes, so that two different texts are never one request.
    fn from_str(text: &str) -> Result<Self, RequestKeyError> {
        let read = || {
            let (job, numbers) = text.rsplit_once('#').filter(|(job, _)| !job.is_empty())?;
            let (attempt, repeat) = match numbers.split_once('+') {
                None => (counted(numbers)?, 0),
                Some((attempt, repeat)) => (counted(attempt)?, counted(repeat)?),
            };
            Some(Self { job: JobKey::from(job), attempt, repeat })
        };
        read().ok_or_else(|| RequestKeyError(text.to_owned()))
    }
}

/// A number from 1, without sign or leading zero.
fn counted(text: &str) -> Option<u32> {
    let digits = text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0');
    if digits { text.parse().ok() } else { None }
}

impl Serialize for RequestKey {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for RequestKey {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Cow::<str>::deserialize(d)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_only_its_own_spelling() {
        for text in
            ["", "#1", "job:0003", "job:0003#", "job:0003#0", "job:0003#01", "job:0003#1+0", "job:0003#+1"]
        {
            assert!(text.parse::<RequestKey>().is_err(), "{text}");
        }
        let third = RequestKey { repeat: 2, ..RequestKey::new("job:0003", 1) };
        assert_eq!("job:0003#1+2".parse(), Ok(third));
        let job = |text: &str| text.parse::<RequestKey>().map(|key| key.job);
        assert_eq!(job("body:00ff#2"), Ok(JobKey::Tag("body:00ff".to_owned())));
        assert_eq!(job("body:00000000000000ff#2"), Ok(JobKey::Body(255)));
    }

    proptest! {
        #[test]
        fn every_key_survives_a_round_trip(job in "[a-z#:.0-9+]{1,12}", attempt in 1..u32::MAX, repeat: u32) {
            let key = RequestKey { repeat, ..RequestKey::new(job.as_str(), attempt) };
            prop_assert_eq!(key.to_string().parse(), Ok(key.clone()));
            let json = serde_json::to_string(&key).unwrap();
            prop_assert_eq!(serde_json::from_str::<RequestKey>(&json).unwrap(), key);
        }
    }
}
