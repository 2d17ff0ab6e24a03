//! What attempts cost at a target's price, by the list and where it is paid.

use crate::history::{AttemptRow, LedgerRow};
use crate::plan::CostPlan;
use crate::prices::{Amount, Meter, Price};

/// Prices the attempts of one cell. A figure is `i128::MAX` where it is beyond what can be counted.
pub(super) struct Till<'a> {
    list: Meter<'a>,
    landed: Meter<'a>,
    cost: &'a CostPlan,
    started_utc_s: u64,
}

/// One attempt's price: of its prompt with the fee, and of its completion, in 10⁻²⁴.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct PicoSum {
    pub(super) prompt: i128,
    pub(super) completion: i128,
}

impl PicoSum {
    pub(super) fn add(&mut self, other: Self) {
        self.prompt = self.prompt.saturating_add(other.prompt);
        self.completion = self.completion.saturating_add(other.completion);
    }

    pub(super) fn whole(self) -> i128 {
        self.prompt.saturating_add(self.completion)
    }
}

impl<'a> Till<'a> {
    pub(super) fn new(price: &'a Price, cost: &'a CostPlan, started_utc_s: u64) -> Self {
        let (list, landed) = (Meter::new(&price.list), Meter::new(&price.landed));
        Self { list, landed, cost, started_utc_s }
    }

    /// By the list, and where it is paid.
    pub(super) fn both(&mut self, prompt: u64, completion: u64, after_ns: u64) -> [PicoSum; 2] {
        let at_utc_s = self.cost.at(self.started_utc_s, after_ns);
        [&mut self.list, &mut self.landed].map(|meter| {
            let parts = meter.parts(prompt, completion, at_utc_s);
            parts.map_or(PicoSum { prompt: i128::MAX, completion: 0 }, |(prompt, completion)| PicoSum {
                prompt: prompt.yocto,
                completion: completion.yocto,
            })
        })
    }

    /// What a row of the ledger cost, by the list.
    pub(super) fn charged(&mut self, row: &LedgerRow) -> i128 {
        let [list, _] = self.both(row.billed_prompt_tokens, row.billed_completion_tokens, row.arrived_ns);
        list.whole()
    }

    /// What the client was told that an attempt cost, by the list.
    pub(super) fn told(&mut self, row: &AttemptRow) -> i128 {
        let tokens = (row.prompt_tokens.unwrap_or(0), row.completion_tokens.unwrap_or(0));
        let [list, _] = self.both(tokens.0, tokens.1, moment(row));
        list.whole()
    }

    pub(super) fn list_amount(&self, yocto: i128) -> Amount {
        Amount { yocto, currency: self.list.currency() }
    }

    pub(super) fn landed_amount(&self, yocto: i128) -> Amount {
        Amount { yocto, currency: self.landed.currency() }
    }
}

/// When an attempt is priced.
pub(super) fn moment(row: &AttemptRow) -> u64 {
    row.sent_ns.unwrap_or(row.due_ns)
}
