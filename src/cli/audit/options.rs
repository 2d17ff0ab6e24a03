//! The options of an audit: as flags, in a file, and inside a finding.

use crate::explore;
use crate::plan::BudgetPlan;
use crate::program::{ServerUrl, Settings, WorkDir, perturb_for};
use crate::schedule::Perturb;
use crate::secret::masked;
use crate::units::{Currency, Money, PricePerMtok, parse_duration};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What an audit can be told of a program. A flag outranks the file.
#[derive(Debug, Clone, Default, PartialEq, clap::Args, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(in crate::cli) struct Options {
    /// Jobs in the job file that DEADHEAT_JOBS names [default: 8]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=100_000))]
    #[serde(skip_serializing_if = "Option::is_none")]
    jobs: Option<u64>,
    /// Most attempts that the program may have in flight, over all its processes
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    #[serde(skip_serializing_if = "Option::is_none")]
    concurrency: Option<u32>,
    /// Most attempts per job; above one, attempts that overlap are hedging and may both be billed
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    #[serde(skip_serializing_if = "Option::is_none")]
    attempts_cap: Option<u32>,
    /// Start the program so many times at once
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u32).range(1..=256))]
    #[serde(skip_serializing_if = "Option::is_none")]
    processes: Option<u32>,
    /// Run so many schedules
    #[arg(long, value_name = "R", value_parser = clap::value_parser!(u64).range(1..),
        conflicts_with = "time")]
    #[serde(skip_serializing_if = "Option::is_none")]
    runs: Option<u64>,
    /// Look for so long, such as 2m [default: 60s]
    #[arg(long, value_name = "T")]
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<String>,
    /// Seed of the schedules and of the provider [default: 42]
    #[arg(long, value_name = "S")]
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<u64>,
    /// Where the program prints its total of tokens: the first capture, such as 'total tokens: (\d+)'
    #[arg(long, value_name = "REGEX")]
    #[serde(skip_serializing_if = "Option::is_none")]
    claim_total: Option<String>,
    /// Where it prints how many requests it made
    #[arg(long, value_name = "REGEX")]
    #[serde(skip_serializing_if = "Option::is_none")]
    claim_requests: Option<String>,
    /// Where it prints how many jobs failed
    #[arg(long, value_name = "REGEX")]
    #[serde(skip_serializing_if = "Option::is_none")]
    claim_failed: Option<String>,
    /// Whose request it is, in a body without a tag: the first capture
    #[arg(long, value_name = "REGEX")]
    #[serde(skip_serializing_if = "Option::is_none")]
    job_key: Option<String>,
    /// What the program may spend: '0.50 USD', '4000 tokens' or '100 requests'
    #[arg(long, value_name = "BUDGET")]
    #[serde(skip_serializing_if = "Option::is_none")]
    budget: Option<String>,
    /// Prices per million tokens, for a budget in money: 'in=0.15,out=0.60'
    #[arg(long, value_name = "PRICE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    price: Option<String>,
    /// Stop a run after so long: whatever the provider does, it has to end by then [default: by the first
    /// run]
    #[arg(long, value_name = "T")]
    #[serde(skip_serializing_if = "Option::is_none")]
    timeout: Option<String>,
    /// Where the program stands: a folder, or `fresh` for an empty one [default: here]
    #[arg(long, value_name = "DIR|fresh")]
    #[serde(skip_serializing_if = "Option::is_none")]
    workdir: Option<String>,
    /// Kill the first process at the N-th answer, and start it again: what does it do twice, what does it
    /// lose?
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    #[serde(skip_serializing_if = "Option::is_none")]
    kill_at: Option<u64>,
    /// Let the program's own steps change places where the provider alone shows nothing: by default as the
    /// command's words say
    #[arg(long, value_enum, value_name = "LANGUAGE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    perturb: Option<Perturbed>,
    /// The program is a server: send the jobs to this base URL, such as http://127.0.0.1:4000/v1, and end it
    /// when all are answered
    #[arg(long, value_name = "URL")]
    #[serde(skip_serializing_if = "Option::is_none")]
    drive: Option<String>,
    /// With --drive: every other job asks for a stream
    #[arg(long, requires = "drive")]
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    streams: bool,
    /// What the program reads from standard input
    #[arg(long, value_name = "FILE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    stdin: Option<PathBuf>,
}

/// What `--perturb` can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Perturbed {
    /// Pauses between bytecodes of its own code
    Python,
    /// Delays events of files and connections
    Node,
    /// Never
    None,
}

/// The file of `--config`.
#[derive(Debug, Default, Deserialize)]
struct File {
    #[serde(default)]
    command: Vec<String>,
    #[serde(flatten)]
    rest: toml::Table,
}

