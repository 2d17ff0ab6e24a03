//! Findings: what broke, why, as a picture, and the command that shows it again.

use super::story::picture;
use super::{Extras, ShownLimits};
use crate::report::text::figures::{count, many, percent};
use crate::summary::{ExploredRow, FindingRow, Moment, Summary, Verdict, VerdictRow};
use crate::units::shown::shell_word;
use maud::{Markup, html};

/// Findings that are open when the page is.
const OPEN: usize = 3;

pub(super) fn section(summary: &Summary, extras: &Extras<'_>, room: ShownLimits) -> Markup {
    let broken: Vec<&VerdictRow> = ordered(summary);
    let all = summary.findings.len() + broken.len();
    html! {
        section #findings {
            h2 { "Findings" @if all > 0 { " " span.badge.bad { (all) } } }
            @if all == 0 {
                p.good-note { "✓ No rule was seen broken." }
            }
            @for (n, finding) in summary.findings.iter().take(room.findings).enumerate() {
                (hunted(finding, n, summary.counters.len() > 1, room))
            }
            @for (n, row) in broken.iter().take(room.findings).enumerate() {
                (seen(summary, extras, row, summary.findings.len() + n))
            }
            @if summary.findings.len() > room.findings || broken.len() > room.findings {
                p.dim { "Not all are shown; summary.json has the rest." }
            }
            (explored(summary, room))
        }
    }
}

/// Unexpected findings first; what is broken on purpose last.
fn ordered(summary: &Summary) -> Vec<&VerdictRow> {
    let mut rows: Vec<&VerdictRow> =
        summary.verdicts.iter().filter(|row| row.verdict == Verdict::Broken).collect();
    rows.sort_by_key(|row| on_purpose(summary, &row.strategy).is_some());
    rows
}

fn on_purpose<'a>(summary: &'a Summary, strategy: &str) -> Option<&'a str> {
    summary.strategies.iter().find(|row| row.strategy == strategy)?.broken_on_purpose.as_deref()
}

fn hunted(finding: &FindingRow, n: usize, several: bool, room: ShownLimits) -> Markup {
    let ([shown, of], [bare, without]) = (finding.reproduced, finding.without);
    let [holds, faults] = finding.size;
    html! {
        details.finding open[n < OPEN] {
            summary {
                span.v.bad { "✗ " (finding.invariant.name()) }
                @if several { span.dim { " at " (finding.target) "/" (finding.strategy) } }
                span.odds {
                    @if finding.size == [0, 0] && finding.family == "calm" {
                        "breaks " (shown) " of " (of) " times with no schedule at all"
                    } @else {
                        "reproduced " (shown) " of " (of) " · without the schedule " (bare) " of " (without)
                    }
                }
            }
            p.cause { (finding.cause) }
            (picture(&finding.moments))
            (command("Replay", &finding.replay))
            p.dim {
                (many(holds, "hold")) ", " (many(faults, "fault")) ", "
                @match finding.jobs_needed { Some(jobs) => (many(jobs, "job")), None => "all jobs" }
                " · found by " (finding.family) " at schedule " (count(finding.schedules_to_find))
            }
            @if !finding.table.is_empty() {
                details { summary { "As text" } pre tabindex="0" { (room.cut(&(finding.table.join("\n")
                    + "\n"), "summary.json")) } }
            }
            details { summary { "The schedule" } pre tabindex="0" { (room.cut(&finding.schedule,
                "summary.json")) } }
        }
    }
}

