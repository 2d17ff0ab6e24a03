//! A checked scenario: every default filled in, nothing left to doubt.
//!
//! Only [`super::load`] makes a [`Plan`]; the rooms that read one never check it again.

use crate::units::{Money, PricePerMtok};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// Everything that a run needs to know.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// What the run is called; part of its directory's name.
    pub name: String,
    /// Seeds every random stream of the run.
    pub seed: u64,
    /// The targets, in the file's order.
    pub targets: Vec<Target>,
    /// The strategies, in the file's order.
    pub strategies: Vec<StrategyPlan>,
    /// Which jobs there are.
    pub workload: Workload,
    /// When they are due; at least one, in the file's order.
    pub phases: Vec<Phase>,
    /// When an attempt is repeated.
    pub retry: Retry,
    /// When an attempt is given up.
    pub timeouts: Timeouts,
    /// What the built-in provider does wrong, first match first.
    pub faults: Vec<FaultRule>,
    /// What the run must reach.
    pub thresholds: Vec<Threshold>,
    /// What the run may spend.
    pub budget: Option<Budget>,
    /// What the client promises, so that it can be judged.
    pub declared: Declared,
    /// Which answers count as good.
    pub slo: Slo,
    /// What the measurement itself must reach to be valid.
    pub fidelity: FidelityBudget,
    /// Into how many blocks each cell is cut when cells are interleaved (ABBA); 1 when there is one cell.
    pub blocks: u32,
    /// Engine threads; each runs its own single-threaded runtime.
    pub threads: u32,
    /// The scenario with every default filled in, as TOML; what `plan.toml` holds. Reading it gives this plan.
    pub toml: String,
    /// Digest of `toml`: equal plans have equal hashes.
    pub hash: String,
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
    /// Every target crossed with every strategy, targets outermost.
    #[must_use]
    pub fn cells(&self) -> Vec<Cell> {
        let pairs = (0..self.targets.len()).flat_map(|t| (0..self.strategies.len()).map(move |s| (t, s)));
        pairs.zip(0u16..).map(|((target, strategy), index)| Cell { index, target, strategy }).collect()
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
    /// List price, if the scenario gives one.
    pub price: Option<PricePerMtok>,
}

/// An API dialect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Api {
    /// OpenAI Chat Completions.
    OpenaiChat,
}

/// Where a target lives.
#[derive(Debug, Clone, PartialEq)]
pub enum Place {
    /// The built-in provider, started for this run, on loopback.
    Mock(Box<MockPlan>),
    /// A real endpoint.
    Url {
        /// Base URL, up to and including the version: `https://llm.example.com/v1`.
        url: String,
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
    /// Prompt tokens per job.
    pub prompt_tokens: TokenRange,
    /// Output tokens asked for per job.
    pub output_tokens: TokenRange,
    /// Whether answers are streamed.
    pub stream: bool,
}

/// One profile: an executor and when it starts.
#[derive(Debug, Clone, PartialEq)]
pub struct Phase {
    /// The shape of the load.
    pub executor: Executor,
    /// Offset of its start from the start of the load.
    pub start_time: Duration,
    /// Jobs due in this first part of the phase are left out of metrics and thresholds.
    pub warmup: Duration,
    /// How long jobs in progress may go on after the phase's end before they are cancelled.
    pub graceful_stop: Duration,
}

/// The shape of the load; k6's names.
#[derive(Debug, Clone, PartialEq)]
pub enum Executor {
    /// `vus` workers, each with one job at a time.
    ConstantVus {
        /// Workers.
        vus: u32,
        /// When no more jobs are begun; `None` is when the jobs are used up.
        duration: Option<Duration>,
    },
    /// A number of workers that follows stages.
    RampingVus {
        /// Workers at the start.
        start_vus: u32,
        /// Where the number goes from there.
        stages: Vec<Stage>,
    },
    /// `iterations` jobs shared among `vus` workers.
    SharedIterations {
        /// Workers.
        vus: u32,
        /// Jobs in all.
        iterations: u64,
        /// No job is begun after this.
        max_duration: Option<Duration>,
    },
    /// `iterations` jobs for each of `vus` workers.
    PerVuIterations {
        /// Workers.
        vus: u32,
        /// Jobs each.
        iterations: u64,
        /// No job is begun after this.
        max_duration: Option<Duration>,
    },
    /// Arrivals at a constant rate, whether or not answers come.
    ConstantArrivalRate {
        /// Jobs per second.
        rate_per_s: f64,
        /// How long.
        duration: Duration,
        /// What open profiles share.
        open: Open,
    },
    /// Arrivals at a rate that follows stages.
    RampingArrivalRate {
        /// Jobs per second at the start.
        start_rate_per_s: f64,
        /// Where the rate goes from there.
        stages: Vec<RateStage>,
        /// What open profiles share.
        open: Open,
    },
    /// Groups of jobs released at the same moment, the next group when the last has ended.
    Barrier {
        /// Jobs per group.
        size: u32,
        /// Groups.
        rounds: u64,
    },
}

/// What the two open executors share.
#[derive(Debug, Clone, PartialEq)]
pub struct Open {
    /// How arrivals are spread.
    pub arrivals: Arrivals,
    /// Safety cap on jobs in progress; `None` is none.
    pub max_in_flight: Option<u32>,
    /// What happens to a job that is due while the cap is reached.
    pub on_saturation: OnSaturation,
}

/// How arrivals are spread around their rate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Arrivals {
    /// Evenly.
    Uniform,
    /// Independently of each other.
    Poisson,
    /// In bursts: gamma-distributed gaps.
    Gamma {
        /// Coefficient of variation of the gaps; 1 is Poisson, above 1 burstier. Above 0.
        cv: f64,
    },
}

