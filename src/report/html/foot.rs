//! How true the measurement is, and what was run: plan, seed, machine.

use super::findings::command;
use super::{Extras, ShownLimits};
use crate::report::text::figures::{count, many, maybe_ms, ms, percent};
use crate::report::text::foot::behind;
use crate::summary::Summary;
use crate::units::shown::shell_word;
use maud::{Markup, html};

pub(super) fn fidelity(summary: &Summary) -> Markup {
    let fidelity = &summary.fidelity;
    html! {
        section #fidelity {
            h2 { "Fidelity" }
            @if summary.valid.holds && fidelity.joined > 0 {
                p.good-note { "✓ The measurement kept its own budget for error." }
            }
            @if summary.valid.holds && fidelity.joined == 0 {
                p.dim { "No ledger to compare with: of the measurement only its own lateness and CPU were \
                    judged." }
            }
            @for row in &fidelity.behind { p.dim { (behind(row)) } }
            @for why in &summary.valid.why { p.bad-note { "✗ " (why) } }
            @if !fidelity.errors.is_empty() {
                div.scroll { table {
                    caption { "Client minus ledger, per attempt: what this tool adds to what it measures" }
                    thead { tr {
                        th scope="col" { "Metric" } th.n scope="col" { "p50" } th.n scope="col" { "p99" }
                            th.n scope="col" { "p99.9" } th.n scope="col" { "Attempts" }
                    } }
                    tbody { @for row in &fidelity.errors { tr {
                        td { (row.metric) }
                        @for value in [row.p50_ms, row.p99_ms, row.p999_ms] { td.n { (maybe_ms(value)) } }
                        td.n { (count(row.count)) }
                    } } }
                } }
            }
            dl.facts {
                @if let Some(achieved) = fidelity.achieved { (fact("Achieved of offered load",
                    &percent(achieved))) }
                @if let Some(lag) = fidelity.lag_p99_ms { (fact("Lag p99", &ms(lag))) }
                (fact("Busiest engine thread", &format!("{} of a core", percent(fidelity.cpu_busiest))))
                (fact("CPU", &format!("{:.2} s", fidelity.cpu_s)))
                @if fidelity.single_burst_streams > 0 {
                    (fact("Streams in a single burst", &count(fidelity.single_burst_streams)))
                }
            }
        }
    }
}

fn fact(name: &str, value: &str) -> Markup {
    html! { div { dt { (name) } dd { (value) } } }
}

pub(super) fn plan(summary: &Summary, extras: &Extras<'_>, room: ShownLimits) -> Markup {
    let host = &summary.host;
    let dir = shell_word(&extras.dir.display().to_string());
    let plan = shell_word(&extras.dir.join("plan.toml").display().to_string());
    html! {
        section #plan {
            h2 { "Plan and seed" }
            dl.facts {
                (fact("Seed", &summary.seed.to_string()))
                (fact("Plan", &summary.plan_hash))
                (fact("Clock", &summary.clock))
                (fact("Started", &summary.started_utc))
                (fact("deadheat", &summary.deadheat))
                (fact("Machine", &format!("{} {} {}, {}", host.os, host.kernel.as_deref().unwrap_or(""),
                    host.arch, many(u64::from(host.cpus), "cpu"))))
                @if host.threads > 0 { (fact("Engine", &format!("{}, {}", many(u64::from(host.threads),
                    "thread"), host.pacer))) }
            }
            (command("Run it again", &format!("deadheat run {plan}")))
            (command("Judge it again", &format!("deadheat check {dir}")))
            @if let Some(text) = extras.plan {
                details { summary { "plan.toml, every default filled in" } pre tabindex="0" { (room.cut(text,
                    "plan.toml")) } }
            }
        }
    }
}
