//! Keys that expire, as a Redis server keeps them, and the steps that locks and totals are made of.

use std::collections::BTreeMap;
use std::time::Duration;

/// Why a step was refused, in the words of Redis 7.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The key holds a hash, and a text is asked for, or the other way round.
    #[error("WRONGTYPE Operation against a key holding the wrong kind of value")]
    WrongType,
    /// No number, or none of 64 bits.
    #[error("ERR value is not an integer or out of range")]
    NotAnInteger,
    /// The sum has more than 64 bits.
    #[error("ERR increment or decrement would overflow")]
    Overflow,
    /// A time to live below one millisecond, or one that ends after time does.
    #[error("ERR invalid expire time in '{0}' command")]
    ExpireTime(&'static str),
}

/// What a Redis server remembers, and what it can be asked in one step at one moment.
///
/// Handed out by [`LockServer::ask`](super::LockServer::ask) only, which keeps other clients out meanwhile.
/// As in Redis a key lives through the last millisecond of its time, and is gone in the next.
#[derive(Debug, Default)]
pub struct Keys {
    entries: BTreeMap<Vec<u8>, Entry>,
    now: Duration,
}

#[derive(Debug)]
struct Entry {
    value: Value,
    last_ms: Option<i64>,
}

#[derive(Debug)]
enum Value {
    Text(Vec<u8>),
    Numbers(BTreeMap<Vec<u8>, i64>),
}

impl Value {
    fn text(&self) -> Result<&[u8], KeyError> {
        match self {
            Self::Text(text) => Ok(text),
            Self::Numbers(_) => Err(KeyError::WrongType),
        }
    }
}

impl Keys {
    /// From here on it is `now`, counted from 1970.
    pub(super) fn set_time(&mut self, now: Duration) {
        self.now = now;
    }

    pub(super) fn expire_where(&mut self, mut picks: impl FnMut(&[u8]) -> bool) -> usize {
        let before = self.entries.len();
        self.entries.retain(|key, _| !picks(key));
        before - self.entries.len()
    }

    /// The server's time since 1970.
    #[must_use]
    pub fn time(&self) -> Duration {
        self.now
    }

    fn now_ms(&self) -> i64 {
        i64::try_from(self.now.as_millis()).unwrap_or(i64::MAX)
    }

    fn live(&mut self, key: &[u8]) -> Option<&mut Entry> {
        let now_ms = self.now_ms();
        let gone = |entry: &Entry| entry.last_ms.is_some_and(|last_ms| last_ms < now_ms);
        if self.entries.get(key).is_some_and(gone) {
            self.entries.remove(key);
        }
        self.entries.get_mut(key)
    }

    fn last_ms(&self, ttl_ms: i64, command: &'static str) -> Result<i64, KeyError> {
        self.now_ms().checked_add(ttl_ms).ok_or(KeyError::ExpireTime(command))
    }

    /// SET: keeps a text, for `ttl_ms` or for ever; with `only_new` (NX) only where there is nothing.
    /// `false` if there was something.
    ///
    /// # Errors
    /// [`KeyError::ExpireTime`] if `ttl_ms` is not positive or too large.
    pub fn set(
        &mut self,
        key: &[u8],
        text: &[u8],
        ttl_ms: Option<i64>,
        only_new: bool,
    ) -> Result<bool, KeyError> {
        if ttl_ms.is_some_and(|ttl_ms| ttl_ms <= 0) {
            return Err(KeyError::ExpireTime("set"));
        }
        let last_ms = ttl_ms.map(|ttl_ms| self.last_ms(ttl_ms, "set")).transpose()?;
        if only_new && self.live(key).is_some() {
            return Ok(false);
        }
        self.entries.insert(key.to_vec(), Entry { value: Value::Text(text.to_vec()), last_ms });
        Ok(true)
    }

    /// GET: the text that is kept there.
    ///
    /// # Errors
    /// [`KeyError::WrongType`] if that is a hash.
    pub fn get(&mut self, key: &[u8]) -> Result<Option<&[u8]>, KeyError> {
        self.live(key).map(|entry| entry.value.text()).transpose()
    }

    /// EXISTS.
    pub fn exists(&mut self, key: &[u8]) -> bool {
        self.live(key).is_some()
    }

    /// DEL and UNLINK: `false` if there was nothing.
    pub fn delete(&mut self, key: &[u8]) -> bool {
        self.live(key).is_some() && self.entries.remove(key).is_some()
    }

