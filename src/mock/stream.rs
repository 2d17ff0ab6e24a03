//! The answers that carry a completion: whole at once, or as a stream, with the faults that end them early.

use super::dialect::{Dialect, Events, Named};
use super::latency::Timeline;
use super::play::{Head, Move, Record};
use super::text::{self, Text};
use crate::faults::Ending;
use crate::history::LedgerEnd;
use crate::plan::MockPlan;
use std::sync::Arc;
use std::time::Duration;

/// Most bytes handed over at once: what is due together goes out together, but not without bound.
const BUFFER_MAX: usize = 16 * 1024;

/// How the ledger records an answer that ended so.
pub(super) fn recorded(ending: Ending) -> LedgerEnd {
    match ending {
        Ending::Reset => LedgerEnd::Reset,
        Ending::Cut | Ending::Error | Ending::Malformed => LedgerEnd::Cut,
    }
}

/// Whether the generation itself failed, so that only what there was of it is charged.
pub(super) fn fails_generation(ending: Ending) -> bool {
    ending == Ending::Error
}

/// What a stream that goes on to its end sends twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Repeat {
    /// The event with this token, counted from 0.
    Event(u32),
    /// The usage.
    Usage,
}

/// One generation: what will be said, and when it is there.
#[derive(Debug, Clone)]
pub(super) struct Generation {
    pub(super) plan: Arc<MockPlan>,
    pub(super) nonce: u64,
    pub(super) dialect: &'static dyn Dialect,
    pub(super) model: String,
    pub(super) created: u64,
    pub(super) text: Text,
    pub(super) prompt_tokens: u64,
    pub(super) finish: &'static str,
    /// From the next chunk on; walks along while a stream is sent.
    pub(super) timeline: Timeline,
    /// The fault that ends the answer, and behind how many tokens.
    pub(super) early: Option<(Ending, u32)>,
    pub(super) repeat: Option<Repeat>,
}

impl Generation {
    /// From its start to its last token. Only right before the first chunk was sent.
    pub(super) fn length(&self) -> Duration {
        self.timeline.end(&self.plan, self.text.tokens())
    }

    /// What every part of its answer repeats.
    fn named<'a>(&'a self, nonce: &'a str) -> Named<'a> {
        Named { nonce, created: self.created, model: &self.model, prompt: self.prompt_tokens }
    }

    /// Tokens sent before the end, early or not.
    fn last(&self) -> u32 {
        self.early.map_or(self.text.tokens(), |(_, after)| after)
    }
}

/// An answer in one piece.
#[derive(Debug, Clone)]
pub(super) struct Unary {
    /// When all of it is there.
    due: Duration,
    body: Vec<u8>,
    generation: Generation,
    head_sent: bool,
    cut: bool,
}

impl Unary {
    pub(super) fn new(generation: Generation) -> Self {
        Self { due: generation.length(), body: Vec::new(), generation, head_sent: false, cut: false }
    }

    pub(super) fn generation(&self) -> &Generation {
        &self.generation
    }

    pub(super) fn next(&mut self, now: Duration, start: Duration, record: &mut Record) -> Move {
        let due = start.saturating_add(self.due);
        if due > now {
            return Move::Wait(Some(due));
        }
        if self.cut {
            let reset = matches!(self.generation.early, Some((Ending::Reset, _)));
            return if reset { Move::Reset } else { Move::Close };
        }
        if !self.head_sent {
            self.head_sent = true;
            self.body = self.build();
            let length = Some(self.body.len() as u64);
            return record.head(now, Head::new(200, "application/json", length));
        }
        let mut body = std::mem::take(&mut self.body);
        match self.generation.early {
            Some((Ending::Malformed, _)) => Move::Last(body),
            None => {
                let mut said = Vec::with_capacity(body.len());
                self.generation.text.write(0, self.generation.text.tokens(), &mut said);
                record.content(now, self.generation.text.tokens(), &said);
                Move::Last(body)
            }
            Some((Ending::Error, _)) => Move::Last(body),
            Some((Ending::Cut | Ending::Reset, after)) => {
                self.cut = true;
                let share = f64::from(after) / f64::from(self.generation.text.tokens());
                let kept = (body.len() as f64 * share) as usize;
                body.truncate(kept.clamp(1, body.len() - 1));
                Move::Bytes(body)
            }
        }
    }

    pub(super) fn ends_abruptly(&self) -> bool {
        self.cut
    }

    fn build(&self) -> Vec<u8> {
        let generation = &self.generation;
        if let Some((Ending::Error, _)) = generation.early {
            return generation.dialect.error_inside().into_bytes();
        }
        let nonce = text::nonce_text(generation.nonce);
        let tokens = generation.text.tokens();
        let mut said = Vec::with_capacity(tokens as usize * 8 + 64);
        generation.text.write(0, tokens, &mut said);
        let (answer, said) = (generation.named(&nonce), String::from_utf8_lossy(&said));
        let body = generation.dialect.completion(answer, &said, generation.finish, u64::from(tokens));
        let mut body = body.into_bytes();
        if let Some((Ending::Malformed, _)) = generation.early {
            body.truncate(body.len() / 2);
        }
        body
    }
}

