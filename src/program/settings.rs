//! What an audit is told of a program, and the plan by which it is judged.

use super::command::Command;
use super::drive::ServerUrl;
use super::output::Patterns;
use crate::plan::{BudgetPlan, Place as TargetPlace, Plan, Source};
use crate::prices::Price;
use crate::scenario::load;
use crate::strategy::StrategyPlan;
use crate::units::{PricePerMtok, exact_duration};
use regex::bytes::Regex;
use std::path::PathBuf;
use std::time::Duration;

/// The provider's name in the ledger.
pub const TARGET: &str = "mock";

/// Where a program stands while it runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum WorkDir {
    /// Where the user stands.
    #[default]
    Here,
    /// In this folder.
    Dir(PathBuf),
    /// In an empty one, fresh for every run.
    Fresh,
}

/// What an audit is told. What is not declared is not judged.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The program, and how it is run.
    pub command: Command,
    /// Where it stands.
    pub place: WorkDir,
    /// Where it listens, if it is a server that the jobs are sent to.
    pub drive: Option<ServerUrl>,
    /// Jobs in the job file.
    pub jobs: u64,
    /// Seeds the provider and the schedules.
    pub seed: u64,
    /// Most attempts in flight, over all processes.
    pub concurrency: Option<u32>,
    /// Most attempts per job.
    pub attempts_cap: Option<u32>,
    /// What may be spent.
    pub budget: Option<BudgetPlan>,
    /// At which price.
    pub price: Option<PricePerMtok>,
    /// Where its own totals stand.
    pub patterns: Patterns,
    /// What in a request's body says whose it is, where neither header nor tag does.
    pub job_key: Option<Regex>,
    /// Longest time without an attempt in flight while attempts are still to come.
    pub progress: Duration,
}

impl Settings {
    /// Eight jobs, nothing declared.
    #[must_use]
    pub fn new(words: Vec<String>) -> Self {
        Self {
            command: Command::new(words),
            place: WorkDir::default(),
            drive: None,
            jobs: 8,
            seed: 42,
            concurrency: None,
            attempts_cap: None,
            budget: None,
            price: None,
            patterns: Patterns::default(),
            job_key: None,
            progress: Duration::from_secs(10),
        }
    }

    /// The plan by which runs are judged: one built-in provider that answers at once, bills what it has
    /// begun, and honours an `Idempotency-Key`.
    ///
    /// # Errors
    /// If the scenario of audits is no scenario: a fault of deadheat's own.
    pub fn plan(&self) -> Result<Plan, String> {
        let text = format!(
            "version = 1\nname = \"audit\"\nseed = {seed}\n\n[target.{TARGET}]\napi = \
             \"openai-chat\"\nmodel = \"mock-1\"\n\
             latency = {{ ttft = {{ constant = \"2ms\" }}, itl = {{ constant = \"0s\" }} }}\n\
             bill_after_disconnect = true\nidempotency = true\n\n[workload]\njobs = {jobs}\n\n\
             [profile.shared-iterations]\nvus = 1\n\n[strategy.unbounded]\n\n[declared]\nprogress = \
             \"{progress}\"\n",
            seed = self.seed,
            jobs = self.jobs.max(1),
            progress = exact_duration(self.progress),
        );
        let source = Source { path: PathBuf::from("audit"), text };
        let mut plan = load(&source, &[], &|_| None).map_err(|faults| faults.to_string())?;
        plan.declared.concurrency = self.concurrency;
        plan.retry.max_attempts = self.attempts_cap.unwrap_or(1);
        plan.budget = self.budget;
        for target in &mut plan.targets {
            target.price = self.price.map(Price::flat);
        }
        plan.strategies = vec![StrategyPlan::unbounded(self.command.processes.max(1))];
        debug_assert!(plan.targets.iter().all(|target| matches!(target.place, TargetPlace::Mock(_))));
        Ok(plan)
    }
}
