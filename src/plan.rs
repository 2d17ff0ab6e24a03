//! The plan of a run: a checked scenario with every default filled in.
//!
//! Only [`crate::scenario::load()`] makes a [`Plan`]; the rooms that read one never check it again.

mod cost;
mod metric;
mod phase;
mod rules;
mod strategy;

pub use cost::*;
pub use metric::*;
pub use phase::*;
pub use rules::*;
pub use strategy::*;

pub use crate::document::Source;
use crate::faults::FaultRule;
use crate::prices::Price;
use crate::strategy::{Retry, StrategyPlan};
pub use crate::units::ExpandedUrl;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Everything that a run needs to know.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// What the run is called; part of its directory's name.
    pub name: String,
    /// What to try next: the last line of the report of a run that passes.
    pub next: Option<String>,
    /// Seeds every random stream of the run.
    pub seed: u64,
    /// Which clock it uses.
    pub clock: ClockKind,
    /// The targets, in the file's order.
    pub targets: Vec<Target>,
    /// The strategies, in the file's order.
    pub strategies: Vec<StrategyPlan>,
    /// Which jobs there are.
    pub workload: Workload,
    /// When they are due; at least one, in the file's order.
    pub phases: Vec<Phase>,
    /// What strategies are ranked by.
    pub optimise: Optimise,
    /// Faults around jobs that hold locks.
    pub nemeses: Vec<Nemesis>,
    /// When an attempt is repeated.
    pub retry: Retry,
    /// When an attempt is given up.
    pub timeouts: Timeouts,
    /// What the built-in provider does wrong, first match first.
    pub faults: Vec<FaultRule>,
    /// What the run must reach.
    pub thresholds: Vec<Threshold>,
    /// What the run may spend.
    pub budget: Option<BudgetPlan>,
    /// In which currency its cost is compared.
    pub cost: CostPlan,
    /// What the client promises, so that it can be judged.
    pub declared: Declared,
    /// Which answers count as good.
    pub slo: Slo,
    /// What the measurement itself must reach to be valid.
    pub fidelity: FidelityBudget,
    /// Into how many blocks each cell is cut when cells are interleaved (ABBA); 1 when there is one cell.
    pub blocks: u32,
    /// The only one of the blocks that is run, from 1 on; `None` is all of them.
    pub only_block: Option<u32>,
    /// Engine threads; each runs its own single-threaded runtime.
    pub threads: u32,
    /// The scenario with every default filled in, as TOML: the text of `plan.toml`. Reading it gives this
    /// plan.
    pub toml: String,
    /// Digest of `toml` without thresholds: plans that make the same load have the same hash.
    pub hash: String,
}

/// The clock that a run uses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ClockKind {
    /// The machine's, over sockets.
    #[default]
    Real,
    /// One that jumps from event to event: client and built-in provider in one thread, without sockets.
    Virtual,
}

impl ClockKind {
    /// The word in files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Real => "real",
            Self::Virtual => "virtual",
        }
    }
}

/// One target crossed with one strategy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cell {
    /// Position in the run; stands in each job's id.
    pub index: u16,
    /// Position in [`Plan::targets`].
    pub target: usize,
    /// Position in [`Plan::strategies`].
    pub strategy: usize,
}

impl Plan {
    /// The question that a job asks: the number of the first job that asks it.
    #[must_use]
    pub fn question(&self, job: u64) -> u64 {
        job - job % self.workload.repeats.max(1)
    }

    /// Every target crossed with every strategy, targets outermost.
    #[must_use]
    pub fn cells(&self) -> Vec<Cell> {
        let pairs = (0..self.targets.len()).flat_map(|t| (0..self.strategies.len()).map(move |s| (t, s)));
        pairs.zip(0u16..).map(|((target, strategy), index)| Cell { index, target, strategy }).collect()
    }

    /// Whether the Redis of the strategy's cells is to be killed and started again, empty.
    #[must_use]
    pub fn restarts_redis(&self, strategy: &StrategyPlan) -> bool {
        let meant = |name: &Option<String>| name.as_ref().is_none_or(|name| name == strategy.name());
        let restart =
            |nemesis: &Nemesis| nemesis.kind == NemesisKind::RestartRedis && meant(&nemesis.strategy);
        strategy.locks() && self.nemeses.iter().any(restart)
    }
}

/// Where attempts go.
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    /// The table's name, `[target.NAME]`.
    pub name: String,
    /// Which API it speaks.
    pub api: Api,
    /// The model asked for.
    pub model: String,
    /// Built in, or somewhere else.
    pub place: Place,
    /// What it charges, if the scenario says so.
    pub price: Option<Price>,
}