    /// INCR: one more than the number that stands there, or 1. Its time to live stays.
    ///
    /// # Errors
    /// If that is no number.
    pub fn increment(&mut self, key: &[u8]) -> Result<i64, KeyError> {
        let Some(entry) = self.live(key) else {
            self.set(key, b"1", None, false)?;
            return Ok(1);
        };
        let next = Self::number(entry.value.text()?)?.checked_add(1).ok_or(KeyError::Overflow)?;
        entry.value = Value::Text(next.to_string().into_bytes());
        Ok(next)
    }

    /// HINCRBY: the field's new number.
    ///
    /// # Errors
    /// [`KeyError::WrongType`] if a text stands there, [`KeyError::Overflow`].
    pub fn add(&mut self, key: &[u8], field: &[u8], more: i64) -> Result<i64, KeyError> {
        let Some(entry) = self.live(key) else {
            let value = Value::Numbers([(field.to_vec(), more)].into());
            self.entries.insert(key.to_vec(), Entry { value, last_ms: None });
            return Ok(more);
        };
        let Value::Numbers(numbers) = &mut entry.value else { return Err(KeyError::WrongType) };
        let sum = numbers.get(field).copied().unwrap_or(0).checked_add(more).ok_or(KeyError::Overflow)?;
        numbers.insert(field.to_vec(), sum);
        Ok(sum)
    }

    /// HMGET, one field of it.
    ///
    /// # Errors
    /// [`KeyError::WrongType`] if a text stands there.
    pub fn field(&mut self, key: &[u8], field: &[u8]) -> Result<Option<i64>, KeyError> {
        match self.live(key).map(|entry| &entry.value) {
            None => Ok(None),
            Some(Value::Numbers(numbers)) => Ok(numbers.get(field).copied()),
            Some(Value::Text(_)) => Err(KeyError::WrongType),
        }
    }

    /// PEXPIRE: lets the key last for `ttl_ms` from now, which deletes it if that is not positive; `false` if
    /// it is not there.
    ///
    /// # Errors
    /// [`KeyError::ExpireTime`] if time ends before.
    pub fn expire_in(&mut self, key: &[u8], ttl_ms: i64) -> Result<bool, KeyError> {
        let last_ms = self.last_ms(ttl_ms, "pexpire")?;
        let Some(entry) = self.live(key) else { return Ok(false) };
        entry.last_ms = Some(last_ms);
        if ttl_ms <= 0 {
            self.entries.remove(key);
        }
        Ok(true)
    }

    /// PTTL: the milliseconds that it has left; -1 if it stays, -2 if it is not there.
    pub fn left_ms(&mut self, key: &[u8]) -> i64 {
        let now_ms = self.now_ms();
        match self.live(key) {
            None => -2,
            Some(entry) => entry.last_ms.map_or(-1, |last_ms| last_ms - now_ms),
        }
    }

    /// All keys that begin with `prefix`, in order: what a whole SCAN finds.
    #[must_use]
    pub fn beginning_with(&self, prefix: &[u8]) -> Vec<Vec<u8>> {
        let now_ms = self.now_ms();
        let from_here = self.entries.range(prefix.to_vec()..);
        from_here
            .take_while(|(key, _)| key.starts_with(prefix))
            .filter(|(_, entry)| entry.last_ms.is_none_or(|last_ms| now_ms <= last_ms))
            .map(|(key, _)| key.clone())
            .collect()
    }
}

/// The scripts, line by line as the server runs them: what stands before a refusal is done.
impl Keys {
    /// Takes the lock and draws the next fencing token; `None` if it is held. A counter that is not
    /// there begins at the time in microseconds.
    ///
    /// # Errors
    /// If a key holds what it should not, or a time to live is none.
    pub fn acquire(
        &mut self,
        lock: &[u8],
        fence: &[u8],
        owner: &[u8],
        (ttl_ms, fence_ttl_ms): (i64, i64),
    ) -> Result<Option<i64>, KeyError> {
        if !self.set(lock, owner, Some(ttl_ms), true)? {
            return Ok(None);
        }
        if !self.exists(fence) {
            let begin = self.now.as_micros().to_string();
            self.set(fence, begin.as_bytes(), None, false)?;
        }
        let token = self.increment(fence)?;
        self.expire_in(fence, fence_ttl_ms)?;
        Ok(Some(token))
    }

