//! Costs as CSV in the columns of FOCUS, the FinOps Open Cost and Usage Specification, so that a tool that
//! reads bills can read a run beside them. One row per cell, class of what was bought, and kind of token.

use crate::summary::{CostRow, CounterRow, Summary, WasteRow};
use crate::units::shown::plain_lines;
use jiff::civil::{Date, Time};
use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp, ToSpan};

/// The columns, those of our own last, as the specification asks.
const COLUMNS: [&str; 24] = [
    "BilledCost",
    "BillingAccountId",
    "BillingCurrency",
    "BillingPeriodEnd",
    "BillingPeriodStart",
    "ChargeCategory",
    "ChargeDescription",
    "ChargeFrequency",
    "ChargePeriodEnd",
    "ChargePeriodStart",
    "ConsumedQuantity",
    "ConsumedUnit",
    "EffectiveCost",
    "InvoiceIssuerName",
    "ListCost",
    "PricingCurrency",
    "ProviderName",
    "PublisherName",
    "ResourceId",
    "ServiceCategory",
    "ServiceName",
    "x_Attempts",
    "x_Strategy",
    "x_WasteClass",
];

/// The CSV, with a heading.
#[must_use]
pub fn focus_csv(summary: &Summary) -> String {
    let mut text = line(COLUMNS.iter().map(|name| (*name).to_owned()));
    let times = Times::of(summary);
    for row in &summary.cost {
        let same = |counter: &&CounterRow| counter.target == row.target && counter.strategy == row.strategy;
        if row.classes.is_empty() {
            let tokens = summary.counters.iter().find(same).map(|counter| &counter.tokens);
            let tokens =
                tokens.map_or(0, |tokens| tokens.client_prompt.saturating_add(tokens.client_completion));
            let attempts = summary.counters.iter().find(same).map_or(0, |counter| counter.attempts);
            let landed = row.landed.as_ref().map(|landed| landed.cost.as_str());
            let charge =
                Charge { class: "unknown", kind: "tokens", tokens, attempts, list: &row.client, landed };
            text.push_str(&charge.line(summary, row, &times));
        }
        for class in &row.classes {
            for charge in charges(class) {
                text.push_str(&charge.line(summary, row, &times));
            }
        }
    }
    text
}

fn charges(class: &WasteRow) -> impl Iterator<Item = Charge<'_>> {
    let charge = |kind, tokens, list, landed| Charge {
        class: &class.class,
        kind,
        tokens,
        attempts: class.attempts,
        list,
        landed,
    };
    let (prompt, completion) = (class.landed_prompt_cost.as_deref(), class.landed_completion_cost.as_deref());
    [
        charge("prompt tokens", class.prompt_tokens, class.prompt_cost.as_str(), prompt),
        charge("completion tokens", class.completion_tokens, class.completion_cost.as_str(), completion),
    ]
    .into_iter()
    .filter(|charge| charge.tokens > 0)
}

struct Charge<'a> {
    class: &'a str,
    kind: &'static str,
    tokens: u64,
    attempts: u64,
    list: &'a str,
    landed: Option<&'a str>,
}

impl Charge<'_> {
    fn line(&self, summary: &Summary, row: &CostRow, times: &Times) -> String {
        let currency = row.landed.as_ref().map_or(&row.currency, |landed| &landed.currency);
        let billed = self.landed.unwrap_or(self.list).to_owned();
        let description = format!("{} of {}: {}", self.kind, row.target, self.class);
        line(
            [
                billed.clone(),
                summary.name.clone(),
                currency.clone(),
                times.month_end.clone(),
                times.month.clone(),
                "Usage".to_owned(),
                description,
                "Usage-Based".to_owned(),
                times.end.clone(),
                times.start.clone(),
                self.tokens.to_string(),
                "Tokens".to_owned(),
                billed,
                row.target.clone(),
                self.list.to_owned(),
                row.currency.clone(),
                row.target.clone(),
                row.target.clone(),
                format!("{}/{}", row.target, row.strategy),
                "AI and Machine Learning".to_owned(),
                "LLM API".to_owned(),
                self.attempts.to_string(),
                row.strategy.clone(),
                self.class.to_owned(),
            ]
            .into_iter(),
        )
    }
}

/// The run's time, and the month around it; empty where the run does not say when it was.
struct Times {
    start: String,
    end: String,
    month: String,
    month_end: String,
}

impl Times {
    fn of(summary: &Summary) -> Self {
        let started: Option<Timestamp> = summary.started_utc.parse().ok();
        let length = SignedDuration::from_millis(i64::try_from(summary.elapsed_ms).unwrap_or(0));
        let end = started.and_then(|start| start.checked_add(length).ok());
        let first = started.map(|start| Offset::UTC.to_datetime(start).date().first_of_month());
        let next = first.and_then(|first| first.checked_add(1.month()).ok());
        let day = |date: Option<Date>| {
            date.and_then(|date| Offset::UTC.to_timestamp(date.to_datetime(Time::MIN)).ok())
        };
        let text = |stamp: Option<Timestamp>| stamp.map_or_else(String::new, |stamp| format!("{stamp:.0}"));
        Self { start: text(started), end: text(end), month: text(day(first)), month_end: text(day(next)) }
    }
}

/// One line of CSV, quoted where needed, and harmless in a spreadsheet.
pub(super) fn line(fields: impl Iterator<Item = String>) -> String {
    let quoted = |field: String| {
        let field = plain_lines(&field);
        // A spreadsheet runs what begins with one of these; figures are never negative here.
        let field = if field.starts_with(['=', '+', '-', '@']) { format!("'{field}") } else { field };
        if field.contains([',', '"', '\n', '\r']) {
            format!("\"{}\"", field.replace('"', "\"\""))
        } else {
            field
        }
    };
    fields.map(quoted).collect::<Vec<_>>().join(",") + "\r\n"
}
