//! Makes pairs: which arm goes first, which seed, and when to stop.

use super::arm::{Arm, NoSummary, place};
use super::blocks::Blocks;
use super::interrupt::Interrupt;
use crate::cli::output;
use crate::compare::Pair;
use crate::seed::stream;
use rand::Rng;
use std::path::Path;

/// The order of the arms within the pairs. Always the same one first would make a machine that warms up look
/// like a regression.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(in crate::cli) enum Order {
    /// Drawn by the seed
    Random,
    /// BASE NEW, NEW BASE, BASE NEW, …
    Abba,
}

impl Order {
    pub(in crate::cli) fn name(self) -> &'static str {
        match self {
            Self::Random => "random",
            Self::Abba => "abba",
        }
    }

    /// Whether BASE goes first in this pair.
    fn base_first(self, seed: u64, number: u64) -> bool {
        match self {
            Self::Random => stream(seed, "compare-order", number).random_bool(0.5),
            Self::Abba => number % 2 == 1,
        }
    }
}

/// What pairs are made of.
#[derive(Debug)]
pub(in crate::cli) struct Pairing<'a> {
    pub(in crate::cli) base: &'a Arm,
    pub(in crate::cli) new: &'a Arm,
    pub(in crate::cli) order: Order,
    pub(in crate::cli) seed: u64,
    pub(in crate::cli) dir: &'a Path,
    pub(in crate::cli) quiet: bool,
    pub(in crate::cli) blocks: Blocks,
    pub(in crate::cli) interrupt: &'a Interrupt,
}

impl Pairing<'_> {
    /// Makes pair `number` of `of`; `None` if it was interrupted.
    pub(in crate::cli) fn pair(&self, number: u64, of: u64) -> Result<Option<Pair>, NoSummary> {
        if self.interrupt.is_asked() {
            return Ok(None);
        }
        match self.made(number, of) {
            Ok(pair) => Ok(pair.filter(|pair| !pair.base.interrupted && !pair.new.interrupted)),
            // A command that is stopped need not print anything.
            Err(_) if self.interrupt.is_asked() => Ok(None),
            Err(why) => Err(why),
        }
    }

    /// Makes a pair. Both runs have one seed, so that they do the same work; the second is not begun if the
    /// user asked to stop during the first.
    fn made(&self, number: u64, of: u64) -> Result<Option<Pair>, NoSummary> {
        let block = self.blocks.of_pair(number);
        let base_first = self.order.base_first(self.seed, number);
        let seed = self.seed.wrapping_add(number) & i64::MAX as u64;
        if !self.quiet {
            let first = if base_first { "base" } else { "new" };
            let part = block.map_or_else(String::new, |(n, of)| format!(", block {n} of {of} of the load"));
            output::say(&format!("pair {number} of {of}, {first} first{part}"));
        }
        let run = |arm: &Arm, name| arm.run(&place(self.dir, number, name), seed, block, self.interrupt);
        let base = || run(self.base, "base");
        let new = || run(self.new, "new");
        let first = if base_first { base()? } else { new()? };
        if self.interrupt.is_asked() {
            return Ok(None);
        }
        let (base, new) = if base_first { (first, new()?) } else { (base()?, first) };
        Ok(Some(Pair { number, base_first, base, new }))
    }
}
