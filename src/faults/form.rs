//! Faults in the file's form and in the plan's. Scenario, schedule and admin API read them by this one.

use super::raw;
use super::{FaultKind, FaultRule, FaultWhen, HintForm};
use crate::units::text::Time;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Deserialize;
use std::borrow::Cow;
use std::fmt;

/// A setting of a fault that makes no sense.
#[derive(Debug)]
pub(crate) struct Wrong {
    /// The fault's name in the file.
    pub(crate) kind: &'static str,
    pub(crate) field: &'static str,
    pub(crate) what: String,
    pub(crate) help: &'static str,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.kind, self.what, self.help)
    }
}

impl FaultKind {
    /// Its name: its key in the scenario file, and what a ledger entry records.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::RateLimit { .. } => "rate-limit",
            Self::QuotaExhausted => "quota-exhausted",
            Self::Status(_) => "status",
            Self::Slow(_) => "slow",
            Self::ResetAfterAccept => "reset-after-accept",
            Self::CutStream { .. } => "cut-stream",
            Self::ResetMidStream { .. } => "reset-mid-stream",
            Self::ErrorEvent { .. } => "error-event",
            Self::MalformedEvent { .. } => "malformed-event",
            Self::DuplicateEvent { .. } => "duplicate-event",
            Self::DuplicateUsage => "duplicate-usage",
            Self::Drip(_) => "drip",
            Self::NeverAnswers => "never-answers",
            Self::GatewayTimeout { .. } => "gateway-timeout",
        }
    }

    /// What the schema of the file could not tell, or was not asked about.
    fn checked(self) -> Result<Self, Wrong> {
        let kind = self.name();
        let wrong = |field, what, help| Err(Wrong { kind, field, what, help });
        match self {
            Self::Status(code) if !(400..=599).contains(&code) => {
                wrong("code", format!("{code} is no error"), "write 400 to 599")
            }
            Self::GatewayTimeout { status, .. } if ![504, 524].contains(&status) => {
                wrong("status", format!("{status} is no gateway's timeout"), "write 504 or 524")
            }
            Self::CutStream { after }
            | Self::ResetMidStream { after }
            | Self::ErrorEvent { after }
            | Self::MalformedEvent { after }
            | Self::DuplicateEvent { after }
                if !(0.0..=1.0).contains(&after) =>
            {
                wrong("after", format!("{after} is no share"), "write a number from 0 to 1")
            }
            sound => Ok(sound),
        }
    }
}

impl TryFrom<raw::FaultKind> for FaultKind {
    type Error = Wrong;

    fn try_from(raw: raw::FaultKind) -> Result<Self, Wrong> {
        use raw::FaultKind as Raw;
        let kind = match raw {
            Raw::RateLimit { retry_after, hint } => Self::RateLimit {
                retry_after: retry_after.map(|time| time.0),
                hint: match hint {
                    raw::HintForm::Seconds => HintForm::Seconds,
                    raw::HintForm::Date => HintForm::Date,
                    raw::HintForm::Milliseconds => HintForm::Milliseconds,
                    raw::HintForm::Text => HintForm::Text,
                },
            },
            Raw::QuotaExhausted {} => Self::QuotaExhausted,
            Raw::Status { code } => Self::Status(code),
            Raw::Slow { by } => Self::Slow(by.0),
            Raw::ResetAfterAccept {} => Self::ResetAfterAccept,
            Raw::CutStream { after } => Self::CutStream { after },
            Raw::ResetMidStream { after } => Self::ResetMidStream { after },
            Raw::ErrorEvent { after } => Self::ErrorEvent { after },
            Raw::MalformedEvent { after } => Self::MalformedEvent { after },
            Raw::DuplicateEvent { after } => Self::DuplicateEvent { after },
            Raw::DuplicateUsage {} => Self::DuplicateUsage,
            Raw::Drip { gap } => Self::Drip(gap.0),
            Raw::NeverAnswers {} => Self::NeverAnswers,
            Raw::GatewayTimeout { status, after } => Self::GatewayTimeout { status, after: after.0 },
        };
        kind.checked()
    }
}