/// What happens to a job that is due while `max_in_flight` is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnSaturation {
    /// It waits; its due time stays, so lag shows the wait.
    Queue,
    /// It is counted as dropped.
    Drop,
    /// The run stops issuing.
    Abort,
}

/// A stage of a ramp of workers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stage {
    /// How long the way there takes; 0 is a jump.
    pub duration: Duration,
    /// Workers at its end.
    pub target: u32,
}

/// A stage of a ramp of arrivals.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RateStage {
    /// How long the way there takes; 0 is a jump.
    pub duration: Duration,
    /// Jobs per second at its end.
    pub target_per_s: f64,
}

/// A strategy by name, with its parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StrategyPlan {
    /// Every job at once.
    Unbounded,
    /// At most `permits` attempts at once.
    Semaphore {
        /// Attempts at once, at least 1.
        permits: u32,
    },
}

impl StrategyPlan {
    /// The name in the file, `[strategy.NAME]`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Unbounded => "unbounded",
            Self::Semaphore { .. } => "semaphore",
        }
    }
}

/// When an attempt is repeated.
#[derive(Debug, Clone, PartialEq)]
pub struct Retry {
    /// Attempts per job at the most, at least 1; 1 is no retry.
    pub max_attempts: u32,
    /// How long to wait before the next.
    pub backoff: Backoff,
    /// Whether a provider's `Retry-After` is obeyed (never shortened by jitter).
    pub respect_retry_after: bool,
    /// Gives a job up when the next attempt would begin later than this after its first; `None` never.
    pub deadline: Option<Duration>,
    /// HTTP statuses that are retried.
    pub statuses: Vec<u16>,
    /// Whether failures without a usable status (connect, reset, timeout, cut stream) are retried.
    pub transport: bool,
}

/// How long to wait before the next attempt.
#[derive(Debug, Clone, PartialEq)]
pub enum Backoff {
    /// Not at all.
    None,
    /// Always this long.
    Fixed {
        /// The wait.
        wait: Duration,
        /// How it is spread.
        jitter: Jitter,
    },
    /// Doubling.
    Exponential {
        /// The first wait.
        base: Duration,
        /// The longest wait.
        cap: Duration,
        /// How it is spread.
        jitter: Jitter,
    },
}

/// How a wait `w` is spread, so that clients do not come back together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Jitter {
    /// Exactly `w`.
    None,
    /// Uniform in `[0, w]`.
    Full,
    /// `w/2` plus uniform in `[0, w/2]`.
    Equal,
    /// Uniform in `[base, 3 × previous wait]`, capped.
    Decorrelated,
}

/// When an attempt is given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// To open a connection.
    pub connect: Duration,
    /// From sent to the first byte of the answer.
    pub first_byte: Duration,
    /// Between two reads of a body.
    pub idle: Duration,
    /// From sent to done.
    pub total: Duration,
}

/// What the built-in provider does wrong, and when.
#[derive(Debug, Clone, PartialEq)]
pub struct FaultRule {
    /// What it does.
    pub kind: FaultKind,
    /// To which attempts.
    pub when: FaultWhen,
    /// Only at this target; `None` is at every built-in one.
    pub target: Option<String>,
}