/// An answer as a stream of events.
///
/// The head and the role chunk leave with the first token: until then a client cannot tell a slow provider
/// from a dead one.
#[derive(Debug)]
pub(super) struct Stream {
    generation: Generation,
    events: Box<dyn Events>,
    /// Tokens sent.
    sent: u32,
    head_sent: bool,
    role_sent: bool,
    /// A part of an event was sent; the reset is next.
    torn: bool,
}

impl Stream {
    pub(super) fn new(generation: Generation, include_usage: bool) -> Self {
        let nonce = text::nonce_text(generation.nonce);
        let events = generation.dialect.events(generation.named(&nonce), include_usage);
        Self { generation, events, sent: 0, head_sent: false, role_sent: false, torn: false }
    }

    pub(super) fn generation(&self) -> &Generation {
        &self.generation
    }

    pub(super) fn ends_abruptly(&self) -> bool {
        self.torn
    }

    /// Tokens that are there at `offset` from the start, sent or not.
    pub(super) fn generated(&self, offset: Duration) -> u32 {
        let left = self.generation.text.tokens() - self.sent;
        self.sent + self.generation.timeline.generated(&self.generation.plan, left, offset)
    }

    /// From the start to the last token, as seen from where the stream is.
    pub(super) fn length(&self) -> Duration {
        self.generation.timeline.end(&self.generation.plan, self.generation.text.tokens() - self.sent)
    }

    pub(super) fn next(&mut self, now: Duration, start: Duration, record: &mut Record) -> Move {
        if self.torn {
            return Move::Reset;
        }
        let due = start.saturating_add(self.generation.timeline.due());
        let last = self.generation.last();
        let ready = self.sent > 0 && self.sent >= last;
        if due > now && !ready {
            return Move::Wait(Some(due));
        }
        if !self.head_sent {
            self.head_sent = true;
            return record.head(now, Head::new(200, "text/event-stream; charset=utf-8", None));
        }
        let mut out = Vec::with_capacity(self.capacity(last));
        if !self.role_sent && self.generation.early != Some((Ending::Error, 0)) {
            self.events.begin(&mut out);
        }
        self.role_sent = true;
        while self.sent < last
            && out.len() < BUFFER_MAX
            && start.saturating_add(self.generation.timeline.due()) <= now
        {
            self.chunk(now, last, record, &mut out);
        }
        if self.sent < last { Move::Bytes(out) } else { self.finish(out) }
    }

    /// One content chunk, then on to the next one's time.
    fn chunk(&mut self, now: Duration, last: u32, record: &mut Record, out: &mut Vec<u8>) {
        let plan = &self.generation.plan;
        let per_chunk = plan.tokens_per_chunk.max(1);
        let (from, to) = (self.sent, last.min(self.sent + per_chunk));
        let text = &self.generation.text;
        self.events.content(out, u64::from(to), &mut |out| {
            let at = out.len();
            text.write(from, to, out);
            record.content(now, to - from, &out[at..]);
        });
        if matches!(self.generation.repeat, Some(Repeat::Event(token)) if (from..to).contains(&token)) {
            self.events.content(out, u64::from(to), &mut |out| {
                let at = out.len();
                text.write(from, to, out);
                // Handed over, but generated only once.
                record.content(now, 0, &out[at..]);
            });
        }
        self.sent = to;
        if to < text.tokens() {
            self.generation.timeline.advance(plan, per_chunk.min(text.tokens() - to));
        }
    }

    fn finish(&mut self, mut out: Vec<u8>) -> Move {
        match self.generation.early {
            None => {
                self.whole(&mut out);
                Move::Last(out)
            }
            Some((Ending::Malformed, _)) => {
                let mut event = Vec::new();
                self.events.content(&mut event, 0, &mut |out| out.extend_from_slice(b" torn"));
                out.extend_from_slice(&event[..event.len() / 2]);
                out.extend_from_slice(b"\n\n");
                self.whole(&mut out);
                Move::Last(out)
            }
            Some((Ending::Cut, _)) => Move::Last(out),
            Some((Ending::Error, _)) => {
                self.events.error(&mut out);
                Move::Last(out)
            }
            Some((Ending::Reset, _)) => {
                self.torn = true;
                let mut torn = Vec::new();
                self.events.content(&mut torn, 0, &mut |out| out.extend_from_slice(b" torn"));
                out.extend_from_slice(&torn[..torn.len() / 2]);
                Move::Bytes(out)
            }
        }
    }

    /// What comes behind the last content of a whole answer.
    fn whole(&mut self, out: &mut Vec<u8>) {
        let Generation { finish, repeat, text, .. } = &self.generation;
        let tokens = u64::from(text.tokens());
        let twice = matches!(repeat, Some(Repeat::Usage));
        let usages = [tokens / 2, tokens];
        self.events.finish(out, finish, if twice { &usages } else { &usages[1..] });
    }

    /// Room for what is likely due: one chunk, or a buffer full if tokens take no time.
    fn capacity(&self, last: u32) -> usize {
        let chunks = if self.sent == 0 { 3 } else { 1 };
        let rest = (last - self.sent).div_ceil(self.generation.plan.tokens_per_chunk.max(1)) as usize + 3;
        let instant = self.generation.plan.itl == crate::plan::Dist::Constant(Duration::ZERO);
        let events = if instant { rest } else { chunks.min(rest) };
        (events * 320).min(BUFFER_MAX + 1024)
    }
}
