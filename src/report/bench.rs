//! The shapes of two other tools' results, so that what reads theirs can read ours: one JSON document for
//! each cell.

use super::text::spark::decode;
use crate::summary::{CounterRow, MetricRow, Summary};
use crate::units::shown::plain_json;
use hdrhistogram::Histogram;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Nanoseconds in a millisecond, and in a second.
const NS_PER_MS: f64 = 1e6;
const NS_PER_S: f64 = 1e9;

/// One cell's distribution of a metric.
fn histogram(summary: &Summary, row: &CounterRow, metric: &str) -> Option<Histogram<u64>> {
    let same = |m: &&MetricRow| m.metric == metric && m.target == row.target && m.strategy == row.strategy;
    decode(&summary.metrics.iter().find(same)?.hdr).filter(|histogram| !histogram.is_empty())
}

/// What these shapes say of the load beyond a summary. What is not known is left out of them, never made up.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Offered {
    /// The model asked for, by the name of its target.
    pub models: BTreeMap<String, String>,
    /// Jobs offered per second; infinite where a free worker takes the next at once.
    pub rate_per_s: Option<f64>,
    /// The shape of the gamma distribution of the gaps between arrivals: 1 is Poisson, below it is burstier.
    pub burstiness: Option<f64>,
    /// Most jobs in progress.
    pub in_progress_max: Option<u32>,
}

/// In the shape of `vllm bench serve --save-result`, a line for each cell, as with `--append-result`.
///
/// Completed and failed are jobs, retries included; `e2el` is from due to done of each job.
#[must_use]
pub fn vllm_bench(summary: &Summary, offered: &Offered) -> String {
    let lines =
        summary.counters.iter().map(|row| plain_json(&vllm_cell(summary, row, offered).to_string()) + "\n");
    lines.collect()
}

fn vllm_cell(summary: &Summary, row: &CounterRow, offered: &Offered) -> Value {
    let seconds = row.elapsed_ms as f64 / 1e3;
    let per_s = |n: u64| if seconds > 0.0 { n as f64 / seconds } else { 0.0 };
    let (input, output) = (row.tokens.client_prompt, row.tokens.client_completion);
    let mut cell = json!({
        "date": date(summary),
        "endpoint_type": "openai-chat",
        "backend": "openai-chat",
        "label": format!("{}/{}", row.target, row.strategy),
        "tokenizer_id": null,
        "num_prompts": row.planned,
        "duration": seconds,
        "completed": row.answered,
        "failed": row.failed + row.unknown,
        "total_input_tokens": input,
        "total_output_tokens": output,
        "request_throughput": row.throughput_per_s,
        "request_goodput": row.goodput_per_s,
        "output_throughput": per_s(output),
        "total_token_throughput": per_s(input + output),
        "max_concurrent_requests": row.in_flight_max,
        "deadheat_seed": summary.seed,
        "deadheat_plan_hash": summary.plan_hash,
        "deadheat_exit_code": summary.exit_code,
    });
    let mut put = |name: &str, value: Option<Value>| {
        if let (Some(value), Some(cell)) = (value, cell.as_object_mut()) {
            cell.insert(name.to_owned(), value);
        }
    };
    put("model_id", offered.models.get(&row.target).map(|model| json!(model)));
    let rate = offered.rate_per_s.map(|rate| if rate.is_finite() { json!(rate) } else { json!("inf") });
    put("request_rate", rate);
    put("burstiness", offered.burstiness.map(|shape| json!(shape)));
    put("max_concurrency", offered.in_progress_max.map(|most| json!(most)));
    for (ours, theirs) in [("ttft", "ttft"), ("tpot", "tpot"), ("itl", "itl"), ("response", "e2el")] {
        if let (Some(histogram), Some(cell)) = (histogram(summary, row, ours), cell.as_object_mut()) {
            figures(cell, theirs, &histogram);
        }
    }
    cell
}

/// Mean, median, deviation and the percentiles that dashboards ask for, in milliseconds.
fn figures(cell: &mut Map<String, Value>, name: &str, histogram: &Histogram<u64>) {
    let mut put = |figure: &str, ns: f64| cell.insert(format!("{figure}_{name}_ms"), json!(ns / NS_PER_MS));
    put("mean", histogram.mean());
    put("median", histogram.value_at_quantile(0.5) as f64);
    put("std", histogram.stdev());
    for (figure, q) in [("p90", 0.9), ("p95", 0.95), ("p99", 0.99)] {
        put(figure, histogram.value_at_quantile(q) as f64);
    }
}

