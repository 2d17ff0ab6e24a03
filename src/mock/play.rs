//! One attempt, from its arrival to its ledger entry: what is handed over when, and what is charged.

use super::dialect::Dialect;
use super::errors::Reply;
use super::stream::{self, Generation, Stream, Unary};
use crate::clock::ns;
use crate::faults::Ending;
use crate::history::{LedgerEnd, LedgerEntry};
use std::time::Duration;
use xxhash_rust::xxh64::Xxh64;

/// What the driver of a [`Play`] does next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Move {
    /// Nothing until this time on the run's clock; `None` is until the client goes.
    Wait(Option<Duration>),
    /// Hand over the status line and headers.
    Head(Head),
    /// Hand over these bytes of the body; more follows.
    Bytes(Vec<u8>),
    /// Hand over these bytes of the body (perhaps none), and end it cleanly. The attempt is over.
    Last(Vec<u8>),
    /// Close the connection behind what was handed over. The attempt is over.
    Close,
    /// Reset the connection behind what was handed over. The attempt is over.
    Reset,
}

/// Status line and headers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// HTTP status.
    pub status: u16,
    /// `content-type`.
    pub content_type: &'static str,
    /// `content-length`; `None` is a stream.
    pub length: Option<u64>,
    /// Further headers, names in lower case.
    pub headers: Vec<(&'static str, String)>,
}

impl Head {
    pub(super) fn new(status: u16, content_type: &'static str, length: Option<u64>) -> Self {
        Self { status, content_type, length, headers: Vec::new() }
    }
}

/// How an attempt came to its end, as its driver saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlayEnd {
    /// Its last move was made.
    Done,
    /// The client went away first.
    Gone,
    /// It was still open when the ledger was closed.
    Open,
}

/// A running digest of what was handed over; the hasher itself has no `Debug`.
#[derive(Clone)]
struct Digest(Xxh64);

impl std::fmt::Debug for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:016x}", self.0.digest())
    }
}

/// The ledger entry in the making, with what its stamps need.
#[derive(Debug, Clone)]
pub(super) struct Record {
    pub(super) entry: LedgerEntry,
    /// The protocol in which it is answered.
    pub(super) dialect: &'static dyn Dialect,
    /// Headers of every answer: the request id's and the limits'.
    pub(super) headers: Vec<(&'static str, String)>,
    hash: Digest,
    /// Stamp of the last content chunk in whole microseconds: gaps are differences of floors, so that
    /// their sum is exact.
    last_us: u64,
}

impl Record {
    pub(super) fn new(entry: LedgerEntry, dialect: &'static dyn Dialect) -> Self {
        Self { entry, dialect, headers: Vec::new(), hash: Digest(Xxh64::new(0)), last_us: 0 }
    }

    /// Stamps the head and completes its headers.
    pub(super) fn head(&mut self, now: Duration, mut head: Head) -> Move {
        self.entry.first_byte_ns = Some(ns(now));
        self.entry.status = Some(head.status);
        head.headers.push(("x-request-id", self.entry.request_id.clone()));
        if let Some(name) = self.dialect.request_id_header() {
            head.headers.push((name, self.entry.request_id.clone()));
        }
        head.headers.append(&mut self.headers);
        Move::Head(head)
    }

    /// Stamps one content chunk.
    pub(super) fn content(&mut self, now: Duration, tokens: u32, text: &[u8]) {
        let now_ns = ns(now);
        let now_us = now_ns / 1000;
        if self.entry.first_content_ns.is_none() {
            self.entry.first_content_ns = Some(now_ns);
        } else {
            let gap = now_us.saturating_sub(self.last_us);
            self.entry.gaps_us.push(u32::try_from(gap).unwrap_or(u32::MAX));
        }
        self.last_us = now_us;
        self.entry.delivered_tokens += u64::from(tokens);
        self.hash.0.update(text);
    }
}

/// What an attempt is answered with.
#[derive(Debug)]
pub(super) enum Script {
    /// A whole answer that is no completion, at this time.
    Reply { at: Duration, reply: Reply, head_sent: bool },
    /// Nothing, ever.
    Silence,
    /// A reset, at once.
    Reset,
    /// A completion in one piece.
    Unary(Box<Unary>),
    /// A completion as a stream.
    Stream(Box<Stream>),
}

impl Script {
    /// The answer that carries `generation`.
    pub(super) fn completion(generation: Generation, stream: bool, include_usage: bool) -> Self {
        match stream {
            true => Self::Stream(Box::new(Stream::new(generation, include_usage))),
            false => Self::Unary(Box::new(Unary::new(generation))),
        }
    }
}

/// One attempt that is being answered. Owned by the task that drives it: its moves touch nothing that is
/// shared, so chunks need no lock. Give it back to [`super::Core::end`], or its entry is lost.
#[derive(Debug)]
#[must_use = "an attempt that is not ended has no ledger entry"]
pub struct Play {
    pub(super) record: Record,
    pub(super) script: Script,
    /// Tokens charged beside the script's own: a generation that goes on out of sight.
    pub(super) unseen_tokens: u64,
    /// Generated to its end and charged whole, whatever becomes of its client: slow-then-billed, or kept for
    /// a client that comes again with its key.
    pub(super) always_billed: bool,
    /// Held back when it was ready: its generation was done, and is charged whole if its client leaves.
    pub(super) held: bool,
    /// Start of the generation; `None` while it waits for its turn.
    pub(super) start: Option<Duration>,
    /// Whether it takes one of the provider's places.
    pub(super) in_turn: bool,
}

impl Play {
    /// Number of its arrival.
    #[must_use]
    pub fn seq(&self) -> u64 {
        self.record.entry.seq
    }

