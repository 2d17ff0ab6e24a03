//! The strategies of a run side by side: ranked by what the plan optimises, each with the sentence of when it
//! is the wrong choice. Nothing here decides whether the run passes.

mod advice;
mod rank;

pub(crate) use rank::{Ranking, RunResults, optimise_name, rank};