    /// Extends the lock if it is the owner's.
    ///
    /// # Errors
    /// As [`Keys::get`] and [`Keys::expire_in`].
    pub fn renew(&mut self, lock: &[u8], owner: &[u8], ttl_ms: i64) -> Result<bool, KeyError> {
        if self.get(lock)? != Some(owner) {
            return Ok(false);
        }
        self.expire_in(lock, ttl_ms)
    }

    /// Deletes the lock if it is the owner's.
    ///
    /// # Errors
    /// As [`Keys::get`].
    pub fn release(&mut self, lock: &[u8], owner: &[u8]) -> Result<bool, KeyError> {
        Ok(self.get(lock)? == Some(owner) && self.delete(lock))
    }

    /// Opens an account, once: the time in microseconds since 1970 at which it was.
    ///
    /// # Errors
    /// If the key holds something else.
    pub fn open_account(&mut self, totals: &[u8], ttl_ms: i64) -> Result<i64, KeyError> {
        if let Some(since_us) = self.field(totals, b"since")? {
            return Ok(since_us);
        }
        let now_us = i64::try_from(self.now.as_micros()).unwrap_or(i64::MAX);
        self.add(totals, b"since", now_us)?;
        self.expire_in(totals, ttl_ms)?;
        Ok(now_us)
    }

    /// Counts a request that is about to be sent; `false` if it was counted before.
    ///
    /// # Errors
    /// If a key holds something else.
    pub fn begin(&mut self, totals: &[u8], booking: &[u8], ttl_ms: i64) -> Result<bool, KeyError> {
        if !self.set(booking, b"begun", Some(ttl_ms), true)? {
            return Ok(false);
        }
        self.add(totals, b"requests", 1)?;
        self.add(totals, b"unsettled", 1)?;
        self.expire_in(totals, ttl_ms)
    }

    /// Adds what a request has cost, once.
    ///
    /// # Errors
    /// If a key holds something else.
    pub fn settle(
        &mut self,
        totals: &[u8],
        booking: &[u8],
        ttl_ms: i64,
        tokens: [(&[u8], i64); 2],
    ) -> Result<bool, KeyError> {
        let begun = match self.get(booking)? {
            Some(b"settled") => return Ok(false),
            state => state.is_some(),
        };
        for (field, more) in tokens {
            self.add(totals, field, more)?;
        }
        self.set(booking, b"settled", Some(ttl_ms), false)?;
        let (field, more) = if begun { (b"unsettled".as_slice(), -1) } else { (b"requests".as_slice(), 1) };
        self.add(totals, field, more)?;
        self.expire_in(totals, ttl_ms)
    }

    /// Takes a request back that was not sent; `false` if there is none to take back.
    ///
    /// # Errors
    /// If a key holds something else.
    pub fn withdraw(&mut self, totals: &[u8], booking: &[u8]) -> Result<bool, KeyError> {
        if self.get(booking)? != Some(b"begun") {
            return Ok(false);
        }
        self.delete(booking);
        self.add(totals, b"requests", -1)?;
        self.add(totals, b"unsettled", -1)?;
        Ok(true)
    }

    /// A whole number as Redis reads it: no sign but a minus, no space, no zero in front.
    ///
    /// # Errors
    /// [`KeyError::NotAnInteger`] if it is none.
    pub fn number(text: &[u8]) -> Result<i64, KeyError> {
        let number = std::str::from_utf8(text).ok().and_then(|text| text.parse::<i64>().ok());
        number.filter(|number| number.to_string().as_bytes() == text).ok_or(KeyError::NotAnInteger)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_sum_beyond_64_bits_leaves_the_request_unsettled() {
        let mut keys = Keys::default();
        let mut settle = |booking: &[u8], tokens| {
            keys.begin(b"totals", booking, 1000).expect("an account");
            keys.settle(b"totals", booking, 1000, [(b"prompt", tokens), (b"completion", 0)])
        };
        assert_eq!(settle(b"a", i64::MAX), Ok(true));
        assert_eq!(settle(b"b", 1), Err(KeyError::Overflow));
        assert_eq!(settle(b"c", 0), Ok(true));
        assert_eq!(keys.field(b"totals", b"unsettled"), Ok(Some(1)), "b");
        assert_eq!(keys.field(b"totals", b"requests"), Ok(Some(3)));
    }
}
