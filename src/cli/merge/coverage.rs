//! Whether parts come to their whole plan.

use crate::history::Surveyed;
use crate::plan::{Cell, Plan};
use crate::profile::planned;
use std::collections::BTreeSet;

/// What parts make of a plan.
#[derive(Debug, Default)]
pub(super) struct Coverage {
    /// Why they cannot be parts of it, or not be checked.
    pub(super) faults: Vec<String>,
    /// What is still missing from the whole; empty if nothing is.
    pub(super) lacks: Vec<String>,
}

/// Walks the cells of the plan, not those that the parts have: what no part has is missing.
pub(super) fn coverage(plan: &Plan, parts: &[Surveyed]) -> Coverage {
    let mut found = Coverage { faults: strangers(plan, parts), ..Coverage::default() };
    if parts.iter().any(|part| part.part.block.is_some()) {
        blocks(plan, parts, &mut found);
    } else {
        shares(plan, parts, &mut found);
    }
    found
}

fn name(plan: &Plan, cell: Cell) -> String {
    format!("{}/{}", plan.targets[cell.target].name, plan.strategies[cell.strategy].name())
}

/// Cells that the plan does not have.
fn strangers(plan: &Plan, parts: &[Surveyed]) -> Vec<String> {
    let known = plan.cells().len();
    let strange = parts.iter().filter(|part| part.cells.iter().any(|cell| usize::from(cell.cell) >= known));
    strange.map(|part| format!("{} has a cell that its plan has not", part.part.dir.display())).collect()
}

/// Jobs that a part planned in a cell; `None` if it says nothing of the cell.
fn jobs(part: &Surveyed, cell: Cell) -> Option<u64> {
    let own = part.cells.iter().filter(|end| end.cell == cell.index);
    own.map(|end| end.planned).reduce(u64::saturating_add)
}

/// Blocks are whole in themselves: every cell, with the jobs that the block has.
fn blocks(plan: &Plan, parts: &[Surveyed], found: &mut Coverage) {
    let mut there = BTreeSet::new();
    for part in parts {
        let Some(block) = part.part.block else { continue };
        there.insert(block);
        let wanted = planned(&Plan { only_block: Some(block), ..plan.clone() });
        for cell in plan.cells() {
            let (dir, name) = (part.part.dir.display(), name(plan, cell));
            match (jobs(part, cell), wanted) {
                (None, _) => found.faults.push(format!("{dir} says nothing of {name}")),
                (Some(has), Some(wanted)) if has != wanted => {
                    found
                        .faults
                        .push(format!("{dir} has {has} jobs of {name}, and block {block} has {wanted}"));
                }
                _ => {}
            }
        }
    }
    let missing = (1..=plan.blocks).filter(|block| !there.contains(block));
    found.lacks.extend(missing.map(|block| format!("block {block} of {} is missing", plan.blocks)));
}

/// Shares of all blocks add up to the plan's jobs in every cell.
fn shares(plan: &Plan, parts: &[Surveyed], found: &mut Coverage) {
    let Some(wanted) = planned(plan) else {
        let why = "time ends the load of this plan, so it has no number of jobs by which it could be seen \
            whether a part is \
                   missing; make its parts by blocks (`blocks`, `only_block`)";
        return found.faults.push(why.to_owned());
    };
    for cell in plan.cells() {
        let has = parts.iter().filter_map(|part| jobs(part, cell)).fold(0, u64::saturating_add);
        let text = format!("the parts of {} have {has} jobs, and the plan has {wanted}", name(plan, cell));
        match has.cmp(&wanted) {
            std::cmp::Ordering::Less => found.lacks.push(text),
            std::cmp::Ordering::Equal => {}
            std::cmp::Ordering::Greater => found.faults.push(text),
        }
    }
}