    /// What to do at `now`. Bytes that it returns are stamped as handed over at `now`.
    pub fn next(&mut self, now: Duration) -> Move {
        let Some(start) = self.start else { return Move::Wait(None) };
        let record = &mut self.record;
        match &mut self.script {
            Script::Silence => Move::Wait(None),
            Script::Reset => Move::Reset,
            Script::Unary(unary) => unary.next(now, start, record),
            Script::Stream(stream) => stream.next(now, start, record),
            Script::Reply { at, .. } if *at > now => Move::Wait(Some(*at)),
            Script::Reply { reply, head_sent, .. } => {
                if *head_sent {
                    return Move::Last(std::mem::take(&mut reply.body).into_bytes());
                }
                *head_sent = true;
                *reply = record.dialect.refusal(reply.clone(), &record.entry.request_id);
                record.entry.permanent = reply.permanent;
                record.entry.retry_after_ms = reply.retry_after.map(super::limits::ceil_ms);
                let mut head = Head::new(reply.status, reply.content_type, Some(reply.body.len() as u64));
                head.headers = std::mem::take(&mut reply.headers);
                record.head(now, head)
            }
        }
    }

    /// Starts an answer that was held back until `now`.
    pub(super) fn release(&mut self, now: Duration) {
        let start = self.start.unwrap_or(now);
        if let Script::Reply { at, .. } = &mut self.script {
            *at = at.saturating_sub(start).saturating_add(now);
        }
        self.start = Some(start.max(now));
        self.held = true;
    }

    /// Whether the next move closes or resets the connection.
    pub(super) fn ends_abruptly(&self) -> bool {
        match &self.script {
            Script::Unary(unary) => unary.ends_abruptly(),
            Script::Stream(stream) => stream.ends_abruptly(),
            _ => false,
        }
    }

    /// Its ledger entry, and until when its generation goes on out of sight, if it does.
    pub(super) fn close(
        mut self,
        now: Duration,
        how: PlayEnd,
        bill_after: bool,
    ) -> (LedgerEntry, Option<Duration>) {
        let completion = match self.record.entry.replayed {
            // Charged when it was generated.
            true => 0,
            false => self.charge(now, how, bill_after || self.always_billed || self.held),
        };
        let goes_on = completion > 0 && completion == self.total() && how != PlayEnd::Open;
        let until = self.start.zip(self.length()).map(|(start, length)| start.saturating_add(length));
        let until = until.filter(|until| goes_on && *until > now);
        let end = match how {
            PlayEnd::Done => self.end(),
            PlayEnd::Gone => LedgerEnd::ClientClosed,
            PlayEnd::Open => LedgerEnd::Open,
        };
        let entry = &mut self.record.entry;
        entry.ended_ns = ns(now);
        entry.end = end;
        entry.billed_completion_tokens = completion;
        entry.billed_prompt_tokens = if completion > 0 { entry.prompt_tokens } else { 0 };
        entry.text_hash = entry.first_content_ns.map(|_| format!("{:016x}", self.record.hash.0.digest()));
        (self.record.entry, until)
    }

    /// Completion tokens charged.
    fn charge(&self, now: Duration, how: PlayEnd, bill_after: bool) -> u64 {
        let early = self.early();
        let delivered = self.record.entry.delivered_tokens;
        match (&self.script, how) {
            (Script::Reply { .. } | Script::Silence | Script::Reset, _) => self.unseen_tokens,
            (_, PlayEnd::Done) => match early {
                // The generation failed: what there was so far.
                Some((ending, after)) if stream::fails_generation(ending) && !self.always_billed => {
                    delivered.max(u64::from(after))
                }
                // The connection failed, not the generation; or it failed and was made good for its key.
                _ => self.total(),
            },
            (_, PlayEnd::Gone) if bill_after => self.total(),
            (_, PlayEnd::Gone | PlayEnd::Open) => {
                let offset = self.start.map(|start| now.saturating_sub(start));
                delivered.max(offset.map_or(0, |offset| u64::from(self.generated(offset))))
            }
        }
    }

    /// How it ended if its last move was made.
    fn end(&self) -> LedgerEnd {
        match (&self.script, self.early()) {
            (Script::Reply { .. }, _) => LedgerEnd::Refused,
            (Script::Reset, _) => LedgerEnd::Reset,
            (_, Some((ending, _))) => stream::recorded(ending),
            (Script::Silence, _) => LedgerEnd::ClientClosed,
            (_, None) => LedgerEnd::Whole,
        }
    }

    fn early(&self) -> Option<(Ending, u32)> {
        match &self.script {
            Script::Unary(unary) => unary.generation().early,
            Script::Stream(stream) => stream.generation().early,
            _ => None,
        }
    }

    /// Tokens of the whole generation.
    fn total(&self) -> u64 {
        match &self.script {
            Script::Unary(unary) => u64::from(unary.generation().text.tokens()),
            Script::Stream(stream) => u64::from(stream.generation().text.tokens()),
            _ => self.unseen_tokens,
        }
    }

    /// From the generation's start to its last token.
    pub(super) fn length(&self) -> Option<Duration> {
        match &self.script {
            Script::Unary(unary) => Some(unary.generation().length()),
            Script::Stream(stream) => Some(stream.length()),
            _ => None,
        }
    }

    fn generated(&self, offset: Duration) -> u32 {
        match &self.script {
            Script::Unary(unary) => {
                let generation = unary.generation();
                generation.timeline.generated(&generation.plan, generation.text.tokens(), offset)
            }
            Script::Stream(stream) => stream.generated(offset),
            _ => 0,
        }
    }
}
