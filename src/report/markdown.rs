//! Markdown for a comment on a pull request and for a job's summary page.

mod compared;

use super::text::figures::{NONE, count, many, maybe_ms, percent, rate, rounded};
use super::text::headline::word;
use crate::summary::{CounterRow, MetricRow, Summary, ThresholdRow, Verdict, VerdictRow};
use crate::units::shown::{self, is_unsafe};
pub use compared::compared_markdown;
use std::fmt::Write;
use std::path::Path;

/// Longest text: a comment may have 65,536 characters.
const CHARS_MAX: usize = 60_000;
/// Most rows of a table, reasons and findings.
const ROWS: usize = 40;
const REASONS: usize = 10;
const FINDINGS: usize = 10;
/// Most lines of a finding's table.
const LINES: usize = 40;

/// The text; `dir` is where the run lies.
#[must_use]
pub fn markdown(summary: &Summary, dir: &Path) -> String {
    let mut text = String::new();
    headline(&mut text, summary);
    thresholds(&mut text, summary);
    findings(&mut text, summary);
    verdicts(&mut text, summary);
    cells(&mut text, summary);
    fidelity(&mut text, summary);
    let tail = format!(
        "\n<sub>deadheat {} · seed {} · plan {} · {}</sub>\n",
        plain(&summary.deadheat),
        summary.seed,
        plain(&summary.plan_hash),
        plain(&dir.display().to_string())
    );
    shortened(text, CHARS_MAX - tail.chars().count()) + &tail
}

/// What was too long ends with a whole line and says so.
fn shortened(text: String, most: usize) -> String {
    if text.chars().count() <= most {
        return text;
    }
    let mut out = String::new();
    let mut used = 0;
    for line in text.lines() {
        used += line.chars().count() + 1;
        if used > most.saturating_sub(100) {
            break;
        }
        out.push_str(line);
        out.push('\n');
    }
    // A fence or a fold that was cut open is closed.
    if let Some(fence) = open_fence(&out) {
        let _ = writeln!(out, "{fence}");
    }
    if out.matches("<details>").count() > out.matches("</details>").count() {
        out.push_str("\n</details>\n");
    }
    out + "\n*Cut here: the report was too long for a comment.*\n"
}

/// Foreign text as text: no markup, no mention of a person, no end of a table's field.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '@' => out.push_str("&#64;"),
            '#' => out.push_str("&#35;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '!' | '$' => {
                out.push('\\');
                out.push(c);
            }
            c if is_unsafe(c) => out.extend(c.escape_default()),
            c => out.push(c),
        }
    }
    // A bare address would become a link.
    out.replace("://", ":&#47;/").replace("www.", "www&#46;")
}

/// Foreign text as code, in a fence that it cannot end.
fn fenced(lines: &[String]) -> String {
    let longest = lines.iter().map(|line| run_of_ticks(line)).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    let body: Vec<String> = lines.iter().take(LINES).map(|line| shown::plain(line)).collect();
    let more = if lines.len() > LINES { "\n…" } else { "" };
    format!("\n{fence}text\n{}{more}\n{fence}\n", body.join("\n"))
}

/// The ticks of a fence that a text ends in.
fn open_fence(text: &str) -> Option<String> {
    let mut open: Option<&str> = None;
    for line in text.lines() {
        let ticks = &line[..line.len() - line.trim_start_matches('`').len()];
        open = match open {
            // Only a line of as many ticks, and nothing else, ends it.
            Some(fence) if line == fence => None,
            None if ticks.len() > 2 => Some(ticks),
            open => open,
        };
    }
    open.map(str::to_owned)
}