impl Target {
    /// How the built-in provider behaves, if this target is built in.
    #[must_use]
    pub fn built_in(&self) -> Option<&MockPlan> {
        match &self.place {
            Place::Mock(mock) => Some(mock),
            Place::Url { .. } => None,
        }
    }

    /// The name of the environment variable that holds the key of this target, if it needs one.
    #[must_use]
    pub fn key_variable(&self) -> Option<&str> {
        match &self.place {
            Place::Mock(_) => None,
            Place::Url { api_key_env, .. } => api_key_env.as_deref(),
        }
    }
}

/// An API dialect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Api {
    /// OpenAI Chat Completions.
    OpenaiChat,
}

/// Where a target is.
#[derive(Debug, Clone, PartialEq)]
pub enum Place {
    /// The built-in provider, started for this run, on loopback.
    Mock(Box<MockPlan>),
    /// A real endpoint.
    Url {
        /// Base URL, up to and including the version: `https://llm.example.com/v1`.
        url: ExpandedUrl,
        /// Name of the environment variable that holds the key.
        api_key_env: Option<String>,
    },
}

/// How the built-in provider behaves.
#[derive(Debug, Clone, PartialEq)]
pub struct MockPlan {
    /// Time from the start of an answer's generation to its first token.
    pub ttft: Dist,
    /// Time between tokens.
    pub itl: Dist,
    /// Pauses inside a stream.
    pub stall: Option<Stall>,
    /// Tokens carried by one chunk of a stream, at least 1.
    pub tokens_per_chunk: u32,
    /// Limits on what it takes.
    pub limits: Limits,
    /// Whether an attempt whose client has gone is generated, and billed, to the end.
    pub bill_after_disconnect: bool,
    /// Whether a repeated `Idempotency-Key` is answered from memory, instead of generated and billed again.
    pub idempotency: bool,
}

impl Default for MockPlan {
    /// Quick and without limits, so that a first try is about the client: 20 ms to the first token, 2 ms per
    /// token.
    fn default() -> Self {
        Self {
            ttft: Dist::Constant(Duration::from_millis(20)),
            itl: Dist::Constant(Duration::from_millis(2)),
            stall: None,
            tokens_per_chunk: 1,
            limits: Limits::default(),
            bill_after_disconnect: false,
            idempotency: false,
        }
    }
}

/// A pause in a stream: each chunk after the first stalls with this probability.
#[derive(Debug, Clone, PartialEq)]
pub struct Stall {
    /// Probability per chunk, 0 to 1.
    pub probability: f64,
    /// How long.
    pub pause: Dist,
}

/// Limits of the built-in provider; `None` is no limit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Limits {
    /// Requests per minute, as a token bucket; beyond it 429.
    pub requests_per_minute: Option<u64>,
    /// Tokens per minute (prompt plus asked-for output), as a token bucket; beyond it 429.
    pub tokens_per_minute: Option<u64>,
    /// Answers generated at once; further ones wait in a queue, so that latency answers to load.
    pub max_in_flight: Option<u32>,
    /// Longest queue before `max_in_flight`; beyond it 503. `None` is unbounded.
    pub max_queue: Option<u32>,
}

/// A distribution of durations. Draws are never negative.
#[derive(Debug, Clone, PartialEq)]
pub enum Dist {
    /// Always this.
    Constant(Duration),
    /// Uniform between both, inclusive.
    Uniform(Duration, Duration),
    /// Normal, cut at zero.
    Normal {
        /// Mean.
        mean: Duration,
        /// Standard deviation.
        sd: Duration,
    },
    /// Log-normal through these two percentiles; `p99 >= p50 > 0`.
    Lognormal {
        /// Median.
        p50: Duration,
        /// 99th percentile.
        p99: Duration,
    },
    /// One of these values, each as likely; never empty.
    Empirical(Vec<Duration>),
}

/// How many tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenRange {
    /// Least, at least 1.
    pub min: u32,
    /// Most, at least `min`.
    pub max: u32,
}

/// Which jobs there are.
#[derive(Debug, Clone, PartialEq)]
pub struct Workload {
    /// Jobs per cell; `None` when only the profile's duration ends the run.
    pub jobs: Option<u64>,
    /// By how many jobs in a row the same question is asked, at least 1.
    pub repeats: u64,
    /// Prompt tokens per job.
    pub prompt_tokens: TokenRange,
    /// Output tokens asked for per job.
    pub output_tokens: TokenRange,
    /// Whether answers are streamed.
    pub stream: bool,
}