fn seen(summary: &Summary, extras: &Extras<'_>, row: &VerdictRow, n: usize) -> Markup {
    let here = |scene: &&crate::summary::Scene| {
        (&scene.target, &scene.strategy, scene.invariant) == (&row.target, &row.strategy, row.invariant)
    };
    let moments =
        extras.course.and_then(|course| course.scenes.iter().find(here)).map(|scene| &scene.moments);
    let purpose = on_purpose(summary, &row.strategy);
    html! {
        details.finding open[n < OPEN] {
            summary {
                span.v.bad { "✗ " (row.invariant.name()) }
                @if summary.counters.len() > 1 { span.dim { " at " (row.target) "/" (row.strategy) } }
                span.odds { (count(row.violations)) " of " (count(row.relevant)) " in this run" }
            }
            @if let Some(bug) = purpose { p.dim { "Broken on purpose: " (bug) } }
            @if let Some(witness) = &row.witness {
                p.cause { (witness.text) }
                (picture(moments.map_or(&[][..], Vec::as_slice)))
                @if let Some(moments) = moments { (told(moments)) }
            }
            (command("Run it again", &format!("deadheat run {}",
                shell_word(&extras.dir.join("plan.toml").display().to_string()))))
        }
    }
}

/// The same as the picture, in lines.
fn told(moments: &[Moment]) -> Markup {
    html! {
        details {
            summary { "As text" }
            pre tabindex="0" {
                @for moment in moments {
                    (format!("{:>12.3} ms  {}", moment.at_ns as f64 / 1e6, moment.job))
                    @if moment.attempt > 0 { "#" (moment.attempt) }
                    "  " (word(moment)) @if !moment.text.is_empty() { "  " (moment.text) } "\n"
                }
            }
        }
    }
}

fn word(moment: &Moment) -> &'static str {
    use crate::summary::What;
    match moment.what {
        What::Due => "due",
        What::Sent => "sent",
        What::Arrived => "arrived",
        What::Held => "held",
        What::Struck => "struck",
        What::Released => "released",
        What::FirstContent => "first content",
        What::Done => "done",
        What::Answered => "answered",
        What::Left => "left",
        What::Cut => "cut",
        What::Booked => "booked",
        What::Client => "client",
        What::Broken => "broken here:",
    }
}

/// A command with a button that copies it; without a script it can still be marked and copied.
pub(super) fn command(what: &str, command: &str) -> Markup {
    html! {
        div.command { span.dim { (what) } code { (command) } }
    }
}

fn explored(summary: &Summary, room: ShownLimits) -> Markup {
    html! {
        @if !summary.explored.is_empty() {
            h3 { "What was tried" }
            div.scroll {
                table.sortable {
                    thead { tr {
                        th scope="col" { "Cell" } th.n scope="col" { "Schedules" } th.n scope="col" { "Runs" }
                        th scope="col" { "Families, tried of all" } th scope="col" { "What it is worth" }
                    } }
                    tbody {
                        @for row in summary.explored.iter().take(room.rows) {
                            tr {
                                td { (row.target) "/" (row.strategy) }
                                td.n data-s=(row.schedules) { (count(row.schedules)) }
                                td.n data-s=(row.runs) { (count(row.runs)) }
                                td { (families(row)) }
                                td { (worth(row)) }
                            }
                        }
                    }
                }
            }
            @for program in summary.explored.iter().filter_map(|row| row.program.as_ref()) {
                p.dim {
                    "The program's processes ended: "
                    (program.ends.iter().map(|(end,
                        times)| format!("{end} × {times}")).collect::<Vec<_>>().join(", "))
                    ". A run takes " (program.run_p50_ms) " ms, its start included."
                }
                @for warning in &program.warnings { p { strong { "Beware: " } (warning) } }
            }
            @for row in summary.explored.iter().take(room.rows).filter(|row| !row.not_covered.is_empty()) {
                p.dim { (row.target) "/" (row.strategy) " does not cover: " (row.not_covered.join("; ")) }
            }
        }
    }
}

fn families(row: &ExploredRow) -> String {
    let each = row.families.iter().filter(|family| family.tried > 0).map(|family| match family.of {
        Some(of) => format!("{} {}/{}", family.family, count(family.tried), count(of)),
        None => format!("{} {}", family.family, count(family.tried)),
    });
    each.collect::<Vec<_>>().join(", ")
}

fn worth(row: &ExploredRow) -> String {
    let held = many(row.held.len() as u64, "rule");
    match row.excluded() {
        Some(p) => format!(
            "{held} held; an order bug more likely than {} per schedule is excluded at 95 %",
            percent(p)
        ),
        None => format!("{held} held; no proof"),
    }
}