impl Options {
    /// Reads a file of options, and the command in it.
    pub(super) fn read(path: &Path) -> Result<(Self, Vec<String>), String> {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|error| format!("cannot read {name}: {error}"))?;
        // The message alone: the parser's whole text quotes the line, and a secret may stand in it.
        let wrong = |error: toml::de::Error| {
            let line = error
                .span()
                .map(|at| {
                    format!(":{}", 1 + text.bytes().take(at.start).filter(|byte| *byte == b'\n').count())
                })
                .unwrap_or_default();
            format!("{name}{line}: {}", masked(error.message()))
        };
        let file: File = toml::from_str(&text).map_err(wrong)?;
        let hint = "the keys are the long flags of `deadheat audit`, and `command`";
        let options = file.rest.try_into().map_err(|error| format!("{}; {hint}", wrong(error)))?;
        Ok((options, file.command))
    }

    /// These, and what only `file` says.
    pub(super) fn over(self, file: Self) -> Self {
        Self {
            jobs: self.jobs.or(file.jobs),
            concurrency: self.concurrency.or(file.concurrency),
            attempts_cap: self.attempts_cap.or(file.attempts_cap),
            processes: self.processes.or(file.processes),
            runs: self.runs.or(file.runs.filter(|_| self.time.is_none())),
            time: self.time.or(file.time.filter(|_| self.runs.is_none())),
            seed: self.seed.or(file.seed),
            claim_total: self.claim_total.or(file.claim_total),
            claim_requests: self.claim_requests.or(file.claim_requests),
            claim_failed: self.claim_failed.or(file.claim_failed),
            job_key: self.job_key.or(file.job_key),
            budget: self.budget.or(file.budget),
            price: self.price.or(file.price),
            timeout: self.timeout.or(file.timeout),
            workdir: self.workdir.or(file.workdir),
            kill_at: self.kill_at.or(file.kill_at),
            perturb: self.perturb.or(file.perturb),
            drive: self.drive.or(file.drive),
            streams: self.streams || file.streams,
            stdin: self.stdin.or(file.stdin),
        }
    }

    /// Each as `key=value`, as a finding holds them. How long was looked is none of them, nor what its
    /// schedule says.
    pub(super) fn to_set(&self) -> Vec<String> {
        let kept = Self { runs: None, time: None, perturb: None, ..self.clone() };
        let table = toml::Table::try_from(kept).unwrap_or_default();
        table.iter().map(|(key, value)| format!("{key}={value}")).collect()
    }

    /// Reads back what [`Self::to_set`] wrote.
    pub(in crate::cli) fn from_set(set: &[String]) -> Result<Self, String> {
        toml::from_str(&set.join("\n")).map_err(|error| format!("[run] set: {error}"))
    }

    /// What may be done to the own steps of a program with this command, and whether that is done in any
    /// case.
    pub(super) fn perturbation(&self, words: &[String]) -> (Option<Perturb>, bool) {
        match self.perturb {
            Some(Perturbed::Python) => (Some(Perturb::Python), true),
            Some(Perturbed::Node) => (Some(Perturb::Node), true),
            Some(Perturbed::None) => (None, false),
            None => (perturb_for(words), false),
        }
    }

    /// Whether the caller left open how to perturb the program.
    pub(super) fn perturbs_by_itself(&self) -> bool {
        self.perturb.is_none()
    }

    /// When the search ends.
    pub(super) fn search_budget(&self) -> Result<explore::HuntBudget, String> {
        match (self.runs, &self.time) {
            (Some(runs), _) => Ok(explore::HuntBudget::Schedules(runs)),
            (None, Some(time)) => Ok(explore::HuntBudget::Time(duration("time", time)?)),
            (None, None) => Ok(explore::HuntBudget::default()),
        }
    }

    /// What an audit of this command is told.
    pub(in crate::cli) fn settings(&self, command: Vec<String>) -> Result<Settings, String> {
        let mut settings = Settings::new(command);
        settings.jobs = self.jobs.unwrap_or(settings.jobs);
        settings.seed = self.seed.unwrap_or(settings.seed);
        (settings.concurrency, settings.attempts_cap) = (self.concurrency, self.attempts_cap);
        settings.command.processes = self.processes.unwrap_or(1);
        settings.command.kill_at = self.kill_at;
        let drive = self.drive.as_deref().map(ServerUrl::read).transpose();
        settings.drive = drive.map_err(|error| format!("--drive: {error}"))?;
        if let Some(address) = &mut settings.drive {
            address.streams = self.streams;
        }
        if settings.drive.is_some() && settings.command.processes > 1 {
            return Err("--drive is for one process: leave --processes out".to_owned());
        }
        if let Some(timeout) = &self.timeout {
            settings.command.timeout = duration("timeout", timeout)?;
            settings.command.limit_given = true;
        }
        settings.place = match self.workdir.as_deref() {
            None => WorkDir::Here,
            Some("fresh") => WorkDir::Fresh,
            Some(dir) if Path::new(dir).is_dir() => WorkDir::Dir(dir.into()),
            Some(dir) => return Err(format!("--workdir {dir}: no such folder; name one, or say fresh")),
        };
        if let Some(path) = &self.stdin {
            let text = std::fs::read(path);
            settings.command.stdin =
                Some(text.map_err(|error| format!("--stdin {}: {error}", path.display()))?);
        }
        let pattern = |flag: &str, text: &Option<String>| {
            let read = text.as_deref().map(regex::Regex::new).transpose();
            read.map_err(|error| format!("--{flag} is no regular expression: {error}"))
        };
        settings.patterns.total = pattern("claim-total", &self.claim_total)?;
        settings.patterns.requests = pattern("claim-requests", &self.claim_requests)?;
        settings.patterns.failed = pattern("claim-failed", &self.claim_failed)?;
        let key = self.job_key.as_deref().map(regex::bytes::Regex::new).transpose();
        settings.job_key = key.map_err(|error| format!("--job-key is no regular expression: {error}"))?;
        settings.budget = self.budget.as_deref().map(budget).transpose()?;
        let money = settings.budget.and_then(|budget| budget.max_cost);
        settings.price = self.price.as_deref().map(|text| price(text, money)).transpose()?;
        if money.is_some() && settings.price.is_none() {
            return Err("a --budget in money needs prices: say --price 'in=0.15,out=0.60'".to_owned());
        }
        Ok(settings)
    }
}

