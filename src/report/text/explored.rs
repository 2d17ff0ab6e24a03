//! Findings with their tables, and what a hunt without findings is worth.

use super::figures::{count, many, percent};
use super::layout::{Page, Tone, cell, plain};
use crate::summary::{ExploredRow, FamilyRow, FindingRow, ProgramRow, Summary};

/// Requests that are named one by one; of more, the rest is counted.
const NAMED: usize = 6;

/// Lines of a table that are printed; `summary.json` has all.
const ROWS: usize = 40;

pub(super) fn write(page: &mut Page, summary: &Summary) {
    if summary.explored.is_empty() && summary.findings.is_empty() {
        return;
    }
    page.section("Findings");
    let several = summary.counters.len() > 1;
    for (n, finding) in summary.findings.iter().enumerate() {
        if n > 0 {
            page.gap();
        }
        found(page, finding, several);
    }
    if summary.findings.is_empty() {
        page.line("  none");
    }
    if !summary.explored.is_empty() {
        page.section("Explored");
    }
    let shared = Shared::of(&summary.explored);
    for (n, row) in summary.explored.iter().enumerate() {
        if n > 0 {
            page.gap();
        }
        explored(page, row, several, &shared);
    }
    if !summary.explored.is_empty() {
        shared.write(page);
    }
}

/// What is said of every cell alike, and so only once.
#[derive(Default)]
struct Shared<'a> {
    not_covered: Vec<&'a str>,
    unknown: Vec<(&'a str, &'a str)>,
}

impl<'a> Shared<'a> {
    /// Of cells that were hunted; one cell alone shares nothing.
    fn of(rows: &'a [ExploredRow]) -> Self {
        let mut hunted = rows.iter().filter(|row| row.schedules > 0);
        let Some(first) = hunted.next() else { return Self::default() };
        let others: Vec<&ExploredRow> = hunted.collect();
        if others.is_empty() {
            return Self::default();
        }
        let everywhere = |text: &&String| others.iter().all(|row| row.not_covered.contains(text));
        let same =
            |(name, why): &(&String, &String)| others.iter().all(|row| row.unknown.get(*name) == Some(*why));
        Self {
            not_covered: first.not_covered.iter().filter(everywhere).map(String::as_str).collect(),
            unknown: first.unknown.iter().filter(same).map(|(n, why)| (n.as_str(), why.as_str())).collect(),
        }
    }

    fn write(&self, page: &mut Page) {
        if !self.not_covered.is_empty() || !self.unknown.is_empty() {
            page.gap();
            page.wrapped("", 2, "of every cell:", Tone::Plain);
        }
        unknown(page, self.unknown.iter().copied());
        if !self.not_covered.is_empty() {
            page.wrapped("–", 2, &format!("not covered: {}", self.not_covered.join("; ")), Tone::Dim);
        }
        page.wrapped("–", 2, "no proof: what was not tried may still break", Tone::Dim);
    }
}

fn found(page: &mut Page, finding: &FindingRow, several: bool) {
    let at =
        if several { format!(" at {}", cell(&finding.target, &finding.strategy)) } else { String::new() };
    let [r, of] = finding.reproduced;
    let [s, without] = finding.without;
    let claim = match (finding.size, finding.family.as_str()) {
        _ if of == 0 => "seen once; there was no time to show it again".to_owned(),
        ([0, 0], "calm") => format!("broke {r} of {of} times with no schedule at all"),
        _ => format!("reproduced {r} of {of}; without the schedule {s} of {without}"),
    };
    page.wrapped("✗", 2, &format!("{}{at}  {claim}", finding.invariant.name()), Tone::Bad);
    page.wrapped("", 4, &format!("cause: {}", finding.cause), Tone::Plain);
    let [holds, faults] = finding.size;
    let jobs = finding.jobs_needed.map_or_else(|| "all jobs".to_owned(), |jobs| many(jobs, "job"));
    let text = format!(
        "{}, {}, {jobs}; found by {} at schedule {}",
        many(holds, "hold"),
        many(faults, "fault"),
        finding.family,
        count(finding.schedules_to_find)
    );
    page.wrapped("", 4, &text, Tone::Dim);
    page.line(&format!("    replay: {}", plain(&finding.replay)));
    for line in finding.table.iter().take(ROWS) {
        page.line(&plain(line));
    }
    if finding.table.len() > ROWS {
        page.line(&format!("  … {} more in summary.json", many((finding.table.len() - ROWS) as u64, "line")));
    }
}

/// How a program's runs went.
fn ended(program: &ProgramRow) -> String {
    let ends: Vec<String> =
        program.ends.iter().map(|(end, times)| format!("{end} × {}", count(*times))).collect();
    let first = program.first_finding_ms.map(|ms| format!(" · first finding after {}", seconds(ms)));
    format!(
        "its processes ended: {} · a run takes {}{}",
        ends.join(", "),
        seconds(program.run_p50_ms),
        first.unwrap_or_default()
    )
}

fn seconds(ms: u64) -> String {
    format!("{:.1} s", ms as f64 / 1e3)
}

