//! The schedule as a file: one `[[hold]]` or `[[fault]]` an entry, so that a diff shows one line per change.

use super::nemesis_form::{self, RawNemesis};
use super::{Fallback, Hold, Perturb, RequestKey, Schedule, Strike, Until, VERSION};
use crate::document::{Diagnostics, Sense, Source, read_file};
use crate::faults::FaultKind;
use crate::units::{exact_duration, parse_duration};
use schemars::JsonSchema;
use serde::ser::SerializeStruct;
use serde::{Deserialize, Serialize, Serializer};
use std::collections::HashSet;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

/// The file as TOML has it.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct File {
    /// Version of this file's format.
    #[schemars(extend("const" = 1))]
    version: u32,
    /// Seeds the draws of the fallback and of what is done to the program.
    #[serde(default = "seed")]
    #[schemars(range(max = 9_223_372_036_854_775_807_i64))]
    seed: u64,
    /// What happens to requests that no hold names.
    #[serde(default)]
    fallback: RawFallback,
    /// Silence after which the fallback releases the next request.
    #[schemars(extend("format" = "deadheat-duration"))]
    #[serde(default = "quiet")]
    quiet: String,
    /// When a hold is given up whose other request does not end.
    #[schemars(extend("format" = "deadheat-duration"))]
    #[serde(default = "patience")]
    patience: String,
    /// What is done to a program's own steps, seeded: `"python"` or `"node"`. Only `deadheat audit` and its
    /// findings have it.
    #[serde(default)]
    perturb: Option<Perturb>,
    /// Answers that are held back: `[[hold]]`.
    #[serde(default)]
    hold: Vec<RawHold>,
    /// Faults that strike one request each: `[[fault]]`.
    #[serde(default)]
    fault: Vec<RawStrike>,
    /// What goes wrong around those that hold locks: `[[nemesis]]`.
    #[serde(default)]
    nemesis: Vec<RawNemesis>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RawHold {
    /// Whose answer, by job and attempt: `"job:0003#1"`.
    request: String,
    /// Until when: `{ answered = "job:0001#1" }`, `{ after = "300ms" }` or `"disconnect"`.
    until: RawUntil,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RawStrike {
    /// Which request, by job and attempt: `"job:0003#1"`.
    request: String,
    /// What happens to it: `kind.status = { code = 503 }`.
    kind: FaultKind,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
enum RawUntil {
    /// Until this request is over.
    Answered(String),
    /// For so long.
    After(#[schemars(extend("format" = "deadheat-duration"))] String),
    /// Until the client hangs up.
    Disconnect,
}

#[derive(Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
enum RawFallback {
    /// Answered as if there were no gate.
    #[default]
    Respond,
    /// The oldest first, at silence.
    Fifo,
    /// The newest first, at silence.
    Reverse,
    /// All at once, at silence.
    Burst,
    /// A seeded choice, at silence.
    Random,
    /// By seeded priorities of jobs, at silence: `{ lanes = { depth = 3 } }`.
    Lanes {
        /// One more than there are changes of priority.
        #[schemars(range(min = 1, max = 1_000_000))]
        depth: u32,
    },
}

fn seed() -> u64 {
    Schedule::default().seed
}

fn quiet() -> String {
    exact_duration(Schedule::default().quiet)
}

fn patience() -> String {
    exact_duration(Schedule::default().patience)
}

impl Schedule {
    /// Reads a schedule from its text; `name` is what faults call it.
    ///
    /// # Errors
    /// Everything that is wrong with it at once, each with its place and what to write instead.
    pub fn from_toml(name: &str, text: &str) -> Result<Self, Diagnostics> {
        Self::read(&Source { path: PathBuf::from(name), text: text.to_owned() })
    }

    /// Reads a schedule from a file that was read: its own, or a finding with a `[schedule]` in it.
    ///
    /// # Errors
    /// As [`Self::from_toml`].
    pub fn read(source: &Source) -> Result<Self, Diagnostics> {
        match within(&source.text) {
            Some(text) => read_file::<File, Self>(&Source { text, ..source.clone() }, build),
            None => read_file::<File, Self>(source, build),
        }
    }

    /// The text that [`Self::from_toml`] reads back. Equal schedules have equal texts.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let Self { seed, holds, faults, nemeses, fallback, quiet, patience, perturb } = self;
        let fallback = inline(&RawFallback::from(*fallback));
        let (quiet, patience) = (exact_duration(*quiet), exact_duration(*patience));
        let mut text = format!(
            "version = {VERSION}\nseed = {seed}\nfallback = {fallback}\nquiet = \"{quiet}\"\npatience = \
             \"{patience}\"\n"
        );
        if let Some(perturb) = perturb {
            let _ = writeln!(text, "perturb = \"{}\"", perturb.name());
        }
        for hold in holds {
            let (request, until) = (inline(&hold.request), inline(&RawUntil::from(&hold.until)));
            let _ = write!(text, "\n[[hold]]\nrequest = {request}\nuntil = {until}\n");
        }
        for strike in faults {
            let (request, kind) = (inline(&strike.request), kind_line(&strike.kind));
            let _ = write!(text, "\n[[fault]]\nrequest = {request}\n{kind}\n");
        }
        for nemesis in nemeses {
            let _ = write!(text, "\n[[nemesis]]\n{}", nemesis_form::lines(nemesis));
        }
        text
    }
}

/// The schedule in a finding's text, line for line, so that what is wrong with it has the file's own lines.
fn within(text: &str) -> Option<String> {
    let head =
        text.lines().enumerate().filter(|(_, line)| line.trim() == "[schedule]").map(|(n, _)| n).last()?;
    let line = |(n, line): (usize, &str)| match line.strip_prefix("[[schedule.") {
        _ if n <= head => "\n".to_owned(),
        Some(name) => format!("[[{name}\n"),
        None => format!("{line}\n"),
    };
    Some(text.lines().enumerate().map(line).collect())
}

/// A value on one line.
fn inline(value: &impl Serialize) -> String {
    // What is written here is text, numbers and tables of them: TOML has a form for each.
    toml::Value::try_from(value).map(|value| value.to_string()).unwrap_or_default()
}

/// A fault as people write it: `kind.status = { code = 503 }`.
fn kind_line(kind: &FaultKind) -> String {
    match toml::Value::try_from(kind) {
        Ok(toml::Value::Table(table)) => {
            table.iter().map(|(name, settings)| format!("kind.{name} = {settings}")).collect()
        }
        _ => String::new(),
    }
}

fn build(file: File, wrong: Sense<'_>) -> Schedule {
    if file.version != VERSION {
        let help = format!("this deadheat reads version = {VERSION}");
        wrong(&["version"], format!("`version` is {}", file.version), help);
    }
    let mut holds: Vec<Hold> = Vec::with_capacity(file.hold.len());
    for (index, hold) in file.hold.iter().enumerate() {
        let index = index.to_string();
        let request = key(&hold.request, &["hold", &index, "request"], wrong);
        let until = match &hold.until {
            RawUntil::Answered(other) => {
                Until::Answered(key(other, &["hold", &index, "until", "answered"], wrong))
            }
            RawUntil::After(time) => Until::After(time_of(time)),
            RawUntil::Disconnect => Until::Disconnect,
        };
        if until == Until::Answered(request.clone()) {
            let what = format!("`{request}` waits for its own end");
            wrong(&["hold", &index, "until"], what, "name another request".to_owned());
        }
        let hold = Hold { request, until };
        if holds.contains(&hold) {
            let what = format!("the same hold of `{}` twice", hold.request);
            wrong(&["hold", &index], what, "leave one of the two out".to_owned());
        }
        if let Some(round) = round_trip(&hold, &holds) {
            let what = format!("holds that wait for each other: {round}");
            wrong(&["hold", &index, "until"], what, "leave one of them out, or none is ever met".to_owned());
        }
        holds.push(hold);
    }
    let waits = holds.iter().any(|hold| matches!(hold.until, Until::Answered(_)));
    if waits && time_of(&file.patience).is_zero() {
        let what = "`patience` is 0s, so a hold until another answer holds nothing".to_owned();
        wrong(&["patience"], what, "write how long such a hold may last, such as \"2s\"".to_owned());
    }
    let mut faults: Vec<Strike> = Vec::with_capacity(file.fault.len());
    let mut struck = HashSet::new();
    for (index, strike) in file.fault.into_iter().enumerate() {
        let index = index.to_string();
        let path = ["fault", &index, "request"];
        let request = key(&strike.request, &path, wrong);
        if !struck.insert(strike.request) {
            let what = format!("a second fault for `{request}`");
            wrong(&path, what, "leave one of the two out: a request has one answer".to_owned());
        }
        if let Err(error) = strike.kind.check() {
            let path = ["fault", &index, "kind", error.kind, error.field];
            wrong(&path, error.what, error.help.to_owned());
        }
        faults.push(Strike { request, kind: strike.kind });
    }
    Schedule {
        seed: file.seed,
        holds,
        faults,
        nemeses: file.nemesis.iter().map(Into::into).collect(),
        fallback: file.fallback.into(),
        quiet: time_of(&file.quiet),
        patience: time_of(&file.patience),
        perturb: file.perturb,
    }
}

/// The way back from what `new` waits for to its own request over the holds before it, in words; `None` if
/// there is none.
fn round_trip(new: &Hold, holds: &[Hold]) -> Option<String> {
    let Until::Answered(first) = &new.until else { return None };
    if *first == new.request {
        return None;
    }
    let mut ways: Vec<Vec<&RequestKey>> = vec![vec![&new.request, first]];
    let mut seen = HashSet::from([first]);
    while let Some(way) = ways.pop() {
        let last = way.last()?;
        for hold in holds.iter().filter(|hold| hold.request == **last) {
            let Until::Answered(next) = &hold.until else { continue };
            let further = [way.as_slice(), &[next]].concat();
            if *next == new.request {
                let names: Vec<String> = further.iter().map(|key| format!("`{key}`")).collect();
                return Some(names.join(" for "));
            }
            if seen.insert(next) {
                ways.push(further);
            }
        }
    }
    None
}

fn key(text: &str, path: &[&str], wrong: Sense<'_>) -> RequestKey {
    text.parse().unwrap_or_else(|_| {
        let help = "write job and attempt, such as \"job:0003#1\", or \"job:0003#1+2\" for its third copy";
        wrong(path, format!("\"{text}\" names no request"), help.to_owned());
        RequestKey::new("", 1)
    })
}

/// The shape has been checked, so it is one.
fn time_of(text: &str) -> Duration {
    parse_duration(text).unwrap_or_default()
}

impl From<&Until> for RawUntil {
    fn from(until: &Until) -> Self {
        match until {
            Until::Answered(other) => Self::Answered(other.to_string()),
            Until::After(time) => Self::After(exact_duration(*time)),
            Until::Disconnect => Self::Disconnect,
        }
    }
}

impl From<Fallback> for RawFallback {
    fn from(fallback: Fallback) -> Self {
        match fallback {
            Fallback::Respond => Self::Respond,
            Fallback::Fifo => Self::Fifo,
            Fallback::Reverse => Self::Reverse,
            Fallback::Burst => Self::Burst,
            Fallback::Random => Self::Random,
            Fallback::Lanes { depth } => Self::Lanes { depth },
        }
    }
}

impl From<RawFallback> for Fallback {
    fn from(fallback: RawFallback) -> Self {
        match fallback {
            RawFallback::Respond => Self::Respond,
            RawFallback::Fifo => Self::Fifo,
            RawFallback::Reverse => Self::Reverse,
            RawFallback::Burst => Self::Burst,
            RawFallback::Random => Self::Random,
            RawFallback::Lanes { depth } => Self::Lanes { depth },
        }
    }
}

impl Serialize for Hold {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        RawHold { request: self.request.to_string(), until: (&self.until).into() }.serialize(s)
    }
}

impl Serialize for Strike {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let mut fields = s.serialize_struct("Strike", 2)?;
        fields.serialize_field("request", &self.request)?;
        fields.serialize_field("kind", &self.kind)?;
        fields.end()
    }
}
