//! Requests that carry an `Idempotency-Key`, if the plan has the provider honour it.
//!
//! What is generated under a key is generated to its end, and billed once, whatever becomes of its client or
//! its connection, because it must be there for a client that comes again. An attempt that is refused, or
//! never answered, leaves its key free: for it nothing is generated.

use super::{Core, GenerationRequest};
use crate::mock::arrival::Ask;
use crate::mock::errors::{self, Reply};
use crate::mock::keys::{Key, Keys, StoredAnswer};
use crate::mock::latency::Timeline;
use crate::mock::play::{Play, Record, Script};
use crate::mock::stream::Generation;
use crate::mock::text::{Text, nonce_text};
use crate::plan::{Dist, MockPlan};
use std::sync::Arc;
use std::time::Duration;

/// What the key of a request calls for.
pub(super) enum Called {
    /// A generation, to be kept under this key if there is one.
    Generation(Option<Key>),
    /// What was generated before, from its end on.
    Replay(StoredAnswer, Duration),
    /// An error.
    Refusal(Reply),
}

/// The plan by which an answer from memory is timed: all of it is there.
pub(super) fn at_once(plan: &MockPlan) -> Arc<MockPlan> {
    let none = Dist::Constant(Duration::ZERO);
    Arc::new(MockPlan { ttft: none.clone(), itl: none, stall: None, ..plan.clone() })
}

impl Core {
    /// What the key of a request that no fault has refused calls for.
    pub(super) fn look_up(&self, key: Option<&str>, body_hash: u64) -> Called {
        let Some(text) = key.filter(|_| self.plan.idempotency) else {
            return Called::Generation(None);
        };
        let Some(key) = Keys::digest(text) else { return Called::Refusal(errors::bad_key()) };
        match self.keys.get(key) {
            None => Called::Generation(Some(key)),
            Some(kept) if kept.body_hash != body_hash => Called::Refusal(errors::key_reused()),
            Some(kept) => match kept.until {
                Some(until) => Called::Replay(kept.clone(), until),
                None => Called::Refusal(errors::key_in_use()),
            },
        }
    }

    /// Remembers what is about to be generated for `record`'s request; whether it is kept.
    pub(super) fn keep(
        &mut self,
        record: &Record,
        nonce: u64,
        created: u64,
        wanted: &GenerationRequest,
    ) -> bool {
        let Some((key, body_hash)) = wanted.key else { return false };
        let kept = StoredAnswer {
            seq: record.entry.seq,
            body_hash,
            job: record.entry.job.clone(),
            nonce,
            created,
            tokens: wanted.tokens,
            finish: wanted.finish,
            until: None,
        };
        let kept = self.keys.keep(key, kept);
        (self.stats.keys, self.stats.keys_forgotten) = self.keys.counts();
        kept
    }

    /// The answer that was generated before: nothing is charged, and no place is taken.
    pub(super) fn replay(
        &mut self,
        now: Duration,
        mut record: Record,
        ask: Ask,
        kept: &StoredAnswer,
        until: Duration,
    ) -> Box<Play> {
        record.entry.nonce = Some(nonce_text(kept.nonce));
        record.entry.replayed = true;
        record.headers = self.limiter.headers(now);
        record.headers.push(("idempotent-replayed", "true".to_owned()));
        let (stream, include_usage) = (ask.stream, ask.include_usage);
        let generation = Generation {
            nonce: kept.nonce,
            dialect: record.dialect,
            model: ask.model,
            created: kept.created,
            text: Text::new(&kept.job.label(), kept.nonce, kept.tokens),
            prompt_tokens: ask.prompt_tokens,
            finish: kept.finish,
            timeline: Timeline::new(&self.at_once, self.config.seed, 0, Duration::ZERO),
            early: None,
            repeat: None,
            plan: Arc::clone(&self.at_once),
        };
        Box::new(Play {
            record,
            script: Script::completion(generation, stream, include_usage),
            unseen_tokens: 0,
            always_billed: false,
            held: false,
            start: Some(until.max(now)),
            in_turn: false,
        })
    }
}
