//! Who a job is: a number in the run, and the tag that carries it over the wire.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// A job of deadheat's own engine: its cell and its index there.
///
/// Its text is the job's tag: `job:0042` in the first cell, `job:1.0042` in the second, and so on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct JobId {
    /// Which cell (target crossed with strategy) the job belongs to.
    pub cell: u16,
    /// The job's number in its cell, from 0.
    pub index: u64,
}

/// A text that is no job tag of deadheat's own.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not a job tag such as \"job:0042\" or \"job:1.0042\"")]
pub struct JobIdError(String);

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.cell {
            0 => write!(f, "job:{:04}", self.index),
            cell => write!(f, "job:{cell}.{:04}", self.index),
        }
    }
}

impl FromStr for JobId {
    type Err = JobIdError;

    /// Accepts exactly what `Display` writes, so that two different texts are never one job.
    fn from_str(text: &str) -> Result<Self, JobIdError> {
        let wrong = || JobIdError(text.to_owned());
        let body = text.strip_prefix("job:").ok_or_else(wrong)?;
        let (cell, index) = match body.split_once('.') {
            None => (0, body),
            Some((cell, index)) => (canonical(cell, 1).filter(|c| *c > 0).ok_or_else(wrong)?, index),
        };
        let cell = u16::try_from(cell).map_err(|_| wrong())?;
        Ok(Self { cell, index: canonical(index, 4).ok_or_else(wrong)? })
    }
}

/// A number written with exactly `width` digits, or more without a leading zero.
fn canonical(text: &str, width: usize) -> Option<u64> {
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    let padded = text.len() == width || (text.len() > width && !text.starts_with('0'));
    if digits && padded { text.parse().ok() } else { None }
}

impl Serialize for JobId {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for JobId {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_str(FromText("a job tag", |text| text.parse()))
    }
}

/// Makes a value of a borrowed text, so that a million lines are read without a copy of each.
pub(super) struct FromText<T, E>(pub(super) &'static str, pub(super) fn(&str) -> Result<T, E>);

impl<T, E: fmt::Display> serde::de::Visitor<'_> for FromText<T, E> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }

    fn visit_str<F: serde::de::Error>(self, text: &str) -> Result<T, F> {
        (self.1)(text).map_err(F::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_only_its_own_spelling() {
        for text in ["job:042", "job:00042", "job:0.0042", "job:01.0042", "job:", "0042", "job:1.42", "job:x"]
        {
            assert!(text.parse::<JobId>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_id_survives_a_round_trip(cell: u16, index: u64) {
            let id = JobId { cell, index };
            prop_assert_eq!(id.to_string().parse(), Ok(id));
        }
    }
}
