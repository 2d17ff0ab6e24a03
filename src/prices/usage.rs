//! What a vendor reports, taken apart into disjoint counts.

use super::{Component, Counts};

/// Whether the tokens of a cache stand inside the reported prompt tokens or beside them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum CacheTokens {
    /// Inside, as OpenAI and Gemini report them.
    #[default]
    Inside,
    /// Beside, as Anthropic reports them.
    Beside,
}

/// Usage as it was reported: totals, and how much of them was something special.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Prompt tokens.
    pub prompt: u64,
    /// Whether `prompt` holds the next three.
    pub cache: CacheTokens,
    /// Read from a cache.
    pub cached_read: u64,
    /// Written to a cache for five minutes.
    pub cache_write_5m: u64,
    /// Written to a cache for an hour.
    pub cache_write_1h: u64,
    /// Prompt tokens of audio, inside `prompt`.
    pub audio_in: u64,
    /// Prompt tokens of images, inside `prompt`.
    pub image_in: u64,
    /// Completion tokens.
    pub completion: u64,
    /// Of these, reasoning.
    pub reasoning: u64,
    /// Of these, audio.
    pub audio_out: u64,
    /// Of these, images.
    pub image_out: u64,
    /// Requests that are charged for; 1 where each request has a fee.
    pub requests: u64,
    /// Searches that are charged for.
    pub searches: u64,
}

/// Usage that cannot be: a part is larger than the whole.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UsageError {
    /// The parts of the prompt.
    #[error("{parts} tokens of cache, audio and images do not fit into {total} prompt tokens")]
    Prompt {
        /// What was reported of parts.
        parts: u128,
        /// What was reported in all.
        total: u64,
    },
    /// The parts of the completion.
    #[error("{parts} tokens of reasoning, audio and images do not fit into {total} completion tokens")]
    Completion {
        /// What was reported of parts.
        parts: u128,
        /// What was reported in all.
        total: u64,
    },
}

impl Usage {
    /// The disjoint counts.
    ///
    /// # Errors
    /// If a part is larger than the whole: that is an error in what was reported, and clamping it to zero
    /// would hide that tokens are charged twice.
    pub fn counts(&self) -> Result<Counts, UsageError> {
        let sum = |parts: &[u64]| parts.iter().map(|part| u128::from(*part)).sum::<u128>();
        let cache = sum(&[self.cached_read, self.cache_write_5m, self.cache_write_1h]);
        let media = sum(&[self.audio_in, self.image_in]);
        let inside = if self.cache == CacheTokens::Inside { cache + media } else { media };
        let prompt =
            left(self.prompt, inside).ok_or(UsageError::Prompt { parts: inside, total: self.prompt })?;
        let parts = sum(&[self.reasoning, self.audio_out, self.image_out]);
        let completion =
            left(self.completion, parts).ok_or(UsageError::Completion { parts, total: self.completion })?;
        Ok(Counts::default()
            .with(Component::Input, prompt)
            .with(Component::CachedRead, self.cached_read)
            .with(Component::CacheWrite5m, self.cache_write_5m)
            .with(Component::CacheWrite1h, self.cache_write_1h)
            .with(Component::AudioIn, self.audio_in)
            .with(Component::ImageIn, self.image_in)
            .with(Component::Output, completion)
            .with(Component::Reasoning, self.reasoning)
            .with(Component::AudioOut, self.audio_out)
            .with(Component::ImageOut, self.image_out)
            .with(Component::RequestFee, self.requests)
            .with(Component::SearchFee, self.searches))
    }
}

fn left(total: u64, parts: u128) -> Option<u64> {
    u64::try_from(u128::from(total).checked_sub(parts)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_of_reporting_a_cache_come_to_the_same_counts() {
        let inside = Usage { prompt: 1000, cached_read: 800, cache_write_5m: 150, ..Usage::default() };
        let beside = Usage { prompt: 50, cache: CacheTokens::Beside, ..inside };
        assert_eq!(inside.counts(), beside.counts());
        assert_eq!(inside.counts().expect("counts").get(Component::Input), 50);
    }

    #[test]
    fn a_part_larger_than_the_whole_is_an_error_and_not_clamped() {
        let wrong = Usage { prompt: 50, cached_read: 800, ..Usage::default() };
        assert_eq!(wrong.counts(), Err(UsageError::Prompt { parts: 800, total: 50 }));
        let wrong = Usage { completion: 1, reasoning: u64::MAX, audio_out: u64::MAX, ..Usage::default() };
        assert!(wrong.counts().expect_err("an error").to_string().contains("completion"));
    }
}
