//! `summary.json`: everything a report or a gate needs, without the other evidence.

use super::{BudgetRow, CostRow, ExploredRow, FindingRow, Invariant, VerdictRow};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The version of `summary.json` that this build writes and reads.
pub const SUMMARY_VERSION: u32 = 1;

/// A judged run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(title = "deadheat summary", description = "The judged result of one deadheat run.")]
pub struct Summary {
    /// Version of this file, [`SUMMARY_VERSION`].
    pub version: u32,
    /// Version of deadheat that judged.
    pub deadheat: String,
    /// The scenario's name.
    pub name: String,
    /// The run's seed.
    pub seed: u64,
    /// Digest of the plan without its thresholds.
    pub plan_hash: String,
    /// `real` or `virtual`.
    pub clock: String,
    /// Start of the run, RFC 3339, UTC; `unknown` if the run was broken off.
    pub started_utc: String,
    /// Length of the run, drain included.
    pub elapsed_ms: u64,
    /// Exit code of the run: the most important of the reasons in `why`.
    pub exit_code: u8,
    /// Every reason for an exit code other than 0, most important first.
    pub exit_reasons: Vec<String>,
    /// Whether the measurement kept its own budget.
    pub valid: Validity,
    /// Whether the run was interrupted.
    pub interrupted: bool,
    /// Counts per cell.
    pub counters: Vec<CounterRow>,
    /// Distributions per cell.
    pub metrics: Vec<MetricRow>,
    /// Verdicts per cell.
    pub verdicts: Vec<VerdictRow>,
    /// Broken invariants with the schedules that show them, where schedules were hunted.
    pub findings: Vec<FindingRow>,
    /// How far schedules were hunted, per cell; empty if none were.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub explored: Vec<ExploredRow>,
    /// How true the measurement is, per target with a ledger and in all.
    pub fidelity: Fidelity,
    /// What it cost at the scenario's prices, per cell with a price.
    pub cost: Vec<CostRow>,
    /// What was spent of each cap of the budget.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub budget: Vec<BudgetRow>,
    /// The thresholds and what became of them.
    pub thresholds: Vec<ThresholdRow>,
    /// By what the strategies are ranked: `goodput`, `p99` or `cost`.
    #[serde(default)]
    pub optimise: String,
    /// The strategies side by side, each over all targets, in the plan's order.
    #[serde(default)]
    pub strategies: Vec<StrategyRow>,
    /// Which strategy to take, or why none is named; `None` if only one ran.
    #[serde(default)]
    pub advice: Option<String>,
    /// The machine.
    pub host: Host,
}

/// Whether the measurement kept its own budget.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Validity {
    /// Whether it did.
    pub holds: bool,
    /// Each way in which it did not, and what to change.
    pub why: Vec<String>,
}

/// One strategy over all targets, as a reader who has to choose looks at it. Warm-ups are left out, except of
/// cost and waste: they were paid for.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StrategyRow {
    /// Strategy's name.
    pub strategy: String,
    /// What is broken about it on purpose; `None` for a right one.
    pub broken_on_purpose: Option<String>,
    /// Over how many processes it was spread.
    pub processes: u32,
    /// The invariants that it broke.
    pub breaks: Vec<Invariant>,
    /// From 1: behind every right strategy that broke nothing come twins that broke nothing, and behind those
    /// whatever broke something. `None` if it could not be ranked.
    pub rank: Option<u32>,
    /// Whether it is the one to take here: the first, right, and without a broken invariant.
    pub recommended: bool,
    /// What it is ranked by: good jobs per second, milliseconds, or cost per good job.
    pub score: Option<f64>,
    /// Good jobs per second.
    pub goodput_per_s: f64,
    /// Median response, in milliseconds; `None` with too few samples.
    pub response_p50_ms: Option<f64>,
    /// Response at the 99th percentile, in milliseconds; `None` with too few samples.
    pub response_p99_ms: Option<f64>,
    /// Most attempts in flight at once at one target.
    pub in_flight_max: u64,
    /// Attempts per job begun; `None` if none was.
    pub attempts_per_job: Option<f64>,
    /// Tokens billed that bought nothing, as a share of those billed, 0 to 1; `None` without a ledger.
    pub waste: Option<f64>,
    /// Per good job, exact to 12 places, with its currency; `None` without a price or a good job.
    pub cost_per_good_job: Option<String>,
    /// When it is the wrong choice, in a sentence, with what was seen here.
    pub wrong_when: String,
}