fn duration(flag: &str, text: &str) -> Result<Duration, String> {
    parse_duration(text).map_err(|error| format!("--{flag}: {error}"))
}

fn budget(text: &str) -> Result<BudgetPlan, String> {
    let none = BudgetPlan { max_cost: None, max_requests: None, max_tokens: None };
    let number = |noun: &str| {
        let number = text.trim().strip_suffix(noun)?.trim();
        number.parse::<u64>().ok()
    };
    if let Some(tokens) = number("tokens") {
        return Ok(BudgetPlan { max_tokens: Some(tokens), ..none });
    }
    if let Some(requests) = number("requests") {
        return Ok(BudgetPlan { max_requests: Some(requests), ..none });
    }
    let money: Result<Money, _> = text.trim().parse();
    let money = money.map_err(|error| format!("--budget: {error}, or '4000 tokens', or '100 requests'"))?;
    Ok(BudgetPlan { max_cost: Some(money), ..none })
}

fn price(text: &str, budget: Option<Money>) -> Result<PricePerMtok, String> {
    let wrong = || "--price: write prices per million tokens, such as 'in=0.15,out=0.60'".to_owned();
    let part = |name: &str| {
        let mut parts = text.split(',').filter_map(|part| part.trim().split_once('='));
        parts.find(|(key, _)| key.trim() == name).map(|(_, value)| value.trim().to_owned())
    };
    let (input, output) = part("in").zip(part("out")).ok_or_else(wrong)?;
    let dollars: Option<Currency> = "USD".parse().ok();
    let currency = budget.map(|money| money.currency).or(dollars).ok_or_else(wrong)?;
    PricePerMtok::parse(&input, &output, currency).map_err(|error| format!("--price: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_survive_a_finding() {
        let options = Options {
            jobs: Some(5),
            claim_total: Some(r#"total: "(\d+)" # not 'this'"#.to_owned()),
            budget: Some("0.50 USD".to_owned()),
            price: Some("in=0.15,out=0.60".to_owned()),
            time: Some("5s".to_owned()),
            ..Options::default()
        };
        let read = Options::from_set(&options.to_set()).unwrap();
        assert_eq!(read, Options { time: None, ..options });
        let settings = read.settings(vec!["true".to_owned()]).unwrap();
        assert!(settings.jobs == 5 && settings.budget.is_some() && settings.price.is_some());
    }

    #[test]
    fn what_is_wrong_is_said_with_its_flag() {
        let with = |change: fn(&mut Options)| {
            let mut options = Options::default();
            change(&mut options);
            options.settings(Vec::new()).unwrap_err()
        };
        assert!(with(|o| o.claim_total = Some("(".to_owned())).starts_with("--claim-total"));
        assert!(with(|o| o.budget = Some("much".to_owned())).starts_with("--budget"));
        assert!(with(|o| o.budget = Some("1.00 USD".to_owned())).contains("--price"));
        assert!(with(|o| o.price = Some("in=1".to_owned())).starts_with("--price"));
        assert!(with(|o| o.drive = Some("localhost".to_owned())).starts_with("--drive"));
        assert!(with(|o| o.workdir = Some("/no/such/folder".to_owned())).contains("--workdir"));
    }
}