fn run_of_ticks(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

/// Code within a line; a backtick in it becomes a quote.
fn code(text: &str) -> String {
    format!("`{}`", shown::plain(text).replace('`', "'"))
}

/// How it ended, and why.
fn ended(text: &mut String, exit_code: u8, name: &str, reasons: &[String]) {
    let mark = match exit_code {
        0 => "✅",
        7 | 8 | 10 | 130 => "⚠️",
        _ => "❌",
    };
    let _ = writeln!(text, "## {mark} {}: {}\n", word(exit_code).0, plain(name));
    for reason in reasons.iter().take(REASONS) {
        let _ = writeln!(text, "- {}", plain(reason));
    }
    if reasons.len() > REASONS {
        let _ = writeln!(text, "- and {} more", reasons.len() - REASONS);
    }
}

fn headline(text: &mut String, summary: &Summary) {
    ended(text, summary.exit_code, &summary.name, &summary.exit_reasons);
    let sum = |of: fn(&CounterRow) -> u64| summary.counters.iter().map(of).sum::<u64>();
    if !summary.counters.is_empty() {
        let (answered, planned) = (count(sum(|row| row.answered)), count(sum(|row| row.planned)));
        let attempts = many(sum(|row| row.attempts), "attempt");
        let _ = writeln!(
            text,
            "\n{answered} of {planned} jobs answered · {attempts} · exit code {}",
            summary.exit_code
        );
    }
    if let Some(advice) = &summary.advice {
        let _ = writeln!(text, "\n> {}", plain(advice));
    }
}

fn thresholds(text: &mut String, summary: &Summary) {
    if summary.thresholds.is_empty() {
        return;
    }
    let _ =
        writeln!(text, "\n### Thresholds\n\n| | threshold | where | observed | n |\n|---|---|---|---:|---:|");
    let mut rows: Vec<&ThresholdRow> = summary.thresholds.iter().collect();
    rows.sort_by_key(|row| row.passed);
    for row in rows.iter().take(ROWS) {
        let mark = if row.void {
            "❔ void"
        } else if row.passed {
            "✅"
        } else {
            "❌"
        };
        let place =
            if row.target.is_empty() { "run".to_owned() } else { format!("{}/{}", row.target, row.strategy) };
        let observed = row.observed.as_deref().or(row.why.as_deref()).unwrap_or(NONE);
        let against = row.against.as_ref().map(|has| format!("; the baseline has {has}"));
        let observed = format!("{observed}{}", against.unwrap_or_default());
        // A bar ends a table's field even within code.
        let (threshold, n) = (code(&row.threshold).replace('|', "\\|"), count(row.samples));
        let _ = writeln!(text, "| {mark} | {threshold} | {} | {} | {n} |", plain(&place), plain(&observed));
    }
    more(text, rows.len(), ROWS);
}

fn more(text: &mut String, all: usize, shown: usize) {
    if all > shown {
        let _ = writeln!(text, "\nand {} more in `summary.json`", all - shown);
    }
}

fn findings(text: &mut String, summary: &Summary) {
    if summary.findings.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n### Findings");
    for row in summary.findings.iter().take(FINDINGS) {
        let ([shown, of], [bare, without]) = (row.reproduced, row.without);
        let place = plain(&format!("{}/{}", row.target, row.strategy));
        let _ = writeln!(
            text,
            "\n❌ **{}** at {place}: reproduced {shown} of {of}, without the schedule {bare} of {without}\n",
            row.invariant.name()
        );
        let _ = writeln!(text, "{}\n\n{}", plain(&row.cause), code(&row.replay));
        if !row.table.is_empty() {
            let _ = writeln!(
                text,
                "\n<details><summary>What happened</summary>\n{}\n</details>",
                fenced(&row.table)
            );
        }
    }
    more(text, summary.findings.len(), FINDINGS);
}

fn verdicts(text: &mut String, summary: &Summary) {
    if summary.verdicts.is_empty() {
        return;
    }
    let of = |verdict: Verdict| summary.verdicts.iter().filter(move |row| row.verdict == verdict);
    let broken: Vec<&VerdictRow> = of(Verdict::Broken).collect();
    let (holds, unknown) = (of(Verdict::Holds).count() as u64, of(Verdict::Unknown).count() as u64);
    let _ = writeln!(
        text,
        "\n### Invariants\n\n{} broken · {} held · {} unknown",
        count(broken.len() as u64),
        count(holds),
        count(unknown)
    );
    if broken.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n| broken | where | how often | first seen |\n|---|---|---:|---|");
    for row in broken.iter().take(ROWS) {
        let seen = row.witness.as_ref().map_or_else(String::new, |witness| plain(&witness.text));
        let (rule, place) = (row.invariant.name(), plain(&format!("{}/{}", row.target, row.strategy)));
        let _ = writeln!(
            text,
            "| **{rule}** | {place} | {} of {} | {seen} |",
            count(row.violations),
            count(row.relevant)
        );
    }
    more(text, broken.len(), ROWS);
}

fn cells(text: &mut String, summary: &Summary) {
    if summary.counters.is_empty() {
        return;
    }
    let open = if summary.counters.len() > 8 { "<details><summary>Cells</summary>\n" } else { "### Cells" };
    let _ = writeln!(
        text,
        "\n{open}\n\n| target | strategy | answered | good/s | ttft p50 | ttft p99 | response p99 | errors \
         | cost |\n|---|---|---:|---:|---:|---:|---:|---:|---:|"
    );
    for row in summary.counters.iter().take(ROWS) {
        let here = |target: &str, strategy: &str| (target, strategy) == (&row.target, &row.strategy);
        let metric = |name: &str, of: fn(&MetricRow) -> Option<f64>| {
            let found = summary.metrics.iter().find(|m| m.metric == name && here(&m.target, &m.strategy));
            maybe_ms(found.and_then(of))
        };
        let errors: u64 = row.errors.values().sum();
        let share =
            if row.attempts == 0 { NONE.to_owned() } else { percent(errors as f64 / row.attempts as f64) };
        let bill = summary.cost.iter().find(|bill| here(&bill.target, &bill.strategy));
        let bill = bill.map_or_else(
            || NONE.to_owned(),
            |bill| {
                format!("{} {}", rounded(bill.billed.as_ref().unwrap_or(&bill.client)), plain(&bill.currency))
            },
        );
        let _ = writeln!(
            text,
            "| {} | {} | {}/{} | {} | {} | {} | {} | {share} | {bill} |",
            plain(&row.target),
            plain(&row.strategy),
            count(row.answered),
            count(row.jobs),
            rate(row.goodput_per_s),
            metric("ttft", |m| m.p50),
            metric("ttft", |m| m.p99),
            metric("response", |m| m.p99),
        );
    }
    more(text, summary.counters.len(), ROWS);
    if summary.counters.len() > 8 {
        let _ = writeln!(text, "\n</details>");
    }
}

fn fidelity(text: &mut String, summary: &Summary) {
    if summary.counters.is_empty() {
        return;
    }
    let ttft = summary.fidelity.errors.iter().find(|row| row.metric == "ttft");
    let error =
        ttft.map_or_else(String::new, |row| format!(" · client − ledger, ttft p99 {}", maybe_ms(row.p99_ms)));
    let verdict =
        if summary.valid.holds { "the measurement kept its own budget" } else { "**the load was invalid**" };
    let _ = writeln!(text, "\nFidelity: {verdict}{error}");
    for why in &summary.valid.why {
        let _ = writeln!(text, "- {}", plain(why));
    }
}