fn explored(page: &mut Page, row: &ExploredRow, several: bool, shared: &Shared<'_>) {
    let at = if several { format!("{}: ", cell(&row.target, &row.strategy)) } else { String::new() };
    if let (0, Some(why)) = (row.schedules, &row.stopped) {
        page.wrapped("!", 2, &format!("{at}not hunted: {why}"), Tone::Warn);
        return;
    }
    let text = format!(
        "{at}{} over {}, {} in all",
        many(row.schedules, "schedule"),
        many(row.requests, "request"),
        many(row.runs, "run")
    );
    page.wrapped("", 2, &text, Tone::Plain);
    if let Some(program) = &row.program {
        page.wrapped("", 2, &ended(program), Tone::Plain);
    }
    let families: Vec<String> = row.families.iter().filter_map(family).collect();
    if !families.is_empty() {
        page.wrapped("", 2, &families.join(" · "), Tone::Plain);
    }
    doubts(page, row);
    if !row.held.is_empty() {
        let names: Vec<&str> = row.held.iter().map(|invariant| invariant.name()).collect();
        let text = format!("held under every schedule that looked at it: {}", names.join(", "));
        page.wrapped("✓", 2, &text, Tone::Good);
    }
    let own = row.unknown.iter().map(|(name, why)| (name.as_str(), why.as_str()));
    unknown(page, own.filter(|pair| !shared.unknown.contains(pair)));
    if !row.idle.is_empty() {
        let names: Vec<&str> = row.idle.iter().map(|invariant| invariant.name()).collect();
        page.wrapped("–", 2, &format!("nothing to judge: {}", names.join(", ")), Tone::Dim);
    }
    for (invariant, times) in &row.again {
        page.wrapped(
            "✗",
            2,
            &format!("{invariant} broke under {} more", many(*times, "schedule")),
            Tone::Bad,
        );
    }
    if let (Some(p), Some(n)) = (row.excluded(), row.clean_orders) {
        let text = format!(
            "{} broke nothing: of an order bug, a probability above {} per schedule is excluded (95%, rule \
             of three)",
            many(n, "random order"),
            percent(p)
        );
        page.wrapped("–", 2, &text, Tone::Plain);
    }
    let own = row.not_covered.iter().map(String::as_str);
    let own: Vec<&str> = own.filter(|text| !shared.not_covered.contains(text)).collect();
    if !own.is_empty() {
        page.wrapped("–", 2, &format!("not covered: {}", own.join("; ")), Tone::Dim);
    }
    if let Some(why) = &row.stopped {
        page.wrapped("!", 2, &format!("the hunt was broken off: {why}"), Tone::Warn);
    }
}

/// What makes the account weaker than it looks.
fn doubts(page: &mut Page, row: &ExploredRow) {
    let mut facts = Vec::new();
    match row.late_share() {
        Some(share) => facts.push(format!("late arrivals {} of {}", percent(share), count(row.late[1]))),
        // An order that came about too late is no order, which a reader of the bound must know.
        None if row.ordered() > 0 => facts.push("late arrivals: could not be told".to_owned()),
        None => {}
    }
    if row.infeasible > 0 {
        facts.push(format!("{} could not be kept", many(row.infeasible, "schedule")));
    }
    if row.unseen > 0 {
        facts.push(format!("{} named a request that never came", many(row.unseen, "schedule")));
    }
    if !facts.is_empty() {
        page.wrapped("", 2, &facts.join(" · "), Tone::Plain);
    }
    if !row.unstable.is_empty() {
        let named: Vec<&str> = row.unstable.iter().take(NAMED).map(String::as_str).collect();
        let more = row.unstable.len().saturating_sub(NAMED);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let text = format!("not in every calm run, so not part of any sweep: {}{more}", named.join(", "));
        page.wrapped("!", 2, &text, Tone::Warn);
    }
}

/// `44 of 44 pair (12 infeasible)`; nothing of a family that has no member.
fn family(row: &FamilyRow) -> Option<String> {
    let tried = match row.of {
        Some(of) if of > row.tried => format!("{} of {} {}", count(row.tried), count(of), row.family),
        Some(0) => return None,
        Some(_) => format!("all {} {}", count(row.tried), row.family),
        None if row.tried + row.unmet == 0 => return None,
        None => format!("{} {}", count(row.tried), row.family),
    };
    let mut notes = Vec::new();
    if row.infeasible > 0 {
        notes.push(format!("{} infeasible", count(row.infeasible)));
    }
    if row.vacuous > 0 {
        notes.push(format!("{} hold in every run", count(row.vacuous)));
    }
    if row.unmet > 0 {
        notes.push(format!("{} could not be kept", count(row.unmet)));
    }
    if row.broke > 0 {
        notes.push(format!("{} broke a rule", count(row.broke)));
    }
    let notes = if notes.is_empty() { String::new() } else { format!(" ({})", notes.join(", ")) };
    Some(format!("{tried}{notes}"))
}

/// The rules that no run could decide, those for the same reason together.
fn unknown<'a>(page: &mut Page, rules: impl Iterator<Item = (&'a str, &'a str)>) {
    let mut groups: Vec<(Vec<&str>, &str)> = Vec::new();
    for (invariant, why) in rules {
        match groups.iter_mut().find(|(_, known)| *known == why) {
            Some((names, _)) => names.push(invariant),
            None => groups.push((vec![invariant], why)),
        }
    }
    for (names, why) in groups {
        page.wrapped("?", 2, &format!("unknown: {} ({why})", names.join(", ")), Tone::Warn);
    }
}
