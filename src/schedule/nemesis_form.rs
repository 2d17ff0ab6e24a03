//! What goes wrong around a lock, as a schedule's file has it: `[[nemesis]]`, in the words of a scenario.

use crate::plan::{Nemesis, NemesisKind};
use crate::units::{exact_duration, parse_duration};
use schemars::JsonSchema;
use serde::Deserialize;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawNemesis {
    /// What: `kind.pause-holder = { for = "600ms" }`.
    kind: RawKind,
    /// At which acquisition of a lock, from 1.
    #[serde(default = "first")]
    #[schemars(range(min = 1, max = 1_000_000_000))]
    acquisition: u64,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
enum RawKind {
    /// The process that has just acquired the lock is stopped before it can use it.
    PauseHolder {
        /// For how long.
        #[schemars(extend("format" = "deadheat-duration"))]
        r#for: String,
    },
    /// The process that has just acquired the lock is killed: `kind.kill-holder = {}`.
    KillHolder {},
    /// The lock server starts again, empty: `kind.restart-redis = {}`.
    RestartRedis {},
    /// The answer to the holder's unlock is lost: `kind.lose-unlock = {}`.
    LoseUnlock {},
}

fn first() -> u64 {
    1
}

impl From<&RawNemesis> for Nemesis {
    fn from(raw: &RawNemesis) -> Self {
        let kind = match &raw.kind {
            // The shape has been checked, so it is a time.
            RawKind::PauseHolder { r#for } => {
                NemesisKind::PauseHolder(parse_duration(r#for).unwrap_or_default())
            }
            RawKind::KillHolder {} => NemesisKind::KillHolder,
            RawKind::RestartRedis {} => NemesisKind::RestartRedis,
            RawKind::LoseUnlock {} => NemesisKind::LoseUnlock,
        };
        Self { kind, acquisition: raw.acquisition, strategy: None }
    }
}

/// The lines of one, without its head.
pub(super) fn lines(nemesis: &Nemesis) -> String {
    let kind = match nemesis.kind {
        NemesisKind::PauseHolder(time) => format!("pause-holder = {{ for = \"{}\" }}", exact_duration(time)),
        NemesisKind::RestartRedis => "restart-redis = {}".to_owned(),
        NemesisKind::LoseUnlock => "lose-unlock = {}".to_owned(),
        NemesisKind::KillHolder => "kill-holder = {}".to_owned(),
    };
    format!("kind.{kind}\nacquisition = {}\n", nemesis.acquisition)
}
