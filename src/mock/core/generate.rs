//! What is generated for a request that is let in, and how it meets the faults that do not refuse.

use super::{Admitted, Core};
use crate::faults::{Effect, Replacement};
use crate::mock::arrival::Ask;
use crate::mock::errors;
use crate::mock::identity::Identity;
use crate::mock::keys::Key;
use crate::mock::latency::Timeline;
use crate::mock::play::{Play, Record, Script};
use crate::mock::stream::{Generation, Repeat};
use crate::mock::text::{Text, nonce_text};
use crate::plan::{Dist, MockPlan};
use std::sync::Arc;
use std::time::Duration;
use xxhash_rust::xxh64::xxh64;

/// Fewest completion tokens of a natural answer, and how many lengths there are before they repeat.
const NATURAL_TOKENS: (u64, u64) = (16, 4096);

/// What a generation is made from.
pub(super) struct GenerationRequest {
    pub(super) ask: Ask,
    pub(super) tokens: u32,
    pub(super) finish: &'static str,
    pub(super) effect: Option<Effect>,
    /// Under which key it is kept, and the digest of the body that came with it.
    pub(super) key: Option<(Key, u64)>,
}

impl Core {
    pub(super) fn generate(
        &mut self,
        now: Duration,
        mut record: Record,
        who: Identity,
        wanted: GenerationRequest,
    ) -> Admitted {
        if wanted.effect == Some(Effect::Silence) {
            return self.answer_unseen(now, record, Script::Silence, 0);
        }
        let mut key = [0u8; 16];
        key[..8].copy_from_slice(&who.job.to_le_bytes());
        key[8..12].copy_from_slice(&who.attempt.to_le_bytes());
        key[12..].copy_from_slice(&who.repeat.to_le_bytes());
        let nonce = xxh64(&key, self.config.seed);
        record.entry.nonce = Some(nonce_text(nonce));
        let (tokens, stream, include_usage) = (wanted.tokens, wanted.ask.stream, wanted.ask.include_usage);
        let created = self.config.epoch_utc_s + now.as_secs();
        let kept = self.keep(&record, nonce, created, &wanted);
        let slow = matches!(wanted.effect, Some(Effect::Delay(_)));
        let (seq, always_billed) = (record.entry.seq, kept || slow);
        let out_of_sight = match wanted.effect {
            Some(Effect::Replace(Replacement::Reset)) => Some(Script::Reset),
            Some(Effect::Replace(Replacement::Page(status, after))) => {
                let at = now.saturating_add(after);
                Some(Script::Reply { at, reply: errors::gateway(status), head_sent: false })
            }
            _ => None,
        };
        let generation = self.generation(created, nonce, who, &record, wanted);
        // Else it is not needed, and the walk to it is as long as the answer.
        let known = kept || out_of_sight.is_some();
        let length = if known { generation.length() } else { Duration::ZERO };
        let until = now.saturating_add(length);
        if let Some(script) = out_of_sight {
            if self.turns.enter_unseen(now, seq, length) {
                self.keys.begun(seq, until);
            }
            return self.answer_unseen(now, record, script, u64::from(tokens));
        }
        record.headers = self.limiter.headers(now);
        let script = Script::completion(generation, stream, include_usage);
        let play = Box::new(Play {
            record,
            script,
            unseen_tokens: 0,
            always_billed,
            held: false,
            start: None,
            in_turn: false,
        });
        let started = self.turns.enter(now, play);
        if started.is_some() {
            self.keys.begun(seq, until);
        }
        self.stats.generating_max = self.stats.generating_max.max(self.turns.in_flight() as u64);
        match started {
            Some(play) => self.pass(now, play),
            None => Admitted::Queued(seq),
        }
    }

    fn generation(
        &self,
        created: u64,
        nonce: u64,
        who: Identity,
        record: &Record,
        wanted: GenerationRequest,
    ) -> Generation {
        let tokens = wanted.tokens;
        let share = |after: f64| (after.clamp(0.0, 1.0) * f64::from(tokens)) as u32;
        let (mut slow, mut early, mut repeat) = (Duration::ZERO, None, None);
        let mut plan = Arc::clone(&self.plan);
        match wanted.effect {
            Some(Effect::Delay(by)) => slow = by,
            Some(Effect::End(ending, after)) => early = Some((ending, share(after))),
            Some(Effect::RepeatEvent(after)) => {
                repeat = Some(Repeat::Event(share(after).min(tokens.saturating_sub(1))));
            }
            Some(Effect::RepeatUsage) => repeat = Some(Repeat::Usage),
            Some(Effect::Pace(gap)) => {
                let itl = Dist::Constant(gap);
                plan = Arc::new(MockPlan { itl, tokens_per_chunk: 1, ..(*self.plan).clone() });
            }
            // Decided before anything is generated.
            Some(Effect::Refuse(_) | Effect::Silence | Effect::Replace(_)) | None => {}
        }
        let key = xxh64(&who.latency.to_le_bytes(), u64::from(who.attempt));
        Generation {
            nonce,
            dialect: record.dialect,
            model: wanted.ask.model,
            created,
            text: Text::new(&record.entry.job.label(), nonce, tokens),
            prompt_tokens: wanted.ask.prompt_tokens,
            finish: wanted.finish,
            timeline: Timeline::new(&plan, self.config.seed, key, slow),
            early,
            repeat,
            plan,
        }
    }
}

/// How long the answer is: deadheat's own client gets exactly what it asks for, so that its load is the
/// scenario's; every other gets a length that tells the job, so that one wrong total names it.
pub(super) fn completion_tokens(ask: &Ask, own: bool, index: u64) -> u32 {
    let natural = NATURAL_TOKENS.0 + index % NATURAL_TOKENS.1;
    let natural = u32::try_from(natural).unwrap_or(u32::MAX);
    match (own, ask.max_tokens) {
        (true, Some(max)) => max,
        (_, max) => natural.min(max.unwrap_or(u32::MAX)),
    }
}