impl From<FaultKind> for raw::FaultKind {
    fn from(kind: FaultKind) -> Self {
        match kind {
            FaultKind::RateLimit { retry_after, hint } => Self::RateLimit {
                retry_after: retry_after.map(Time),
                hint: match hint {
                    HintForm::Seconds => raw::HintForm::Seconds,
                    HintForm::Date => raw::HintForm::Date,
                    HintForm::Milliseconds => raw::HintForm::Milliseconds,
                    HintForm::Text => raw::HintForm::Text,
                },
            },
            FaultKind::QuotaExhausted => Self::QuotaExhausted {},
            FaultKind::Status(code) => Self::Status { code },
            FaultKind::Slow(by) => Self::Slow { by: Time(by) },
            FaultKind::ResetAfterAccept => Self::ResetAfterAccept {},
            FaultKind::CutStream { after } => Self::CutStream { after },
            FaultKind::ResetMidStream { after } => Self::ResetMidStream { after },
            FaultKind::ErrorEvent { after } => Self::ErrorEvent { after },
            FaultKind::MalformedEvent { after } => Self::MalformedEvent { after },
            FaultKind::DuplicateEvent { after } => Self::DuplicateEvent { after },
            FaultKind::DuplicateUsage => Self::DuplicateUsage {},
            FaultKind::Drip(gap) => Self::Drip { gap: Time(gap) },
            FaultKind::NeverAnswers => Self::NeverAnswers {},
            FaultKind::GatewayTimeout { status, after } => {
                Self::GatewayTimeout { status, after: Time(after) }
            }
        }
    }
}

/// A fault as a file of deadheat's has it, not yet checked; its schema is the scenario's.
#[derive(Debug, Clone, Deserialize)]
#[serde(transparent)]
pub struct FaultForm(raw::FaultKind);

impl FaultForm {
    /// The fault that stands at `path`. If its settings make no sense, `wrong` is told.
    pub fn check(self, path: &[&str], wrong: &mut dyn FnMut(&[&str], String, String)) -> FaultKind {
        FaultKind::try_from(self.0).unwrap_or_else(|no| {
            wrong(&[path, &[no.kind, no.field]].concat(), no.what, no.help.to_owned());
            FaultKind::NeverAnswers
        })
    }
}

impl JsonSchema for FaultForm {
    fn schema_name() -> Cow<'static, str> {
        raw::FaultKind::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        raw::FaultKind::json_schema(generator)
    }
}

impl From<raw::FaultWhen> for FaultWhen {
    fn from(raw: raw::FaultWhen) -> Self {
        let raw::FaultWhen { every, jobs, attempts, probability } = raw;
        Self { every, jobs, attempts, probability }
    }
}

impl TryFrom<raw::FaultRule> for FaultRule {
    type Error = String;

    fn try_from(raw: raw::FaultRule) -> Result<Self, String> {
        let when = &raw.when;
        if when.every == Some(0) {
            return Err("when.every must be at least 1".to_owned());
        }
        if when.attempts.iter().flatten().any(|n| *n == 0) {
            return Err("when.attempts are counted from 1".to_owned());
        }
        if when.probability.is_some_and(|p| !(0.0..=1.0).contains(&p)) {
            return Err("when.probability must be from 0 to 1".to_owned());
        }
        let kind = raw.kind.try_into().map_err(|wrong: Wrong| wrong.to_string())?;
        Ok(Self { kind, when: raw.when.into(), target: raw.target })
    }
}

impl From<FaultRule> for raw::FaultRule {
    fn from(rule: FaultRule) -> Self {
        let FaultWhen { every, jobs, attempts, probability } = rule.when;
        let when = Self { target: rule.target, kind: rule.kind.into(), when: raw::FaultWhen::default() };
        Self { when: raw::FaultWhen { every, jobs, attempts, probability }, ..when }
    }
}