/// Counts of one cell.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CounterRow {
    /// Target's name.
    pub target: String,
    /// Strategy's name.
    pub strategy: String,
    /// Jobs planned.
    pub planned: u64,
    /// Jobs begun.
    pub jobs: u64,
    /// Jobs not begun, by reason.
    pub not_issued: BTreeMap<String, u64>,
    /// Jobs answered.
    pub answered: u64,
    /// Jobs that certainly failed.
    pub failed: u64,
    /// Jobs whose fate is unknown.
    pub unknown: u64,
    /// Answered jobs within the scenario's `[slo]`.
    pub good: u64,
    /// Attempts made; those that were given up before a byte was sent are counted too.
    pub attempts: u64,
    /// Attempts that ended `ok`.
    pub attempts_ok: u64,
    /// Attempts that did not end well, by class.
    pub errors: BTreeMap<String, u64>,
    /// Content chunks received.
    pub chunks: u64,
    /// Tokens by the ledger, and by the client.
    pub tokens: TokenCounts,
    /// Time spent making load for this cell.
    pub elapsed_ms: u64,
    /// Jobs answered per second.
    pub throughput_per_s: f64,
    /// Good jobs per second.
    pub goodput_per_s: f64,
    /// Completion tokens received per second.
    pub tokens_per_s: f64,
    /// Most attempts in flight at once, by the ledger if there is one, else by the client.
    pub in_flight_max: u64,
    /// Tokens billed beyond one whole answer to each answered job (to each question, where a strategy shares
    /// answers), by the ledger; `None` without one.
    #[serde(default)]
    pub waste_tokens: Option<u64>,
}

/// Tokens of one cell.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TokenCounts {
    /// Prompt and completion tokens of answers that arrived whole, by the ledger; `None` without one.
    pub delivered: Option<u64>,
    /// Prompt and completion tokens charged, by the ledger; `None` without one.
    pub billed: Option<u64>,
    /// Prompt tokens that the client was told of.
    pub client_prompt: u64,
    /// Completion tokens that the client was told of.
    pub client_completion: u64,
}

/// One distribution of one cell; percentiles are `None` when there are too few samples for them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MetricRow {
    /// Target's name.
    pub target: String,
    /// Strategy's name.
    pub strategy: String,
    /// `ttft`, `itl`, `tpot`, `first-byte`, `response`, `service`, `lag`.
    pub metric: String,
    /// Unit of the figures: `ms`.
    pub unit: String,
    /// Samples.
    pub count: u64,
    /// Arithmetic mean.
    pub mean: f64,
    /// Least.
    pub min: f64,
    /// Median.
    pub p50: Option<f64>,
    /// 90th percentile.
    pub p90: Option<f64>,
    /// 95th percentile.
    pub p95: Option<f64>,
    /// 99th percentile.
    pub p99: Option<f64>,
    /// 99.9th percentile.
    pub p999: Option<f64>,
    /// Most.
    pub max: f64,
    /// The whole histogram in nanoseconds, HDR V2, base64.
    pub hdr: String,
}

/// How true the measurement is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Fidelity {
    /// Client minus ledger, per metric (`ttft`, `itl`, `service`), over all targets with a ledger.
    pub errors: Vec<FidelityRow>,
    /// Attempts that could be joined with a ledger entry.
    pub joined: u64,
    /// Achieved over offered load of open profiles; `None` if all are closed.
    pub achieved: Option<f64>,
    /// Lag at the 99th percentile, in milliseconds; `None` with too few samples.
    pub lag_p99_ms: Option<f64>,
    /// CPU of the busiest engine thread as a share of one core.
    pub cpu_busiest: f64,
    /// CPU seconds used by all engine threads.
    pub cpu_s: f64,
    /// Streams whose chunks nearly all arrived at once: something between buffers them.
    pub single_burst_streams: u64,
    /// Writers of evidence that the disk kept waiting.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub behind: Vec<BehindRow>,
}

/// A writer of evidence that fell behind the run, because the disk was slow.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BehindRow {
    /// `history` or `ledger`.
    pub file: String,
    /// Most batches of lines that waited for the disk at once.
    pub batches_max: u64,
    /// The longest time until a batch was written.
    pub longest_ms: f64,
}

/// Client minus ledger for one metric, in milliseconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FidelityRow {
    /// `ttft`, `itl` or `service`.
    pub metric: String,
    /// Attempts compared.
    pub count: u64,
    /// Median of client minus ledger.
    pub p50_ms: Option<f64>,
    /// 99th percentile.
    pub p99_ms: Option<f64>,
    /// 99.9th percentile.
    pub p999_ms: Option<f64>,
}

/// What became of one threshold in one cell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ThresholdRow {
    /// As the scenario has it.
    pub threshold: String,
    /// Target's name; empty if it is judged over the whole run.
    pub target: String,
    /// Strategy's name; empty if it is judged over the whole run.
    pub strategy: String,
    /// Whether it was kept.
    pub passed: bool,
    /// Whether it was not judged, because the load was invalid and the metric hangs on it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub void: bool,
    /// The value observed, formatted with its unit; `None` if there was none.
    pub observed: Option<String>,
    /// What the baseline had, and the bound that this made; `None` if the threshold names no baseline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub against: Option<String>,
    /// Samples.
    pub samples: u64,
    /// Why there is no value, if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// The machine of a run. Never a name of a user, a path or a secret.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Host {
    /// Operating system.
    pub os: String,
    /// Processor architecture.
    pub arch: String,
    /// Logical processors.
    pub cpus: u32,
    /// Kernel release, if it could be read.
    pub kernel: Option<String>,
    /// How arrivals were released: `timerfd` or `tokio`.
    pub pacer: String,
    /// Engine threads.
    pub threads: u32,
}
