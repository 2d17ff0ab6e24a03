//! The core with a gate before its answers. Without a schedule none of this happens.

use super::{Admitted, Core, Record};
use crate::faults::FaultKind;
use crate::history::LedgerEnd;
use crate::mock::faults;
use crate::mock::hold::Gate;
use crate::mock::identity::{Identity, Jobs};
use crate::mock::play::{Play, PlayEnd};
use crate::schedule::{RequestKey, Schedule, Trace, TraceEvent};
use std::time::Duration;

impl Core {
    /// Holds answers back by this schedule from now on, or by none. Whatever is held leaves; what is in
    /// progress is known to the new schedule only if there was one before. A schedule begins a new round:
    /// attempts and copies are counted from 1 again, so that the same schedule can be played twice.
    pub fn set_schedule(&mut self, now: Duration, schedule: Option<Schedule>) {
        self.advance(now);
        let old = self.gate.take().map(|mut gate| {
            gate.close(now, &mut |play| self.started.push(released(now, play)));
            gate
        });
        if schedule.is_some() {
            self.jobs = Jobs::default();
        }
        self.gate = match (old, schedule) {
            (Some(gate), Some(schedule)) => Some(gate.follow(schedule)),
            (None, Some(schedule)) => Some(Gate::new(schedule)),
            (_, None) => None,
        };
    }

    /// Lets go whatever is held, and holds nothing any more. What the gate saw is still known.
    pub fn open_gate(&mut self, now: Duration) {
        self.advance(now);
        if let Some(gate) = &mut self.gate {
            gate.close(now, &mut |play| self.started.push(released(now, play)));
        }
    }

    /// The schedule in force.
    #[must_use]
    pub fn schedule(&self) -> Option<&Schedule> {
        self.gate.as_ref().map(Gate::schedule)
    }

    /// What the gate saw and did so far; nothing without a schedule.
    #[must_use]
    pub fn trace(&self) -> Trace {
        self.gate.as_ref().map(Gate::trace).unwrap_or_default()
    }

    /// Tells the gate of an arrival, which gets its name there.
    pub(super) fn name(&mut self, now: Duration, record: &Record, who: Identity) -> Option<RequestKey> {
        let (seq, job) = (record.entry.seq, &record.entry.job);
        self.gate.as_mut().map(|gate| gate.arrive(now, seq, job, who.attempt))
    }

    /// The schedule's fault for this request, else the first rule's that strikes it.
    pub(super) fn strike(&self, who: Identity, key: Option<&RequestKey>) -> Option<FaultKind> {
        let scheduled = self.gate.as_ref().zip(key).and_then(|(gate, key)| gate.strike(key));
        let config = &self.config;
        scheduled
            .or_else(|| faults::strike(&config.faults, &config.name, config.seed, who.index, who.attempt))
    }

    /// Writes down which fault has struck.
    pub(super) fn struck(&mut self, now: Duration, record: &mut Record, fault: Option<&FaultKind>) {
        record.entry.fault = fault.map(|kind| kind.name().to_owned());
        if let (Some(gate), Some(kind)) = (&mut self.gate, fault) {
            gate.struck(now, record.entry.seq, kind.name());
        }
    }

    /// Answers, unless the gate holds the answer back.
    pub(super) fn pass(&mut self, now: Duration, play: Box<Play>) -> Admitted {
        let Some(gate) = &mut self.gate else { return Admitted::Answer(play) };
        let seq = play.seq();
        gate.pass(now, seq, play).map_or(Admitted::Queued(seq), Admitted::Answer)
    }

    /// Lets the gate see whose turn has come behind the first `from` of them, and adds whom it lets go.
    pub(super) fn pass_started(&mut self, now: Duration, from: usize) {
        let Some(gate) = &mut self.gate else { return };
        for play in self.started.split_off(from) {
            self.started.extend(gate.pass(now, play.seq(), play));
        }
        gate.advance(now, &mut |play| self.started.push(released(now, play)));
    }

    /// The client of a held answer has gone.
    pub(super) fn leave_held(&mut self, now: Duration, seq: u64) -> Option<Box<Play>> {
        let mut play = self.gate.as_mut()?.leave(now, seq)?;
        play.held = true;
        Some(play)
    }

    /// Tells the gate of an end.
    pub(super) fn tell_end(
        &mut self,
        now: Duration,
        seq: u64,
        how: PlayEnd,
        end: LedgerEnd,
        status: Option<u16>,
    ) {
        let Some(gate) = &mut self.gate else { return };
        let event = match (how, end) {
            (PlayEnd::Done, LedgerEnd::Whole | LedgerEnd::Refused) => TraceEvent::Answered { status },
            (PlayEnd::Gone, _) => TraceEvent::Left,
            _ => TraceEvent::Cut,
        };
        gate.over(now, seq, event);
    }
}

fn released(now: Duration, mut play: Box<Play>) -> Box<Play> {
    play.release(now);
    play
}