/// `20261126-012430`; empty if the run does not say.
fn date(summary: &Summary) -> String {
    let digits: String = summary.started_utc.chars().filter(char::is_ascii_digit).collect();
    if digits.len() >= 14 { format!("{}-{}", &digits[..8], &digits[8..14]) } else { String::new() }
}

/// In the shape of llm-d's benchmark report, version 0.2.1: a JSON document for each cell, which is YAML too,
/// with `---` between them.
///
/// Requests are attempts: jobs that were not begun made none. `request_latency` is from due to done of each
/// job.
#[must_use]
pub fn llmd_report(summary: &Summary) -> String {
    let documents =
        summary.counters.iter().map(|row| plain_json(&format!("{:#}\n", llmd_cell(summary, row))));
    documents.collect::<Vec<_>>().join("---\n")
}

fn llmd_cell(summary: &Summary, row: &CounterRow) -> Value {
    let seconds = row.elapsed_ms as f64 / 1e3;
    let per_s = |n: u64| if seconds > 0.0 { n as f64 / seconds } else { 0.0 };
    let (input, output) = (row.tokens.client_prompt, row.tokens.client_completion);
    let each = |n: u64| if row.attempts_ok > 0 { n as f64 / row.attempts_ok as f64 } else { 0.0 };
    let mean = |value: f64, units: &str| json!({ "units": units, "mean": value });
    let mut latency = Map::new();
    for (ours, theirs, units) in [
        ("ttft", "time_to_first_token", "s"),
        ("tpot", "time_per_output_token", "s/token"),
        ("itl", "inter_token_latency", "s/token"),
        ("response", "request_latency", "s"),
    ] {
        if let Some(histogram) = histogram(summary, row, ours) {
            latency.insert(theirs.to_owned(), statistics(&histogram, units));
        }
    }
    let uid = format!("{}-{}-{}-{}", summary.plan_hash, summary.seed, row.target, row.strategy);
    let mut run = json!({
        "uid": uid,
        "eid": summary.plan_hash,
        "description": format!("{}: {}/{}", summary.name, row.target, row.strategy),
        "keywords": ["deadheat", summary.clock],
    });
    if summary.started_utc.parse::<jiff::Timestamp>().is_ok() {
        run["time"] = json!({ "start": summary.started_utc, "duration": format!("PT{seconds}S") });
    }
    json!({
        "version": "0.2.1",
        "run": run,
        "results": { "request_performance": { "aggregate": {
            "requests": {
                "total": row.attempts,
                "failures": row.attempts - row.attempts_ok.min(row.attempts),
                "input_length": mean(each(input), "count"),
                "output_length": mean(each(output), "count"),
            },
            "latency": latency,
            "throughput": {
                "request_rate": mean(row.throughput_per_s, "queries/s"),
                "input_token_rate": mean(per_s(input), "tokens/s"),
                "output_token_rate": mean(per_s(output), "tokens/s"),
                "total_token_rate": mean(per_s(input + output), "tokens/s"),
            },
        } } },
    })
}

fn statistics(histogram: &Histogram<u64>, units: &str) -> Value {
    let seconds = |ns: f64| ns / NS_PER_S;
    let mut all = json!({
        "units": units,
        "mean": seconds(histogram.mean()),
        "stddev": seconds(histogram.stdev()),
        "min": seconds(histogram.min() as f64),
        "max": seconds(histogram.max() as f64),
    });
    let quantiles = [
        ("p0p1", 0.001),
        ("p1", 0.01),
        ("p5", 0.05),
        ("p10", 0.1),
        ("p25", 0.25),
        ("p50", 0.5),
        ("p75", 0.75),
        ("p90", 0.9),
        ("p95", 0.95),
        ("p99", 0.99),
        ("p99p9", 0.999),
    ];
    for (name, q) in quantiles {
        all[name] = json!(seconds(histogram.value_at_quantile(q) as f64));
    }
    all
}
