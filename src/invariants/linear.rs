//! Whether objects that are seen only from outside behaved as if each operation had been one step.
//!
//! Counters, registers and locks behind an API have no book that says in which order they did things; all
//! there is are calls and answers with their times. A history is linearizable if its operations can be put
//! in one order that a single thread could have caused, in which no operation stands before one that was
//! answered before it was called. See Herlihy and Wing (1990); the search is that of Wing and Gong (1993)
//! with Lowe's cache (2017): a set of operations that led to a state before need not be followed again.
//!
//! The question is NP-hard, so the search has a budget, and says when that did not suffice. Each
//! object is searched by itself, for a history is linearizable if it is so for each object.

mod cache;
mod list;
mod model;
mod search;

pub use model::{Counter, CounterInput, CounterOutput, Lock, LockInput, LockOutput};
pub use model::{Model, Register, RegisterInput, RegisterOutput};

use search::{Found, Search};
use std::collections::BTreeMap;
use std::fmt;

/// How many operations are tried out before [`check`] gives up: some seconds, and 400 MB at worst.
pub const STEPS: u64 = 3_500_000;

/// One operation on one object.
///
/// Whose outcome is unknown has no `return_ns`: it may take effect at any time after its call, or never. What
/// certainly did not happen is no operation. Times are of one clock; two that are equal have no order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Op<M: Model> {
    /// Who asked. Only shown.
    pub process: u64,
    /// Which object it was asked of.
    pub object: String,
    /// When it was called: no later than it could be seen by anybody else.
    pub call_ns: u64,
    /// When its answer was there; `None` if none came.
    pub return_ns: Option<u64>,
    /// What was asked.
    pub input: M::Input,
    /// What was answered; `None` if that is not known.
    pub output: Option<M::Output>,
}

/// What became of the search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Linear {
    /// There is such an order.
    Linearizable,
    /// There is none.
    NotLinearizable(Witness),
    /// The budget was used up; or, with no steps at all, nothing was answered that could have been wrong.
    Unknown {
        /// Operations tried out.
        steps: u64,
    },
}

/// Why there is no order: how far one goes, and what stops it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Witness {
    /// The object.
    pub object: String,
    /// The longest order that was found, as places in the history.
    pub order: Vec<usize>,
    /// The operation, as its place in the history, that was answered before the others and fits nowhere.
    pub stuck: usize,
    /// What it came upon: the state of the object after `order`.
    pub state: String,
    /// It, who asked, and how it was answered.
    pub what: String,
}

impl fmt::Display for Witness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { object, order, state, what, .. } = self;
        let before = order.len();
        write!(
            f,
            "{object}: {what} fits nowhere: after the {before} operations that can be ordered it is {state}"
        )
    }
}

/// Looks for an order of the history, which needs none itself, within [`STEPS`].
#[must_use]
pub fn check<M: Model>(history: &[Op<M>]) -> Linear {
    check_within(history, STEPS)
}

/// As [`check`], within so many steps for all objects together.
#[must_use]
pub fn check_within<M: Model>(history: &[Op<M>], steps: u64) -> Linear {
    let mut objects = BTreeMap::<&str, Vec<usize>>::new();
    for (place, op) in history.iter().enumerate() {
        objects.entry(&op.object).or_default().push(place);
    }
    let (mut used, mut ordered, mut unknown) = (0, 0, false);
    for (object, places) in objects {
        let ops: Vec<&Op<M>> = places.iter().map(|place| &history[*place]).collect();
        if ops.iter().all(|op| op.return_ns.is_none() || op.output.is_none()) {
            continue;
        }
        let (found, tried) = Search::new(&ops).run(steps - used);
        used += tried;
        match found {
            Found::Order => ordered += 1,
            Found::OutOfSteps => unknown = true,
            Found::NoOrder { order, stuck, state } => {
                let of = |at: u32| places[at as usize];
                let (order, stuck) = (order.into_iter().map(of).collect(), of(stuck));
                let what = shown(&history[stuck]);
                return Linear::NotLinearizable(Witness {
                    object: object.to_owned(),
                    order,
                    stuck,
                    state,
                    what,
                });
            }
        }
    }
    if unknown || ordered == 0 { Linear::Unknown { steps: used } } else { Linear::Linearizable }
}

fn shown<M: Model>(op: &Op<M>) -> String {
    let Op { process, input, output, .. } = op;
    match output {
        Some(output) => format!("{input:?} of process {process}, answered {output:?},"),
        None => format!("{input:?} of process {process}"),
    }
}
