//! The account of a hunt: what was tried of how much, which rules were looked at, what went otherwise than
//! asked.

use super::calm::Undisturbed;
use super::family::Family;
use super::subject::Trial;
use super::terms::{HuntConfig, Terms};
use crate::schedule::Schedule;
use crate::summary::{ExploredRow, FamilyRow, Invariant, Verdict};
use std::collections::BTreeMap;

/// What happened so far.
#[derive(Debug, Default)]
pub(super) struct HuntRecord {
    families: Vec<FamilyRow>,
    calibration: Vec<Schedule>,
    rules: BTreeMap<Invariant, Rule>,
    again: BTreeMap<String, u64>,
    infeasible: u64,
    unseen: u64,
    late: [u64; 2],
}

/// What became of a rule over all runs.
#[derive(Debug, Default)]
struct Rule {
    held: u64,
    broken: u64,
    /// Runs of which it could not tell, though there was something to tell.
    unknown: u64,
    why: Option<String>,
}

impl HuntRecord {
    /// A schedule of calibration is about to be noted.
    pub(super) fn calibration(&mut self, family: Family, schedule: &Schedule) {
        self.calibration.push(schedule.clone());
        let row = self.family(family);
        row.of = Some(row.of.unwrap_or(0) + 1);
    }

    /// Whether calibration ran this very schedule; then it counts as tried.
    pub(super) fn calibrated(&mut self, family: Family, schedule: &Schedule) -> bool {
        let known = self.calibration.contains(schedule);
        if known {
            self.family(family).tried += 1;
        }
        known
    }

    /// The families that are to be tried.
    pub(super) fn plan(&mut self, families: Vec<FamilyRow>) {
        self.families.extend(families);
    }

    /// Counts one run of a new schedule.
    pub(super) fn note(&mut self, family: Family, trial: &Trial) {
        let broke = !trial.broken().is_empty();
        let row = self.family(family);
        let unmet = !trial.trace.infeasible.is_empty();
        // An order that did not come about was not tried.
        let count = if unmet { &mut row.unmet } else { &mut row.tried };
        *count += 1;
        row.broke += u64::from(broke);
        self.infeasible += u64::from(unmet);
        // A wave names attempts that only a client that insists will make.
        self.unseen += u64::from(family != Family::Wave && !trial.trace.unseen.is_empty());
        for row in &trial.verdicts {
            let rule = self.rules.entry(row.invariant).or_default();
            match row.verdict {
                // A rule that was checked on nothing did not hold: it was not looked at.
                Verdict::Holds if row.relevant > 0 => rule.held += 1,
                Verdict::Broken => rule.broken += 1,
                Verdict::NotApplicable => {}
                Verdict::Holds | Verdict::Unknown => {
                    rule.unknown += 1;
                    rule.why = row.why.clone().or_else(|| rule.why.take());
                }
            }
        }
    }

    /// Counts one more schedule that broke a rule of which there is a finding.
    pub(super) fn again(&mut self, invariant: Invariant) {
        *self.again.entry(invariant.name().to_owned()).or_default() += 1;
    }

    /// Counts arrivals that came too late.
    pub(super) fn late(&mut self, [late, of]: [u64; 2]) {
        self.late[0] += late;
        self.late[1] += of;
    }

    /// The account.
    pub(super) fn explored(self, config: &HuntConfig, calm: &Undisturbed, terms: &Terms) -> ExploredRow {
        let (mut held, mut idle) = (Vec::new(), Vec::new());
        let mut unknown = BTreeMap::new();
        for (invariant, rule) in &self.rules {
            if rule.broken == 0 && rule.held > 0 {
                held.push(*invariant);
            } else if rule.broken == 0 && rule.unknown == 0 {
                idle.push(*invariant);
            } else if rule.broken == 0 {
                let why = rule.why.clone();
                let why = why.unwrap_or_else(|| "nothing in any run that it speaks of".to_owned());
                unknown.insert(invariant.name().to_owned(), why);
            }
        }
        let orders =
            |row: &&FamilyRow| [Family::Random, Family::Lanes].iter().any(|of| row.family == of.name());
        let orders: Vec<&FamilyRow> = self.families.iter().filter(orders).collect();
        let clean = orders.iter().all(|row| row.broke == 0);
        let orders = orders.iter().map(|row| row.tried).sum();
        ExploredRow {
            target: config.origin.target.clone(),
            strategy: config.origin.strategy.clone(),
            requests: (calm.requests.len() + calm.beyond) as u64,
            infeasible: self.infeasible,
            unseen: self.unseen,
            late: self.late,
            unstable: calm.unstable.iter().map(ToString::to_string).collect(),
            held,
            idle,
            unknown,
            again: self.again,
            not_covered: not_covered(&self.families, calm, terms),
            clean_orders: clean.then_some(orders),
            families: self.families,
            ..ExploredRow::default()
        }
    }

    fn family(&mut self, family: Family) -> &mut FamilyRow {
        let name = family.name();
        let at = self.families.iter().position(|row| row.family == name).unwrap_or_else(|| {
            self.families.push(FamilyRow { family: name.to_owned(), ..FamilyRow::default() });
            self.families.len() - 1
        });
        &mut self.families[at]
    }
}

/// What the hunt does not speak of, a sentence each.
fn not_covered(families: &[FamilyRow], calm: &Undisturbed, terms: &Terms) -> Vec<String> {
    let mut list = terms.left_out.clone();
    for row in families {
        let run = row.tried + row.unmet;
        if let Some(of) = row.of.filter(|of| *of > run) {
            let (left, family) = (of - run, &row.family);
            list.push(format!("{left} of {of} {family} schedules, for which the budget was too small"));
        }
        if row.unmet > 0 {
            let (unmet, family) = (row.unmet, &row.family);
            list.push(format!("{unmet} {family} schedules, which could not be kept"));
        }
    }
    if calm.beyond > 0 {
        let (beyond, made) = (calm.beyond, calm.requests.len());
        list.push(format!("{beyond} requests beyond the first {made}, over which sweeps are made"));
    }
    list.push("several holds or faults at once, but for waves and random orders".to_owned());
    let perturbed =
        families.iter().find(|row| row.family == Family::Perturb.name()).map_or(0, |row| row.tried);
    list.push(match perturbed {
        0 => "what the client's threads do between two requests".to_owned(),
        n => format!("what the client's threads do between two requests, but for {n} perturbed runs"),
    });
    list.push("workloads other than this one".to_owned());
    list
}
