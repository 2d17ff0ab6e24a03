//! The values that a scenario writes as text with a unit, each with its schema.

use super::{Money, exact_duration, parse_duration};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::time::Duration;

/// The longest duration a scenario may hold: a year.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

/// A duration that may be zero.
pub(crate) type Wait = Time<0>;
/// A duration of at least a nanosecond.
pub(crate) type Span = Time<1>;

/// A duration of at least `MIN_NS`, written as text with a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Time<const MIN_NS: u64>(pub(crate) Duration);

impl<const MIN_NS: u64> Time<MIN_NS> {
    /// This many milliseconds.
    pub(crate) const fn from_ms(ms: u64) -> Self {
        Self(Duration::from_millis(ms))
    }

    /// Reads one; the error says what to write.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        let time = parse_duration(text)?;
        if time < Duration::from_nanos(MIN_NS) {
            return Err(format!(
                "\"{text}\" is no time at all: write a duration above zero, such as \"30s\""
            ));
        }
        if time > LONGEST {
            return Err(format!("\"{text}\" is too long: write at most \"8760h\", a year"));
        }
        Ok(Self(time))
    }
}

/// For serde's `with`: a [`Wait`] whose type is [`Duration`].
pub(crate) mod wait {
    use super::{Deserialize, Deserializer, Duration, Serialize, Serializer, Wait};

    pub(crate) fn serialize<S: Serializer>(time: &Duration, s: S) -> Result<S::Ok, S::Error> {
        Wait::serialize(&super::Time(*time), s)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Duration, D::Error> {
        Wait::deserialize(d).map(|time| time.0)
    }

    /// The same where the duration may be left out.
    pub(crate) mod option {
        use super::super::Time;
        use super::{Deserialize, Deserializer, Duration, Serialize, Serializer, Wait};

        pub(crate) fn serialize<S: Serializer>(time: &Option<Duration>, s: S) -> Result<S::Ok, S::Error> {
            time.map(Time::<0>).serialize(s)
        }

        pub(crate) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Duration>, D::Error> {
            Ok(Option::<Wait>::deserialize(d)?.map(|time| time.0))
        }
    }
}

/// For serde's `with`: a [`Span`] whose type is [`Duration`].
pub(crate) mod span {
    use super::{Deserialize, Deserializer, Duration, Span};

    pub(crate) use super::wait::serialize;

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Duration, D::Error> {
        Span::deserialize(d).map(|time| time.0)
    }

    /// The same where the duration may be left out.
    pub(crate) mod option {
        use super::{Deserialize, Deserializer, Duration, Span};

        pub(crate) use super::super::wait::option::serialize;

        pub(crate) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Duration>, D::Error> {
            Ok(Option::<Span>::deserialize(d)?.map(|time| time.0))
        }
    }
}

impl<const MIN_NS: u64> Serialize for Time<MIN_NS> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(&exact_duration(self.0))
    }
}

impl<'de, const MIN_NS: u64> Deserialize<'de> for Time<MIN_NS> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Self::read(&String::deserialize(d)?).map_err(serde::de::Error::custom)
    }
}

impl<const MIN_NS: u64> JsonSchema for Time<MIN_NS> {
    fn schema_name() -> Cow<'static, str> {
        if MIN_NS == 0 { "Duration".into() } else { "PositiveDuration".into() }
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let (format, description) = if MIN_NS == 0 {
            (DURATION, "A duration with a unit, such as \"250ms\", \"1.5s\" or \"2m\".")
        } else {
            (POSITIVE_DURATION, "A duration above zero with a unit, such as \"250ms\", \"1.5s\" or \"2m\".")
        };
        json_schema!({
            "type": "string",
            "description": description,
            "format": format,
            "pattern": "^\\s*([0-9.]+\\s*(ns|us|µs|ms|s|m|h)\\s*)+$",
        })
    }
}

/// An amount of money such as `0.50 USD`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct MoneyText(pub(crate) Money);

impl JsonSchema for MoneyText {
    fn schema_name() -> Cow<'static, str> {
        "Money".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "An amount with its currency, such as \"0.50 USD\".",
            "format": MONEY,
            "pattern": "^\\s*[0-9]{1,18}(\\.[0-9]{0,12})?\\s+[A-Z]{3}\\s*$",
        })
    }
}

/// Formats of text, as the schema names them. JSON Schema's own `duration` is another one.
pub(crate) const DURATION: &str = "deadheat-duration";
pub(crate) const POSITIVE_DURATION: &str = "deadheat-positive-duration";
pub(crate) const MONEY: &str = "deadheat-money";
pub(crate) const NAME: &str = "deadheat-name";
pub(crate) const URL: &str = "deadheat-url";
pub(crate) const ENV_NAME: &str = "deadheat-env-name";

/// Checks a text against one of the formats above; the error says what to write.
pub(crate) fn check(format: &str, text: &str) -> Result<(), String> {
    match format {
        DURATION => Wait::read(text).map(drop),
        POSITIVE_DURATION => Span::read(text).map(drop),
        MONEY => text.parse::<Money>().map(drop).map_err(|error| error.to_string()),
        NAME if !is_name(text) => {
            Err("not a usable name: write 1 to 64 letters, digits, \".\", \"_\" or \"-\", beginning with a \
                letter or digit"
                .to_owned())
        }
        ENV_NAME if !is_env_name(text) => {
            Err("not the name of an environment variable: export the key and write the variable's name, \
                such as \"HOUSE_KEY\""
                .to_owned())
        }
        _ => Ok(()),
    }
}

/// Whether a name can stand in a directory's name, a report and a threshold's filter.
pub(crate) fn is_name(text: &str) -> bool {
    text.len() <= 64
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
}

/// Whether this can be an environment variable's name.
pub(crate) fn is_env_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}