/// Which (job, attempt) pairs a fault strikes. All given conditions must be met.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FaultWhen {
    /// Jobs whose index is a multiple of this (the last of each group: `index % every == every - 1`).
    pub every: Option<u64>,
    /// These job indexes.
    pub jobs: Option<Vec<u64>>,
    /// These attempts, counted from 1; `None` is the first only.
    pub attempts: Option<Vec<u32>>,
    /// Each pair with this probability, drawn from the seed and the pair.
    pub probability: Option<f64>,
}

/// What the built-in provider does wrong.
#[derive(Debug, Clone, PartialEq)]
pub enum FaultKind {
    /// 429 with a hint.
    RateLimit {
        /// How long it asks to wait; `None` sends no hint.
        retry_after: Option<Duration>,
        /// In which form.
        hint: HintForm,
    },
    /// 429 `insufficient_quota`: never to be retried.
    QuotaExhausted,
    /// This 4xx or 5xx status with the provider's JSON error: 400, 401, 403, 404, 500, 503, 529, …
    Status(u16),
    /// Answers whole, but its first token comes this much later; billed.
    Slow(Duration),
    /// Reads the request, bills it, resets the connection.
    ResetAfterAccept,
    /// Ends the stream cleanly after this share of its tokens, without a terminator; billed.
    CutStream {
        /// Share of the tokens sent before, 0 to 1.
        after: f64,
    },
    /// Resets the connection inside a chunk after this share of its tokens; billed.
    ResetMidStream {
        /// Share of the tokens sent before, 0 to 1.
        after: f64,
    },
    /// 200, then an error event as the first or a middle event.
    ErrorEvent {
        /// Share of the tokens sent before, 0 to 1; 0 is first.
        after: f64,
    },
    /// Accepts and never answers.
    NeverAnswers,
    /// 504 or 524 with an HTML body after this delay, while the generation is completed and billed.
    GatewayTimeout {
        /// 504 or 524.
        status: u16,
        /// When it comes.
        after: Duration,
    },
}

/// The form in which a 429 says how long to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HintForm {
    /// `retry-after: 2`
    Seconds,
    /// `retry-after: Wed, 21 Oct 2015 07:28:00 GMT`
    Date,
    /// `retry-after-ms: 1500`
    Milliseconds,
    /// Only in the error's text: "Please try again in 1.5s".
    Text,
}

/// One line under `[thresholds]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Threshold {
    /// The metric's name, without filters.
    pub metric: String,
    /// Only these tags, such as `target` → `mock`.
    pub filters: BTreeMap<String, String>,
    /// The aggregate compared.
    pub aggregate: Aggregate,
    /// How it is compared.
    pub comparison: Comparison,
    /// With what, in the metric's base unit: nanoseconds, a ratio, a count, 10⁻¹² of the currency.
    pub bound: f64,
    /// As the file has it: `ttft{target=mock}: p(99) < 1500ms`.
    pub text: String,
    /// Fewest samples for a verdict.
    pub min_samples: u64,
}

/// An aggregate of a metric.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Aggregate {
    /// `p(95)`, in percent.
    Percentile(f64),
    /// `avg`.
    Avg,
    /// `min`.
    Min,
    /// `med`.
    Med,
    /// `max`.
    Max,
    /// `rate`: a share of all, or per second.
    Rate,
    /// `count`.
    Count,
    /// `total` or `value`.
    Total,
}

/// A comparison of a threshold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `<`
    Less,
    /// `<=`
    LessEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterEqual,
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
}

/// What the run may spend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Most money, over the whole run.
    pub max_cost: Option<Money>,
    /// Most requests, over the whole run.
    pub max_requests: Option<u64>,
    /// Most tokens, over the whole run.
    pub max_tokens: Option<u64>,
}

/// What the client promises. What is not declared is not judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declared {
    /// Most attempts in flight at one target; `None` judges a strategy only by its own number of permits.
    pub concurrency: Option<u32>,
    /// Longest time without any event while work is pending.
    pub progress: Duration,
}

/// Which answers count as good; `None` asks nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Slo {
    /// Most time to first token.
    pub ttft: Option<Duration>,
    /// Most time from due to done.
    pub response: Option<Duration>,
}

/// What the measurement must reach; beyond it the run is *load invalid*.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FidelityBudget {
    /// Most client minus ledger at the 99th percentile of TTFT.
    pub ttft_error_p99: Duration,
    /// Most lag at the 99th percentile, for open profiles.
    pub lag_p99: Duration,
    /// Least share of the offered load that was achieved, for open profiles.
    pub achieved: f64,
    /// Most CPU used by the engine's busiest thread, as a share of one core.
    pub cpu: f64,
}

/// Where a scenario came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The file, for messages; `-` for standard input.
    pub path: PathBuf,
    /// Its text.
    pub text: String,
}
